"""Do the intervals of off-policy estimates cover, and does abstention fire where they do not?

Synthetic bandits with a known value, many logs of each. Prints a table per estimator, a table by effective
sample size, and how often abstention was right; the thresholds in ``holdfast.evaluation.off_policy.Trust``
rest on it.

    python scripts/coverage_off_policy.py --replications 1000 --processes 2
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.evaluation.off_policy import evaluate

OVERLAPS = {
    # behavior temperature, evaluation temperature, share of uniform exploration
    "good": (0.5, 1.5, 0.05),
    "fair": (0.0, 3.0, 0.05),
    "poor": (-1.0, 3.0, 0.05),
    "hopeless": (-2.0, 8.0, 0.02),
}
TRUTH_CONTEXTS = 400_000
COLUMNS = ["x0", "x1", "x2", "x3", "x4"]


@dataclass(frozen=True)
class Bandit:
    """A bandit whose policies prefer, or avoid, what is liked."""

    num_actions: int
    overlap: str
    log_odds: float
    num_rows: int

    def tables(self, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Behavior probabilities, evaluation probabilities, expected rewards, ``[N, A]`` each."""
        fixed = np.random.default_rng(self.num_actions)
        liking = contexts @ (0.7 * fixed.normal(size=(5, self.num_actions)))
        liking = liking + 0.5 * fixed.normal(size=self.num_actions)
        behavior, evaluation, exploration = OVERLAPS[self.overlap]
        logged = (1.0 - exploration) * softmax(behavior * liking) + exploration / self.num_actions
        return logged, softmax(evaluation * liking), 1.0 / (1.0 + np.exp(-(self.log_odds + liking)))

    def truth(self) -> float:
        """The evaluation policy's value."""
        contexts = np.random.default_rng(987).normal(size=(TRUTH_CONTEXTS, 5))
        _, evaluation, reward = self.tables(contexts)
        return float((evaluation * reward).sum(axis=1).mean())

    def log(self, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
        """Feedback, and the evaluation policy's probabilities."""
        draw = np.random.default_rng([seed, self.num_rows, self.num_actions])
        contexts = draw.normal(size=(self.num_rows, 5))
        logged, evaluation, reward = self.tables(contexts)
        rows = np.arange(self.num_rows)
        action = (logged.cumsum(axis=1) > draw.random((self.num_rows, 1))).argmax(axis=1)
        frame = pd.DataFrame(contexts, columns=COLUMNS)
        frame["action"] = action
        frame["propensity"] = logged[rows, action]
        frame["reward"] = (draw.random(self.num_rows) < reward[rows, action]).astype(np.float64)
        return frame, evaluation


def softmax(scores: np.ndarray) -> np.ndarray:
    """Over actions."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def bandits(sizes: list[int]) -> Iterator[Bandit]:
    """All settings."""
    for size, overlap, actions, odds in itertools.product(sizes, OVERLAPS, (5, 20), (0.0, -3.0)):
        yield Bandit(num_actions=actions, overlap=overlap, log_odds=odds, num_rows=size)


def replicate(bandit: Bandit, *, replications: int) -> pd.DataFrame:
    """A row per replication and estimator."""
    truth = bandit.truth()
    parts = []
    for seed in range(replications):
        frame, evaluation = bandit.log(seed)
        table = evaluate(frame, evaluation, context=COLUMNS)
        parts.append(
            pd.DataFrame(
                {
                    "estimator": table["estimator"],
                    "covers": ((table["low"] <= truth) & (truth <= table["high"])).fillna(value=False),
                    "squared_error": (table["value"] - truth) ** 2,
                    "answers": table["status"] == "ok",
                    "effective_sample_size": table["effective_sample_size"],
                    "informative_units": table["informative_units"],
                }
            )
        )
    result = pd.concat(parts, ignore_index=True)
    return result.assign(
        overlap=bandit.overlap, actions=bandit.num_actions, log_odds=bandit.log_odds, rows=bandit.num_rows
    )


SETTING = ["rows", "overlap", "actions", "log_odds", "estimator"]


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per setting and estimator."""
    runs = runs.assign(covers_and_answers=runs["covers"] & runs["answers"])
    table = runs.groupby(SETTING).agg(
        coverage=("covers", "mean"),
        answers=("answers", "mean"),
        num_answers=("answers", "sum"),
        covered_answers=("covers_and_answers", "sum"),
        effective_sample_size=("effective_sample_size", "median"),
        informative_units=("informative_units", "median"),
        root_mean_squared_error=("squared_error", lambda errors: float(np.sqrt(errors.astype(float).mean()))),
    )
    answered = table["num_answers"].where(table["num_answers"] > 0)
    table["coverage_of_answers"] = table["covered_answers"] / answered
    return table.reset_index()


def verdict(table: pd.DataFrame, replications: int) -> pd.DataFrame:
    """By estimator: are answers covered, are bad intervals withheld, are good ones let through?"""
    rows = []
    for name, part in [("all", table), *table.groupby("estimator", sort=False)]:
        bad, good = part[part["coverage"] < 0.90], part[part["coverage"] >= 0.93]
        answered = part[part["num_answers"] >= replications / 2]
        inside = answered["coverage_of_answers"].between(0.93, 0.97)
        rows.append(
            {
                "estimator": name,
                "settings": len(part),
                "answered": len(answered),
                "mean coverage of answers": part["covered_answers"].sum() / max(part["num_answers"].sum(), 1),
                "answered within .93-.97": inside.mean() if len(answered) else np.nan,
                "lowest": answered["coverage_of_answers"].min(),
                "bad settings": len(bad),
                "abstains where bad": 1.0 - bad["answers"].mean() if len(bad) else np.nan,
                "good settings": len(good),
                "abstains where good": 1.0 - good["answers"].mean() if len(good) else np.nan,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, help="folder for the tables as CSV")
    arguments = parser.parse_args()
    settings = list(bandits(arguments.sizes))
    with ProcessPoolExecutor(arguments.processes) as pool:
        futures = [pool.submit(replicate, each, replications=arguments.replications) for each in settings]
        runs = pd.concat([future.result() for future in futures], ignore_index=True)
    table = summarise(runs)
    bins = pd.cut(table["effective_sample_size"].astype(float), [0, 30, 100, 300, 1000, np.inf])
    by_size = table.assign(size=bins).pivot_table("coverage", "size", "estimator", observed=True)
    with pd.option_context("display.width", 250, "display.max_columns", 30, "display.max_rows", 1000):
        print(table.round(3).to_string(index=False))
        print("\nCoverage by effective sample size, answers and abstentions together")
        print(by_size.round(3).to_string())
        print()
        print(verdict(table, arguments.replications).round(3).to_string(index=False))
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        table.to_csv(arguments.output / "coverage.csv", index=False)
        verdict(table, arguments.replications).to_csv(arguments.output / "verdict.csv", index=False)


if __name__ == "__main__":
    main()
