"""How fast the values of a column come and go by nature: new users are no alarm where they always come.

N rows of the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from holdfast.app.monitoring.windows import Days
from holdfast.core.arrays import Ints
from holdfast.monitoring.column_reference import CategoricalReference, ColumnReference
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.monitoring_columns import find_in_columns
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.summaries import summarise_categories

KIND = "new_categories"
MOVING = frozenset({KIND, "population_stability", "chi_square", "jensen_shannon"})
"""Kinds that see values come and go."""


def natural_news(
    columns: Reference, features: pd.DataFrame, day: Ints, windows: Sequence[Days]
) -> list[Finding]:
    """What the reference's later windows find against its first half alone, of values that come and go.

    A window of the reference holds nothing that the whole reference does not know, which later ones do. So
    the second half is held against the first, as later windows are held against the whole: what is found
    there is what a later window finds if nothing changes, or more, since half a reference knows less.

    Args:
        columns: of the reference.
        features: its rows, ``[N, ...]``.
        day: local day of each row, ``[N]``.
        windows: of it.

    Returns:
        Of every categorical column the share of news; of those to which most windows bring news, how far
        values have moved as well.
    """
    middle = windows[len(windows) // 2].first
    later = windows[len(windows) // 2 :]
    names = [
        name
        for name, each in columns.columns.items()
        if name in features and isinstance(each, CategoricalReference)
    ]
    before = features.loc[day < middle, names]
    if not names or before.empty:
        return []
    half = Reference.from_frame(before, categorical=names)
    half = replace(half, columns={name: _kept_alike(half, columns, name) for name in names})
    # What is not the same kind of column in half of the rows has no half to be held against.
    names = [each for each in names if isinstance(half.columns[each], CategoricalReference)]
    found: list[Finding] = []
    for window in later:
        here = features.loc[window.holds(day), names]
        if len(here):
            found += find_in_columns(half, here, window=window.window)
    news = {(each.where, each.start): each for each in found if each.kind == KIND}
    kept: list[Finding] = []
    for name in names:
        told = [each for each in found if each.where == name and each.kind == "chi_square"]
        kept += [news.get((name, each.start)) or _nothing_new(each) for each in told]
    for name in come_and_go(kept):
        kept += [each for each in found if each.where == name and each.kind in MOVING - {KIND}]
    return kept


def _kept_alike(half: Reference, whole: Reference, name: str) -> ColumnReference:
    """The half's column with the same share of its values kept as the whole keeps, or all where it does."""
    here, there = half.columns[name], whole.columns[name]
    if not isinstance(here, CategoricalReference) or not isinstance(there, CategoricalReference):
        return here
    if there.is_complete:
        return here
    counts = dict(zip(here.labels, here.counts.tolist(), strict=True))
    share = len(there.labels) / there.num_distinct
    kept = max(round(share * here.num_distinct), 1)
    return summarise_categories(counts, num_missing=here.num_missing, family=here.family, num_kept=kept)


def come_and_go(findings: Sequence[Finding]) -> list[str]:
    """Columns to which most windows bring news, by the findings of ``natural_news``."""
    shares: dict[str, list[bool]] = {}
    for each in findings:
        if each.kind == KIND:
            shares.setdefault(each.where, []).append(bool(each.statistic))
    return sorted(name for name, brought in shares.items() if 2 * sum(brought) > len(brought))


def _nothing_new(beside: Finding) -> Finding:
    return Finding(
        where=beside.where,
        kind=KIND,
        effect_unit="share",
        effect=0.0,
        statistic=0.0,
        start=beside.start,
        end=beside.end,
        n_reference=beside.n_reference,
        n_current=beside.n_current,
    )
