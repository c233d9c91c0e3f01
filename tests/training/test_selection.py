from __future__ import annotations

import math

import pytest

from holdfast.core.errors import UserError
from holdfast.training.selection import Selection, check_criterion, loss_names


def test_the_first_of_the_best_is_kept_and_patience_counts_from_it() -> None:
    selection = Selection("validation/loss", 2)
    improved, exhausted = [], []
    for epoch, value in enumerate([3.0, 2.0, 2.0, 2.5]):
        improved.append(selection.update(epoch, {"validation/loss": value}))
        exhausted.append(selection.exhausted)
    assert improved == [True, True, False, False]
    assert exhausted == [False, False, False, True]
    assert (selection.best_epoch, selection.best_value, selection.last_value) == (1, 2.0, 2.5)


def test_state_goes_round() -> None:
    selection = Selection("validation/loss", 2)
    selection.update(0, {"validation/loss": 3.0, "train/loss": 4.0})
    other = Selection("validation/loss", 2)
    other.restore(selection.state())
    assert other == selection
    assert not other.update(1, {"validation/loss": 3.5, "train/loss": 4.0})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_criterion_that_is_no_number_is_divergence(value: float) -> None:
    with pytest.raises(UserError, match=r"training diverged.*lower optimizer\.learning_rate"):
        Selection("validation/loss", 2).update(0, {"validation/loss": value})


def test_before_the_first_epoch() -> None:
    selection = Selection("validation/loss", 1)
    assert not selection.exhausted
    assert math.isnan(selection.last_value)


def test_criteria() -> None:
    known = {"click": 10, "dwell": 0}
    assert loss_names(["click"]) == [
        "train/loss",
        "train/click/loss",
        "validation/loss",
        "validation/click/loss",
    ]
    for fine in ("validation/loss", "validation/click/loss", "train/dwell/loss"):
        check_criterion(fine, objectives=["click", "dwell"], known=known)
    with pytest.raises(UserError, match="knows the outcome of dwell"):
        check_criterion("validation/dwell/loss", objectives=["click", "dwell"], known=known)
    with pytest.raises(UserError, match="knows the outcome of dwell"):
        check_criterion("validation/loss", objectives=["dwell"], known=known)
    with pytest.raises(UserError, match="which is not logged; choose from"):
        check_criterion("validation/retention/loss", objectives=["click", "dwell"], known=known)
