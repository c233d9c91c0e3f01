"""The tables of the study, as they stand in the README."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from agreement import agreement, by_seed, line, regret, repeatability, residuals
from contenders import HANDICAPPED, PLAIN, ROBUST, SCHEDULES

from holdfast.core.arrays import Floats
from holdfast.evaluation.over_seeds import mean_over_seeds

LEVEL = 0.95
SCORES = {
    "validation/click_auc": ("validation AUC", 3),
    "no_drift/click_auc": ("clean AUC", 3),
    "no_drift/part/clean_lift": ("clean lift", 1),
    "no_drift/part/loss_under_stress": ("loss under stress", 1),
    "no_drift/ship_score": ("ship score", 1),
    "drift/lift": ("lift in a drifting world", 1),
    "drift/ship_score": ("ship score there", 1),
    "held_out/ship_score": ("ship score, held-out suite", 1),
    "seconds/fit": ("training, s", 0),
}
WITH_INTERVAL = ("no_drift/ship_score", "drift/ship_score")
PREDICTORS = {
    "validation/click_auc": "click AUC, validation",
    "no_drift/click_auc": "click AUC, clean test window",
    "no_drift/part/clean_lift": "lift of all four outputs, clean test window",
}
PREDICTED = {
    "no_drift/click/stressed_skill": "click skill under the suite",
    "drift/click/skill": "click skill in a drifting world",
    "no_drift/stressed_lift": "lift under the suite",
    "drift/lift": "lift in a drifting world",
    "no_drift/ship_score": "ship score",
    "drift/ship_score": "ship score in a drifting world",
    "held_out/ship_score": "ship score, held-out suite",
}
GAINS = {
    "no_drift/part/clean_lift": "clean lift",
    "no_drift/part/loss_under_stress": "loss under stress",
    "no_drift/kind/covariate": "covariate",
    "no_drift/kind/sensor": "sensor",
    "no_drift/kind/concept": "concept",
    "no_drift/family/training": "of the training family",
    "no_drift/family/evaluation": "of the evaluation family",
    "no_drift/ship_score": "ship score",
    "drift/ship_score": "in a drifting world",
    "held_out/ship_score": "held-out suite",
}


def all_tables(table: pd.DataFrame) -> str:
    """What the README shows."""
    return "\n\n".join(
        [
            "**Models.** Means over worlds; points, but for AUC. In brackets 95 % over worlds.",
            models_table(table),
            "**Does one order of models predict another?** Kendall's tau, 95 % over worlds and models.",
            prediction_table(table),
            regret_words(table),
            "**Robust training minus plain training**, points in the same worlds, 95 % over worlds; bold "
            "where 0 is outside. Clean lift, what stress takes of it, lift under ladders by kind and by "
            "family, and ship scores.",
            gains_table(table),
            "**Where**: lift in worlds with one schedule each, minus that of plain training.",
            where_table(table),
            "**Effective robustness**: hundredths of click AUC beyond what clean AUC predicts.",
            effective_table(table),
        ]
    )


def models_table(table: pd.DataFrame) -> str:
    """All models, figure by figure."""
    rows = []
    for model in table["model"].unique():
        mine = table[table["model"] == model]
        cells = [
            said(mine[name], digits) if name in WITH_INTERVAL else f"{mine[name].mean():.{digits}f}"
            for name, (_, digits) in SCORES.items()
        ]
        rows.append([name_of(model), *cells])
    return markdown(["model", *(title for title, _ in SCORES.values())], rows)


def prediction_table(table: pd.DataFrame) -> str:
    """Orders by what is known in time against orders by what comes, with and without the handicapped."""
    fair = table[~table["model"].isin(HANDICAPPED)]
    rows = []
    for predictor, words in PREDICTORS.items():
        for models in (table, fair):
            cells = []
            for predicted in PREDICTED:
                found = agreement(models, predictor, predicted)
                cells.append(f"{found.tau:+.2f} [{found.low:+.2f}, {found.high:+.2f}]")
            rows.append([words, f"{models['model'].nunique()}", *cells])
    if len(table["seed"].unique()) > 1:
        again = [f"{repeatability(fair, name):+.2f}" for name in PREDICTED]
        rows.append(["the same figure in another world", f"{fair['model'].nunique()}", *again])
    return markdown(["order by", "models", *PREDICTED.values()], rows)


def regret_words(table: pd.DataFrame) -> str:
    """What choosing by each figure costs."""
    worth = "drift/ship_score"
    ways = {
        "validation/click_auc": "click AUC on validation",
        "validation/lift": "lift of all outputs on validation",
        "no_drift/ship_score": "the ship score without drift",
    }
    told = [f"{words} {said(pd.Series(regret(table, name, worth)), 1)}" for name, words in ways.items()]
    spread = by_seed(table, worth).to_numpy()
    middle = float((spread.max(axis=1) - np.median(spread, axis=1)).mean())
    return (
        "Points of ship score in a drifting world that are lost to the best model by choosing by "
        + "; by ".join(told)
        + f"; the median model lies {middle:.1f} below the best."
    )


def gains_table(table: pd.DataFrame) -> str:
    """Robust trainings, and models of other kinds, against the plain one."""
    rows = [
        [name_of(model), *(gain(table, name, model) for name in GAINS)]
        for model in others(table, robust=True)
    ]
    rows += [
        [f"({name_of(model)})", *(gain(table, name, model) for name in GAINS)]
        for model in others(table, robust=False)
    ]
    return markdown(["minus plain", *GAINS.values()], rows)


def where_table(table: pd.DataFrame) -> str:
    """Robust trainings against the plain one, world by world."""
    worlds = {"no_drift/lift": "none", **{f"{name}/lift": name for name in SCHEDULES}, "drift/lift": "all"}
    rows = [
        [name_of(model), *(gain(table, name, model) for name in worlds)]
        for model in others(table, robust=True)
    ]
    return markdown(["minus plain", *worlds.values()], rows)


def effective_table(table: pd.DataFrame) -> str:
    """Residuals from the line of clean to stressed AUC."""
    asked = {"no_drift/click/stressed_skill": "under the suite", "drift/click/skill": "in a drifting world"}
    found = {name: residuals(table, name) for name in asked}
    rows = [
        [name_of(model), *(said(each[model], 2, signed=True) for each in found.values())]
        for model in found["drift/click/skill"].columns
    ]
    lines = [line(table, name) for name in asked]
    explained = ["" if each.r_squared is None else f"{each.r_squared:.2f}" for each in lines]
    rows.append(["slope of the line (probit)", *(f"{each.slope:.2f}" for each in lines)])
    rows.append(["share of variance on the line", *explained])
    return markdown(["model", *asked.values()], rows)


def others(table: pd.DataFrame, *, robust: bool) -> list[str]:
    """Models beside the plain one; those handicapped on purpose prove nothing about training."""
    names = [name for name in table["model"].unique() if name != PLAIN and name not in HANDICAPPED]
    return [name for name in names if (name in ROBUST) == robust]


def differences(table: pd.DataFrame, figure: str, model: str) -> Floats:
    """A model less the plain one, seed by seed, ``[S]``."""
    values = by_seed(table, figure)
    return np.asarray(values[model] - values[PLAIN], dtype=np.float64)


def gain(table: pd.DataFrame, figure: str, model: str) -> str:
    """A paired difference in words; bold where its interval does not hold 0."""
    values = differences(table, figure, model)
    found = mean_over_seeds(values, level=LEVEL)
    words = said(pd.Series(values), 1, signed=True)
    return f"**{words}**" if found.low > 0.0 or found.high < 0.0 else words


def said(values: pd.Series, digits: int, *, signed: bool = False) -> str:
    """A mean over seeds with its interval."""
    found = mean_over_seeds(np.asarray(values, dtype=np.float64), level=LEVEL)
    sign = "+" if signed else ""
    text = f"{found.mean:{sign}.{digits}f}"
    if np.isnan(found.low):
        return text
    return f"{text} [{found.low:{sign}.{digits}f}, {found.high:{sign}.{digits}f}]"


def name_of(model: str) -> str:
    """For people."""
    return model.replace("_", " ")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)
