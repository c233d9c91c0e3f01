#!/usr/bin/env python
"""Which head of return is right about matured horizons when 0 %, 30 % and 60 % of its labels are censored?

    python experiments/heads/compare_retention.py [--quick] [--seeds 0 1 2 3 4] [--users 2800] [--out FOLDER]

Each seed makes a world of its own. User-days of the train and validation windows, whose return is known in
full, are censored at random: watched for 0 to H - 1 days only. Every head then learns from what is left, and
all are judged on the same test days, whose return is known in full. Beside them: the naive treatment, which
takes 'not yet' for 'not', and recency and frequency alone. Writes ``retention.csv``, a row a seed, share of
censoring, head and metric, and prints tables of means with 95 % intervals over seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.core.protocols import Head
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.preparation import Prepared, prepare_windows
from holdfast.data.splits import TemporalSplit
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.over_seeds import mean_over_seeds
from holdfast.evaluation.recency_frequency import RecencyFrequencyBaseline
from holdfast.evaluation.retention_metrics import retention_metrics
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.bernoulli_horizon import BernoulliHorizon
from holdfast.models.heads.beta_geometric import BetaGeometric
from holdfast.models.heads.delayed_return import DelayedReturn
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.heads.surrogate_return import SurrogateReturn
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import RankerSettings, build_ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.fusion import WeightedSum
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.simulation.world import DefaultWorld
from holdfast.training.fit import fit
from holdfast.training.prediction import predict
from holdfast.training.settings import OptimizerSettings, TrainerSettings

HORIZON = 7
CENSORING = (0.0, 0.3, 0.6)
DAYS = (1, 3, 7)
TABLES = ("d7/brier", "d7/log_loss", "d7/calibration", "d7/auc", "d7/auc_given_baseline", "d7/slope_within")
TABLES += ("d1/brier", "d1/log_loss")
BASELINE, NAIVE = "recency_frequency", "bernoulli_naive"
HEADS: dict[str, Head] = {
    "bernoulli_horizon": BernoulliHorizon(horizon_days=HORIZON),
    "discrete_hazard": DiscreteHazard(horizon_days=HORIZON),
    "beta_geometric": BetaGeometric(horizon_days=HORIZON),
    "delayed_return": DelayedReturn(horizon_days=HORIZON),
    "surrogate_return": SurrogateReturn(horizon_days=HORIZON),
    NAIVE: BernoulliHorizon(horizon_days=HORIZON),
}
# Gaps as long as the horizon after train and validation: before censoring, every label has matured.
SPLIT = TemporalSplit(
    train_days=20, gap_days=HORIZON, validation_days=3, validation_gap_days=HORIZON, test_days=6
)
NUM_DAYS = 20 + HORIZON + 3 + HORIZON + 6 + HORIZON


def censored(window: EncodedWindow, share: float, *, seed: int) -> EncodedWindow:
    """The window with a share of its user-days watched for 0 to H - 1 days, at random."""
    rng, index = np.random.default_rng([seed, len(window)]), window.index_of("retention")
    _, day = np.unique(window.user_day, return_inverse=True)
    num_days = int(day.max()) + 1
    short = np.where(rng.random(num_days) < share, rng.integers(0, HORIZON, num_days), HORIZON)
    watched = np.minimum(short[day], window.follow_up_days)
    value, event, known = np.array(window.value), np.array(window.event), np.array(window.known)
    event[:, index] &= value[:, index] <= watched
    value[:, index] = np.where(event[:, index], value[:, index], watched)
    known[:, index] &= watched >= 1
    return dataclasses.replace(window, value=value, event=event, known=known, follow_up_days=watched)


def taken_for_not(window: EncodedWindow) -> EncodedWindow:
    """The naive treatment: whoever was not back when we stopped watching was not back within the horizon."""
    index = window.index_of("retention")
    value = np.array(window.value)
    value[:, index] = np.where(window.event[:, index], value[:, index], HORIZON)
    return dataclasses.replace(
        window, value=value, follow_up_days=np.full(len(window), HORIZON), known=np.ones_like(window.known)
    )


def predictions(
    name: str, prepared: Prepared, windows: dict[str, EncodedWindow], *, seed: int, epochs: int
) -> np.ndarray:
    """Chance to be back within 1 to H days of each test row, ``[N, H]``; NaN where it is not predicted."""
    if name == NAIVE:
        windows = {each: taken_for_not(window) for each, window in windows.items()}
    ranker = build_ranker(
        prepared.encoder.schema,
        settings=RankerSettings(embedding_dim=8, tower_widths=[32]),
        mixture=SharedBottom(),
        heads={"click": Bernoulli(), "retention": HEADS[name]},
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(
            ranker,
            windows["train"],
            windows["validation"],
            weighting=PropensityWeighting(kind="none"),
            balance=StaticBalance(),
            optimizer=OptimizerSettings(),
            settings=TrainerSettings(
                max_epochs=epochs,
                patience=2,
                criterion="validation/retention/loss",
                batch_size=1024,
                accelerator="cpu",
            ),
            seed=seed,
            folder=Path(folder),
        )
    outputs = predict(ranker, prepared.windows["test"], fusion=WeightedSum())
    if "return_by_day" in outputs:
        return outputs["return_by_day"]
    by_day = np.full((len(outputs["return_probability"]), HORIZON), np.nan)
    by_day[:, -1] = outputs["return_probability"]
    return by_day


def baseline(train: EncodedWindow, test: EncodedWindow) -> np.ndarray:
    """The same of recency and frequency alone, fitted on the same censored rows, ``[N, H]``."""
    index = train.index_of("retention")
    settled = train.day >= train.day.min() + 7
    fitted = RecencyFrequencyBaseline.fit(
        train.recency_days,
        train.active_days_7,
        train.value[:, index],
        train.event[:, index],
        train.known[:, index] & settled,
        horizon_days=HORIZON,
        weight=train.spread[:, index],
    )
    return fitted.return_probability_by_day(test.recency_days, test.active_days_7)


def scores(by_day: np.ndarray, test: EncodedWindow, alone: np.ndarray) -> dict[str, float | None]:
    """Metrics of the matured test user-days, by name; intervals come from seeds, not from resamples.

    Args:
        by_day: predictions, ``[N, H]``.
        test: what happened.
        alone: predictions of recency and frequency alone, ``[N, H]``.
    """
    index = test.index_of("retention")
    found = retention_metrics(
        by_day,
        test.value[:, index],
        test.event[:, index],
        test.follow_up_days,
        user_days=test.user_day,
        users=test.user,
        days=test.day,
        horizons=DAYS,
        baseline_by_day=alone,
        bootstrap=ClusterBootstrap(num_resamples=0),
    )
    return {each.name.removeprefix("retention/"): each.value for each in found}


def one_seed(
    seed: int, *, users: int, epochs: int, heads: Sequence[str], censoring: Sequence[float]
) -> Iterator[dict[str, object]]:
    """A row for each share of censoring, head and metric, in the world of one seed."""
    log = DefaultWorld(num_users=users, num_days=NUM_DAYS, seed=seed).read()
    prepared = prepare_windows(
        log,
        split=SPLIT,
        history=TrailingHistory(),
        encoder=EncoderSettings(),
        objectives=("click", "retention"),
        horizon_days=HORIZON,
    )
    test = prepared.windows["test"]
    for share in censoring:
        windows = {
            name: censored(prepared.windows[name], share, seed=seed) for name in ("train", "validation")
        }
        made = {BASELINE: baseline(windows["train"], test)}
        for name in heads:
            made[name] = predictions(name, prepared, windows, seed=seed, epochs=epochs)
        for name, by_day in made.items():
            print(f"seed {seed}, {share:.0%} censored: {name}", flush=True)
            for metric, value in scores(by_day, test, made[BASELINE]).items():
                yield {"seed": seed, "censored": share, "head": name, "metric": metric, "value": value}


def summary(table: pd.DataFrame, metric: str) -> str:
    """Mean over seeds of one metric, and its difference to the baseline on the same seeds, as Markdown."""
    wide = table[table["metric"] == metric].pivot_table(
        index=["censored", "seed"], columns="head", values="value", dropna=False, sort=False
    )
    lines = [f"{metric}: mean, and difference to recency and frequency alone with a 95 % interval over seeds"]
    shares = list(dict.fromkeys(wide.index.get_level_values("censored")))
    lines += ["", "| head | " + " | ".join(f"{share:.0%} censored" for share in shares) + " |"]
    lines += ["| --- |" + " --- |" * len(shares)]
    for head in wide.columns:
        cells = [_cell(wide.loc[share, head], wide.loc[share, BASELINE]) for share in shares]
        lines.append(f"| {head} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: pd.Series, beside: pd.Series) -> str:
    if values.isna().any():
        return "not predicted"
    difference, count = values - beside, len(values)
    text = f"{values.mean():.4f}"
    if (difference == 0.0).all():
        return text
    if count < 2:
        return f"{text} ({difference.mean():+.4f})"
    found = mean_over_seeds(difference.to_numpy(), level=0.95)
    return f"{text} ({found.mean:+.4f} ± {found.high - found.mean:.4f})"


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run the comparison; returns its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--users", type=int, default=2800)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--censoring", type=float, nargs="+", default=list(CENSORING))
    parser.add_argument("--quick", action="store_true", help="one seed, 200 users, one epoch: does it work?")
    parser.add_argument("--out", type=Path, default=Path("runs/heads"))
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds, given.users, given.epochs = given.seeds[:1], 200, 1
    rows = [
        row
        for seed in given.seeds
        for row in one_seed(
            seed, users=given.users, epochs=given.epochs, heads=given.heads, censoring=given.censoring
        )
    ]
    table = pd.DataFrame(rows)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "retention.csv", index=False)
    for metric in TABLES:
        print(f"\n{summary(table, metric)}")
    return table


if __name__ == "__main__":
    main()
