"""What each head learns from: the windows' outcomes as its question wants them.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.errors import UserError
from holdfast.core.protocols import Head
from holdfast.core.return_head import ReturnHead, ReturnTarget
from holdfast.data.encoded import EncodedWindow
from holdfast.data.outcomes import returned_within
from holdfast.training.surrogate_targets import SurrogateTargets, check_surrogate_settings


@dataclass(frozen=True, kw_only=True)
class TargetNotes:
    """What became of an objective's outcomes before a head learned from them.

    Attributes:
        target: what the head asked for.
        known_rows: rows of each window that teach something or are judged, by name.
        left_out_rows: rows whose outcome is known in part, and that the head cannot use, by window.
        imputed_rows: rows whose target is an expectation, by window.
        tests: p-value of each assumption that was tested; None where it could not be.
        warnings: what a reader must know, a sentence each.
    """

    target: ReturnTarget
    known_rows: dict[str, int]
    left_out_rows: dict[str, int]
    imputed_rows: dict[str, int] = field(default_factory=dict)
    tests: dict[str, float | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def head_targets(
    train: EncodedWindow, validation: EncodedWindow, heads: Mapping[str, Head]
) -> tuple[EncodedWindow, EncodedWindow, dict[str, TargetNotes]]:
    """The two windows with the outcomes that the heads learn from; other windows stay as they are.

    A head that asks for gaps gets the outcomes as prepared. ``matured`` leaves out every row whose horizon is
    not over, returns included. ``surrogate_index`` puts the index, fitted on matured training rows alone, in
    the place of what has not matured, in validation too.

    Args:
        train: to learn from.
        validation: to choose the epoch by.
        heads: by objective, each an objective of the windows.

    Returns:
        Train and validation, and notes by objective of those that were changed.

    Raises:
        UserError: nothing in the train window answers a head's question.
    """
    check_teachable(train, heads)
    notes: dict[str, TargetNotes] = {}
    for objective, head in heads.items():
        if not isinstance(head, ReturnHead) or head.target == "gap":
            continue
        windows = {"train": train, "validation": validation}
        if head.target == "matured":
            made = {name: _matured(window, objective, head.horizon_days) for name, window in windows.items()}
            left_out = {
                name: int((windows[name].known & ~made[name].known).any(axis=1).sum()) for name in windows
            }
            notes[objective] = TargetNotes(
                target=head.target, known_rows=_known(made, objective), left_out_rows=left_out
            )
        else:
            made, notes[objective] = _surrogate(windows, objective, head)
        train, validation = made["train"], made["validation"]
    return train, validation, notes


def check_teachable(train: EncodedWindow, heads: Mapping[str, Head]) -> None:
    """Refuse a head of click or return for which the train window has no lesson.

    Raises:
        UserError: the horizon is longer than anybody was watched, nobody was seen to come back, or all
            answers are the same.
    """
    for objective, head in heads.items():
        fault = ""
        if isinstance(head, ReturnHead):
            fault = _fault(train, objective, head)
        elif objective == "click":
            fault = _constant(train, objective)
        if fault:
            raise UserError(f"{fault}, or leave the head out with ~model/heads/{objective}")


def _constant(train: EncodedWindow, objective: str) -> str:
    """Why a yes or no cannot be learned from the window; empty where it can."""
    answers = train.value[known_of(train, objective), train.index_of(objective)]
    if answers.size == 0 or (answers != answers[0]).any():
        return ""
    return (
        f"all {answers.size:,} rows of the train window have {objective} = {answers[0]:g}: a constant "
        "outcome teaches nothing; bring a log with both answers"
    )


def _fault(train: EncodedWindow, objective: str, head: ReturnHead) -> str:
    """Why a head cannot learn from the window, and what to do; empty where it can."""
    index, known = train.index_of(objective), known_of(train, objective)
    value, event = train.value[known, index], train.event[known, index]
    watched = max(int(value.max(initial=0.0)), int(train.follow_up_days.max(initial=0)))
    if watched < head.days_needed:
        return (
            f"the {objective} head needs training rows that were watched for {head.days_needed} days, and "
            f"none was watched for more than {watched}: lower horizon_days, end the train window earlier "
            "(split.train_days, split.gap_days)"
        )
    if not event.any():
        return (
            f"all {known.sum():,} rows of the train window whose {objective} is known are censored: nobody "
            "was seen to come back, and a head would learn that nobody ever does; bring a longer log"
        )
    if head.target == "gap":
        return ""
    label, matured = _answers(train, objective, head.horizon_days)
    answers = label[matured & known]
    if answers.size and (answers != answers[0]).any():
        return ""
    what = "came back" if answers.size and answers[0] else "did not come back"
    return (
        f"all {answers.size:,} matured rows of the train window {what} within {head.horizon_days} days: a "
        "constant outcome teaches nothing; change horizon_days"
    )


def known_of(window: EncodedWindow, objective: str) -> Bools:
    """Where anything of an objective is known, bool ``[N]``."""
    return np.asarray(window.known[:, window.index_of(objective)])


def with_outcome(
    window: EncodedWindow, objective: str, *, value: Floats, event: Bools, known: Bools
) -> EncodedWindow:
    """The window with another outcome of one objective, ``[N]`` each; the old arrays are left as they are."""
    index = window.index_of(objective)
    values, events, knowns = np.array(window.value), np.array(window.event), np.array(window.known)
    values[:, index], events[:, index], knowns[:, index] = value, event, known
    return replace(window, value=values, event=events, known=knowns)


def _answers(window: EncodedWindow, objective: str, days: int) -> tuple[Floats, Bools]:
    """'Back within so many days?', and where the answer cannot change any more, ``[N]`` each."""
    index = window.index_of(objective)
    return returned_within(window.value[:, index], window.event[:, index], window.follow_up_days, days=days)


def _matured(window: EncodedWindow, objective: str, days: int) -> EncodedWindow:
    index = window.index_of(objective)
    _, matured = _answers(window, objective, days)
    return with_outcome(
        window,
        objective,
        value=window.value[:, index],
        event=window.event[:, index],
        known=known_of(window, objective) & matured,
    )


def _surrogate(
    windows: Mapping[str, EncodedWindow], objective: str, head: ReturnHead
) -> tuple[dict[str, EncodedWindow], TargetNotes]:
    surrogate_days, ridge = check_surrogate_settings(head)
    made, imputed, left_out = {}, {}, {}
    try:
        targets = SurrogateTargets.fit(
            windows["train"],
            objective,
            horizon_days=head.horizon_days,
            surrogate_days=surrogate_days,
            ridge=ridge,
        )
    except ValueError as error:
        raise UserError(f"model.heads.{objective}: {error}") from error
    for name, window in windows.items():
        value, known, expected = targets.of(window)
        made[name] = with_outcome(
            window, objective, value=value, event=np.ones(len(window), dtype=bool), known=known
        )
        imputed[name] = int(expected.sum())
        left_out[name] = int((known_of(window, objective) & ~known).sum())
    return made, TargetNotes(
        target="surrogate_index",
        known_rows=_known(made, objective),
        left_out_rows=left_out,
        imputed_rows=imputed,
        tests={each.assumption: each.p_value for each in targets.tests},
        warnings=tuple(each.warning for each in targets.tests if each.warning),
    )


def _known(windows: Mapping[str, EncodedWindow], objective: str) -> dict[str, int]:
    return {name: int(known_of(window, objective).sum()) for name, window in windows.items()}
