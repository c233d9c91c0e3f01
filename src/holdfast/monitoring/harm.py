"""How much a model's predictions hang on a column that has moved: significant is not harmful.

N rows of the reference, M of the window, U users.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from scipy.stats import t as student

from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import generator
from holdfast.evaluation import checks
from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.column_kinds import family_of
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.moved_column import moved_like

Predict = Callable[[pd.DataFrame], ArrayLike]
"""From rows to what is valued of each, finite: an expected outcome or a fused score, ``[N]``, or of several
heads, ``[N, P]``."""

ROUNDING = 1e-6
"""Change of a prediction, relative to the usual one, that is the model's rounding: rows are scored in batches
of another size."""


@dataclass(frozen=True, kw_only=True)
class HarmEstimator:
    r"""Moves one column of the reference to where it is now, and looks at what the model makes of it.

    .. math:: \mathrm{moved} = \frac{1}{N} \sum_i |f(x_i^{c \to T(c)}) - f(x_i)|
              - \mathrm{E} \frac{1}{N} \sum_i |f(x_i^{c \to T_0(c)}) - f(x_i)|

    T moves as few values as little as the change of the column's distribution allows (``moved_like``); T_0
    moves it to fresh samples of the reference as large as the window, which is what chance does. The loss of
    order is the same with

    .. math:: 1 - \frac{\mathrm{Cov}(r_i, r_i')}{\mathrm{Var}(r_i)}

    of the rows' ranks before and after: one less Spearman's correlation, and 1 where all predictions became
    the same. It is over the reference's sample, not within requests, which a sample of rows does not hold:
    differences between users and days are in it, and an order within requests that is lost may be more. Of
    several heads the largest level and the largest loss of order count, each beyond chance.

    A column that the model does not use has exactly 0 in all. It is a bound on trust, not a loss: what
    follows a real change of the world may be predicted rightly, what follows a broken sensor is not, and only
    labels tell. A level that moves alike for all rows leaves the order as it is.

    Attributes:
        max_rows: rows of the reference that are scored, at least 10; drawn by the seed where there are more.
        num_samples: samples of the reference that give the level of chance, and of the window that say how
            sure it is, at least 2 of each.
        level: of the intervals, in (0, 1).
        seed: of all draws.
    """

    max_rows: int = 2000
    num_samples: int = 5
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_rows < 10:
            raise ValueError(f"max_rows is {self.max_rows}; at least 10 rows are needed")
        if self.num_samples < 2:
            raise ValueError(f"num_samples is {self.num_samples}; chance needs at least 2 samples")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must lie between 0 and 1, as 0.95 does")

    def estimate(
        self,
        predict: Predict,
        *,
        reference: pd.DataFrame,
        current: pd.DataFrame,
        column: str,
        users: ArrayLike | None = None,
        num_scores: int = 0,
    ) -> Harm | None:
        """The harm of one column's change.

        A column that is gone, or holds another type, counts as all missing. A row for which the model then
        gives no finite number counts as a prediction of 0: it cannot be ranked at all.

        Args:
            predict: the model.
            reference: rows that it is to be judged on, with every column that it needs, ``[N, ...]``.
            current: rows of the window, ``[M, ...]``.
            column: of ``reference``.
            users: integer code of each reference row's user, ``[N]``; rows count as independent when None.
            num_scores: how many of the last of P predictions are scores that rank rows, whose level means
                nothing: the loss of order is then theirs alone. With 0 it is the largest of all heads.

        Returns:
            None where reference or window have no rows.

        Raises:
            ValueError: the reference has no such column, or the model gives not one finite number for each of
                its own rows.
        """
        if column not in reference:
            raise ValueError(
                f"the reference has no column {column!r}; it has {', '.join(map(str, reference))}"
            )
        if len(reference) == 0 or len(current) == 0:
            return None
        draw = generator(self.seed, "harm", column)
        rows = np.sort(draw.permutation(len(reference))[: self.max_rows])
        frame = reference.iloc[rows].reset_index(drop=True)
        user = np.arange(rows.size) if users is None else np.asarray(users)[rows]
        user = checks.codes(user, name="users", num_rows=rows.size)
        now, note = _readable(reference[column], current, column)
        whole = reference[column].reset_index(drop=True)
        toward = [now]
        for _ in range(self.num_samples):
            toward.append(whole.iloc[draw.integers(len(whole), size=len(current))])
            toward.append(now.iloc[draw.integers(len(now), size=len(now))])
        before, after = self._swapped(predict, frame, column, toward, draw)
        num_heads = before.shape[1]
        if not 0 <= num_scores <= num_heads:
            raise ValueError(f"num_scores is {num_scores}; the model gives {num_heads} predictions a row")
        # The reference is a sample too: its own luck comes on top of the window's.
        luck = len(current) / len(reference)
        levels = [
            self._level(before[:, p], after[..., p], user, luck)
            for p in range(num_heads - num_scores or num_heads)
        ]
        orders = [
            self._order(before[:, p], after[..., p], user, luck)
            for p in range(num_heads - num_scores if num_scores else 0, num_heads)
        ]
        # The head that moved most surely, for its size.
        usual, shift, moved = max(levels, key=lambda each: each[2][1] / each[0] if each[0] > 0.0 else 0.0)
        order = max(orders, key=lambda each: each[1])
        return Harm(column, usual, *shift, *moved, rows.size, note, *order)

    def _level(
        self, before: Floats, after: Floats, user: Ints, luck: float
    ) -> tuple[float, tuple[float, float, float], tuple[float, float, float]]:
        """The usual prediction of one head, its shift, and how far rows moved, with intervals."""
        change = after - before
        shift = self._interval(change[0], change[1::2], change[2::2], user, luck)
        size = np.abs(change)
        moved = self._interval(size[0], size[1::2], size[2::2], user, luck)
        return float(np.abs(before).mean()), shift, _not_negative(moved)

    def _order(self, before: Floats, after: Floats, user: Ints, luck: float) -> tuple[float, float, float]:
        """How much of the order by one prediction is lost, with its interval."""
        ranks = rankdata(before)
        spread = ranks.std()
        if spread == 0.0:
            return 0.0, 0.0, 0.0
        standard = (ranks - ranks.mean()) / spread
        others = (rankdata(after, axis=1) - ranks.mean()) / spread
        lost = standard * (standard - others)
        return _not_negative(self._interval(lost[0], lost[1::2], lost[2::2], user, luck))

    def by_day(
        self, predict: Predict, *, reference: pd.DataFrame, current: pd.DataFrame, days: ArrayLike
    ) -> Callable[[Finding], Harm | None]:
        """What ``raise_alarms`` takes as ``harm_of``, for windows of one day.

        Args:
            predict: the model.
            reference: as in ``estimate``.
            current: rows of all days that are watched, ``[M, ...]``.
            days: day of each of them, in days since 1970-01-01, integers, ``[M]``.

        Returns:
            From a finding to the harm of its column on its day; None where the reference has no such column
            or the day no rows. A finding without a time is of all rows.
        """
        day = checks.codes(days, name="days", num_rows=len(current))

        def harm_of(finding: Finding) -> Harm | None:
            if finding.where not in reference:
                return None
            here = current
            if finding.start is not None:
                local = finding.start.tz_localize(None) - pd.Timestamp(0)
                here = current[day == local.days]
            return self.estimate(predict, reference=reference, current=here, column=finding.where)

        return harm_of

    def _swapped(
        self,
        predict: Predict,
        frame: pd.DataFrame,
        column: str,
        toward: list[pd.Series],
        draw: np.random.Generator,
    ) -> tuple[Floats, Floats]:
        """Predictions as they are ``[N, P]``, and with the column moved to each of ``toward``, ``[S, N, P]``.

        One call of the model for all columns of one type: what a call costs beside its rows is paid once.
        """
        columns = [frame[column], *(moved_like(frame[column], each, draw=draw) for each in toward)]
        parts: list[Floats] = [np.empty(0)] * len(columns)
        for dtype in {str(each.dtype): each.dtype for each in columns}.values():
            # Put together with another type, whole numbers might be read as other categories.
            places = [number for number, each in enumerate(columns) if each.dtype == dtype]
            rows = pd.concat([frame] * len(places), ignore_index=True)
            rows[column] = pd.concat([columns[place] for place in places], ignore_index=True)
            found = _shaped(predict, rows).reshape(len(places), len(frame), -1)
            for place, each in zip(places, found, strict=True):
                parts[place] = each
        scores = np.stack(parts)
        before, after = scores[0], np.where(np.isfinite(scores[1:]), scores[1:], 0.0)
        _check_finite(before)
        rounding = ROUNDING * np.abs(before).mean(axis=0)
        return before, np.where(np.abs(after - before) <= rounding, before, after)

    def _interval(
        self, change: Floats, chance: Floats, resampled: Floats, users: Ints, luck: float
    ) -> tuple[float, float, float]:
        """Mean of ``change`` ``[N]`` beyond ``chance`` ``[R, N]``: users, window and reference all vary."""
        values = change - chance.mean(axis=0)
        mean = float(values.mean())
        by_user = np.bincount(np.unique(users, return_inverse=True)[1], values - mean)
        number, samples = by_user.size, chance.shape[0]
        rows = float((by_user**2).sum()) * number / max(number - 1, 1) / values.size**2
        window = float(resampled.mean(axis=1).var(ddof=1))
        window += float(chance.mean(axis=1).var(ddof=1)) * (luck + 1.0 / samples)
        quantile = 0.5 + self.level / 2.0
        half = np.hypot(
            student.ppf(quantile, samples - 1) * np.sqrt(window),
            student.ppf(quantile, max(number - 1, 1)) * np.sqrt(rows),
        )
        return mean, mean - float(half), mean + float(half)


def _readable(before: pd.Series, current: pd.DataFrame, column: str) -> tuple[pd.Series, str]:
    """The window's values as the model can read them, and a note where it cannot."""
    nothing = pd.Series([None] * len(current), dtype=object)
    if column not in current:
        return nothing, "the column is not there: taken as all missing"
    families = family_of(before), family_of(current[column])
    if families[0] != families[1] and "empty" not in families:
        return nothing, f"the column is {families[1]} and was {families[0]}: taken as all missing"
    return current[column], ""


def _not_negative(values: tuple[float, float, float]) -> tuple[float, float, float]:
    mean, low, high = values
    return max(mean, 0.0), max(low, 0.0), max(high, 0.0)


def _shaped(predict: Predict, frame: pd.DataFrame) -> Floats:
    scores = np.asarray(predict(frame), dtype=np.float64)
    if scores.ndim not in (1, 2) or len(scores) != len(frame) or scores.size == 0:
        raise ValueError(
            f"predict gave shape {scores.shape} for {len(frame)} rows; one number a row (and head) is needed"
        )
    return scores


def _check_finite(scores: Floats) -> None:
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise ValueError(f"predict gave {bad} values that are NaN or infinite among {scores.size}")
