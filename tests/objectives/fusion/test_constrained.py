from __future__ import annotations

import numpy as np
import pytest
import torch

from holdfast.objectives.fusion.constrained import ConstrainedFusion, clustered_mean
from holdfast.objectives.fusion.slates import discounted_gains, group_slates

SECOND = 1.0 / np.log2(3.0)


def clicks_of(rows, fitted):
    """Discounted clicks a request under a fitted fusion, on its own rows."""
    fused = fitted.fuse({name: torch.as_tensor(each) for name, each in rows.scores.items()}).numpy()
    slates = group_slates(rows.request, np.ones(len(fused), dtype=bool), most=10**6, seed=0)
    return discounted_gains(slates, fused[None], rows.gains["click"][None], np.ones((1, 1)))[0, :, 0]


def test_solved_by_hand(trade_off):
    # Row 0 first costs returns and brings clicks, more of them the larger its factor f. Returns are most
    # where row 0 is never first; a floor under clicks puts it first where f is above a threshold t, and the
    # best t is the largest that keeps the floor. Clicks gained by row 0 in front: 0.1 (f - 1) (1 - SECOND).
    rows = trade_off(400)
    factor = np.exp(np.linspace(0.0, 2.0, 400))
    most = 0.1 * (factor + SECOND)
    share = 0.95
    gained = 0.1 * (factor - 1.0) * (1.0 - SECOND)
    # From the largest factor down, rows 0 go to the front until the floor is kept.
    clicks = (most - gained).mean() + np.cumsum(gained[::-1]) / 400
    needed = int(np.flatnonzero(clicks >= share * most.mean())[0]) + 1
    fitted = ConstrainedFusion(at_least=share, max_requests=1000).fitted(rows)
    fused = fitted.fuse({name: torch.as_tensor(each) for name, each in rows.scores.items()})
    in_front = int((fused[0::2] > fused[1::2]).sum())
    assert needed <= in_front <= needed + 6
    assert clicks_of(rows, fitted).mean() >= share * most.mean()
    # At the margin a click costs what the last row that went to the front traded: 0.4 of a return for
    # 0.1 (f - 1) clicks.
    margin = 0.4 / (0.1 * (factor[400 - needed] - 1.0))
    slack, low, high, multiplier = fitted.feasibility
    assert low < slack < high
    assert slack >= 0.0
    assert multiplier == pytest.approx(margin, rel=0.05)


def test_a_loose_floor_does_not_bind(trade_off):
    rows = trade_off()
    fitted = ConstrainedFusion(at_least=0.01, floor_is="absolute").fitted(rows)
    fused = fitted.fuse({name: torch.as_tensor(each) for name, each in rows.scores.items()})
    assert (fused[0::2] < fused[1::2]).all()
    assert fitted.feasibility[3] == 0.0
    assert "it does not bind" in fitted.notes[0]


def test_a_share_of_one_keeps_every_click(trade_off):
    rows = trade_off()
    fitted = ConstrainedFusion(at_least=1.0).fitted(rows)
    factor = np.exp(np.linspace(0.0, 2.0, 400))
    assert clicks_of(rows, fitted).mean() == pytest.approx((0.1 * (factor + SECOND)).mean())


def test_an_infeasible_floor_is_an_error_that_says_what_there_is(trade_off):
    rows = trade_off()
    best = (0.1 * (np.exp(np.linspace(0.0, 2.0, 400)) + SECOND)).mean()
    with pytest.raises(ValueError, match=rf"at least 5 a request .* most that was found is {best:.4g}"):
        ConstrainedFusion(at_least=5.0, floor_is="absolute").fitted(rows)


def test_or_the_closest_ranking_with_a_loud_warning(trade_off):
    rows = trade_off()
    fitted = ConstrainedFusion(at_least=5.0, floor_is="absolute", when_infeasible="closest").fitted(rows)
    assert fitted.notes[0].startswith("INFEASIBLE")
    assert clicks_of(rows, fitted).mean() == pytest.approx(5.0 + fitted.feasibility[0])
    assert fitted.feasibility[2] < 0.0


def test_objectives_that_are_not_there_or_cannot_order_are_refused(rows):
    with pytest.raises(
        ValueError, match=r"maximise is 'retention', and this model predicts \['click', 'dwell'\]"
    ):
        ConstrainedFusion().check(["click", "dwell"])
    click = np.random.default_rng(0).random(30)
    made = rows({"click": np.ones(30), "retention": click}, {"click": click, "retention": click}, length=3)
    with pytest.raises(ValueError, match="the score of click is the same for all rows of every request"):
        ConstrainedFusion().fitted(made)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"maximise": "gold"}, "maximise is 'gold'"),
        ({"maximise": "click"}, "nothing is traded off"),
        ({"at_least": 1.2}, r"at_least is 1\.2; a share of the ranking by click alone lies in"),
        ({"at_least": 0.0}, r"at_least is 0\.0"),
        ({"at_least": -3.0, "floor_is": "absolute"}, "an absolute floor is above 0"),
        ({"floor_is": "relative"}, "floor_is is 'relative'"),
        ({"when_infeasible": "shrug"}, "when_infeasible is 'shrug'"),
    ],
)
def test_bad_settings(values, said):
    with pytest.raises(ValueError, match=said):
        ConstrainedFusion(**values)


def test_the_interval_covers_the_mean_over_users_as_often_as_it_says():
    random = np.random.default_rng(0)
    users = np.repeat(np.arange(150), 4)
    hits = 0
    for _ in range(400):
        values = 1.0 + random.normal(size=150)[users] + random.normal(size=600)
        _, low, high = clustered_mean(values, users, level=0.9)
        hits += low <= 1.0 <= high
    # Four standard deviations of a binomial share of 400.
    assert abs(hits / 400 - 0.9) < 4 * np.sqrt(0.09 / 400)


def test_one_user_has_no_interval():
    mean, low, high = clustered_mean(np.array([1.0, 2.0]), np.array([4, 4]), level=0.95)
    assert (mean, low, high) == (1.5, -np.inf, np.inf)
