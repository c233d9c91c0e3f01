"""What a bundle expects, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from holdfast.serving.bundle import load_bundle
from holdfast.serving.signature import value_type

if TYPE_CHECKING:
    from conftest import Exported


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1, 2]), "integer"),
        (pd.Series([1, None], dtype="Int64"), "integer"),
        (pd.Series([1, None], dtype=object), "integer"),
        (pd.Series([1.5, np.nan]), "number"),
        (pd.Series([1.5, None], dtype=object), "number"),
        (pd.Series([True, False]), "boolean"),
        (pd.Series([True, None], dtype=object), "boolean"),
        (pd.Series(["a", None]), "text"),
        (pd.Series(["a", "b"], dtype="category"), "text"),
        (pd.Series([[1, 2], None, []]), "list of integer"),
        (pd.Series([np.array(["a"], dtype=object), None]), "list of text"),
        (pd.Series([[], None], dtype=object), "list of nothing"),
        (pd.Series([None, None], dtype=object), "nothing"),
    ],
)
def test_value_type(values: pd.Series, expected: str) -> None:
    assert value_type(values) == expected


def test_the_signature_names_inputs_outputs_and_raw_columns(exported: Exported) -> None:
    signature: dict[str, Any] = dict(load_bundle(exported.folder).signature)
    inputs = {each["name"]: each for each in signature["model"]["inputs"]}
    assert inputs["categorical"] == {
        "name": "categorical",
        "datatype": "INT32",
        "shape": [-1, 3],
        "columns": ["user_id", "item_id", "subscriber"],
    }
    assert inputs["numeric"]["datatype"] == "FP32"
    assert inputs["numeric"]["columns"] == list(exported.encoder.schema.numeric)
    assert inputs["list_seen"]["shape"] == [-1, 5]
    assert inputs["content_seconds"] == {"name": "content_seconds", "datatype": "FP32", "shape": [-1]}
    outputs = {each["name"]: each["shape"] for each in signature["model"]["outputs"]}
    assert outputs["return_by_day"] == [-1, 7]
    assert outputs["score"] == [-1]

    rows = {each["name"]: each for each in signature["rows"]}
    assert list(rows) == [*(feature.name for feature in exported.encoder.features), "content_seconds"]
    assert rows["user_clicks_7d"] == {
        "name": "user_clicks_7d",
        "kind": "numeric",
        "type": "integer",
        "owner": "user",
        "nullable": True,
        "computed": "trailing_history",
    }
    assert rows["tags"]["type"] == "list of integer"
    assert rows["age"]["computed"] is None
