from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.objectives.propensities.examination import examination_by_click_rates
from holdfast.objectives.propensities.examination_em import ExaminationByEM, regression_em

TRUTH = np.array([1.0, 0.7, 0.45, 0.3])


def ranked_log(rows: Any, requests: int = 8000) -> Any:
    """A ranker puts what it takes for interesting first; its score is noisy, so slots overlap."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(requests, 4, 2))
    interest = 1.0 / (1.0 + np.exp(0.5 - 1.2 * features[..., 0] + 0.7 * features[..., 1]))
    order = np.argsort(-(interest + rng.normal(0.0, 0.2, interest.shape)), axis=1)
    interest = np.take_along_axis(interest, order, 1).ravel()
    features = np.take_along_axis(features, order[..., None], 1).reshape(-1, 2)
    slot = np.tile(np.arange(4), requests)
    click = (rng.random(len(slot)) < TRUTH[slot] * interest).astype(float)
    return rows(len(slot), click=click, slot=slot, features=features, user=np.arange(len(slot)) // 4)


def test_the_truth_is_recovered_where_click_rates_are_misled(rows: Any) -> None:
    log = ranked_log(rows)
    found, regression = regression_em(log.click, log.slot, log.features)
    rates = examination_by_click_rates(log.click, log.slot)
    assert np.abs(found - TRUTH).max() < 0.05
    assert np.abs(rates - TRUTH).max() > 0.15
    # The interest too: its log odds are 1.2 and -0.7 of the features.
    assert (regression.coefficients[1:] / regression.scale).tolist() == pytest.approx([1.2, -0.7], abs=0.12)


def test_the_source_is_cross_fitted_and_knows_other_rows(rows: Any) -> None:
    log = ranked_log(rows, 1000)
    fitted = ExaminationByEM(num_iterations=20).fit(log)
    assert fitted.on_train.meaning == "examination"
    assert len(np.unique(fitted.on_train.values[log.slot == 3])) == 2
    assert fitted.of(rows(2, slot=np.array([0, -1]))).missing.tolist() == [False, True]
    assert "examination by slot: 1.00" in fitted.notes[0]


def test_rows_whose_click_is_not_known_do_not_see_their_users_clicks(rows: Any) -> None:
    log = ranked_log(rows, 500)
    known, changed = log.click.copy(), log.click.copy()
    changed[:4] = 1.0 - changed[:4]
    known[3] = changed[3] = np.nan
    columns = {"slot": log.slot, "features": log.features, "user": log.user}
    before, after = (
        ExaminationByEM(num_iterations=5).fit(rows(2000, click=click, **columns)).on_train.values
        for click in (known, changed)
    )
    np.testing.assert_array_equal(before[:4], after[:4])
    assert (before != after).any()
    assert not np.isnan(before).any()


def test_logs_that_cannot_tell_are_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match=r"at least two slots and a numeric feature; found slots \[0\]"):
        ExaminationByEM().fit(rows(10, features=np.zeros((10, 1))))
    with pytest.raises(ValueError, match="num_iterations is 0"):
        ExaminationByEM(num_iterations=0)
    with pytest.raises(ValueError, match="ridge is 0"):
        ExaminationByEM(ridge=0.0)
    with pytest.raises(ValueError, match="num_folds is 0"):
        ExaminationByEM(num_folds=0)
