from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from holdfast.core.fitted_state import restored, state_of
from holdfast.objectives.fusion.learned import LearnedFusion


def test_the_weights_are_the_ones_that_the_utility_makes_best(trade_off):
    # Row 0 is worth price * 0.1 * f more in clicks and 0.4 less in returns. With a price of 10 it should come
    # first where f - 1 > 0.4, that is where log f > log 1.4; the product puts it first where
    # log f > (w_back / w_click) * log 3. So the best ratio is log 1.4 / log 3.
    fitted = LearnedFusion(utility={"click": 10.0, "retention": 1.0}, max_requests=1000).fitted(trade_off())
    weights = dict(fitted.weights)
    assert weights["retention"] / weights["click"] == pytest.approx(np.log(1.4) / np.log(3.0), abs=0.02)


@pytest.mark.parametrize(("priced", "left"), [("click", "retention"), ("retention", "click")])
def test_a_utility_of_one_objective_alone_ranks_by_it(trade_off, priced, left):
    rows = trade_off()
    fitted = LearnedFusion(utility={priced: 1.0}).fitted(rows)
    fused = fitted.fuse({name: torch.as_tensor(each) for name, each in rows.scores.items()})
    first = (fused[0::2] > fused[1::2]).numpy()
    assert (first[1:] == (priced == "click")).all()


def test_a_sum_learns_as_well(trade_off):
    # Of a sum, row 0 is first where 0.1 * (f - 1) * w_click > 0.4 * w_back: the utility itself is a sum.
    fitted = LearnedFusion(form="sum", utility={"click": 10.0, "retention": 1.0}).fitted(trade_off())
    weights = dict(fitted.weights)
    assert weights["retention"] / weights["click"] == pytest.approx(0.1, rel=0.05)


def test_it_is_the_same_for_the_same_rows_and_survives_json(trade_off):
    import json

    one, again = (LearnedFusion().fitted(trade_off()) for _ in range(2))
    assert one == again
    loaded = restored(LearnedFusion(), json.loads(json.dumps(state_of(one))))
    assert loaded == one
    assert dataclasses.replace(LearnedFusion()).weights is None


def test_a_score_that_is_the_same_in_each_request_has_no_weight(rows):
    random = np.random.default_rng(0)
    click = random.random(60)
    made = rows(
        {"click": click, "retention": np.repeat(random.random(20), 3)},
        {"click": click, "retention": np.ones(60)},
        length=3,
    )
    fitted = LearnedFusion().fitted(made)
    # One over the spread of log clicks within requests.
    log = np.log(click).reshape(20, 3)
    spread = np.sqrt(((log - log.mean(axis=1, keepdims=True)) ** 2).mean())
    assert dict(fitted.weights) == pytest.approx({"click": 1.0 / spread, "retention": 0.0})
    assert any("retention is the same for all rows of every request" in note for note in fitted.notes)


def test_requests_of_unknown_worth_are_left_out_and_counted(rows):
    random = np.random.default_rng(0)
    click, dwell = random.random(60), random.random(60)
    gain = dwell.copy()
    gain[:6] = np.nan
    fitted = LearnedFusion(utility={"click": 1.0, "dwell": 1.0}).fitted(
        rows({"click": click, "dwell": dwell}, {"click": click, "dwell": gain}, length=3)
    )
    assert any("18 requests; 2 more hold a row of unknown worth" in note for note in fitted.notes)


def test_what_cannot_be_learned_is_refused(rows):
    ones = np.ones(6)
    with pytest.raises(
        ValueError, match="no request of the validation window has two rows whose click is known"
    ):
        LearnedFusion().fitted(rows({"click": ones}, {"click": ones}, length=1))
    with pytest.raises(ValueError, match="no request"):
        LearnedFusion().fitted(rows({"click": ones}, {"click": np.full(6, np.nan)}, length=3))
    with pytest.raises(ValueError, match="differs between the rows"):
        LearnedFusion().fitted(rows({"click": ones}, {"click": ones}, length=3))
    with pytest.raises(ValueError, match=r"this model predicts \['dwell'\]; price one of them"):
        LearnedFusion(utility={"click": 1.0}).check(["dwell"])
    with pytest.raises(ValueError, match="a run learns them in its stage calibrate"):
        LearnedFusion().fuse({"click": torch.ones(2)})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"utility": {"gold": 1.0}},
            r"utility prices 'gold'; outcomes are \['click', 'dwell', 'retention'\]",
        ),
        ({"utility": {"click": -1.0}}, r"utility\.click is -1\.0; a price is finite and at least 0"),
        ({"utility": {"click": float("nan")}}, r"utility\.click is nan"),
        ({"utility": {"click": 0.0}}, "at least one price must be above 0"),
        ({"form": "mean"}, "form is 'mean'; choose product or sum"),
        ({"floor": 0.0}, r"floor is 0\.0"),
        ({"num_points": 3}, "num_points is 3"),
        ({"max_requests": 0}, "max_requests is 0"),
    ],
)
def test_bad_settings(values, said):
    with pytest.raises(ValueError, match=said):
        LearnedFusion(**values)
