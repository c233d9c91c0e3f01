"""Is a propensity any good? What can be checked without knowing the truth.

N rows of a log, D features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats


@dataclass(frozen=True, kw_only=True)
class FeatureBalance:
    """How far the rows observed differ from those that they are to stand for, before and after weighting.

    A propensity that fits better is not always a better weight; weights that balance the features are.

    Attributes:
        largest_before: largest absolute standardised mean difference over the features, unweighted.
        largest_after: the same, weighted. Above 0.1 is usually called unbalanced.
        mean_before: mean over the features, unweighted.
        mean_after: the same, weighted.
        num_features: features that vary, and so can be compared.
    """

    largest_before: float
    largest_after: float
    mean_before: float
    mean_after: float
    num_features: int


@dataclass(frozen=True, kw_only=True)
class PropensityCalibration:
    """Whether rows with a propensity of p are observed with a frequency of p.

    Attributes:
        observed_over_predicted: rows observed over the sum of the propensities; 1 where they agree.
        expected_calibration_error: mean distance of frequency and propensity over bins of equal size.
        num_rows: rows compared.
    """

    observed_over_predicted: float
    expected_calibration_error: float
    num_rows: int


def standardised_mean_differences(
    features: Floats, *, observed: Bools, weight: Floats, target: Bools
) -> Floats:
    r"""How far weighted rows lie from those that they are to stand for, in standard deviations.

    .. math:: \Big| \frac{\sum_{n \in O} w_n x_{nd}}{\sum_{n \in O} w_n} - \bar x_d \Big| \Big/ s_d

    with mean :math:`\bar x_d` and standard deviation :math:`s_d` over the target's rows.

    Args:
        features: ``[N, D]``.
        observed: rows that are weighted, ``[N]``.
        weight: their weights, >= 0, ``[N]``.
        target: rows that they are to stand for, ``[N]``; may overlap with ``observed``.

    Returns:
        One number >= 0 a feature, ``[D]``; NaN for a feature that does not vary over the target, and for all
        where either side is empty or weighs nothing.

    Source: Austin (2011), with the standard deviation of the target alone.
    """
    total = float(weight[observed].sum())
    if not target.any() or not total > 0.0:
        return np.full(features.shape[1], math.nan)
    goal = np.asarray(features[target], dtype=np.float64)
    mean, deviation = goal.mean(0), goal.std(0)
    reached = np.asarray(weight[observed], dtype=np.float64) @ features[observed] / total
    # A constant column has a deviation of a rounding error rather than 0.
    varies = deviation > 1e-9 * (1.0 + np.abs(mean))
    return np.where(varies, np.abs(reached - mean) / np.where(varies, deviation, 1.0), math.nan)


def feature_balance(
    features: Floats, *, observed: Bools, weight: Floats, target: Bools
) -> FeatureBalance | None:
    """Standardised mean differences, summed up; None where nothing can be compared.

    The arguments are those of ``standardised_mean_differences``.
    """
    before = standardised_mean_differences(
        features, observed=observed, weight=np.ones(len(features)), target=target
    )
    after = standardised_mean_differences(features, observed=observed, weight=weight, target=target)
    comparable = ~np.isnan(before) & ~np.isnan(after)
    if not comparable.any():
        return None
    before, after = before[comparable], after[comparable]
    return FeatureBalance(
        largest_before=float(before.max()),
        largest_after=float(after.max()),
        mean_before=float(before.mean()),
        mean_after=float(after.mean()),
        num_features=int(comparable.sum()),
    )


def propensity_calibration(
    propensity: Floats, *, observed: Bools, where: Bools, num_bins: int = 10
) -> PropensityCalibration | None:
    """Propensities beside the frequencies with which rows were in fact observed; None where no row counts.

    Args:
        propensity: in (0, 1], ``[N]``; anything where ``where`` is False.
        observed: whether the row was observed, ``[N]``.
        where: rows that count, observed or not, ``[N]``.
        num_bins: bins of equal size for the calibration error, at least 1.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins is {num_bins}; it must be at least 1")
    chance = np.asarray(propensity, dtype=np.float64)[where]
    happened = np.asarray(observed, dtype=np.float64)[where]
    if chance.size == 0:
        return None
    order = np.argsort(chance, kind="stable")
    errors = [
        abs(float(chance[rows].sum() - happened[rows].sum()))
        for rows in np.array_split(order, min(num_bins, order.size))
    ]
    return PropensityCalibration(
        observed_over_predicted=float(happened.sum() / chance.sum()),
        expected_calibration_error=float(sum(errors) / chance.size),
        num_rows=int(chance.size),
    )
