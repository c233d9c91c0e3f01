"""Run the whole study, then write its tables and its figure: ``python experiments/proxy_trap/run.py``.

Every run is resumed where it was; what is done already costs nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from holdfast.app.simulating.tables import quantities_of
from holdfast.core.marked_text import write_between
from holdfast.evaluation.discrimination import roc_auc
from holdfast.evaluation.over_seeds import mean_over_seeds

HERE = Path(__file__).parent
RANKERS = ("click_only", "dwell_only", "equal_weight", "retention_aware")
MARKS = ("uniform", "popularity", "myopic_oracle", "long_term_oracle")
CONTENDERS = ("trained", "retrained", "retrained_exploring")
LEVEL = 0.95
WORTH = {
    "value_so_far": ("value", 2),
    "clicks_per_user": ("clicks", 2),
    "visits_per_user": ("visits", 2),
    "dwell_per_user": ("dwell, s", 0),
    "satisfaction": ("satisfaction", 3),
}
DIVERSITY = {
    "coverage": ("shown share of items", 3),
    "gini": ("Gini", 3),
    "topic_entropy": ("topic entropy", 3),
    "user_concentration": ("same topic twice", 4),
}


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("--runs", type=Path, default=Path("runs/proxy_trap"))
    asked = parser.parse_args()
    jobs = [(who, seed) for seed in asked.seeds for who in ("marks", *RANKERS)]
    with ThreadPoolExecutor(asked.jobs) as workers:
        for said in workers.map(lambda job: launch(asked.runs, *job), jobs):
            print(said, flush=True)
    days, offline = gathered(asked.runs, asked.seeds)
    totals = pd.concat([totals_of(each) for _, each in days.groupby(["who", "contender", "seed"])])
    text = "\n\n".join([worth_table(totals, offline), verdict_table(totals), diversity_table(totals)])
    print(text)
    draw(days, totals, offline, HERE / "proxy_trap.png")
    write_between(HERE / "README.md", text)


def launch(runs: Path, who: str, seed: int) -> str:
    """One run, in a process of its own; a run that was interrupted goes on."""
    folder = runs / who / f"seed_{seed}"
    words = [f"experiment=proxy_trap/{who}", f"seed={seed}", f"run_dir={folder}"]
    if folder.is_dir():
        words.append("resume=true")
    command = [sys.executable, "-m", "holdfast", "run", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return f"{who}, seed {seed}: done"


def gathered(runs: Path, seeds: Sequence[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The days of all contenders of all runs, and the offline figures of the rankers."""
    days, offline = [], []
    for seed in seeds:
        for who in ("marks", *RANKERS):
            folder = runs / who / f"seed_{seed}"
            table = pd.read_parquet(folder / "tables" / "simulation_days.parquet")
            days.append(table.assign(who=who, seed=seed))
            if who != "marks":
                offline.append({"who": who, "seed": seed, "auc": click_auc(folder)})
    return pd.concat(days, ignore_index=True), pd.DataFrame(offline)


def click_auc(folder: Path) -> float | None:
    """AUC of the ranking score for the clicks of the test window, also of a ranker that predicts none."""
    rows = pd.read_parquet(folder / "prepared" / "rows_test.parquet")
    score = pd.read_parquet(folder / "tables" / "predictions_test.parquet")["score"]
    return roc_auc(score, rows["click"].astype("float64"), weight=1.0 / rows["propensity"])


def totals_of(days: pd.DataFrame) -> pd.DataFrame:
    """What one contender in one world came to."""
    days = days.sort_values("day")
    which = {key: days[key].iloc[0] for key in ("who", "contender", "seed")}
    return pd.DataFrame([{**which, **quantities_of(days)}])


def worth_table(totals: pd.DataFrame, offline: pd.DataFrame) -> str:
    """What each ranker looked like offline, and what thirty days of serving brought."""
    head = ["ranker", "served", "offline click AUC", *(title for title, _ in WORTH.values())]
    rows = []
    for who, contender in [("marks", name) for name in MARKS] + [
        (who, name) for who in RANKERS for name in CONTENDERS
    ]:
        mine = totals[(totals["who"] == who) & (totals["contender"] == contender)]
        auc = said(offline.loc[offline["who"] == who, "auc"], 3) if who != "marks" else ""
        rows.append(
            [
                contender.replace("_", " ") if who == "marks" else who.replace("_", "-"),
                "" if who == "marks" else contender.replace("_", ", "),
                auc,
                *(said(mine[name], digits) for name, (_, digits) in WORTH.items()),
            ]
        )
    return "**What thirty days brought, for each user who had arrived**\n\n" + markdown(head, rows)


def verdict_table(totals: pd.DataFrame) -> str:
    """Each ranker minus the click-only one, in the same worlds."""
    head = [
        "minus click-only, same world",
        "served",
        *(title for title, _ in WORTH.values()),
        "pays from a visit worth, clicks",
    ]
    rows = []
    for who in RANKERS[1:]:
        for contender in CONTENDERS:
            pairs = paired(totals, (who, contender), ("click_only", contender))
            rows.append(
                [
                    who.replace("_", "-"),
                    contender.replace("_", ", "),
                    *(said(pairs[name], digits, signed=True) for name, (_, digits) in WORTH.items()),
                    # Fewer clicks and more visits: the price at which they cancel.
                    said(-pairs["clicks_per_user"] / pairs["visits_per_user"], 1),
                ]
            )
    return "**Against the ranker that learns clicks alone**\n\n" + markdown(head, rows)


def diversity_table(totals: pd.DataFrame) -> str:
    """What training on one's own output changes, and what exploration gives back."""
    head = [
        "ranker",
        "difference",
        *(title for title, _ in DIVERSITY.values()),
        "value",
    ]
    steps = (("retrained", "trained"), ("retrained_exploring", "retrained"))
    names = {**DIVERSITY, "value_so_far": ("value", 2)}
    rows = []
    for who in RANKERS:
        for one, other in steps:
            pairs = paired(totals, (who, one), (who, other))
            rows.append(
                [
                    who.replace("_", "-"),
                    f"{one.replace('_', ', ')} minus {other}",
                    *(said(pairs[name], digits, signed=True) for name, (_, digits) in names.items()),
                ]
            )
    return "**What training on its own output changes**\n\n" + markdown(head, rows)


def paired(totals: pd.DataFrame, one: tuple[str, str], other: tuple[str, str]) -> pd.DataFrame:
    """Differences of two, seed by seed."""
    keyed = totals.set_index(["who", "contender", "seed"]).sort_index()
    return keyed.loc[one] - keyed.loc[other]


def said(values: pd.Series, digits: int, *, signed: bool = False) -> str:
    """A mean over seeds with its interval."""
    found = mean_over_seeds(np.asarray(values, dtype=np.float64), level=LEVEL)
    sign = "+" if signed else ""
    text = f"{found.mean:{sign}.{digits}f}"
    return text if np.isnan(found.low) else f"{text} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def draw(days: pd.DataFrame, totals: pd.DataFrame, offline: pd.DataFrame, path: Path) -> None:
    """Offline AUC against what serving brought; and what retraining does to diversity, day by day."""
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    colours = dict(zip(RANKERS, ("#4477AA", "#EE6677", "#228833", "#AA3377"), strict=True))
    for who in RANKERS:
        mine = totals[(totals["who"] == who) & (totals["contender"] == "trained")].set_index("seed")
        auc = offline[offline["who"] == who].set_index("seed")["auc"]
        left.scatter(auc, mine["value_so_far"].reindex(auc.index), s=22, color=colours[who], alpha=0.5)
        left.scatter(
            auc.mean(), mine["value_so_far"].mean(), s=90, color=colours[who], label=who.replace("_", "-")
        )
    for name, dash in (("popularity", "--"), ("long_term_oracle", ":")):
        mark = totals.loc[totals["contender"] == name, "value_so_far"].mean()
        left.axhline(mark, color="#888888", linestyle=dash, linewidth=1)
        left.annotate(
            name.replace("_", " "), (left.get_xlim()[0], mark), fontsize=8, color="#666666", va="bottom"
        )
    left.set(
        xlabel="offline AUC of the ranking score for clicks",
        ylabel="value of 30 days, a user",
        title="Offline and online",
    )
    left.legend(frameon=False, fontsize=8)
    lines(middle, days, "coverage", "click_only", "click-only: share of items shown")
    lines(right, days, "back_from_yesterday", None, "Back from yesterday, 7-day mean", colours=colours)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def lines(
    axis: plt.Axes,
    days: pd.DataFrame,
    quantity: str,
    who: str | None,
    title: str,
    *,
    colours: Mapping[str, str] | None = None,
) -> None:
    """A quantity by day, mean over seeds: of one ranker's contenders, or of all rankers as trained."""
    shown = (
        [(who, name, dash, "#4477AA") for name, dash in zip(CONTENDERS, ("-", "--", ":"), strict=True)]
        if who
        else [(name, "trained", "-", (colours or {})[name]) for name in RANKERS]
    )
    for ranker, contender, dash, colour in shown:
        mine = days[(days["who"] == ranker) & (days["contender"] == contender)]
        series = mine.groupby("day")[quantity].mean()
        if not who:
            series = series.rolling(7, min_periods=7).mean()
        label = contender.replace("_", ", ") if who else str(ranker).replace("_", "-")
        axis.plot(series.index, series, linestyle=dash, color=colour, label=label)
    axis.set(xlabel="day of the world", title=title)
    axis.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main()
