"""How a statistic of a window moves from window to window while nothing changes.

Rows of one day are not independent of each other, and days are not alike: with a million rows a test that
counts rows finds every Saturday significant. So the yardstick is the statistic's own history on windows of
the reference that are as long as the ones watched.

R reference windows, W watched windows, S signals, P seasons.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtr

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.random import generator
from holdfast.monitoring.window_memory import (
    MEMORY,
    Fit,
    covariances,
    fit_memories,
    memory_posterior,
    memory_shares,
)

Alternative = Literal["greater", "two-sided"]

FEWEST_WINDOWS = 4
MOST_REHEARSED = 50
FEWEST_COUNTS = 30
SMALLEST_SPREAD = 1e-9
"""Of a statistic, relative to its size: what varies less is constant up to rounding."""


@dataclass(frozen=True)
class WindowNull:
    """What the next window's statistic may be, if nothing changes.

    Attributes:
        seasons: codes told apart, ``[P]``; one code where seasons are not told apart.
        num_windows: R, windows that it was fitted on, ``[S]``.
        varies: False for signals that are constant, or known in too few windows: they have no null, ``[S]``.
        memory_shares: share of the signals with each of ``MEMORY``, ``[M]``.
        rehearsed: p-values, and how often stable windows came out below each, in rehearsals; None without
        any.
    """

    seasons: Ints
    num_windows: Ints
    varies: Bools
    memory_shares: Floats
    rehearsed: tuple[Floats, Floats] | None
    _fits: tuple[tuple[Ints, tuple[Fit, ...]], ...]

    def p_values(
        self,
        statistics: Floats,
        *,
        season: Ints | None = None,
        widening: Floats | None = None,
        alternative: Alternative = "two-sided",
    ) -> Floats:
        """Chance of a statistic at least so far from its season's level, ``[W, S]``.

        Args:
            statistics: in the same form as those fitted, ``[W, S]``.
            season: code of each window, ``[W]``; needed where the fit had one.
            widening: by what the variance is larger than in the reference, >= 1, ``[W, S]``: a window of
                fewer rows is noisier. Ones when None.
            alternative: ``greater`` for distances, for which small is good.

        Returns:
            In (0, 1]; NaN where the statistic is NaN or its signal has no null. A season that was never seen
            borrows the spread of the levels of those that were, as if it were one more of their kind.
        """
        values = np.asarray(statistics, dtype=np.float64)
        p_values: Floats = np.full(values.shape, np.nan)
        design, seen = _design(season, self.seasons, num_windows=values.shape[0])
        wider = np.ones(values.shape) if widening is None else np.asarray(widening, dtype=np.float64)
        for signals, fits in self._fits:
            share = memory_posterior(np.stack([fit.log_evidence for fit in fits]), self.memory_shares)
            both: Floats = np.zeros((values.shape[0], signals.size))
            above = np.zeros((values.shape[0], signals.size), dtype=np.float64)
            num_seasons = fits[0].coefficients.shape[0]
            of_fit = design if num_seasons > 1 else np.ones((values.shape[0], 1))
            known = seen if num_seasons > 1 else np.ones(seen.size, dtype=bool)
            degrees = int(self.num_windows[signals[0]]) - num_seasons
            for fit, weight in zip(fits, share, strict=True):
                leverage = np.einsum("wp,pq,wq->w", of_fit, fit.inverse, of_fit)
                scale = np.sqrt((wider[:, signals] + leverage[:, None]) * fit.variance)
                distance = (values[:, signals] - of_fit @ fit.coefficients) / scale
                if not known.all():
                    new = np.ix_(~known, signals)
                    distance[~known] = _strange_distance(values[new], wider[new], fit)
                freedom = np.where(known, degrees, num_seasons - 1)[:, None]
                both += weight * 2.0 * stdtr(freedom, -np.abs(distance))
                above += weight * (distance > 0.0)
            both = self._calibrated(both)
            if alternative == "greater":
                both = np.where(above > 0.5, both / 2.0, 1.0 - both / 2.0)
            p_values[:, signals] = np.where(np.isfinite(values[:, signals]), both, np.nan)
        return p_values

    def has_seen(self, season: Ints) -> Bools:
        """Whether the reference has windows of each season, ``[W]``."""
        return np.isin(season, self.seasons) | (self.seasons.size == 1)

    def _calibrated(self, p_values: Floats) -> Floats:
        """P-values through the map that the rehearsals gave; in proportion below its smallest value."""
        if self.rehearsed is None:
            return p_values
        given, realised = self.rehearsed
        small = np.maximum(p_values, np.finfo(float).tiny)
        inside = np.exp(np.interp(np.log(small), np.log(given), np.log(realised)))
        return np.where(small < given[0], small * (realised[0] / given[0]), inside)


def fit_window_null(
    statistics: Floats,
    *,
    time: Ints | None = None,
    season: Ints | None = None,
    rehearsals: int = 100,
    seed: int = 0,
) -> WindowNull:
    r"""The null of S signals from R windows of the reference, with season and memory.

    .. math:: y_t = \mu_{s(t)} + u_t, \qquad
              \mathrm{Cor}(u_t, u_{t'}) = (1 - \nu) \phi^{|t - t'|} + \nu [t = t']

    Levels and variance are integrated out exactly under flat priors, which gives a Student t around the
    season's level for each memory :math:`(\phi, \nu)`; the memory is averaged over a grid by its restricted
    likelihood times how common it is among the signals, which is estimated from all of them (empirical
    Bayes). So a short reference, or one in which a day is like the day before, gives wide limits and not
    false alarms. Watched windows are taken as uncorrelated with the reference, which errs to the safe side.

    Args:
        statistics: ``[R, S]``; NaN where unknown. Take logarithms of distances and ratios first.
        time: number of each window, ``[R]``; 0, 1, ... when None.
        season: code of each window, such as its weekday, ``[R]``. Seasons are told apart only where each was
            seen at least twice; with fewer all count as one.
        rehearsals: stable pasts and futures, drawn from the null that was fitted and fitted anew, on which
            p-values are calibrated: what must be learned of the memory makes them a little too large. 0 for
            none.
        seed: of the rehearsals.

    Raises:
        ValueError: ``statistics`` is not two-dimensional, or a column is not as long as it.

    Source: Box and Tiao (1973) for the Student t of a regression under flat priors; Patterson and Thompson
    (1971) for the restricted likelihood; Laird (1978) for the mixture over signals.
    """
    values = np.asarray(statistics, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"statistics has shape {values.shape}; pass windows by signals, [R, S]")
    rows, columns = values.shape
    moments = np.arange(rows) if time is None else np.asarray(time, dtype=np.int64)
    for name, each in {"time": moments, "season": season}.items():
        if each is not None and np.shape(each) != (rows,):
            raise ValueError(f"{name} has shape {np.shape(each)}; expected ({rows},), one a reference window")
    seasons = _told_apart(season)
    known = np.isfinite(values)
    num_windows = known.sum(axis=0)
    spread = np.array([_spread(values[known[:, s], s]) for s in range(columns)])
    varies = (num_windows >= FEWEST_WINDOWS) & (spread > SMALLEST_SPREAD)
    fits = []
    # Signals known in the same windows share all that is costly.
    for pattern in np.unique(known[:, varies], axis=1).T:
        signals = np.flatnonzero(varies & (known == pattern[:, None]).all(axis=0))
        design, _ = _design(season, seasons, num_windows=rows)
        if (design[pattern].sum(axis=0) == 0.0).any() or pattern.sum() < seasons.size + 2:
            # Known in too few windows to tell seasons apart: their spread is a part of the signal's own.
            design = np.ones((rows, 1))
        fits.append(
            (signals, fit_memories(values[np.ix_(pattern, signals)], moments[pattern], design[pattern]))
        )
    evidence = [np.stack([fit.log_evidence for fit in each]) for _, each in fits]
    shares = (
        memory_shares(np.concatenate(evidence, axis=1)) if fits else np.full(len(MEMORY), 1 / len(MEMORY))
    )
    null = WindowNull(seasons, num_windows, varies, shares, None, tuple(fits))
    if rehearsals and fits:
        kept = min(int(varies.sum()), MOST_REHEARSED)
        design_season = None if seasons.size == 1 else np.asarray(season)
        rehearsed = _rehearse(shares, moments, design_season, num_signals=kept, number=rehearsals, seed=seed)
        null = replace(null, rehearsed=rehearsed)
    return null


def change_point(z_scores: Floats) -> int:
    r"""The window since which a signal has most likely been elsewhere, given that it is elsewhere at the end.

    .. math:: \arg\max_k \frac{1}{T - k} \max\left(0, \sum_{t=k}^{T-1} z_t\right)^2

    the likeliest start of a shift upward of independent normal scores that lasts to the end.

    Args:
        z_scores: in order of time, large where far from the reference, ``[T]``, at least one; NaN counts 0.

    Returns:
        From 0 to T - 1.

    Source: Hinkley (1970).
    """
    scores = np.nan_to_num(np.asarray(z_scores, dtype=np.float64), nan=0.0)
    if scores.size == 0:
        raise ValueError("z_scores is empty; a change point needs at least one window")
    sums = np.maximum(np.cumsum(scores[::-1])[::-1], 0.0)
    return int(np.argmax(sums**2 / np.arange(scores.size, 0, -1)))


def _rehearse(
    shares: Floats, time: Ints, season: Ints | None, *, num_signals: int, number: int, seed: int
) -> tuple[Floats, Floats]:
    """P-values in rising order, and the share of stable windows that come out below each."""
    rows = time.size
    # The future is as long as the past, has its seasons, and follows on it.
    times = np.concatenate([time, time + (time[-1] - time[0] + 1)])
    factors = [np.linalg.cholesky(covariance) for covariance in covariances(times)]
    draw = generator(seed, "window null rehearsals")
    found = []
    for _ in range(number):
        memory = draw.choice(shares.size, size=num_signals, p=shares)
        shocks = draw.normal(size=(2 * rows, num_signals))
        values = np.empty_like(shocks)
        for each in np.unique(memory):
            values[:, memory == each] = factors[each] @ shocks[:, memory == each]
        null = fit_window_null(values[:rows], time=time, season=season, rehearsals=0)
        found.append(null.p_values(values[rows:], season=season).ravel())
    p_values = np.sort(np.concatenate(found))
    # Below a few counts the empirical tail is mostly luck.
    smallest = min(max(FEWEST_COUNTS / p_values.size, 1e-6), 0.5)
    realised = np.geomspace(smallest, 1.0, 40)
    given = np.maximum.accumulate(np.quantile(p_values, realised))
    given[-1] = 1.0
    keep = np.r_[True, np.diff(given) > 0.0]
    return given[keep], realised[keep]


def _strange_distance(values: Floats, wider: Floats, fit: Fit) -> Floats:
    """How far values of a season that was never seen lie from the seasons' mean level, ``[W, S]``.

    The levels' own variance, as they were estimated, and that of a window, which counts the noise of the
    levels a little twice.
    """
    number = fit.coefficients.shape[0]
    between = fit.coefficients.var(axis=0, ddof=1)
    scale = np.sqrt((1.0 + 1.0 / number) * between + wider * fit.variance)
    return np.asarray((values - fit.coefficients.mean(axis=0)) / scale)


def _told_apart(season: Ints | None) -> Ints:
    if season is None or np.size(season) == 0:
        return np.zeros(1, dtype=np.int64)
    codes, seen = np.unique(np.asarray(season, dtype=np.int64), return_counts=True)
    return codes if seen.min() >= 2 else np.zeros(1, dtype=np.int64)


def _design(season: Ints | None, seasons: Ints, *, num_windows: int) -> tuple[Floats, Bools]:
    """One column a season ``[W, P]``, and the windows whose season was seen ``[W]``."""
    if seasons.size == 1:
        return np.ones((num_windows, 1)), np.ones(num_windows, dtype=bool)
    if season is None or np.shape(season) != (num_windows,):
        raise ValueError(
            f"the null tells {seasons.size} seasons apart; pass season with {num_windows} codes, one a window"
        )
    design = (np.asarray(season)[:, None] == seasons).astype(np.float64)
    return design, design.any(axis=1)


def _spread(values: Floats) -> float:
    """Standard deviation relative to the size; 0 with fewer than 2 values."""
    if values.size < 2:
        return 0.0
    size = float(np.abs(values).max())
    return float(values.std()) / size if size > 0.0 else 0.0
