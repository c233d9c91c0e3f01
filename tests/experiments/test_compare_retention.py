"""The comparison of return heads: what it censors, and that it runs."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest

from holdfast.core.shipped import shipped_folder
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.preparation import prepare_windows
from holdfast.simulation.world import DefaultWorld


@pytest.fixture(scope="module")
def study() -> ModuleType:
    path = shipped_folder("experiments") / "heads" / "compare_retention.py"
    spec = importlib.util.spec_from_file_location("compare_retention", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_retention"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def train(study):
    log = DefaultWorld(num_users=150, num_items=100, num_days=study.NUM_DAYS, burn_in_days=7).read()
    prepared = prepare_windows(
        log,
        split=study.SPLIT,
        history=TrailingHistory(),
        encoder=EncoderSettings(),
        objectives=("click", "retention"),
        horizon_days=study.HORIZON,
    )
    return prepared.windows["train"]


def test_before_censoring_every_label_has_matured_and_nothing_is_changed_by_none(study, train) -> None:
    assert (train.follow_up_days == study.HORIZON).all()
    same = study.censored(train, 0.0, seed=1)
    for name in ("value", "event", "known", "follow_up_days"):
        np.testing.assert_array_equal(getattr(same, name), getattr(train, name))


def test_censoring_hides_what_came_later_from_the_share_that_was_asked_for(study, train) -> None:
    cut, index = study.censored(train, 0.6, seed=1), 1
    _, first, day = np.unique(train.user_day, return_index=True, return_inverse=True)
    watched = cut.follow_up_days[first]
    # Three standard errors of a share of the user-days.
    assert abs((watched < study.HORIZON).mean() - 0.6) < 3 * np.sqrt(0.24 / watched.size)
    np.testing.assert_array_equal(cut.follow_up_days, watched[day])
    seen = train.event[:, index] & (train.value[:, index] <= cut.follow_up_days)
    np.testing.assert_array_equal(cut.event[:, index], seen)
    np.testing.assert_array_equal(cut.value[seen, index], train.value[seen, index])
    np.testing.assert_array_equal(cut.value[~seen, index], cut.follow_up_days[~seen])
    np.testing.assert_array_equal(cut.known[:, index], cut.follow_up_days >= 1)
    np.testing.assert_array_equal(cut.known[:, 0], train.known[:, 0])


def test_the_naive_treatment_makes_an_answer_of_every_absence(study, train) -> None:
    naive = study.taken_for_not(study.censored(train, 0.6, seed=1))
    assert naive.known.all()
    assert (naive.follow_up_days == study.HORIZON).all()
    assert (naive.value[~naive.event[:, 1], 1] == study.HORIZON).all()


@pytest.mark.slow
def test_it_runs_and_leaves_its_table(study, tmp_path, capsys) -> None:
    table = study.main(
        [
            *("--quick", "--users", "150", "--out", str(tmp_path)),
            *("--heads", "beta_geometric", "bernoulli_naive", "--censoring", "0.6"),
        ]
    )
    assert (tmp_path / "retention.csv").is_file()
    assert set(table["head"]) == {"recency_frequency", "beta_geometric", "bernoulli_naive"}
    wide = table[table["metric"] == "d7/brier"].set_index("head")["value"]
    assert wide.between(0.0, 1.0).all()
    said = capsys.readouterr().out
    assert "| beta_geometric |" in said
    assert "not predicted" in said
