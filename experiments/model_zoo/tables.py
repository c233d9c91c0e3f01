"""The tables of the page, from the files of figures alone."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from gathering import DELTA_M, SAME, TUNED, Found
from measures import MEASURES, OBJECTIVES
from variants import BASE, REFERENCE

TITLES = {
    "mixture": "mixtures",
    "interaction": "interactions, on shared-bottom",
    "sequence": "sequence encoders, on shared-bottom",
    "balance": "balances, on shared-bottom",
}
SHOWN = {DELTA_M: "all three", **{measure: name for name, measure in OBJECTIVES.items()}}


def sections(found: Found) -> dict[str, str]:
    """The texts of the page by the name of the marker."""
    return {
        "gains": gains_table(found, against=REFERENCE),
        "words": in_words(found),
        "base": gains_table(found, against=BASE),
        "same": gains_table(found, against=REFERENCE, rates=SAME),
        "same_words": in_words(found, rates=SAME),
        "levels": levels_table(found),
        "cost": cost_table(found),
        "budget": budget(found),
    }


def gains_table(found: Found, *, against: str, rates: str = TUNED) -> str:
    """Gain of every contender over another one, by objective."""
    rows = []
    for family, mine in found.differences.groupby("family", sort=False):
        part = mine[(mine["against"] == against) & (mine["rates"] == rates)]
        if part.empty:
            continue
        rows.append([f"*{TITLES[str(family)]}*", *[""] * len(SHOWN)])
        for name, each in part.groupby("variant", sort=False):
            of = each.set_index("measure")
            rows.append([str(name), *(_with_interval(of.loc[measure]) for measure in SHOWN)])
    return _markdown([f"gain over {against}, %", *SHOWN.values()], rows)


def told_apart(row: pd.Series) -> int:
    """1 where the interval over seeds lies above 0, -1 where it lies below, otherwise 0."""
    return int(row["seed_low"] > 0.0) - int(row["seed_high"] < 0.0)


def in_words(found: Found, *, rates: str = TUNED) -> str:
    """Who can be told from single-task models and from shared-bottom, and who cannot."""
    lines = []
    for against in (REFERENCE, BASE):
        part = found.differences[found.differences["against"] == against]
        part = part[part["rates"] == rates]
        single = part[part["measure"].isin(OBJECTIVES.values())]
        signs = single.apply(told_apart, axis=1)
        chance = 0.025 * len(single)
        lines.append(
            f"**Against {against}**: of {len(single)} intervals over seeds (contenders times objectives), "
            f"{int((signs > 0).sum())} lie above 0 and {int((signs < 0).sum())} below; about {chance:.0f} of "
            "each would by chance alone."
        )
        lines.append("")
        for title, measure in (("all three together", DELTA_M), *OBJECTIVES.items()):
            lines.append(f"- *{title}*: {_by_sign(part[part['measure'] == measure])}")
        lines.append("")
    return "\n".join(lines)


def _by_sign(part: pd.DataFrame) -> str:
    signs = part.apply(told_apart, axis=1)
    words = []
    for sign, word in ((1, "better"), (-1, "worse"), (0, "neither, within the interval")):
        names = [f"`{name}`" for name in part.loc[signs == sign, "variant"]]
        everybody = sign == 0 and len(names) == len(part)
        words.append(f"{word}: {f'all {len(names)}' if everybody else ', '.join(names) or 'nobody'}")
    return "; ".join(words) + "."


def levels_table(found: Found) -> str:
    """What each measure was, mean over worlds."""
    tuned = found.measures[found.measures["rates"] == TUNED]
    means = tuned.pivot_table(index="variant", columns="measure", values="value", sort=False)
    digits = {name: 2 if name == "dwell/crps_seconds" else 4 for name in MEASURES}
    rows = [
        [str(name), *(f"{row[measure]:.{digits[measure]}f}" for measure in MEASURES)]
        for name, row in means.iterrows()
    ]
    return _markdown(["mean over worlds", *(f"`{name}`" for name in MEASURES)], rows)


def cost_table(found: Found) -> str:
    """Sizes, times, and what was chosen."""
    rows = []
    for name, mine in found.runs[found.runs["reported"]].groupby("variant", sort=False):
        rows.append(
            [
                str(name),
                f"{mine['num_weights'].mean():,.0f}",
                f"{mine['fit_us_per_row'].median():.1f}",
                f"{mine['predict_us_per_row'].median():.1f}",
                f"{mine['rate'].iloc[0]:g}",
                ", ".join(str(int(epoch)) for epoch in mine["best_epoch"]),
            ]
        )
    head = ["", "weights", "training, µs a row", "prediction, µs a row", "rate chosen", "best epochs"]
    return _markdown(head, rows)


def budget(found: Found) -> str:
    """How much was trained."""
    runs = found.runs
    minutes = runs["fit_cpu_seconds"].sum() / 60.0
    most = int(runs["num_epochs"].max())
    at_end = runs.loc[runs["reported"], "best_epoch"].eq(most).mean()
    return (
        f"{len(runs)} trainings of {runs['variant'].nunique()} contenders, {minutes:.0f} minutes of CPU; the "
        f"last of {most} epochs was the best one in {at_end:.0%} of those reported."
    )


def _with_interval(row: pd.Series) -> str:
    text = f"{row['gain']:+.2f} [{row['seed_low']:+.2f}, {row['seed_high']:+.2f}]"
    return f"**{text}**" if told_apart(row) else text


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
