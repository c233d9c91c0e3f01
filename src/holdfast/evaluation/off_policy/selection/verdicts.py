"""From errors in pseudo logs to words.

S splits, E estimators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats

COLUMNS = (
    "objective",
    "estimator",
    "root_mean_squared_error",
    "bias",
    "standard_deviation",
    "worse_in",
    "verdict",
)
LEAST, ALIKE, MORE, UNKNOWN = "least error", "not told apart", "more error", "unknown"
WORSE_IN = 0.75
"""Share of the splits in which an estimator must err more than the best to be called worse."""
STANDARD_ERRORS = 2.0
"""By which its mean squared error must exceed that of the best, besides."""
UNLIKE = 2.0
"""Factor between the effective shares of the real and the pseudo pair above which one says nothing of the
other."""
LOST = 0.01
"""Share of the evaluation policy that was never logged above which the pseudo pair, which has none such, says
nothing."""


@dataclass(frozen=True)
class Errors:
    """Of estimators in pseudo logs.

    Attributes:
        estimators: E names.
        error: estimate minus what the pseudo evaluation log brought in; NaN where undefined, ``[S, E]``.
        noise: variance of the latter, which is no fault of an estimator.
    """

    estimators: list[str]
    error: Floats
    noise: float


@dataclass(frozen=True)
class Likeness:
    """How alike the two pairs of policies are.

    Attributes:
        effective_share: effective sample size over rows, of the real pair.
        pseudo_effective_share: of the pseudo pair.
        lost: share of the evaluation policy that the behavior policy could never log.
    """

    effective_share: float
    pseudo_effective_share: float
    lost: float

    @property
    def doubt(self) -> str:
        """Why the pseudo pair says nothing of the real one, in words; empty where it does."""
        if self.lost > LOST:
            return (
                f"{self.lost:.1%} of the policy's choices could never be logged, which no part of the log "
                "can imitate"
            )
        low, high = sorted([self.effective_share, self.pseudo_effective_share])
        if high > UNLIKE * low:
            return (
                f"the pseudo policies overlap differently: effective sample size "
                f"{self.pseudo_effective_share:.1%} of the rows, where that of the real ones is "
                f"{self.effective_share:.1%}"
            )
        return ""


def judge(errors: Errors, likeness: Likeness) -> tuple[pd.DataFrame, str]:
    """A row per estimator, best first, and the reason in words."""
    defined = np.asarray(np.isfinite(errors.error).all(axis=0))
    squares = np.where(defined, errors.error, np.inf) ** 2
    mean_square = squares.mean(axis=0)
    best = int(np.argmin(mean_square))
    worse_in, worse = _worse_than(squares, best, defined)
    known = bool(defined[best]) and bool(squares[:, defined].any()) and not likeness.doubt
    verdict = np.where(worse, MORE, ALIKE).astype(object)
    verdict[best] = LEAST
    if not known:
        verdict[:] = UNKNOWN
    error = np.where(defined, errors.error, 0.0)
    table = pd.DataFrame(
        {
            "estimator": errors.estimators,
            "root_mean_squared_error": _or_missing(
                np.sqrt(np.maximum(mean_square - errors.noise, 0.0)), defined
            ),
            "bias": _or_missing(error.mean(axis=0), defined),
            "standard_deviation": _or_missing(error.std(axis=0, ddof=1), defined),
            "worse_in": _or_missing(worse_in, defined),
            "verdict": verdict,
        }
    )
    order = np.argsort(mean_square, kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    return table, _reason(table, likeness, known=known, num_splits=len(errors.error), noise=errors.noise)


def _or_missing(values: Floats, defined: Bools) -> pd.Series:
    return pd.Series(np.where(defined, values, np.nan)).astype("Float64")


def _worse_than(squares: Floats, best: int, defined: Bools) -> tuple[Floats, Bools]:
    """In which share of the splits each errs more than the best, and whether it may be called worse."""
    # An undefined estimate is worse than any other.
    apart = np.where(defined, squares, 0.0) - squares[:, [best]] if defined[best] else np.zeros_like(squares)
    share = np.where(defined, (apart > 0.0).mean(axis=0), 1.0)
    error = apart.std(axis=0, ddof=1) / np.sqrt(len(apart))
    clear = (share >= WORSE_IN) & (apart.mean(axis=0) > STANDARD_ERRORS * error)
    return share, clear | ~defined


def _reason(table: pd.DataFrame, likeness: Likeness, *, known: bool, num_splits: int, noise: float) -> str:
    if likeness.doubt:
        return f"no advice: {likeness.doubt}"
    if not known:
        return (
            "no advice: no estimate is defined in all splits of the log, or none errs because nothing varies"
        )
    best = table.iloc[0]
    rmse = float(best["root_mean_squared_error"])
    size = f"by about {rmse:.2g}" if rmse**2 > noise else f"by less than {math.sqrt(2.0 * noise):.2g}"
    of_bias = float(best["bias"]) ** 2
    of_spread = max(float(best["standard_deviation"]) ** 2 - noise, 0.0)
    kind = "bias" if of_bias > of_spread else "variance"
    said = (
        f"{best['estimator']!r} errs least in {num_splits} splits of the log, {size}, mostly by {kind} "
        f"(bias {float(best['bias']):.2g})"
    )
    alike = table.loc[table["verdict"] == ALIKE, "estimator"].tolist()
    more = table[table["verdict"] == MORE]
    if alike:
        said += f"; not told apart from it: {', '.join(map(repr, alike))}"
    if len(more):
        said += "; clearly more: " + ", ".join(
            f"{each.estimator!r} ({each.root_mean_squared_error:.2g})" for each in more.itertuples()
        )
    return said + (
        f". The pseudo policies leave an effective sample size of {likeness.pseudo_effective_share:.0%} of "
        f"the rows, the real ones {likeness.effective_share:.0%}"
    )
