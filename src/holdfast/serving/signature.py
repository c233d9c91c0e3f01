"""What a bundle expects and what it answers, in words that serving stacks know.

The datatypes are those of the V2 inference protocol (``INT32``, ``FP32``, ...); -1 is an axis of any length.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import onnxruntime
import pandas as pd

from holdfast.core.features import Feature, InputSchema
from holdfast.serving.probes import CONTENT_COLUMN

DATATYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(bool)": "BOOL",
}


def signature_of(
    session: onnxruntime.InferenceSession,
    schema: InputSchema,
    features: Sequence[Feature],
    rows: pd.DataFrame,
    *,
    history_features: Collection[str] = (),
) -> dict[str, Any]:
    """The signature of a bundle, as plain containers.

    Args:
        session: the exported graph.
        schema: the encoded inputs; names the columns of the graph's inputs.
        features: the raw features that the encoder reads.
        rows: raw rows as the model was trained on, for the type of each column.
        history_features: features that are trailing counts and rates, which whoever serves must keep.
    """
    columns = input_columns(schema)
    inputs = [
        {**_tensor(each), **({"columns": columns[each.name]} if each.name in columns else {})}
        for each in session.get_inputs()
    ]
    raw = [_raw_feature(each, rows[each.name], history_features) for each in features]
    if CONTENT_COLUMN in rows and CONTENT_COLUMN not in {each.name for each in features}:
        raw.append(_content_column())
    return {
        "model": {"inputs": inputs, "outputs": [_tensor(each) for each in session.get_outputs()]},
        "rows": raw,
    }


def input_columns(schema: InputSchema) -> dict[str, list[str]]:
    """What the columns of each of the graph's inputs are; ``content_seconds`` has none."""
    return {
        "categorical": list(schema.categorical),
        "numeric": list(schema.numeric),
        **{f"list_{field.name}": [field.name] for field in schema.lists},
    }


def value_type(values: pd.Series) -> str:
    """What a raw column holds: boolean, integer, number, text, a list of one of them, or nothing yet."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return value_type(values.cat.categories.to_series())
    if pd.api.types.is_bool_dtype(values.dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(values.dtype):
        return "integer"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "number"
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in ("string", "integer", "boolean", "empty"):
        return {"string": "text", "empty": "nothing"}.get(kind, kind)
    if kind in ("floating", "mixed-integer-float"):
        return "number"
    lists = [value for value in values if isinstance(value, Sequence) or hasattr(value, "__array__")]
    flat = pd.Series([value for each in lists for value in each], dtype=object)
    return f"list of {value_type(flat)}" if lists else kind


def _tensor(each: Any) -> dict[str, Any]:
    shape = [axis if isinstance(axis, int) else -1 for axis in each.shape]
    return {"name": each.name, "datatype": DATATYPES.get(each.type, each.type), "shape": shape}


def _raw_feature(feature: Feature, values: pd.Series, history_features: Collection[str]) -> dict[str, Any]:
    return {
        "name": feature.name,
        "kind": feature.kind,
        "type": value_type(values),
        "owner": feature.owner,
        "nullable": True,
        "computed": "trailing_history" if feature.name in history_features else None,
    }


def _content_column() -> dict[str, Any]:
    return {
        "name": CONTENT_COLUMN,
        "kind": "numeric",
        "type": "number",
        "owner": "item",
        "nullable": True,
        "computed": None,
    }
