from __future__ import annotations

import numpy as np

from holdfast.simulation.record import VisitRecord, joined, reordered


def visits(users: list[int], day: int) -> VisitRecord:
    ones = np.ones(len(users))
    return VisitRecord(
        user=np.array(users),
        day=np.full(len(users), day),
        hazard=0.1 * np.array(users),
        satisfaction_before=0 * ones,
        satisfaction_after=ones,
    )


def test_records_join_and_reorder_all_columns_alike():
    whole = joined([visits([1, 2], 0), visits([3], 1)])
    assert whole.user.tolist() == [1, 2, 3]
    assert whole.day.tolist() == [0, 0, 1]
    turned = reordered(whole, np.array([2, 0, 1]))
    assert turned.user.tolist() == [3, 1, 2]
    assert turned.day.tolist() == [1, 0, 0]
    assert np.allclose(turned.hazard, [0.3, 0.1, 0.2])
