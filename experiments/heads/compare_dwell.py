#!/usr/bin/env python
"""Which head knows best how long somebody stays, on one log, by one proper score?

    python experiments/heads/compare_dwell.py [--quick] [--seeds 0 1 2] [--users 1200] [--out FOLDER]

Each seed makes a world of its own, in which every head learns from the same rows with the same model around
it, beside a Bernoulli head of click. All are judged on the same test days: over opened rows, and over all
rows, where a head of opened rows counts through the chance of a click. Beside them: the dwell distribution
of the train window, the same for all rows (Kaplan-Meier). CRPS and log score are of min(dwell, content's
length); XAUC counts equal predictions one half, and leaves out equal dwells and pairs of which the shorter
was cut off. Writes ``dwell.csv``, a row a seed, head and metric, and ``dwell_deciles.csv``, predicted beside
observed by tenth of the predictions; prints tables of means with 95 % intervals over seeds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.app.dwell_measuring import dwell_outcome, dwell_rows
from holdfast.app.head_fitting import dwell_population, fit_heads
from holdfast.core.protocols import Head
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log
from holdfast.data.preparation import Prepared, prepare_windows
from holdfast.data.splits import TemporalSplit
from holdfast.evaluation.calibration_tables import calibration_by_decile
from holdfast.evaluation.crps import crps_moments
from holdfast.evaluation.evaluate import DwellRows, EvaluationSettings, evaluate_window
from holdfast.evaluation.over_seeds import mean_over_seeds
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.cread import Cread
from holdfast.models.heads.d2q import D2Q
from holdfast.models.heads.multi_quantile import MultiQuantile
from holdfast.models.heads.tree import Tree
from holdfast.models.heads.weibull import Weibull
from holdfast.models.heads.weighted_logistic import WeightedLogistic
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal
from holdfast.models.kaplan_meier import kaplan_meier
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import RankerSettings, build_ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.fusion import WeightedSum
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.simulation.world import DefaultWorld
from holdfast.training.fit import fit
from holdfast.training.prediction import predict
from holdfast.training.settings import OptimizerSettings, TrainerSettings

REFERENCE, MARGINAL = "censored_log_normal", "train_distribution"
HEADS: dict[str, Head] = {
    REFERENCE: CensoredLogNormal(),
    "weibull": Weibull(),
    "zero_inflated_log_normal": ZeroInflatedLogNormal(),
    "weighted_logistic": WeightedLogistic(),
    "d2q": D2Q(),
    "tree": Tree(),
    "cread": Cread(),
    "multi_quantile": MultiQuantile(),
}
SPLIT = TemporalSplit(train_days=20, gap_days=0, validation_days=3, test_days=6, maturity_days=1)
NUM_DAYS = 20 + 3 + 6 + 1
SETTINGS = EvaluationSettings(num_resamples=0)
METRICS = (
    "crps_seconds",
    "log_score",
    "mae_seconds",
    "xauc",
    "calibration",
    "decile_gap_seconds",
    "all_rows/crps_seconds",
    "all_rows/mae_seconds",
    "all_rows/xauc",
    "all_rows/calibration",
)


def measured(
    head: Head, prepared: Prepared, *, seed: int, epochs: int
) -> tuple[dict[str, float | None], pd.DataFrame]:
    """Metrics of the test window by name, and its deciles, after training with this head of dwell."""
    population = dwell_population({"dwell": head})
    heads = fit_heads({"click": Bernoulli(), "dwell": head}, prepared.windows["train"])
    ranker = build_ranker(
        prepared.encoder.schema,
        settings=RankerSettings(embedding_dim=8, tower_widths=[32]),
        mixture=SharedBottom(),
        heads=heads,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(
            ranker,
            prepared.windows["train"],
            prepared.windows["validation"],
            weighting=PropensityWeighting(kind="none"),
            balance=StaticBalance(),
            optimizer=OptimizerSettings(),
            settings=TrainerSettings(
                max_epochs=epochs,
                patience=2,
                criterion="validation/dwell/loss",
                batch_size=1024,
                accelerator="cpu",
            ),
            seed=seed,
            folder=Path(folder),
        )
    test = prepared.windows["test"]
    rows, everywhere = dwell_rows(
        ranker,
        test,
        predict(ranker, test, fusion=WeightedSum()),
        population=population,
        limit_seconds=SETTINGS.dwell_limit_seconds,
        weight=None,
        click_weight=None,
    )
    found = evaluate_window(users=test.user, settings=SETTINGS, dwell=rows, all_rows_dwell=everywhere)
    return {each.name.removeprefix("dwell/"): each.value for each in found}, deciles(rows)


def marginal(prepared: Prepared) -> tuple[dict[str, float | None], pd.DataFrame]:
    """The same of one distribution for all: that of the train window's dwells, cut at each content's end."""
    train, test = prepared.windows["train"], prepared.windows["test"]
    index = train.index_of("dwell")
    known = train.known[:, index]
    moments, left = kaplan_meier(
        train.value[known, index].astype(np.float64), train.event[known, index], weight=None
    )
    levels = np.r_[1.0, 1.0 - left]
    outcome = dwell_outcome(test, population="opened")
    limit = np.clip(test.content_seconds, 1e-3, SETTINGS.dwell_limit_seconds).astype(np.float64)
    places = crps_moments(outcome.seconds, limit)
    stays = levels[np.searchsorted(moments, places.seconds, side="right")]
    # The area under survival up to each content's end.
    area = np.cumsum(np.r_[0.0, np.diff(np.r_[0.0, moments]) * levels[:-1]])
    place = np.searchsorted(moments, limit, side="right")
    expected = area[place] + levels[place] * (limit - np.r_[0.0, moments][place])
    rows = DwellRows(
        predicted_seconds=expected,
        value=outcome.seconds,
        event=outcome.event,
        known=outcome.opened,
        crps_seconds=places.score(stays),
    )
    found = evaluate_window(users=test.user, settings=SETTINGS, dwell=rows)
    return {each.name.removeprefix("dwell/"): each.value for each in found}, deciles(rows)


def deciles(rows: DwellRows) -> pd.DataFrame:
    """Predicted beside observed seconds by tenth of the predictions."""
    return calibration_by_decile(rows.predicted_seconds[rows.known], rows.value[rows.known])


def prepared_for(log: Log, population: str) -> Prepared:
    """The windows, with dwell over the rows on which a head is defined."""
    return prepare_windows(
        log,
        split=SPLIT,
        history=TrailingHistory(),
        encoder=EncoderSettings(),
        objectives=("click", "dwell"),
        horizon_days=1,
        dwell_population="all" if population == "all" else "opened",
    )


def one_seed(
    seed: int, *, users: int, epochs: int, heads: Sequence[str]
) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """Metrics and deciles of each head in the world of one seed."""
    log = DefaultWorld(num_users=users, num_days=NUM_DAYS, seed=seed).read()
    windows = {"opened": prepared_for(log, "opened")}
    for name in (MARGINAL, *heads):
        print(f"seed {seed}: {name}{censoring(windows['opened'].windows['test'], name)}", flush=True)
        if name == MARGINAL:
            metrics, table = marginal(windows["opened"])
        else:
            population = dwell_population({"dwell": HEADS[name]})
            if population not in windows:
                windows[population] = prepared_for(log, population)
            metrics, table = measured(HEADS[name], windows[population], seed=seed, epochs=epochs)
        gap = np.average(np.abs(table["predicted"] - table["observed"]), weights=table["n"])
        metrics["decile_gap_seconds"] = float(gap)
        yield {"seed": seed, "head": name, **metrics}, table.assign(seed=seed, head=name)


def censoring(test: EncodedWindow, name: str) -> str:
    """How many of the test dwells the content's end cut off, said once a seed."""
    if name != MARGINAL:
        return ""
    outcome = dwell_outcome(test, population="opened")
    share = 1.0 - outcome.event[outcome.opened].mean()
    return f" ({int(outcome.opened.sum())} test dwells, {share:.0%} of them cut off)"


def summary(table: pd.DataFrame) -> str:
    """Means over seeds, with the difference to the reference head on the same seeds, as Markdown."""
    heads = list(dict.fromkeys(table["head"]))
    lines = [f"mean (difference to {REFERENCE}, 95 % interval over {table['seed'].nunique()} seeds)", ""]
    lines += ["| metric | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for metric in METRICS:
        wide = table.pivot_table(index="seed", columns="head", values=metric, dropna=False, aggfunc="first")
        cells = [_cell(wide[head], wide.get(REFERENCE)) for head in heads]
        lines.append(f"| {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: pd.Series, beside: pd.Series | None) -> str:
    numbers = values.astype("float64")
    if numbers.isna().any():
        return "none"
    text = f"{numbers.mean():.3f}"
    if beside is None or beside is values or (numbers == beside.astype("float64")).all():
        return text
    difference = numbers - beside.astype("float64")
    if len(numbers) < 2:
        return f"{text} ({difference.mean():+.3f})"
    found = mean_over_seeds(difference.to_numpy(), level=0.95)
    return f"{text} ({found.mean:+.3f} ± {found.high - found.mean:.3f})"


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run the comparison; returns its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--users", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--quick", action="store_true", help="one seed, 200 users, one epoch: does it work?")
    parser.add_argument("--out", type=Path, default=Path("runs/heads"))
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds, given.users, given.epochs = given.seeds[:1], 200, 1
    made = [
        each
        for seed in given.seeds
        for each in one_seed(seed, users=given.users, epochs=given.epochs, heads=given.heads)
    ]
    table = pd.DataFrame([metrics for metrics, _ in made])
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "dwell.csv", index=False)
    pd.concat([each for _, each in made], ignore_index=True).to_csv(
        given.out / "dwell_deciles.csv", index=False
    )
    print(f"\n{summary(table)}")
    return table


if __name__ == "__main__":
    main()
