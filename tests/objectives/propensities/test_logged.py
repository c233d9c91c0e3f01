from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.objectives.propensities.logged import Logged


def test_what_the_log_says_is_passed_on(rows: Any) -> None:
    fitted = Logged().fit(rows(3, logged=np.array([0.5, np.nan, 1.0]), logged_meaning="slate"))
    assert fitted.on_train.meaning == "slate"
    assert fitted.on_train.values.tolist()[::2] == [0.5, 1.0]
    assert fitted.on_train.missing.tolist() == [False, True, False]
    assert not fitted.on_train.sets_aside
    assert fitted.of(rows(1, logged=np.array([0.25]))).values.tolist() == [0.25]


def test_a_log_that_says_nonsense_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match=r"1 of 2 propensities \(logged by the behavior policy\)"):
        Logged().fit(rows(2, logged=np.array([0.5, 0.0])))
