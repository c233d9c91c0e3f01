"""Raw rows in, named outputs out, without PyTorch."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.serving.bundle import load_bundle
from holdfast.serving.eager import eager_outputs
from holdfast.serving.scorer import Scorer, open_session, outputs_frame

if TYPE_CHECKING:
    from conftest import Exported


@pytest.fixture(scope="module")
def scorer(exported: Exported) -> Scorer:
    return Scorer(load_bundle(exported.folder))


def test_rows_keep_their_order_and_index(exported: Exported, scorer: Scorer) -> None:
    scored = scorer.score(exported.rows)
    pd.testing.assert_index_equal(scored.index, exported.rows.index)
    eager = eager_outputs(exported.model, exported.fusion, exported.encoder.transform(exported.rows))
    assert scorer.outputs == tuple(eager)
    assert list(scored) == list(outputs_frame(eager))
    np.testing.assert_allclose(scored["score"], eager["score"], rtol=1e-5)
    np.testing.assert_allclose(scored["return_by_day_7"], eager["return_by_day"][:, 6], rtol=1e-5)
    backwards = scorer.score(exported.rows.iloc[::-1])
    np.testing.assert_allclose(backwards["score"], scored["score"].iloc[::-1], rtol=1e-5)


def test_outputs_depend_on_the_row(exported: Exported, scorer: Scorer) -> None:
    scored = scorer.score(exported.rows)
    for name in ("click_probability", "dwell_seconds", "dwell_log_scale", "return_hazard_1", "score"):
        assert scored[name].std() > 0.01, name
    assert (scored["dwell_seconds"] <= exported.rows["content_seconds"].fillna(np.inf) * (1 + 1e-6)).all()


def test_ids_may_be_numbers_or_text_and_lists_arrays_or_lists(exported: Exported, scorer: Scorer) -> None:
    rows = exported.rows.iloc[:50]
    other = rows.assign(
        user_id=rows["user_id"].astype("str"),
        item_id=rows["item_id"].astype("category"),
        subscriber=rows["subscriber"].astype(object),
        seen=[None if each is None else list(each) for each in rows["seen"]],
        tags=[np.array(each, dtype=np.int64) for each in rows["tags"]],
    )
    pd.testing.assert_frame_equal(scorer.score(other), scorer.score(rows))


def test_unseen_ids_and_missing_values_are_scored(exported: Exported, scorer: Scorer) -> None:
    rows = pd.DataFrame(
        {
            "user_id": [None, 10**12],
            "item_id": [None, "brand new"],
            "subscriber": [None, None],
            "age": [np.nan, 1e30],
            "user_clicks_7d": [None, -5],
            "tags": [None, [12345]],
            "seen": [None, ["brand new", None]],
            "content_seconds": [None, np.inf],
        }
    )
    scored = scorer.score(rows)
    assert np.isfinite(scored.to_numpy()).all()
    assert (scored.iloc[0] != scored.iloc[1]).any()
    nothing_known = exported.rows.iloc[:0].reindex(index=[0])
    pd.testing.assert_frame_equal(scorer.score(nothing_known), scored.iloc[[0]], rtol=1e-5)


def test_all_missing_columns_are_named_with_their_kinds(exported: Exported, scorer: Scorer) -> None:
    with pytest.raises(UserError) as caught:
        scorer.score(exported.rows[["item_id", "subscriber", "age", "tags"]])
    message = str(caught.value)
    assert "lack 4 of the columns" in message
    for each in (
        "user_id (categorical, integer)",
        "user_clicks_7d (numeric, integer)",
        "seen (sequence, list of text)",
        "content_seconds (numeric, number)",
    ):
        assert each in message


def test_other_columns_are_ignored(exported: Exported, scorer: Scorer) -> None:
    rows = exported.rows.iloc[:5]
    pd.testing.assert_frame_equal(scorer.score(rows.assign(click=True)), scorer.score(rows))


def test_a_bundle_of_a_version_that_encodes_otherwise_is_refused(exported: Exported) -> None:
    bundle = load_bundle(exported.folder)
    signature = copy.deepcopy(dict(bundle.signature))
    signature["model"]["inputs"][1]["columns"].reverse()
    with pytest.raises(UserError, match=r"encodes the input 'numeric'.*re-export"):
        Scorer(replace(bundle, signature=signature))


def test_no_rows_give_no_scores(exported: Exported, scorer: Scorer) -> None:
    scored = scorer.score(exported.rows.iloc[:0])
    whole = scorer.score(exported.rows.iloc[:1])
    assert len(scored) == 0
    assert list(scored) == list(whole)
    assert (scored.dtypes == whole.dtypes).all()


def test_threads_do_not_spin_and_are_as_many_as_asked(exported: Exported) -> None:
    options = open_session(load_bundle(exported.folder).model_path, num_threads=2).get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    with pytest.raises(ValueError, match="num_threads is 0"):
        Scorer(load_bundle(exported.folder), num_threads=0)


def test_outputs_of_several_numbers_become_several_columns() -> None:
    frame = outputs_frame({"p": np.array([1.0, 2.0]), "by_day": np.array([[3.0, 4.0], [5.0, 6.0]])})
    expected = pd.DataFrame({"p": [1.0, 2.0], "by_day_1": [3.0, 5.0], "by_day_2": [4.0, 6.0]})
    pd.testing.assert_frame_equal(frame, expected)


def test_scoring_and_checking_need_no_pytorch(exported: Exported) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from holdfast.serving.bundle import load_bundle\n"
        "from holdfast.serving.scorer import Scorer\n"
        "from holdfast.serving.verification import verify_bundle\n"
        "folder = Path(sys.argv[1])\n"
        "bundle = load_bundle(folder)\n"
        "assert len(Scorer(bundle).score(bundle.sample()[0])) > 0\n"
        "assert verify_bundle(folder, batch_sizes=[7]).passed\n"
        "heavy = {'torch', 'onnx', 'onnxscript', 'pytorch_lightning', 'hydra'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(exported.folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
