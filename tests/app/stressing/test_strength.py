"""How strong a rung came out: known answers on made-up windows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from holdfast.app.stressing.scene import Seconds
from holdfast.app.stressing.strength import StrengthMeter, outcomes_of, told_apart_by_user
from holdfast.evaluation.robustness.linearised import Users

NUM = 3000


class Window(SimpleNamespace):
    def __len__(self):
        return len(self.content_seconds)


def window(numeric) -> Window:
    numeric = np.asarray(numeric, dtype=np.float32).reshape(-1, 1)
    size = len(numeric)
    return Window(
        numeric=numeric,
        categorical=np.zeros((size, 1), np.int32),
        lists=(),
        content_seconds=np.full(size, np.inf, np.float32),
    )


@pytest.fixture
def draw():
    return np.random.default_rng(5)


def meter(clean, *, rows=1000) -> StrengthMeter:
    def source_of(drifted):
        source = drifted.rows.source
        return None if len(source) == len(clean) and (source == np.arange(len(clean))).all() else source

    return StrengthMeter(SimpleNamespace(window=clean, seconds=Seconds(), source_of=source_of), rows=rows)


def drifted(source, **figures):
    return SimpleNamespace(rows=SimpleNamespace(source=np.asarray(source)), figures=figures)


def test_the_same_rows_are_not_told_apart_and_rows_beyond_all_others_are(draw):
    clean = window(draw.normal(size=NUM))
    everything = np.arange(NUM)
    assert meter(clean).of_rows(drifted(everything), None)["domain_auc"] == 0.5
    beyond = meter(clean).of_rows(drifted(everything), window(clean.numeric + 100.0))
    assert beyond["domain_auc"] > 0.999  # a bin may hold the last row of one side and the first of the other
    # Half of the rows beyond all others: one in two is known for sure, the others are a toss-up.
    half = np.where(draw.random(NUM) < 0.5, 100.0, 0.0)
    found = meter(clean).of_rows(drifted(everything), window(clean.numeric[:, 0] + half))
    assert found["domain_auc"] == pytest.approx(0.75, abs=0.03)
    assert found["strength_rows"] == 1000


def test_a_remix_is_seen_by_the_rows_that_are_left(draw):
    clean = window(draw.random(NUM))
    left = np.flatnonzero(clean.numeric[:, 0] > 0.5)
    found = meter(clean).of_rows(drifted(left, effective_sample_size=7.0), None)
    # Rows of the upper half against all of them: P(upper > any) = 1/2 + 1/2 * 1/2.
    assert found["domain_auc"] == pytest.approx(0.75, abs=0.03)
    assert found["effective_sample_size"] == 7.0
    weighted = drifted(left, effective_sample_size=7.0, effective_sample_size_of_weights=3.0)
    assert meter(clean).of_rows(weighted, None)["effective_sample_size"] == 3.0


def test_what_is_switched_off_or_has_too_few_rows_has_no_strength(draw):
    clean = window(draw.random(NUM))
    assert meter(clean, rows=0).of_rows(drifted(np.arange(NUM)), None) == {}
    assert meter(clean, rows=0).has_measured({})
    assert not meter(clean).has_measured({"strength_rows": 500})
    assert meter(clean).of_rows(drifted(np.arange(5)), None)["domain_auc"] is None


def test_in_worlds_users_are_not_learned_by_heart(draw):
    code = np.repeat(np.arange(NUM // 3), 3)
    users = Users(code, NUM // 3)
    # Every user has a number of his own: by heart, a row of his would say which side it is from.
    clean, again = window(code + draw.random(NUM) * 0.1), window(code + draw.random(NUM) * 0.1)
    assert told_apart_by_user(clean, users, again, users, num_users=1000) == pytest.approx(0.5, abs=0.05)
    moved = window(code + 5000.0)
    assert told_apart_by_user(clean, users, moved, users, num_users=1000) > 0.999


def test_in_worlds_new_users_count_and_too_few_say_nothing(draw):
    code = np.arange(NUM)
    clean, users = window(np.zeros(NUM)), Users(code, NUM)
    # Half of the other window's users are new, and look different.
    other = window(np.where(code % 2, 9.0, 0.0))
    other_users = Users(np.where(code % 2, code + NUM, code), 2 * NUM)
    found = told_apart_by_user(clean, users, other, other_users, num_users=1000)
    assert found == pytest.approx(0.75, abs=0.03)
    few = Users(np.zeros(NUM, dtype=np.int64), 1)
    assert told_apart_by_user(clean, few, other, few, num_users=1000) is None


def test_truth_is_what_is_held_against_predictions_and_returns_are_what_happened():
    truth = pd.DataFrame({"click_probability": [0.1, 0.2, 0.3], "dwell_log_mean": [1.0, 2.0, 3.0]})
    judged = SimpleNamespace(
        retention=(np.array([1.0, 2.0, 1.0]), np.array([True, True, True])),
        follow_up_days=np.array([3, 3, 0]),
        horizon=1,
    )
    found = outcomes_of(truth, judged)
    assert found["click"].tolist() == [0.1, 0.2, 0.3]
    assert found["dwell"].tolist() == [1.0, 2.0, 3.0]
    assert found["retention"][:2].tolist() == [1.0, 0.0]
    assert np.isnan(found["retention"][2])
    judged.retention = None
    assert set(outcomes_of(truth, judged)) == {"click", "dwell"}
