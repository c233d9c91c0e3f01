"""Detectors that look at all columns at once, on a bounded sample of rows.

B rows of both sides together, D features.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from holdfast.core.arrays import Bools, Floats
from holdfast.core.random import generator
from holdfast.monitoring.column_kinds import category_counts
from holdfast.monitoring.column_reference import CategoricalReference, NumericReference
from holdfast.monitoring.finding import Finding, severity_of
from holdfast.monitoring.reference import Reference, sampled_rows
from holdfast.monitoring.structure import Window

LEAST_ROWS = 20
"""Rows on either side below which these detectors say nothing."""
TOP_CATEGORIES = 10


@dataclass(frozen=True, kw_only=True)
class ClassifierTwoSample:
    """Can a logistic regression tell the window from the reference? AUC of held-out rows; 0.5 if it cannot.

    Each column is a number in spreads, its square and "is missing", or its ten most frequent categories, both
    taken from the rows of both sides together, so that nothing but a difference tells the sides apart. Rows
    are scored by a model that was fitted without them, and ranked within their fold. Each fold has a p-value
    by Mann and Whitney's test, which holds because its rows are new to its model. Models of several folds
    share rows, so that folds are not independent: the p-value is the smallest times the number of folds
    (Bonferroni). More folds fit better models and judge each by fewer rows.
    Source: Lopez-Paz and Oquab (2017).

    Attributes:
        num_rows: rows of either side, at most.
        num_folds: parts into which the rows are divided.
        penalty: of the squared coefficients, in rows.
    """

    num_rows: int = 5000
    num_folds: int = 2
    penalty: float = 10.0

    def __post_init__(self) -> None:
        if self.num_rows < LEAST_ROWS or self.num_folds < 2 or self.penalty <= 0:
            raise ValueError(
                f"num_rows must be {LEAST_ROWS} or more, num_folds 2 or more, penalty above 0; got "
                f"{self.num_rows}, {self.num_folds} and {self.penalty}"
            )

    @property
    def name(self) -> str:
        """``classifier_two_sample``."""
        return "classifier_two_sample"

    def test(self, reference: Reference, frame: pd.DataFrame, *, window: Window | None = None) -> Finding:
        """Compare a window with the reference's sample; the effect is the AUC less 0.5."""
        rows = _both_sides(reference, frame, self.num_rows)
        if rows is None:
            return _too_few(self.name, reference, frame, window)
        features, is_current = rows
        fold = generator(0, "monitoring", self.name).permutation(len(features)) % self.num_folds
        scores = np.zeros(len(features))
        for held_out in range(self.num_folds):
            train = fold != held_out
            scores[~train] = features[~train] @ _logistic(features[train], is_current[train], self.penalty)
        auc, p_value = _auc_by_fold(scores, is_current, fold)
        effect = auc - 0.5
        return _frame_finding(
            self.name, reference, window, is_current, auc, p_value, max(effect, 0.0), "AUC above 0.5",
            (0.02, 0.05, 0.15),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MaximumMeanDiscrepancy:
    """Distance of the mean embeddings under a Gaussian kernel as wide as the median distance; permutation
    p-value.

    The statistic is the unbiased estimate of the squared distance, which may fall below 0.
    Source: Gretton et al. (2012).

    Attributes:
        num_rows: rows of either side, at most; time and memory grow with its square.
        num_permutations: divisions of the rows that the p-value is taken from.
    """

    num_rows: int = 500
    num_permutations: int = 499

    def __post_init__(self) -> None:
        if self.num_rows < LEAST_ROWS or self.num_permutations < 19:
            raise ValueError(
                f"num_rows must be {LEAST_ROWS} or more and num_permutations 19 or more; got {self.num_rows} "
                f"and {self.num_permutations}"
            )

    @property
    def name(self) -> str:
        """``maximum_mean_discrepancy``."""
        return "maximum_mean_discrepancy"

    def test(self, reference: Reference, frame: pd.DataFrame, *, window: Window | None = None) -> Finding:
        """Compare a window with the reference's sample; the effect is the squared distance."""
        rows = _both_sides(reference, frame, self.num_rows)
        if rows is None:
            return _too_few(self.name, reference, frame, window)
        features, is_current = rows
        statistic, p_value = mmd_test(features, is_current, num_permutations=self.num_permutations)
        return _frame_finding(
            self.name, reference, window, is_current, statistic, p_value, max(statistic, 0.0),
            "squared distance", (0.005, 0.02, 0.1),
        )  # fmt: skip


def mmd_test(features: Floats, is_current: Bools, *, num_permutations: int) -> tuple[float, float]:
    """Unbiased squared maximum mean discrepancy and its permutation p-value.

    Args:
        features: ``[B, D]``.
        is_current: which rows are of the window, ``[B]``; two or more on either side.
        num_permutations: random divisions.
    """
    squares = (features**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares[None, :] - 2 * features @ features.T, 0.0)
    width = float(np.median(apart[np.triu_indices(len(apart), 1)]))
    kernel = np.exp(-apart / width) if width > 0 else (apart == 0).astype(np.float64)
    np.fill_diagonal(kernel, 0.0)
    draws = generator(0, "monitoring", "mmd")
    sides = np.stack([is_current, *(draws.permutation(is_current) for _ in range(num_permutations))])
    now = sides.astype(np.float64)
    m = float(is_current.sum())
    n = len(is_current) - m
    product = now @ kernel
    inside = (product * now).sum(axis=1)
    across = product.sum(axis=1) - inside
    others = kernel.sum() - inside - 2 * across
    estimates = inside / (m * (m - 1)) + others / (n * (n - 1)) - 2 * across / (n * m)
    return float(estimates[0]), float((estimates >= estimates[0] - 1e-12).sum() / len(estimates))


def _auc_by_fold(scores: Floats, is_current: Bools, fold: np.ndarray) -> tuple[float, float]:
    """AUC over folds weighted by their pairs, and the smallest p-value of a fold times their number.

    One-sided: a model worse than chance has found nothing. A fold without rows of either side has none.
    """
    wins = pairs = 0.0
    p_values = []
    for held_out in np.unique(fold):
        inside = fold == held_out
        now, before = scores[inside & is_current], scores[inside & ~is_current]
        if now.size == 0 or before.size == 0:
            continue
        found = stats.mannwhitneyu(now, before, alternative="greater", method="asymptotic")
        wins += float(found.statistic)
        pairs += now.size * before.size
        # All scores alike: nothing tells the sides apart.
        p_values.append(1.0 if np.isnan(found.pvalue) else float(found.pvalue))
    if not p_values:
        return 0.5, 1.0
    return wins / pairs, min(1.0, len(p_values) * min(p_values))


def _logistic(features: Floats, is_current: Bools, penalty: float) -> Floats:
    """Coefficients of a ridge logistic regression by Newton's steps; the first column is the constant."""
    coefficients = np.zeros(features.shape[1])
    ridge = np.full(features.shape[1], penalty)
    ridge[0] = 1e-6
    for _ in range(15):
        chance = 1 / (1 + np.exp(-np.clip(features @ coefficients, -30, 30)))
        gradient = features.T @ (is_current - chance) - ridge * coefficients
        curvature = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        coefficients += step
        if np.abs(step).max() < 1e-6:
            break
    return coefficients


def _both_sides(reference: Reference, frame: pd.DataFrame, num_rows: int) -> tuple[Floats, Bools] | None:
    """Features of a sample of both sides, ``[B, 1 + D]``, and which rows are of the window; None if too
    few.
    """
    before, now = reference.sample.iloc[:num_rows], sampled_rows(frame, num_rows)
    if min(len(before), len(now)) < LEAST_ROWS:
        return None
    blocks: list[Floats] = [np.ones((len(before) + len(now), 1))]
    for name, column in reference.columns.items():
        if name not in now.columns or name not in before.columns:
            continue
        if isinstance(column, NumericReference):
            blocks.append(_number_features(before[name], now[name]))
        elif isinstance(column, CategoricalReference):
            blocks.append(_category_features(before[name], now[name]))
    is_current = np.arange(len(before) + len(now)) >= len(before)
    return np.concatenate(blocks, axis=1), is_current


def _number_features(before: pd.Series, now: pd.Series) -> Floats:
    """Distance from the median of both sides in their spreads, its square, and "is missing", ``[B, 3]``."""
    values = np.concatenate([_numbers_in_order(before), _numbers_in_order(now)])
    known = np.isfinite(values)
    scaled = np.zeros(values.size)
    if known.any():
        low, centre, high = np.quantile(values[known], [0.25, 0.5, 0.75])
        spread = (high - low) / 1.349 or values[known].std() or 1.0
        scaled[known] = np.clip((values[known] - centre) / spread, -10, 10)
    return np.stack([scaled, scaled**2 / 10, ~known], axis=1)


def _numbers_in_order(column: pd.Series) -> Floats:
    """Values row by row; NaN where they are no numbers."""
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _category_features(before: pd.Series, now: pd.Series) -> Floats:
    """Which of the most frequent categories of both sides, or another one, ``[B, TOP_CATEGORIES + 1]``."""
    labels = [*_labels(before), *_labels(now)]
    frequent = sorted(Counter(labels).items(), key=lambda each: (-each[1], each[0]))
    top = {label: place for place, (label, _) in enumerate(frequent[:TOP_CATEGORIES])}
    hot = np.zeros((len(labels), TOP_CATEGORIES + 1))
    place = np.array([top.get(label, TOP_CATEGORIES) for label in labels])
    hot[np.arange(len(labels)), place] = 1.0
    return hot


def _labels(column: pd.Series) -> list[str]:
    """The label of every row, spelled as ``category_counts`` spells it."""
    spelled: dict[object, str] = {}
    labels = []
    for value in column.tolist():
        key = (type(value), str(value))
        if key not in spelled:
            counted, _ = category_counts(pd.Series([value], dtype=object))
            spelled[key] = next(iter(counted), "")
        labels.append(spelled[key])
    return labels


def _frame_finding(
    kind: str,
    reference: Reference,
    window: Window | None,
    is_current: Bools,
    statistic: float,
    p_value: float,
    effect: float,
    unit: str,
    words: tuple[float, float, float],
) -> Finding:
    when = window or Window()
    slight, moderate, large = words
    return Finding(
        where="*",
        kind=kind,
        place="frame",
        start=when.start,
        end=when.end,
        statistic=statistic,
        p_value=p_value,
        effect=effect,
        effect_unit=unit,
        n_reference=int((~is_current).sum()),
        n_current=int(is_current.sum()),
        severity=severity_of(effect, p_value, slight=slight, moderate=moderate, large=large),
    )


def _too_few(kind: str, reference: Reference, frame: pd.DataFrame, window: Window | None) -> Finding:
    when = window or Window()
    return Finding(
        where="*",
        kind=kind,
        place="frame",
        start=when.start,
        end=when.end,
        n_reference=len(reference.sample),
        n_current=len(frame),
        note=f"too few rows: it needs {LEAST_ROWS} on either side",
    )
