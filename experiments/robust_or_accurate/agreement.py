"""How far one figure of models predicts another, with intervals over worlds and models.

S seeds, M models, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.core.random import generator
from holdfast.evaluation.robustness.effective_robustness import EffectiveRobustness, effective_robustness
from holdfast.evaluation.robustness.rank_stability import rank_stability

NUM_RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of two figures, each a mean over seeds, with a percentile interval."""

    tau: float
    low: float
    high: float


def by_seed(table: pd.DataFrame, figure: str) -> pd.DataFrame:
    """A figure by seed and model, ``[S, M]``, models in the order of the table."""
    return table.set_index(["seed", "model"])[figure].unstack()[list(table["model"].unique())]  # noqa: PD010


def agreement(table: pd.DataFrame, one: str, other: str) -> Agreement:
    """Whether two figures put models into one order; the bootstrap draws seeds and models anew.

    A model that is drawn twice ties with itself, which tau-b leaves out on both sides.
    """
    first, second = (by_seed(table, figure).to_numpy(dtype=np.float64) for figure in (one, other))
    tau = rank_stability(list(first.mean(axis=0)), list(second.mean(axis=0))).tau
    num_seeds, num_models = first.shape
    draw = generator(0, "robust or accurate")
    seeds = draw.integers(num_seeds, size=(NUM_RESAMPLES, num_seeds, 1))
    models = draw.integers(num_models, size=(NUM_RESAMPLES, 1, num_models))
    taus = kendall(first[seeds, models].mean(axis=1), second[seeds, models].mean(axis=1))
    low, high = np.nanquantile(taus, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return Agreement(np.nan if tau is None else tau, float(low), float(high))


def kendall(one: Floats, other: Floats) -> Floats:
    """Tau-b of each row of two arrays, ``[R, M]`` to ``[R]``; NaN where all of a row tie."""
    first, second = (np.sign(each[:, :, None] - each[:, None, :]) for each in (one, other))
    untied = np.abs(first).sum((1, 2)) * np.abs(second).sum((1, 2))
    with np.errstate(invalid="ignore"):
        return np.asarray((first * second).sum((1, 2)) / np.sqrt(untied))


def repeatability(table: pd.DataFrame, figure: str) -> float:
    """Mean tau of a figure's order of models between two seeds, over all pairs: what chance leaves of it.

    NaN where there is only one seed.
    """
    values = by_seed(table, figure).to_numpy(dtype=np.float64)
    one, other = np.triu_indices(len(values), k=1)
    return float(kendall(values[one], values[other]).mean()) if one.size else np.nan


def regret(table: pd.DataFrame, chosen_by: str, worth: str) -> Floats:
    """What the best model of each seed is worth more than the one that is chosen, ``[S]``."""
    choice, value = (by_seed(table, figure).to_numpy(dtype=np.float64) for figure in (chosen_by, worth))
    return np.asarray(value.max(axis=1) - np.take_along_axis(value, choice.argmax(axis=1)[:, None], 1)[:, 0])


def line(table: pd.DataFrame, stressed: str, clean: str = "no_drift/click/skill") -> EffectiveRobustness:
    """The line from clean to stressed click AUC over all models, each a mean over seeds."""
    one, other = (0.5 + by_seed(table, figure).mean() / 200.0 for figure in (clean, stressed))
    return effective_robustness(list(one), list(other))


def residuals(table: pd.DataFrame, stressed: str) -> pd.DataFrame:
    """Effective robustness of click AUC by seed and model, in points of AUC, from a line in each seed."""
    lines = {seed: 100.0 * line(rows, stressed).residuals for seed, rows in table.groupby("seed", sort=False)}
    return pd.DataFrame(lines, index=list(table["model"].unique())).T
