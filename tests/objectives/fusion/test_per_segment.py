from __future__ import annotations

import numpy as np
import pytest
import torch

from holdfast.core.batch import Inputs
from holdfast.core.fitted_state import restored, state_of
from holdfast.objectives.fusion.learned import LearnedFusion
from holdfast.objectives.fusion.per_segment import PerSegmentFusion


def inputs_of(rows):
    num_rows = len(rows.request)
    return Inputs(
        torch.as_tensor(rows.categorical), torch.zeros(num_rows, 0), (), torch.full((num_rows,), 60.0)
    )


def tensors(rows):
    return {name: torch.as_tensor(each) for name, each in rows.scores.items()}


@pytest.fixture
def two_markets(rows):
    """In market 2 clicks follow the click score, in market 3 the dwell score."""

    def make(num_requests=200, of_second=100):
        random = np.random.default_rng(0)
        num_rows = 3 * num_requests
        click, dwell = random.random(num_rows), random.random(num_rows)
        market = np.where(np.arange(num_requests) < num_requests - of_second, 2, 3).repeat(3)
        gain = np.where(market == 2, click, dwell)
        categorical = np.stack([np.arange(num_rows) % 40 + 2, market], axis=1).astype(np.int32)
        return rows(
            {"click": click, "dwell": dwell},
            {"click": gain, "dwell": np.zeros(num_rows)},
            length=3,
            categorical=categorical,
            value_names={"market": {2: "north", 3: "south"}},
        )

    return make


def test_each_segment_ranks_by_what_its_own_requests_say(two_markets):
    rows = two_markets()
    fitted = PerSegmentFusion(segment="market", shrinkage_requests=0.0).fitted(rows)
    assert [(row, name, count) for row, name, count, _ in fitted.segments] == [
        (2, "north", 100),
        (3, "south", 100),
    ]
    weights = {name: dict(each) for _, name, _, each in fitted.segments}
    assert weights["north"]["dwell"] < 0.1 * weights["north"]["click"]
    assert weights["south"]["click"] < 0.1 * weights["south"]["dwell"]


def test_rows_have_the_score_of_their_segment_and_unseen_values_that_of_all(two_markets):
    rows = two_markets()
    fitted = PerSegmentFusion(segment="market", shrinkage_requests=50.0).fitted(rows)
    inputs = inputs_of(rows)
    inputs.categorical[:30, 1] = torch.tensor([0, 1, 5]).repeat(10)
    fused = fitted.fuse(tensors(rows), inputs)
    by_row = {2: dict(fitted.segments[0][3]), 3: dict(fitted.segments[1][3])}
    for index, value in enumerate(inputs.categorical[:, 1].tolist()):
        weights = by_row.get(value, dict(fitted.weights))
        expected = sum(weight * np.log(rows.scores[name][index]) for name, weight in weights.items())
        assert fused[index].item() == pytest.approx(expected)


def test_a_small_segment_is_drawn_towards_all(two_markets):
    rows = two_markets(num_requests=200, of_second=10)
    settings = {"segment": "market", "num_points": 64}
    free = PerSegmentFusion(shrinkage_requests=0.0, **settings).fitted(rows)
    drawn = PerSegmentFusion(shrinkage_requests=1e9, **settings).fitted(rows)
    half = PerSegmentFusion(shrinkage_requests=10.0, **settings).fitted(rows)
    assert dict(drawn.segments[1][3]) == pytest.approx(dict(drawn.weights), abs=1e-6)

    def say(weights):
        """Share of dwell; both scores are uniform, so that their spreads agree within a few per cent."""
        own = dict(weights)
        return own["dwell"] / (own["click"] + own["dwell"])

    middle = (say(free.segments[1][3]) + say(free.weights)) / 2.0
    assert say(half.segments[1][3]) == pytest.approx(middle, abs=0.05)


def test_with_one_segment_it_is_the_learned_fusion(trade_off):
    rows = trade_off()
    one = PerSegmentFusion(segment="market", shrinkage_requests=7.0, num_points=128).fitted(rows)
    learned = LearnedFusion().fitted(rows)
    assert dict(one.weights) == pytest.approx(dict(learned.weights))
    torch.testing.assert_close(one.fuse(tensors(rows), inputs_of(rows)), learned.fuse(tensors(rows)))


def test_without_any_segment_all_rows_have_the_weights_of_all(trade_off):
    rows = trade_off()
    rows.categorical[:] = 0
    fitted = PerSegmentFusion(segment="market").fitted(rows)
    assert fitted.segments == ()
    torch.testing.assert_close(
        fitted.fuse(tensors(rows), inputs_of(rows)),
        LearnedFusion(num_points=64).fitted(rows).fuse(tensors(rows)),
    )


def test_it_survives_json(two_markets):
    import json

    fitted = PerSegmentFusion(segment="market").fitted(two_markets())
    assert restored(PerSegmentFusion(segment="market"), json.loads(json.dumps(state_of(fitted)))) == fitted


def test_bad_segments_are_refused(two_markets):
    rows = two_markets()
    with pytest.raises(
        ValueError, match=r"'country' is no categorical input of this model; it has \['item', 'market'\]"
    ):
        PerSegmentFusion(segment="country").fitted(rows)
    with pytest.raises(ValueError, match="'item', which differs between the rows of one request"):
        PerSegmentFusion(segment="item").fitted(rows)
    with pytest.raises(ValueError, match="segment is empty"):
        PerSegmentFusion(segment="")
    with pytest.raises(ValueError, match=r"shrinkage_requests is -1\.0"):
        PerSegmentFusion(segment="market", shrinkage_requests=-1.0)
    with pytest.raises(ValueError, match="needs the encoded inputs"):
        PerSegmentFusion(segment="market").fitted(rows).fuse(tensors(rows))


def test_too_many_segments_are_refused(rows):
    score = np.random.default_rng(0).random(900)
    categorical = np.stack([np.zeros(900), np.arange(900) // 3 + 2], axis=1).astype(np.int32)
    made = rows({"click": score}, {"click": score}, length=3, categorical=categorical)
    with pytest.raises(ValueError, match="has 300 values on validation, and at most 200"):
        PerSegmentFusion(segment="market").fitted(made)
