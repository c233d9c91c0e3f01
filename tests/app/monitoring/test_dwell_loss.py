from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.app.monitoring.dwell_loss import DwellLoss, fit_dwell_loss, realised_loss
from holdfast.app.monitoring.label_free_table import label_free_table
from holdfast.app.monitoring.scored_rows import Outcome, ScoredRows
from holdfast.app.monitoring.windows import Days
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.monitoring.label_free import IsotonicCalibration, fit_isotonic

BOOTSTRAP = ClusterBootstrap(num_resamples=20)


def scored(seed: int, rows: int = 4000) -> ScoredRows:
    """Long dwell is opened more often, and off by half of what was predicted."""
    rng = np.random.default_rng(seed)
    seconds = rng.choice([10.0, 40.0], size=rows)
    chance = np.where(seconds > 20, 0.6, 0.1)
    clicked = rng.random(rows) < chance
    dwell = seconds * rng.choice([0.5, 1.5], size=rows)
    outcomes = {
        "click": Outcome(chance, clicked.astype(float), np.ones(rows, dtype=bool)),
        "dwell": Outcome(seconds, np.where(clicked, dwell, 0.0), clicked),
    }
    empty = pd.DataFrame(index=range(rows))
    return ScoredRows(empty, empty, outcomes, np.zeros(rows, dtype=np.int64), np.arange(rows) % 500)


def test_rows_count_by_their_chance_to_be_opened():
    past, now = scored(0), scored(1)
    loss = fit_dwell_loss(past)
    assert loss is not None and loss.opened_only
    found = loss.estimate(now, {}, bootstrap=BOOTSTRAP)
    # Off by 5 seconds in a seventh of what is opened, by 20 in the rest.
    assert found.value == pytest.approx(5 / 7 + 20 * 6 / 7, rel=0.03)
    assert found.low < found.value < found.high
    assert realised_loss(now.outcomes["dwell"]) == pytest.approx(found.value, rel=0.05)
    again = DwellLoss.from_plain(loss.as_plain()).estimate(now, {}, bootstrap=BOOTSTRAP)
    assert again == found
    everywhere = replace(loss, opened_only=False).estimate(now, {}, bootstrap=BOOTSTRAP)
    assert everywhere.value == pytest.approx(12.5, rel=0.05)


def test_without_known_dwell_there_is_none():
    rows = scored(0, rows=50)
    dwell = rows.outcomes["dwell"]
    nobody = {**rows.outcomes, "dwell": replace(dwell, known=np.zeros(50, dtype=bool))}
    assert fit_dwell_loss(replace(rows, outcomes=nobody)) is None
    assert fit_dwell_loss(replace(rows, outcomes={})) is None
    assert realised_loss(nobody["dwell"]) is None


def test_impossible_predictions_and_outcomes_are_left_out_of_the_table():
    rows = scored(2)
    click, dwell = rows.outcomes["click"], rows.outcomes["dwell"]
    wrong_p, wrong_s, wrong_y = click.predicted.copy(), dwell.predicted.copy(), click.observed.copy()
    wrong_p[:3], wrong_s[:2], wrong_y[5] = (np.nan, 1.2, -0.1), (np.nan, -1.0), np.nan
    outcomes = {
        "click": replace(click, predicted=wrong_p, observed=wrong_y),
        "dwell": replace(dwell, predicted=wrong_s),
    }
    calibration = fit_isotonic(click.predicted, click.observed)
    window = [(Days(0, 1, "UTC"), np.ones(4000, dtype=bool))]
    table = label_free_table(
        replace(rows, outcomes=outcomes), window, {"click": calibration}, fit_dwell_loss(rows)
    ).set_index("metric")
    assert table.loc["auc", ["n", "n_known"]].tolist() == [3997, 3996]
    assert table["estimate"].notna().all()
    gone = replace(click, predicted=np.full(4000, np.nan))
    empty = label_free_table(replace(rows, outcomes={"click": gone}), window, {"click": calibration})
    assert empty["estimate"].isna().all()
    assert empty["note"].tolist() == ["no rows", "no rows"]
    assert isinstance(calibration, IsotonicCalibration)
