"""How likely a policy was to show what was logged, and of what exactly that is the chance.

N rows, Q requests, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.feedback import SMALLEST_PROPENSITY
from holdfast.evaluation.off_policy.row_order import check_row_order
from holdfast.evaluation.off_policy.slates.slate_log import SlateLog

TOLERANCE = 1e-5
"""Relative; chances of one thing from two columns may differ by the rounding of 32-bit numbers, no more."""
_SMALLEST_SLATE = 1e-280
"""Whole slates may be very unlikely; below this their weights would overflow."""


@dataclass(frozen=True, kw_only=True)
class SlateProbabilities:
    """Chances of the logged items under one policy: names of columns, or arrays ``[N]``, one number per row.

    Say which you have. One kind cannot be had from another (but for ``given_earlier``, whose products are the
    head and the slate), and dividing one kind by another is an error that no diagnostic can repair.

    Attributes:
        marginal: the item in its slot, whatever stands in the other slots. What a Holdfast log holds as
            ``propensity``.
        given_earlier: the item in its slot, given the items in the slots before it.
        head: all slots from the first down to this one; the running product of ``given_earlier``.
        slate: the whole ordered slate, the same on all its rows. What Holdfast keeps as ``slate_propensity``.
        anywhere: the item in any slot; of the evaluation policy only, and only for the pseudo-inverse
            estimator after uniform rankings.
    """

    marginal: Any = None
    given_earlier: Any = None
    head: Any = None
    slate: Any = None
    anywhere: Any = None

    def __post_init__(self) -> None:
        if not self.given:
            raise UserError(
                "SlateProbabilities is empty; give at least one of marginal=, given_earlier=, head= and "
                "slate=, "
                "and mind which of them your numbers are"
            )

    @property
    def given(self) -> dict[str, Any]:
        """By kind, what was given."""
        kinds = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in kinds.items() if value is not None}


@dataclass(frozen=True)
class PolicyChances:
    """Checked chances of what was logged, by kind, ``[K, Q]``; 1 where a slate does not have the slot.

    Attributes:
        policy: name, in messages.
        kinds: by kind. ``head`` continues to the last slot of the longest slate, ``slate`` is the same in
            all.
    """

    policy: str
    kinds: Mapping[str, Floats]

    def kind(self, name: str, *, wanted_by: str) -> Floats:
        """One kind, ``[K, Q]``.

        Raises:
            UserError: it was not given.
        """
        if name not in self.kinds:
            raise UserError(
                f"{wanted_by} needs the {name!r} probabilities of policy {self.policy!r}, {MEANINGS[name]}; "
                "given "
                f"are {sorted(self.kinds)}. They cannot stand in for each other: give them, or leave it out"
            )
        return self.kinds[name]


MEANINGS = {
    "marginal": "of each item in its slot, whatever stands in the others",
    "given_earlier": "of each item given the items in the slots before",
    "head": "of the items from the first slot down to each (or given_earlier, whose products they are)",
    "slate": "of the whole ordered slate (or given_earlier, whose product it is)",
    "anywhere": "of each item in any slot",
}


def read_probabilities(
    given: SlateProbabilities, frame: pd.DataFrame, log: SlateLog, *, policy: str, logged: bool
) -> PolicyChances:
    """Checks chances one by one and against each other, and multiplies out those given the earlier slots.

    Args:
        given: columns or arrays.
        frame: N rows.
        log: of the same rows.
        policy: name, in messages.
        logged: whether this is the policy that logged, for which nothing logged can have had no chance.

    Raises:
        UserError: a number is missing or impossible, or two kinds contradict each other.
    """
    chances = {
        kind: log.by_slot(_column(value, frame, kind, policy), fill=1.0)
        for kind, value in given.given.items()
    }
    for kind, values in chances.items():
        _check_range(values, log, kind=kind, policy=policy, logged=logged)
    if "given_earlier" in chances:
        product = np.cumprod(chances["given_earlier"], axis=0)
        _agree(chances.setdefault("head", product), product, log.present, "head", "given_earlier", policy)
    for kind in ("head", "slate"):
        if kind in chances:
            chances[kind] = _carried_on(chances[kind], log)
    if "head" in chances:
        whole = np.broadcast_to(chances["head"][-1], chances["head"].shape)
        _agree(chances.setdefault("slate", whole), whole, log.present, "slate", "head", policy)
    _check_order(chances, log.present, policy)
    return PolicyChances(policy, chances)


def _column(value: Any, frame: pd.DataFrame, kind: str, policy: str) -> Floats:
    if isinstance(value, str):
        if value not in frame.columns:
            raise UserError(
                f"{kind}={value!r} of policy {policy!r} names a column that the log does not have"
            )
        value = frame[value]
    check_row_order(value, frame.index, what=f"{kind} of policy {policy!r}")
    try:
        if isinstance(value, pd.Series):
            values = value.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{kind} of policy {policy!r} is not numeric: {error}") from error
    if values.shape != (len(frame),):
        raise UserError(
            f"{kind} of policy {policy!r} has shape {values.shape}; it needs one number for each of the "
            f"{len(frame)} rows of the log"
        )
    return values


def _check_range(values: Floats, log: SlateLog, *, kind: str, policy: str, logged: bool) -> None:
    low = 0.0
    if logged:
        low = _SMALLEST_SLATE if kind in ("head", "slate") else SMALLEST_PROPENSITY
    bad = ~((values >= low) & (values <= 1.0))
    if bad.any():
        slot, slate = (int(each[0]) for each in np.nonzero(bad))
        remedy = (
            "A logged choice had some chance: set such slates aside and say so"
            if logged
            else "Normalise them"
        )
        raise UserError(
            f"{kind} of policy {policy!r}: {int(bad.sum())} of {log.num_rows} probabilities are missing or "
            "outside "
            f"[{low:g}, 1], the first in row {log.row[slot, slate]} is {values[slot, slate]!r}. {remedy}"
        )
    if kind == "slate":
        uneven = log.present & ~np.isclose(values, values[0], rtol=TOLERANCE, atol=0.0)
        if uneven.any():
            raise UserError(
                f"slate of policy {policy!r} differs between slots of {int(uneven.any(axis=0).sum())} "
                "slates, and "
                "a slate has one probability. If it is the chance of each item in its slot, give it as "
                "marginal= "
                "or given_earlier=, whichever it is; if of the slots so far, as head="
            )


def _carried_on(values: Floats, log: SlateLog) -> Floats:
    """The last slot's number in the slots that a shorter slate does not have."""
    last = np.take_along_axis(values, log.last_slot[None, :], axis=0)
    return np.where(log.present, values, last)


def _agree(first: Floats, second: Floats, present: Bools, name: str, other: str, policy: str) -> None:
    apart = present & ~np.isclose(first, second, rtol=TOLERANCE, atol=1e-300)
    if apart.any():
        slot, slate = (int(each[0]) for each in np.nonzero(apart))
        raise UserError(
            f"policy {policy!r}: {name} and {other} disagree in {int(apart.sum())} rows, first in slot "
            f"{slot} of "
            f"slate {slate}: {first[slot, slate]:.6g} where {other} makes it {second[slot, slate]:.6g}. One "
            "of them "
            "is the chance of something else"
        )


def _check_order(chances: Mapping[str, Floats], present: Bools, policy: str) -> None:
    """More can never be likelier than less: slate <= head <= marginal <= anywhere, and heads shrink."""
    if "head" in chances:
        later, earlier = chances["head"][1:], chances["head"][:-1]
        if (later > earlier * (1.0 + TOLERANCE)).any():
            raise UserError(
                f"head of policy {policy!r} grows from one slot to the next, and more slots cannot be "
                "likelier "
                "than fewer. If it is the chance given the earlier slots, give it as given_earlier="
            )
    for less, more in (
        ("slate", "head"),
        ("head", "marginal"),
        ("slate", "marginal"),
        ("marginal", "anywhere"),
    ):
        if less in chances and more in chances:
            wrong = present & (chances[less] > chances[more] * (1.0 + TOLERANCE))
            if wrong.any():
                raise UserError(
                    f"policy {policy!r}: {less} is larger than {more} in {int(wrong.sum())} rows, which no "
                    "policy "
                    f"can do. {more} must be the chance {MEANINGS[more]}"
                )
    for kind in ("head", "given_earlier"):
        if kind in chances and "marginal" in chances:
            _agree(chances["marginal"][:1], chances[kind][:1], present[:1], "marginal", kind, policy)
