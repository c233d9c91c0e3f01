"""Named findings that a reference's own windows have as well are no news: the day of the week is constant
in every day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from holdfast.monitoring.finding import SEVERITY_LEVEL, Finding
from holdfast.monitoring.structure import STRUCTURAL_KINDS

KINDS = frozenset(STRUCTURAL_KINDS) - {"new_categories"}
"""Those without a history of their own: of new categories, windows say how many there are."""


def named_windows(reference: Sequence[Finding]) -> dict[tuple[str, str], int]:
    """In how many windows of the reference each named finding was made, by where and kind."""
    seen = {
        (each.where, each.kind, each.start)
        for each in reference
        if each.kind in KINDS and each.start is not None
    }
    counts: dict[tuple[str, str], int] = {}
    for where, kind, _ in seen:
        counts[(where, kind)] = counts.get((where, kind), 0) + 1
    return counts


def usual_or_news(finding: Finding, named: Mapping[tuple[str, str], int], *, num_windows: int) -> Finding:
    r"""The finding, with no smaller p-value than its rank among the reference's windows.

    .. math:: p = \frac{1 + k}{R + 1}

    with k of R windows in which it was made as well; without any it stays as it is. What is broken stays so
    unless more than half of the reference's windows were.
    """
    count = named.get((finding.where, finding.kind), 0)
    if finding.kind not in KINDS or count == 0:
        return finding
    rank = (1.0 + count) / (num_windows + 1.0)
    if finding.severity == "broken":
        if 2 * count <= num_windows:
            return finding
        return replace(finding, severity="none", p_value=rank)
    if finding.p_value is None:
        return finding
    p_value = max(finding.p_value, rank)
    return replace(
        finding, p_value=p_value, severity="none" if p_value >= SEVERITY_LEVEL else finding.severity
    )
