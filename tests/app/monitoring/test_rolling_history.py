"""Trailing counts made days after days are those of the whole log."""

import numpy as np
import pandas as pd
import pytest

from holdfast.app.monitoring.rolling_history import COLUMNS, RollingHistory
from holdfast.data.history import TrailingHistory
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=40, num_items=120, num_days=40)


@pytest.fixture(scope="module")
def log():
    return WORLD.read()


@pytest.mark.parametrize(
    "history",
    [
        TrailingHistory(),
        TrailingHistory(refresh="nightly", lag_seconds=3600.0),
        TrailingHistory(recent_items=5),
    ],
)
@pytest.mark.parametrize("step", [1, 4])
def test_days_after_days_are_the_whole(log, history, step):
    names = [each.name for each in history.features()]
    whole = history.compute(log)
    rolling = RollingHistory(history, log.card, inputs=names, columns=[])
    day = log.local_days()
    kept = []
    for first in range(int(day.min()), int(day.max()) + 1, step):
        rows = log.frame[(day >= first) & (day < first + step)]
        rows = rows[[name for name in COLUMNS if name in rows]]
        made, warnings = rolling.compute(rows, log.observed_until)
        assert warnings == []
        if len(rows):
            pd.testing.assert_frame_equal(made, whole.loc[rows.index, rolling.wanted])
        rolling.add(rows)
        kept.append(0 if rolling._kept is None else len(rolling._kept))
    # Fifteen days of rows, and the last row or clicks of 40 users, not forty days.
    assert max(kept) < 0.6 * len(log)


def test_nothing_is_kept_where_nothing_is_lacking(log):
    history = TrailingHistory()
    names = [each.name for each in history.features()]
    rolling = RollingHistory(history, log.card, inputs=names, columns=names)
    rolling.add(log.frame)
    assert rolling.columns == ()
    assert rolling.compute(log.frame, log.observed_until) == (None, [])


def test_a_log_without_clicks_is_told(log):
    history = TrailingHistory()
    rolling = RollingHistory(history, log.card, inputs=[e.name for e in history.features()], columns=[])
    rows = log.frame.drop(columns="click")
    made, warnings = rolling.compute(rows, log.observed_until)
    assert made is None
    assert "without click" in warnings[0]
    rolling.add(rows)
    assert np.array_equal(rolling.compute(rows.iloc[:0], log.observed_until)[1], [])
