"""Which environment each row of the train window comes from.

N rows of a window, E environments, T objectives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.features import MISSING_ROW, UNKNOWN_ROW, InputSchema
from holdfast.data.encoded import EncodedWindow
from holdfast.objectives.robustness.robustness import FEATURE_PREFIX, POLICY, AcrossEnvironments

MOST = 256
"""More environments than this leave a batch a handful of rows of each."""
OTHERS = "others"


@dataclass(frozen=True)
class Environments:
    """The environments of a window.

    Attributes:
        names: E of them.
        codes: place in ``names`` of each row's environment, int64 ``[N]``.
        rows: rows of each, ``[E]``.
    """

    names: tuple[str, ...]
    codes: Ints
    rows: Ints

    def by_name(self) -> dict[str, int]:
        """Rows of each."""
        return {name: int(rows) for name, rows in zip(self.names, self.rows, strict=True)}


def environments_of(settings: AcrossEnvironments, window: EncodedWindow, schema: InputSchema) -> Environments:
    """Tell the environments of the train window apart, once for the whole training.

    Raises:
        UserError: there is no such input, there is one environment only, or there are too many.
    """
    values, words = _values(settings.environments, window, schema)
    found, codes, rows = np.unique(values, return_inverse=True, return_counts=True)
    names = [words(int(value)) for value in found]
    small = rows < settings.min_rows
    if small.sum() > 1:
        place = np.where(small, (~small).sum(), np.cumsum(~small) - 1)
        codes = place[codes]
        names = [*(name for name, few in zip(names, small, strict=True) if not few), OTHERS]
        rows = np.bincount(codes, minlength=len(names))
    asked = f"robust.loss.environments={settings.environments}"
    if len(names) < 2:
        pooled = f", after pooling {small.sum()} of fewer than min_rows={settings.min_rows}"
        raise UserError(
            f"{asked}: the train window holds one environment only ({names[0]}"
            f"{pooled if small.sum() > 1 else ''}), and there is nothing to compare; choose other "
            "environments, a longer window, or robust/loss=none"
        )
    if len(names) > MOST:
        raise UserError(
            f"{asked}: the train window holds {len(names):,} environments, and a batch would know little of "
            f"each: at most {MOST} are allowed; raise robust.loss.min_rows to pool small ones"
        )
    return Environments(tuple(names), codes.astype(np.int64).reshape(-1), rows.astype(np.int64))


class _Words:
    """Says what a value is called."""

    def __init__(self, names: Sequence[str] | None, pattern: str) -> None:
        self.names, self.pattern = names, pattern

    def __call__(self, value: int) -> str:
        if self.names is not None and 0 <= value < len(self.names):
            return self.names[value]
        return self.pattern.format(value)


def _values(asked: str, window: EncodedWindow, schema: InputSchema) -> tuple[Ints, _Words]:
    day = np.asarray(window.day)
    if asked == "day":
        first = int(day.min())
        days = np.datetime64(0, "D") + np.arange(first, int(day.max()) + 1)
        return day - first, _Words([str(each) for each in days], "{}")
    if asked == "week":
        return (day - day.min()) // 7, _Words(None, "week {}")
    if asked == POLICY:
        if not len(window.policies):
            raise UserError(
                "robust.loss.environments=policy: the log does not say which policy logged a row; choose "
                "other environments"
            )
        return np.asarray(window.policy), _Words(window.policies, "unknown")
    name = asked.removeprefix(FEATURE_PREFIX)
    if name not in schema.categorical:
        raise UserError(
            f"robust.loss.environments={asked}: there is no categorical input {name!r}; choose one of "
            f"{list(schema.categorical)}, or day, week or policy"
        )
    column = np.asarray(window.categorical[:, schema.categorical.index(name)]).astype(np.int64)
    reserved = {MISSING_ROW: f"{name} missing", UNKNOWN_ROW: f"{name} rare or unknown"}
    return column, _Words([reserved[row] for row in sorted(reserved)], name + " in row {}")


def known_by_environment(environments: Environments, window: EncodedWindow) -> Ints:
    """Known rows by objective and environment, ``[T, E]``."""
    return np.stack(
        [
            np.bincount(
                environments.codes[np.asarray(window.known[:, index])], minlength=len(environments.rows)
            )
            for index in range(len(window.objectives))
        ]
    )


def mean_weights(environments: Environments, window: EncodedWindow, weights: Floats) -> Floats:
    """What the known rows of an environment count on average, 1 where none is known or counts, ``[E, T]``.

    Weights have mean 1 over the window: an environment of heavy rows would look worse than it is.
    """
    size = len(environments.rows)
    known = np.asarray(window.known)
    made = np.ones((size, known.shape[1]))
    for index in range(known.shape[1]):
        where = known[:, index]
        codes = environments.codes[where]
        count = np.bincount(codes, minlength=size)
        total = np.bincount(codes, np.asarray(weights[:, index], dtype=np.float64)[where], minlength=size)
        some = total > 0.0
        made[some, index] = total[some] / count[some]
    return made
