from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.objectives.propensities.item_exposure import ItemExposure


def test_by_hand(rows: Any) -> None:
    item = np.array([7, 7, 7, 7, 3, 3, 5])
    log = rows(7, item=item, click=np.array([1.0, 1, 1, 1, 1, np.nan, 0]))
    fitted = ItemExposure(power=0.5).fit(log)
    # Clicks: 4, 1, 0; the last counts as one.
    assert fitted.on_train.values.tolist() == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0.5])
    assert "1 of 3 items were never clicked" in fitted.notes[0]
    shown = ItemExposure(count="shown", power=1.0).fit(log)
    assert shown.on_train.values.tolist() == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0.25])
    assert shown.of(rows(2, item=np.array([99, 3]))).values.tolist() == pytest.approx([0.25, 0.5])
    assert not shown.notes


def test_exposure_that_is_a_power_of_popularity_is_recovered(rows: Any) -> None:
    rng = np.random.default_rng(0)
    chance = (np.arange(1, 21) / 20) ** 2.0
    item = np.repeat(np.arange(20), 3000)
    seen = rng.random(len(item)) < chance[item]
    fitted = ItemExposure(count="shown", power=1.0).fit(rows(int(seen.sum()), item=item[seen]))
    found = fitted.of(rows(20, item=np.arange(20))).values
    error = np.sqrt(chance * (1 - chance) / 3000)
    assert (np.abs(found - chance) < 4 * error + 1e-9).all()


def test_a_log_without_clicks_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match="no item was counted once"):
        ItemExposure().fit(rows(5))
    with pytest.raises(ValueError, match="no item was counted once"):
        ItemExposure().fit(rows(0))
    with pytest.raises(ValueError, match="power is 0"):
        ItemExposure(power=0.0)
    with pytest.raises(ValueError, match="count is 'liked'"):
        ItemExposure(count="liked")  # type: ignore[arg-type]
