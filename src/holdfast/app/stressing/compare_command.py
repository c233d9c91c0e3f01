"""``holdfast compare``: stressed runs beside each other, and the best of them by a metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from holdfast.app.stressing.comparing import Comparison, best_run, compare_runs
from holdfast.core.errors import UserError
from holdfast.evaluation.robustness.rank_stability import RankStability

USAGE = """\
usage: holdfast compare RUN RUN ...                      ship scores, and whether the clean order holds
       holdfast compare RUN RUN ... --suite=NAME         by this suite: quick, standard, one of your own
       holdfast compare RUN RUN ... --held-out           the same by the held-out suite
       holdfast compare RUN RUN ... --best-by=METRIC     the run with the highest METRIC of metrics.json
       ... --lowest                                      the lowest instead

Without --suite: by one that all runs have, the standard one before others. Runs that were not measured alike
(another suite, log, window, reference or version of the score) are refused, with what differs.
Nothing can be chosen by a held-out suite: --best-by=stress_held_out/... is refused."""


def compare_command(words: Sequence[str]) -> int:
    """Run ``holdfast compare`` with the words that follow it; gives the exit code.

    Raises:
        UserError: the words are wrong, or the runs cannot be compared.
    """
    if "-h" in words or "--help" in words:
        print(USAGE)
        return 0
    options = [word for word in words if word.startswith("-")]
    folders = [Path(word) for word in words if not word.startswith("-")]
    known = ("--held-out", "--lowest")
    unknown = [
        word for word in options if word not in known and not word.startswith(("--best-by=", "--suite="))
    ]
    if unknown:
        raise UserError(f"holdfast compare does not know {unknown}\n{USAGE}")
    chosen_by = [word.removeprefix("--best-by=") for word in options if word.startswith("--best-by=")]
    if chosen_by:
        folder, value = best_run(folders, chosen_by[-1], lowest="--lowest" in options)
        print(f"{folder}   {chosen_by[-1]} {value:.4f}")
        return 0
    suites = [word.removeprefix("--suite=") for word in options if word.startswith("--suite=")]
    suite = suites[-1] if suites else None
    for line in lines(compare_runs(folders, suite=suite, held_out="--held-out" in options)):
        print(line)
    return 0


def lines(found: Comparison) -> Iterator[str]:
    """What is printed of a comparison."""
    yield f"suite {found.suite}, fingerprint {found.fingerprint}: all of these runs were measured alike"
    for row in found.runs.sort_values("ship_score", ascending=False).to_dict("records"):
        ends = "" if pd.isna(row["low"]) else f" [{row['low']:.1f}, {row['high']:.1f}]"
        score = "no ship score" if pd.isna(row["ship_score"]) else f"ship score {row['ship_score']:.1f}{ends}"
        yield f"{row['run']}   {score}"
    for output, stability in found.stability.items():
        yield f"{output}: {_order(stability)}"
        line = found.lines[output]
        if line is not None:
            rows = found.outputs[found.outputs["output"] == output]
            residuals = ", ".join(
                f"{Path(run).name} " + ("undefined" if pd.isna(value) else f"{value:+.3f}")
                for run, value in zip(rows["run"], rows["effective_robustness"], strict=True)
            )
            doubt = "; of few runs the line proves little" if line.few_models else ""
            yield f"{output}: effective robustness {residuals} (skill not predicted by clean skill{doubt})"


def _order(stability: RankStability) -> str:
    """Whether the clean order holds, and of how many runs that is said."""
    left_out = f"; {stability.num_left_out} runs without a value left out" if stability.num_left_out else ""
    if stability.winner_stays is None:
        return f"no order, because fewer than two runs have a value clean and under stress{left_out}"
    tau = "undefined" if stability.tau is None else f"{stability.tau:.2f}"
    stays = "the best clean run stays the best" if stability.winner_stays else "another is best then"
    return f"Kendall's tau of clean order and order under stress {tau}; {stays}{left_out}"
