"""From the results of single trainings to the three files of figures that tables and figure are made of.

S seeds, R resamples of users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measures import MEASURES, OBJECTIVES
from scipy.stats import norm
from study import Study
from variants import BASE, REFERENCE

from holdfast.core.arrays import Floats
from holdfast.core.files import whole_file
from holdfast.evaluation.over_seeds import mean_over_seeds

DELTA_M = "delta_m"
TUNED, SAME = "tuned", "same"
"""Which learning rates: each contender's own choice, or one for all."""
RUN_COLUMNS = (
    *("family", "variant", "seed", "rate", "reported", "validation_loss", "best_epoch", "num_epochs"),
    *("num_weights", "fit_cpu_seconds", "fit_us_per_row", "predict_us_per_row"),
)


@dataclass(frozen=True, kw_only=True)
class Results:
    """Results of single trainings; one may be both tuned and same.

    Attributes:
        tuning: in the world in which the rate is chosen.
        tuned: in the reported worlds, with the rate that was chosen.
        same: in the reported worlds, with the same rate for all.
    """

    tuning: list[dict[str, Any]]
    tuned: list[dict[str, Any]]
    same: list[dict[str, Any]]


@dataclass(frozen=True)
class Found:
    """What the study came to.

    Attributes:
        runs: a row a training; ``reported`` where it has the rate that was chosen.
        measures: a row a contender, choice of rates, reported seed and measure.
        differences: a row a contender, choice of rates, reference and measure: the mean gain in per cent of
            the reference, with both intervals; positive is better, whatever the measure.
    """

    runs: pd.DataFrame
    measures: pd.DataFrame
    differences: pd.DataFrame


def gathered(results: Results, study: Study) -> Found:
    """All figures of a study."""
    chosen = {(each["variant"], each["rate"]) for each in results.tuned}
    once = {
        (each["variant"], each["seed"], each["rate"]): each
        for each in (*results.tuning, *results.tuned, *results.same)
    }
    runs = pd.DataFrame(
        [
            {**each, "reported": "values" in each and (each["variant"], each["rate"]) in chosen}
            for each in once.values()
        ]
    ).reindex(columns=list(RUN_COLUMNS))
    both = {TUNED: results.tuned, SAME: results.same}
    measures = pd.DataFrame(
        [
            {
                "variant": each["variant"],
                "rates": rates,
                "seed": each["seed"],
                "measure": name,
                "value": value,
            }
            for rates, mine in both.items()
            for each in mine
            for name, value in each["values"].items()
        ]
    )
    parts = [_differences(mine, study.level).assign(rates=rates) for rates, mine in both.items()]
    return Found(runs, measures, pd.concat(parts, ignore_index=True))


def save(folder: Path, found: Found) -> None:
    """Write each table as CSV, whole."""
    for each in fields(found):
        with whole_file(folder / f"{each.name}.csv") as temporary:
            getattr(found, each.name).to_csv(temporary, index=False, float_format="%.6g")


def saved(folder: Path) -> Found:
    """What was saved."""
    return Found(**{each.name: pd.read_csv(folder / f"{each.name}.csv") for each in fields(Found)})


def gain(value: Floats, reference: Floats, *, sign: int) -> Floats:
    """Per cent of the reference by which a measure is better, elementwise; ``sign`` is 1 where more is."""
    return sign * 100.0 * (value - reference) / reference


def _differences(reported: Sequence[dict[str, Any]], level: float) -> pd.DataFrame:
    by_name: dict[str, dict[int, dict[str, Any]]] = {}
    for each in reported:
        by_name.setdefault(each["variant"], {})[each["seed"]] = each
    rows = []
    for against in (REFERENCE, BASE):
        for name, mine in by_name.items():
            if name == against:
                continue
            family = next(iter(mine.values()))["family"]
            of_seeds, of_users = _gains(mine, by_name[against])
            for measure in (*MEASURES, DELTA_M):
                rows.append(
                    {
                        "family": family,
                        "variant": name,
                        "against": against,
                        "measure": measure,
                        **_intervals(of_seeds[measure], of_users[measure], level=level),
                    }
                )
    return pd.DataFrame(rows)


def _gains(
    mine: dict[int, dict[str, Any]], theirs: dict[int, dict[str, Any]]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """By measure: gains in each world, ``[S]``, and their mean over worlds for each draw, ``[R]``."""
    of_seeds, of_users = {}, {}
    for measure, sign in MEASURES.items():
        pairs = [(mine[seed], theirs[seed]) for seed in sorted(mine)]
        points = [(a["values"][measure], b["values"][measure]) for a, b in pairs]
        of_seeds[measure] = gain(*np.asarray(points).T, sign=sign)
        draws = [
            gain(np.asarray(a["resampled"][measure]), np.asarray(b["resampled"][measure]), sign=sign)
            for a, b in pairs
        ]
        of_users[measure] = np.mean(draws, axis=0)
    for found in (of_seeds, of_users):
        found[DELTA_M] = np.mean([found[measure] for measure in OBJECTIVES.values()], axis=0)
    return of_seeds, of_users


def _intervals(of_seeds: Floats, of_users: Floats, *, level: float) -> dict[str, float]:
    found = mean_over_seeds(of_seeds, level=level)
    # A hundred draws say more about a standard deviation than about their own tails.
    half = norm.ppf((1.0 + level) / 2.0) * of_users.std(ddof=1)
    return {
        "gain": found.mean,
        "seed_low": found.low,
        "seed_high": found.high,
        "user_low": float(found.mean - half),
        "user_high": float(found.mean + half),
    }
