"""Rare events counted by users: one user's session is one event, however many rows it has.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.core.arrays import Bools
from holdfast.monitoring.column_kinds import label_of
from holdfast.monitoring.column_reference import CategoricalReference
from holdfast.monitoring.counts import share_test
from holdfast.monitoring.finding import SEVERITY_LEVEL, Finding
from holdfast.monitoring.reference import Reference

NEWS, MISSING = "new_categories", "missing_rate"


def by_users(findings: Sequence[Finding], rows: ScoredRows, reference: Reference) -> list[Finding]:
    """Findings of new categories and missing rows with no smaller p-value than users give them.

    Of U users in the window k have such a row. Both sides count as so many users as they have rows over the
    window's rows a user; the p-value is that of the two shares. Where the reference knows neither new nor
    missing values this is all there is to go by, and thousands of new values of many users stay a finding.
    """
    num_users = np.unique(rows.user).size
    return [_by_users(each, rows, reference, num_users) for each in findings]


def _by_users(finding: Finding, rows: ScoredRows, reference: Reference, num_users: int) -> Finding:
    if finding.p_value is None or finding.where not in rows.features or num_users == 0:
        return finding
    here = _events(finding, rows, reference)
    if here is None:
        return finding
    rows_a_user = len(rows) / num_users
    found = int(np.unique(rows.user[here]).size)
    known = max(round(finding.n_reference / rows_a_user), 1)
    share = max((finding.statistic or 0.0) - (finding.effect or 0.0), 0.0)  # of the reference
    _, by_user = share_test((min(round(share * known), known), known), (found, num_users))
    p_value = max(finding.p_value, by_user)
    quiet = p_value >= SEVERITY_LEVEL and finding.severity != "broken"
    return replace(finding, p_value=p_value, severity="none" if quiet else finding.severity)


def _events(finding: Finding, rows: ScoredRows, reference: Reference) -> Bools | None:
    """Which rows the finding is about, ``[N]``; None where it is about no rare event."""
    column, values = reference.columns.get(finding.where), rows.features[finding.where]
    if finding.kind == MISSING:
        return values.isna().to_numpy() if (finding.effect or 0.0) > 0.0 else None
    if finding.kind != NEWS or not isinstance(column, CategoricalReference) or not column.is_complete:
        return None
    is_new = {value for value in values.dropna().unique() if label_of(value) not in column.places}
    return values.isin(is_new).to_numpy()
