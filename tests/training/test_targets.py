from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.core.errors import UserError
from holdfast.data.encoded import EncodedWindow
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.bernoulli_horizon import BernoulliHorizon
from holdfast.models.heads.beta_geometric import BetaGeometric
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.heads.surrogate_return import SurrogateReturn
from holdfast.training.targets import check_teachable, head_targets

HORIZON = 4


def log_of(toy, rows: int = 3000, seed: int = 0, name: str = "train") -> EncodedWindow:
    """A window of one row a user-day whose return depends on its clicks and on its user."""
    window = toy.window(rows, seed, name)
    rng = np.random.default_rng(seed + 100)
    user = rng.integers(0, rows // 5, rows)
    clicks = window.value[:, 0]
    gap = rng.geometric(np.where(clicks > 0, 0.5, 0.2))
    watched = rng.integers(0, HORIZON + 1, rows)
    event = gap <= watched
    value, events, known = np.array(window.value), np.array(window.event), np.array(window.known)
    value[:, 2], events[:, 2], known[:, 2] = np.where(event, gap, watched), event, watched > 0
    return replace(
        window,
        value=value,
        event=events,
        known=known,
        user=user,
        user_day=np.arange(rows),
        day=rng.integers(0, 10, rows),
        follow_up_days=watched,
        recency_days=np.where(rng.random(rows) < 0.2, np.nan, rng.integers(1, 9, rows)).astype(np.float32),
        active_days_7=rng.integers(0, 8, rows).astype(np.float32),
        policy=rng.integers(0, 2, rows),
        item=rng.integers(0, 30, rows),
        policies=("first", "second"),
    )


@pytest.fixture
def windows(toy):
    return log_of(toy), log_of(toy, 500, 1, "validation")


def targets_of(windows, head):
    return head_targets(*windows, {"click": Bernoulli(), "retention": head})


def test_heads_of_gaps_learn_from_the_windows_as_they_are(windows) -> None:
    train, validation, notes = targets_of(windows, DiscreteHazard(horizon_days=HORIZON))
    assert train is windows[0]
    assert validation is windows[1]
    assert notes == {}


def test_matured_rows_alone_count_returns_included(windows) -> None:
    train, _, notes = targets_of(windows, BernoulliHorizon(horizon_days=HORIZON))
    before = windows[0]
    np.testing.assert_array_equal(train.known[:, 2], before.follow_up_days >= HORIZON)
    early = before.event[:, 2] & (before.follow_up_days < HORIZON)
    assert early.any()
    assert not train.known[early, 2].any()
    np.testing.assert_array_equal(train.known[:, :2], before.known[:, :2])
    np.testing.assert_array_equal(train.value, before.value)
    known = notes["retention"].known_rows["train"]
    assert known == (before.follow_up_days >= HORIZON).sum()
    assert known + notes["retention"].left_out_rows["train"] == before.known[:, 2].sum()


def test_the_index_answers_for_what_has_not_matured_and_for_nothing_else(windows) -> None:
    train, validation, notes = targets_of(windows, SurrogateReturn(horizon_days=HORIZON, surrogate_days=2))
    for before, after in zip(windows, (train, validation), strict=True):
        watched, value = before.follow_up_days, after.value[:, 2]
        back = before.event[:, 2] & (before.value[:, 2] <= np.minimum(watched, HORIZON))
        matured = watched >= HORIZON
        np.testing.assert_array_equal(value[matured], back[matured])
        imputed = (watched >= 2) & ~matured
        soon = imputed & before.event[:, 2] & (before.value[:, 2] <= 2)
        np.testing.assert_array_equal(value[soon], 1.0)
        rest = value[imputed & ~soon]
        assert ((rest > 0.0) & (rest < 1.0)).all()
        # A return of the third day is not looked at where the fourth is not known.
        late = imputed & before.event[:, 2] & (before.value[:, 2] == 3)
        assert late.any()
        assert (value[late] < 1.0).all()
        np.testing.assert_array_equal(after.known[:, 2], watched >= 2)
        assert after.event[:, 2].all()
        assert notes["retention"].imputed_rows[before.name] == imputed.sum()


def test_the_index_does_on_average_what_the_answers_will_do(toy) -> None:
    windows = log_of(toy, 20_000, 3), log_of(toy, 20_000, 4, "validation")
    _, validation, _ = targets_of(windows, SurrogateReturn(horizon_days=HORIZON, surrogate_days=1))
    before = windows[1]
    imputed = (before.follow_up_days >= 1) & (before.follow_up_days < HORIZON)
    clicked = before.value[:, 0] > 0
    for group, daily in ((clicked, 0.5), (~clicked, 0.2)):
        chosen = imputed & group
        # Three standard errors of a share of some thousands of rows.
        assert validation.value[chosen, 2].mean() == pytest.approx(1 - (1 - daily) ** HORIZON, abs=0.03)


def test_assumptions_are_tested_where_two_policies_served_side_by_side(toy) -> None:
    quiet = targets_of((log_of(toy, 6000, 5), log_of(toy, 300, 6)), SurrogateReturn(horizon_days=HORIZON))
    assert quiet[2]["retention"].tests["surrogacy"] is not None
    assert not [each for each in quiet[2]["retention"].warnings if "surrogacy" in each]


def test_a_policy_that_harms_past_what_is_seen_at_once_is_warned_of(toy) -> None:
    window = log_of(toy, 6000, 5)
    rng = np.random.default_rng(9)
    # Whom the second policy served has many clicks and stays away all the same, from the second day on.
    gone = (window.policy == 1) & (window.value[:, 2] > 1) & (rng.random(6000) < 0.7)
    value, event = np.array(window.value), np.array(window.event)
    value[gone, 2], event[gone, 2] = window.follow_up_days[gone], False
    harmed = replace(window, value=value, event=event)
    _, _, notes = targets_of((harmed, log_of(toy, 300, 6)), SurrogateReturn(horizon_days=HORIZON))
    assert notes["retention"].tests["surrogacy"] < 1e-6
    assert any("surrogacy fails" in each and "'second'" in each for each in notes["retention"].warnings)


def test_one_policy_and_no_propensities_leave_surrogacy_assumed(toy) -> None:
    window = log_of(toy, 2000, 5)
    alone = replace(window, policy=np.zeros(2000, dtype=np.int64), propensity=np.full(2000, np.nan))
    _, _, notes = targets_of((alone, log_of(toy, 300, 6)), SurrogateReturn(horizon_days=HORIZON))
    assert notes["retention"].tests["surrogacy"] is None
    assert any("surrogacy is assumed, not tested" in each for each in notes["retention"].warnings)


def test_windows_are_left_as_they_were(windows) -> None:
    before = [np.array(window.value) for window in windows]
    targets_of(windows, SurrogateReturn(horizon_days=HORIZON))
    for window, value in zip(windows, before, strict=True):
        np.testing.assert_array_equal(window.value, value)


@pytest.mark.parametrize("head", [BernoulliHorizon(horizon_days=9), DiscreteHazard(horizon_days=9)])
def test_a_horizon_that_nobody_was_watched_for_is_refused(windows, head) -> None:
    with pytest.raises(UserError, match=r"watched for 9 days, and none was watched for more than \d+: lower"):
        check_teachable(windows[0], {"retention": head})


def test_a_law_of_two_parameters_may_look_further_than_anybody_was_watched(windows) -> None:
    check_teachable(windows[0], {"retention": BetaGeometric(horizon_days=9)})


def test_a_window_in_which_nobody_came_back_is_refused(windows) -> None:
    event = np.array(windows[0].event)
    event[:, 2] = False
    with pytest.raises(UserError, match=r"rows .* are censored: nobody was seen .* ~model/heads/retention"):
        check_teachable(replace(windows[0], event=event), {"retention": DiscreteHazard(horizon_days=2)})


@pytest.mark.parametrize("head", [BernoulliHorizon(horizon_days=2), SurrogateReturn(horizon_days=2)])
def test_a_window_of_one_answer_is_refused(windows, head) -> None:
    value, event = np.array(windows[0].value), np.array(windows[0].event)
    value[:, 2], event[:, 2] = 1.0, True
    with pytest.raises(UserError, match="came back within 2 days: a constant outcome teaches nothing"):
        check_teachable(replace(windows[0], value=value, event=event), {"retention": head})


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_a_window_of_one_click_is_refused(windows, answer: float) -> None:
    value = np.array(windows[0].value)
    value[:, 0] = answer
    constant = replace(windows[0], value=value)
    with pytest.raises(UserError, match=rf"all 3,000 rows .* have click = {answer:g}: a constant outcome"):
        check_teachable(constant, {"click": Bernoulli()})
