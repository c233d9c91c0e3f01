"""What all the alarms together ask for: nothing, another look, a repair, or training again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from holdfast.monitoring.alarm import Alarm
from holdfast.monitoring.next_steps import JUDGED_BY_EFFECT, is_fault
from holdfast.monitoring.stream_budget import STATED_RATES

Action = Literal["none", "watch", "repair", "retrain"]

LOOKS = 2
"""How often a harmful change must be seen before it asks for training, unless told otherwise."""


@dataclass(frozen=True)
class RetrainingTrigger:
    """What all the alarms together ask for.

    Attributes:
        action: ``repair`` where the data are broken harmfully, which no training mends; ``retrain`` where the
            world has moved harmfully, and was seen to often enough; ``watch`` where there are other alarms;
            ``none``.
        reasons: alarms behind the action, one sentence each; for ``watch`` those that may be harmful first.
        num_alarms: all of them.
        num_harmless: those known to be harmless.
        num_unconfirmed: harmful changes that were not seen often enough yet.
    """

    action: Action
    reasons: tuple[str, ...]
    num_alarms: int
    num_harmless: int
    num_unconfirmed: int = 0

    @property
    def fires(self) -> bool:
        """Whether to train again."""
        return self.action == "retrain"


def retraining_trigger(alarms: Sequence[Alarm], *, looks: int = LOOKS) -> RetrainingTrigger:
    """What to do about all the alarms together.

    The rule, in this order:

    1. A harmful fault of the data, or outcomes of which none at all came: ``repair``. It moves the columns
       and heads that hang on it; mend it, and look again. Other alarms of a broken column in the same window
       are the fault's.
    2. A harmful change that was seen ``looks`` times: ``retrain``. Times are windows without a gap in which
       the same column, or the same kind of finding on the same head in the same direction, is harmful; or
       different columns and heads that are harmful in one window, slices counting as their head, and a stream
       whose alarm lies in that window as one more.
    3. Any other alarm: ``watch``. So one harmful window, a column of which the model makes no use, a change
       that is too small to matter, and a stream by itself never train a model again.

    A comparison without times has one window: only a second column or head confirms there.

    Args:
        alarms: of any number of windows.
        looks: at least 1, which acts on the first harmful window.

    Raises:
        ValueError: ``looks`` is below 1.
    """
    if looks < 1:
        raise ValueError(f"looks is {looks}; it must be at least 1, which acts on the first harmful window")
    broken = {(each.where, each.start) for each in alarms if _is_fault(each) and each.harmful is not False}
    harmful = [each for each in alarms if each.harmful]
    faults = [each for each in harmful if _is_fault(each)]
    moved = [each for each in harmful if not _is_fault(each) and (each.where, each.start) not in broken]
    streams = [each for each in alarms if each.kind in STATED_RATES]
    seen = _looks(moved, streams)
    confirmed = [each for each, number in zip(moved, seen, strict=True) if number >= looks]
    unconfirmed = [each for each, number in zip(moved, seen, strict=True) if number < looks]
    action: Action = "repair" if faults else "retrain" if confirmed else "watch" if alarms else "none"
    behind = faults or confirmed
    reasons = [_sentence(each) for each in behind]
    if not behind:
        again = f"harmful, seen fewer than {looks} times: look again with the next window"
        reasons = [f"{each.where}: {each.kind}, {again}." for each in unconfirmed]
        others = [each for each in alarms if not any(each is one for one in unconfirmed)]
        reasons += [_sentence(each) for each in sorted(others, key=lambda each: each.harmful is False)]
    return RetrainingTrigger(
        action,
        tuple(reasons),
        len(alarms),
        sum(each.harmful is False for each in alarms),
        len({_change(each) for each in unconfirmed}),
    )


def _is_fault(alarm: Alarm) -> bool:
    return is_fault(alarm.kind, effect=alarm.effect, statistic=alarm.statistic)


def _sentence(alarm: Alarm) -> str:
    return f"{alarm.where}: {alarm.kind}. {alarm.next_step}"


def _place(alarm: Alarm) -> str:
    """The column or head: a slice shares its rows with the head."""
    return alarm.where.partition(" [")[0] if alarm.place in ("outcome", "slice") else alarm.where


def _change(alarm: Alarm) -> tuple[str, str, bool]:
    """What must be seen again: the column; or the kind and direction of what was realised on a head."""
    if alarm.kind not in JUDGED_BY_EFFECT:
        return _place(alarm), "", True
    return _place(alarm), alarm.kind, (alarm.effect or 0.0) > 0.0


def _looks(moved: Sequence[Alarm], streams: Sequence[Alarm]) -> list[int]:
    """How often each change was seen: in windows in a row, or by places in its window."""
    windows: dict[tuple[str, str, bool], set[tuple[pd.Timestamp, pd.Timestamp]]] = defaultdict(set)
    places: dict[pd.Timestamp | None, set[str]] = defaultdict(set)
    for each in moved:
        places[each.start].add(_place(each))
        if each.start is not None and each.end is not None:
            windows[_change(each)].add((each.start, each.end))
    runs = {change: _run_lengths(spans) for change, spans in windows.items()}
    found = []
    for each in moved:
        near = {f"stream {one.where}" for one in streams if _lies_in(one, each)}
        in_a_row = runs.get(_change(each), {}).get(each.start, 1)
        found.append(max(in_a_row, len(places[each.start]) + len(near)))
    return found


def _run_lengths(
    spans: Iterable[tuple[pd.Timestamp, pd.Timestamp]],
) -> dict[pd.Timestamp | None, int]:
    """Of each window's start, how many windows there are in the unbroken run that it is in."""
    runs: list[list[tuple[pd.Timestamp, pd.Timestamp]]] = []
    for span in sorted(spans):
        if runs and runs[-1][-1][1] == span[0]:
            runs[-1].append(span)
        else:
            runs.append([span])
    return {start: len(run) for run in runs for start, _ in run}


def _lies_in(stream: Alarm, alarm: Alarm) -> bool:
    if stream.start is None or alarm.start is None or alarm.end is None:
        return False
    return alarm.start <= stream.start < alarm.end
