from __future__ import annotations

import dataclasses

import pytest

from holdfast.models.fitted import required, restored, state_of, with_state
from holdfast.models.heads.tree import Tree
from holdfast.models.heads.weibull import Weibull


def test_a_fitted_head_is_a_copy_that_cannot_be_changed() -> None:
    head = Tree(depth=1)
    made = with_state(head, edges=[0.0, 1.0, 2.0], notes=[])
    assert head.edges is None
    assert made.edges == (0.0, 1.0, 2.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.edges = (1.0,)  # type: ignore[misc]
    assert restored(head, state_of(made)) == made


def test_a_head_without_fitted_fields_has_no_state() -> None:
    assert state_of(Weibull()) == {}
    assert restored(Weibull(), {}) == Weibull()


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(ValueError, match="depth"):
        with_state(Tree(), depth=3)
    with pytest.raises(ValueError, match=r"needs \['edges', 'notes'\]"):
        restored(Tree(), {})
    with pytest.raises(ValueError, match="Tree needs statistics of the train window"):
        required(Tree(), None)
