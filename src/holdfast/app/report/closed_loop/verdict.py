"""Who brought most long-term value, in words that the seeds support, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from holdfast.app.report.closed_loop.over_seeds import common_days, final_values, in_words, lead
from holdfast.app.report.content import ClosedLoopSection, Headline, Verdict
from holdfast.app.report.numerals import number
from holdfast.evaluation.over_seeds import SeedInterval, mean_over_seeds

MOST_NAMED = 3
"""Contenders that a sentence names before it only counts."""


def loop_verdict(section: ClosedLoopSection) -> Verdict:
    """The answer of a closed loop.

    The best is held against every other on the same seeds, so to call it ahead of all needs each of those
    intervals above 0: looking for the best does not make the claim easier.
    """
    known = common_days(section.days)
    values = known.groupby("seed").last()
    if values.empty:
        return Verdict(
            title="The closed loop cannot tell",
            sentences=["There is no day on which the value of every contender is known."],
        )
    order = _ranked(values, section.sees_truth)
    best, others = order[0], order[1:]
    num_days, num_seeds = known.index.get_level_values("day").nunique(), len(values)
    amount = in_words(mean_over_seeds(values[best].to_numpy(), level=section.level))
    brought = f"In {_count(num_days, 'day')} “{best}” brought in {amount} for each user who had arrived"
    sentences = [f"{brought}, where {section.worth}." if section.worth else f"{brought}."]
    if not others:
        title = f"“{best}” served; there is nobody to hold it against"
        return Verdict(
            title=title, sentences=[*sentences, *_beside_the_truth(values, best, section), _seeds(num_seeds)]
        )
    leads = {name: lead(values[best], values[name], level=section.level) for name in others}
    tied = [name for name in others if (values[best] == values[name]).all()]
    ahead = [name for name in others if leads[name].low > 0.0]
    unclear = [name for name in others if name not in (*tied, *ahead)]
    if num_seeds > 1:
        sentences += _compared(leads, ahead=ahead, unclear=unclear)
    else:
        sentences += [f"There it was ahead of {_with_leads(unclear, leads)}."] if unclear else []
    sentences += _beside_the_truth(values, best, section)
    title, tone = f"“{best}” brought most long-term value", "good"
    if tied:
        title, tone = f"{_names([best, *tied])} brought the same, and the most", "mixed"
    elif num_seeds == 1:
        title, tone = f"{title} in the one world that was tried", "unclear"
    elif unclear:
        title, tone = f"{title}, but not measurably more than {_names(unclear)}", "mixed"
    return Verdict(title=title, sentences=[*sentences, _seeds(num_seeds)], tone=tone)  # type: ignore[arg-type]


def loop_headlines(section: ClosedLoopSection, *, most: int = 4) -> list[Headline]:
    """What the best few brought in, each held against the best."""
    values = final_values(section.days)
    if values.empty:
        return []
    order = _ranked(values, section.sees_truth)
    marks = [name for name in _by_mean(values) if name not in order]
    shown = [*order[: most - 1], *(marks[:1] or order[most - 1 : most])]
    found = []
    for name in shown:
        brought = mean_over_seeds(values[name].to_numpy(), level=section.level)
        behind = lead(values[name], values[order[0]], level=section.level)
        context = "the most" if len(order) > 1 else ""
        if name != order[0]:
            told = ", told the truth" if name in marks else ""
            context = f"{_signed(behind)} against “{order[0]}”{told}"
        found.append(
            Headline(
                label=f"{name}: value a user",
                value=brought.mean,
                low=None if brought.num_seeds < 2 else brought.low,
                high=None if brought.num_seeds < 2 else brought.high,
                context=context,
            )
        )
    return found


def loop_warnings(section: ClosedLoopSection) -> list[str]:
    """What a reader must know before believing the comparison."""
    found, num_seeds = [], section.days["seed"].nunique()
    if num_seeds == 1:
        found.append(
            "The closed loop ran with one seed, so nothing in it has an interval. "
            "Set simulation.seeds to several to have one."
        )
    lost = num_seeds - len(final_values(section.days))
    if lost:
        found.append(
            f"{_count(lost, 'seed')} of {num_seeds} left out of the comparison in value: no day on which "
            "the value of every contender is known."
        )
    return found


def _by_mean(values: pd.DataFrame) -> list[str]:
    """From most to least; equal ones in their order on the page."""
    return [str(name) for name in values.mean().sort_values(ascending=False, kind="stable").index]


def _ranked(values: pd.DataFrame, sees_truth: Iterable[str]) -> list[str]:
    """Those who have to find out for themselves; all where everybody is told the truth."""
    marks = set(sees_truth)
    return [name for name in _by_mean(values) if name not in marks] or _by_mean(values)


def _compared(
    leads: dict[str, SeedInterval], *, ahead: Sequence[str], unclear: Sequence[str]
) -> Iterable[str]:
    """Over whom the lead is clear, and over whom it is not."""
    if ahead:
        yield f"Paired over seeds it is measurably ahead of {_with_leads(ahead, leads)}."
    if unclear:
        yield f"It is not measurably ahead of {_with_leads(unclear, leads)}."


def _beside_the_truth(values: pd.DataFrame, best: str, section: ClosedLoopSection) -> Iterable[str]:
    """How far the best is from what can be had by who is told the truth."""
    marks = [name for name in _by_mean(values) if name in set(section.sees_truth) and name != best]
    if not marks or best in set(section.sees_truth):
        return
    left = lead(values[marks[0]], values[best], level=section.level)
    if left.mean > 0:
        yield (
            f"“{marks[0]}”, which is told the truth, brought in {in_words(left)} more: "
            "a mark of what is left to win."
        )
    else:
        yield f"“{marks[0]}”, which is told the truth, was not ahead of it: {in_words(left)}."


def _seeds(num_seeds: int) -> str:
    if num_seeds == 1:
        return "One seed has no interval: another world of the same kind may tell otherwise."
    return (
        f"Intervals are over {num_seeds} seeds, each a world of its own with its own training. They say what "
        "other worlds of this kind would change, not how much yours is of this kind."
    )


def _with_leads(names: Sequence[str], leads: dict[str, SeedInterval]) -> str:
    """Names with the lead over each."""
    named = [f"“{name}”, by {in_words(leads[name])}" for name in names[:MOST_NAMED]]
    rest = len(names) - len(named)
    return "; ".join([*named, *([f"and {_count(rest, 'further one')}"] if rest else [])])


def _names(names: Sequence[str]) -> str:
    named = [f"“{name}”" for name in names[:MOST_NAMED]]
    rest = len(names) - len(named)
    return _listed([*named, *([_count(rest, "further one")] if rest else [])])


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _signed(interval: SeedInterval) -> str:
    return f"{'+' if interval.mean > 0 else ''}{in_words(interval)}"


def _count(count: int, word: str) -> str:
    return f"{number(count)} {word}{'' if count == 1 else 's'}"
