"""Importance weights: what a logged row counts, given the chance with which it was logged.

One function serves losses, weighted metrics and estimators, so that clipping happens once, in one place.

N rows of a log.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class WeightDiagnostics:
    """How far a set of importance weights can be trusted.

    Attributes:
        num_rows: rows that count; facts, where several rows tell of one.
        effective_sample_size: ``(sum w)^2 / sum w^2`` (Kish, 1965): how many equally weighted rows would
            be as informative; 0 where no row counts.
        largest_weight: after clipping and normalisation to mean 1.
        clipped_share: share of the rows whose weight was clipped, in [0, 1].
        mean_inverse_propensity: mean of the raw ``1 / p``. With ``1 / p`` weights of a complete log it
            estimates how many alternatives a choice had, so a wild value speaks against the propensities.
        mean_weight: mean of the clipped ``1 / p``, before they are normalised to mean 1.
        num_missing: rows that would count but were set aside, because they have no propensity.
    """

    num_rows: int
    effective_sample_size: float
    largest_weight: float
    clipped_share: float
    mean_inverse_propensity: float
    mean_weight: float = 0.0
    num_missing: int = 0


def inverse_propensity_weights(
    propensity: Floats,
    *,
    where: Bools,
    max_weight: float,
    spread: Floats | None = None,
    fact: Ints | None = None,
) -> tuple[Floats, WeightDiagnostics]:
    r"""Clipped inverse propensities, normalised to mean 1 over the rows that count.

    .. math:: w_n = m_n \min(1 / p_n, w_{\max})
        \Big/ \frac{\sum_k m_k s_k \min(1 / p_k, w_{\max})}{\sum_k m_k s_k}

    The normaliser is taken over all the rows given, not over a mini-batch: the weight of a row then does not
    depend on which rows it happens to be drawn with.

    Args:
        propensity: chance that the behavior policy made the logged choice, in (0, 1], ``[N]``; anything where
            ``where`` is False.
        where: False for rows that do not count, ``[N]``.
        max_weight: largest raw weight ``1 / p``, >= 1; a smaller one buys less variance with more bias.
        spread: what a row counts before weighting, >= 0, ``[N]``; ones when None.
        fact: code of the fact that a row tells of, ``[N]``; each row its own when None. Three rows of one
            user's day are one return: they are no more evidence than one row of it.

    Returns:
        The weights ``[N]`` (0 where ``where`` is False; ``spread`` is not multiplied in) and their
        diagnostics. All zeros, and diagnostics of zeros, where no row counts.

    Raises:
        ValueError: a propensity that counts is missing or outside (0, 1], or ``max_weight`` is below 1.

    Source: Horvitz and Thompson (1952) for the weights; Ionides (2008) for truncating them; Hájek (1971) for
    normalising by their sum.
    """
    if not max_weight >= 1.0:
        raise ValueError(f"max_weight is {max_weight}; it must be at least 1, the weight of a sure choice")
    counted = np.asarray(propensity, dtype=np.float64)[where]
    bad = ~((counted > 0.0) & (counted <= 1.0))
    if bad.any():
        raise ValueError(
            f"{int(bad.sum())} of {counted.size} propensities are missing or outside (0, 1], "
            f"the first is {counted[bad][0]!r}; set those rows aside or choose weighting 'none'"
        )
    weights = np.zeros(len(propensity), dtype=np.float64)
    if counted.size == 0:
        return weights, WeightDiagnostics(
            num_rows=0,
            effective_sample_size=0.0,
            largest_weight=0.0,
            clipped_share=0.0,
            mean_inverse_propensity=0.0,
            mean_weight=0.0,
        )
    raw = 1.0 / counted
    clipped = np.minimum(raw, max_weight)
    base = np.ones_like(raw) if spread is None else np.asarray(spread, dtype=np.float64)[where]
    normalised = clipped * (base.sum() / (base * clipped).sum())
    weights[where] = normalised
    total = base * normalised
    if fact is not None:
        _, codes = np.unique(np.asarray(fact)[where], return_inverse=True)
        total = np.bincount(codes, total)
    return weights, WeightDiagnostics(
        num_rows=int(total.size),
        effective_sample_size=float(total.sum() ** 2 / (total**2).sum()),
        largest_weight=float(normalised.max()),
        clipped_share=float((raw > max_weight).mean()),
        mean_inverse_propensity=float(raw.mean()),
        mean_weight=float(clipped.mean()),
    )
