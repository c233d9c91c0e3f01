"""Do weights find the truth about items that a policy hardly showed? In a world whose truth is known.

python experiments/debiasing/compare_world.py
python experiments/debiasing/compare_world.py --tune    # the cap of the weights, on worlds of its own
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from world_arms import HORIZON_DAYS, Arm, arms, predicted, trained, weighted_log_loss
from world_figure import draw
from world_logs import LOGS, Candidates, candidates_of, logged, policy_of, same_size
from world_scores import scores, user_day_scores
from world_tables import errors_table, level_and_order_table

from holdfast.core.arrays import Floats
from holdfast.core.marked_text import write_between
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.preparation import Prepared, prepare_windows
from holdfast.data.splits import TemporalSplit
from holdfast.evaluation.over_seeds import mean_over_seeds
from holdfast.simulation.world import DefaultWorld

HERE = Path(__file__).parent
HISTORIES = {"none": TrailingHistory(window_days=[]), "trailing": TrailingHistory()}
"""``none`` keeps recency and frequency. Trailing rates are made by the policy: they mean different things in
different logs, and tell a model which items the policy liked."""
WITH_TRAILING = ("naive", "clipped IPS", "randomised")
CAPS = (10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""A policy without a preference would give every row a weight of 20, the number of candidates."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Sizes of the study, and what was chosen elsewhere.

    Attributes:
        users: of each world.
        train_days: days that are learned from.
        test_days: days of the requests that are asked about.
        requests: how many of them are.
        epochs: most passes over a log.
        temperature: of the policy that confounds.
        max_weight: cap of the clipped weights.
        arms: names of the contenders beside ``naive`` and ``randomised``; all where there are none.
    """

    users: int = 1500
    train_days: int = 17
    test_days: int = 3
    requests: int = 1500
    epochs: int = 6
    temperature: float = 0.3
    max_weight: float = 50.0
    arms: tuple[str, ...] = ()

    def chosen(self, history: str) -> dict[str, Arm]:
        """The contenders by name; fewer with trailing history."""
        known = arms(self.max_weight)
        unknown = sorted(set(self.arms) - set(known))
        if unknown:
            raise ValueError(f"arms names {unknown}; choose from {list(known)}")
        wanted = {*(self.arms or known), "naive", "randomised"}
        if history == "trailing":
            wanted &= set(WITH_TRAILING)
        return {name: arm for name, arm in known.items() if name in wanted}

    @property
    def split(self) -> TemporalSplit:
        """A day for returns to be known before validation, three to choose the epoch by."""
        return TemporalSplit(
            train_days=self.train_days,
            gap_days=HORIZON_DAYS,
            validation_days=3,
            test_days=self.test_days,
            maturity_days=HORIZON_DAYS,
        )

    def world(self, seed: int) -> DefaultWorld:
        """The default world, with as many days as the split wants."""
        days = self.train_days + HORIZON_DAYS + 3 + self.test_days + HORIZON_DAYS
        return DefaultWorld(num_users=self.users, num_days=days, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One history's view of a seed: windows to learn from and candidates to be asked about, by log."""

    prepared: dict[str, Prepared]
    candidates: dict[str, Candidates]


def grounds(study: Study, seed: int, histories: list[str]) -> dict[str, Ground]:
    """Both logs of a seed's world, of the same size, by history."""
    world = study.world(seed)
    last = world.num_days - HORIZON_DAYS
    watched = range(last - study.test_days, last)
    runs = {
        name: logged(world, policy_of(name, temperature=study.temperature), watched_days=watched)
        for name in LOGS
    }
    logs = same_size({name: run.log for name, run in runs.items()}, study.split, seed=seed)
    made = {}
    for history in histories:
        prepared = {
            name: prepare_windows(
                log,
                split=study.split,
                history=HISTORIES[history],
                encoder=EncoderSettings(),
                objectives=("click", "dwell", "retention"),
                horizon_days=HORIZON_DAYS,
            )
            for name, log in logs.items()
        }
        candidates = {
            name: candidates_of(run, logs[name], HISTORIES[history], num_requests=study.requests, seed=seed)
            for name, run in runs.items()
        }
        made[history] = Ground(prepared=prepared, candidates=candidates)
    return made


def one_seed(study: Study, seed: int) -> list[dict[str, Any]]:
    """A row a history, contender, world, head and measure."""
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for history, ground in grounds(study, seed, list(HISTORIES)).items():
        for name, arm in study.chosen(history).items():
            start = time.process_time()
            prepared = ground.prepared[arm.log]
            ranker, result = trained(prepared, arm, seed=seed, epochs=study.epochs)
            key = {"seed": seed, "history": history, "arm": name}
            for place, candidates in ground.candidates.items():
                said = predicted(ranker, prepared.encoder.transform(candidates.rows))
                for head, found in judged(said, candidates).items():
                    rows += [
                        {**key, "world": place, "head": head, "measure": measure, "value": value}
                        for measure, value in found.items()
                    ]
            trust = result.train_weights["click"]
            notes = {
                "rows": len(prepared.windows["train"]),
                "ess_share": trust.effective_sample_size / max(trust.num_rows, 1),
                "largest_weight": trust.largest_weight,
                "clipped_share": trust.clipped_share,
                "best_epoch": result.best_epoch,
                "cpu_seconds": time.process_time() - start,
            }
            rows += [
                {**key, "world": arm.log, "head": "training", "measure": measure, "value": value}
                for measure, value in notes.items()
            ]
            print(f"seed {seed}  {history:<8}  {name}", flush=True)
    return rows


def judged(said: dict[str, Floats], candidates: Candidates) -> dict[str, dict[str, float]]:
    """Measures by head; return counts once a request."""
    shape = candidates.click.shape
    liked = candidates.liked_by_policy
    return {
        "click": scores(said["click"].reshape(shape), candidates.click, liked),
        "dwell": scores(said["dwell"].reshape(shape), candidates.dwell_seconds, liked),
        "retention": user_day_scores(said["retention"].reshape(shape).mean(axis=1), candidates.retention),
    }


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds, and paired differences to naive and to the randomised log with 95 % t-intervals."""
    keys = ["history", "world", "head", "measure"]
    made = []
    for values, group in runs[runs["head"] != "training"].groupby(keys, sort=False):
        wide = group.pivot_table(index="seed", columns="arm", values="value", dropna=False)
        for arm in group["arm"].unique():
            row: dict[str, Any] = {**dict(zip(keys, values, strict=True)), "arm": arm}
            row["mean"] = float(wide[arm].mean())
            for other in ("naive", "randomised"):
                found = mean_over_seeds((wide[arm] - wide[other]).to_numpy(), level=0.95)
                row[f"to_{other}"] = found.mean
                row[f"to_{other}_low"], row[f"to_{other}_high"] = found.low, found.high
            made.append(row)
    return pd.DataFrame(made)


def as_markdown(table: pd.DataFrame, *, history: str, world: str, measure: str) -> str:
    """Means by arm and head, with the paired difference to naive."""
    part = table[(table["history"] == history) & (table["world"] == world) & (table["measure"] == measure)]
    heads = list(part["head"].unique())
    lines = [f"{measure}, {world} world, history: {history}", ""]
    lines += ["| arm | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for arm in part["arm"].unique():
        rows = part[part["arm"] == arm].set_index("head")
        cells = [_cell(rows.loc[head], is_naive=arm == "naive") for head in heads]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: pd.Series, *, is_naive: bool) -> str:
    if is_naive:
        return f"{row['mean']:.4f}"
    half = 0.5 * (row["to_naive_high"] - row["to_naive_low"])
    return f"{row['mean']:.4f} ({row['to_naive']:+.4f} ± {half:.4f})"


def tune(study: Study, seeds: list[int]) -> pd.DataFrame:
    """Validation loss of each cap on worlds that are not reported, from nothing but the confounded log."""
    rows = []
    for seed in seeds:
        prepared = grounds(study, seed, ["none"])["none"].prepared["confounded"]
        for cap in CAPS:
            arm = arms(cap)["clipped IPS"]
            ranker, result = trained(prepared, arm, seed=seed, epochs=study.epochs)
            trust = result.train_weights["click"]
            rows.append(
                {
                    "seed": seed,
                    "max_weight": cap,
                    "weighted_log_loss": weighted_log_loss(ranker, prepared),
                    "ess_share": trust.effective_sample_size / max(trust.num_rows, 1),
                    "clipped_share": trust.clipped_share,
                }
            )
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def run(study: Study, seeds: list[int], *, processes: int) -> pd.DataFrame:
    """All seeds, a world each."""
    if processes == 1:
        found = [one_seed(study, seed) for seed in seeds]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            found = list(pool.map(one_seed, [study] * len(seeds), seeds))
    return pd.DataFrame([row for rows in found for row in rows])


def write_readme(table: pd.DataFrame) -> None:
    """Put the two tables where the README shows them."""
    write_between(HERE / "README.md", errors_table(table), name="errors")
    write_between(HERE / "README.md", level_and_order_table(table), name="level and order")


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison, write tables and the figure, print the summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=None, help="worlds; 0 to 4, or 100 and 101")
    sizes = {name: value for name, value in vars(Study()).items() if name != "arms"}
    for name, value in sizes.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--arms", nargs="+", choices=list(arms(1.0)), default=[], help="all by default")
    parser.add_argument("--processes", type=int, default=1, help="worlds at the same time")
    parser.add_argument("--tune", action="store_true", help="choose the cap of the clipped weights")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where tables and the figure go")
    parser.add_argument("--readme", action="store_true", help="write the tables into the README, too")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    study = Study(arms=tuple(asked.arms), **{name: getattr(asked, name) for name in sizes})
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.tune:
        table = tune(study, asked.seeds or [100, 101])
        table.to_csv(asked.out / "world_caps.csv", index=False, float_format="%.6g")
        print(table.groupby("max_weight").mean().drop(columns="seed").to_string())
        return 0
    runs = run(study, asked.seeds or list(range(5)), processes=asked.processes)
    runs.to_csv(asked.out / "world_runs.csv", index=False, float_format="%.6g")
    table = summary(runs)
    table.to_csv(asked.out / "world.csv", index=False, float_format="%.5g")
    draw(table, asked.out / "world.png")
    if asked.readme:
        write_readme(table)
    for history, world in (("none", "randomised"), ("none", "confounded"), ("trailing", "confounded")):
        for measure in ("mae", "calibration", "rank_correlation"):
            print("\n" + as_markdown(table, history=history, world=world, measure=measure))
    return 0


if __name__ == "__main__":
    sys.exit(main())
