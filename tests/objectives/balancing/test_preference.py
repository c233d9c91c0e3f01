from __future__ import annotations

import math

import pytest
import torch

from holdfast.objectives.balancing.mgda import MGDA
from holdfast.objectives.balancing.preference import preference_vector
from holdfast.objectives.balancing.smooth_tchebycheff import SmoothTchebycheff

OBJECTIVES = ("click", "dwell", "retention")


@pytest.mark.parametrize("balance", [MGDA, SmoothTchebycheff])
@pytest.mark.parametrize(
    ("preference", "said"),
    [
        ({"click": 1.0, "dwell": 1.0}, r"preference has 2 entries and none for \['retention'\]"),
        ({}, r"preference has 0 entries and none for \['click', 'dwell', 'retention'\]"),
        ({"click": 1.0, "dwell": 1.0, "retention": 1.0, "like": 1.0}, r"preference names \['like'\]"),
        ({"click": 0.0, "dwell": 0.0, "retention": 0.0}, "preference is 0 for all of"),
        ({"click": -1.0, "dwell": 1.0, "retention": 1.0}, r"preference\.click is -1\.0; it must be finite"),
        ({"click": math.nan, "dwell": 1.0, "retention": 1.0}, r"preference\.click is nan"),
    ],
)
def test_a_preference_that_does_not_fit_is_refused(
    balance: type[MGDA], preference: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        balance(preference=preference).check(OBJECTIVES)


def test_objectives_that_a_run_does_not_train_may_be_named() -> None:
    MGDA().check(("click", "retention"))
    with pytest.raises(ValueError, match="0 for all of"):
        MGDA(preference={"click": 0.0, "dwell": 1.0}).check(("click",))


def test_the_order_is_that_of_the_objectives() -> None:
    preference = {"retention": 3.0, "click": 1.0, "dwell": 2.0}
    assert preference_vector(preference, OBJECTIVES).tolist() == [1.0, 2.0, 3.0]


def test_epochs_are_judged_by_the_preference() -> None:
    balance = MGDA(preference={"click": 2.0, "dwell": 0.5, "retention": 1.0})
    assert balance.combine({"click": torch.tensor(3.0), "dwell": torch.tensor(4.0)}).item() == 8.0


def test_gradients_are_compared_where_it_is_known_how() -> None:
    with pytest.raises(
        ValueError, match=r"gramian is 'towers'; choose from \['representation', 'parameters'\]"
    ):
        MGDA(gramian="towers")
