"""How strong every rung came out, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.stressing.runner import SuiteResults
from holdfast.app.stressing.strength import CHANGES
from holdfast.app.stressing.suite import drift_words, kind_of

COLUMNS = (
    *("injector", "kind", "drift", "severity", "strength", "domain_auc"),
    *(*CHANGES.values(), "effective_sample_size", "rows", "note"),
)


def strength_table(results: SuiteResults) -> pd.DataFrame:
    """A row a rung.

    ``strength`` is the injector's own measure, a mean over seeds; ``domain_auc`` and the changes of
    p(outcome | prediction) are of the first seed, and so is ``effective_sample_size`` (requests, of drifts
    that leave some out); ``note`` says why a change is not known.
    """
    suite = results.suite
    rows: list[dict[str, Any]] = []
    for name, drift in suite.ladders.items():
        words = drift_words(drift)
        seeds = suite.seeds_of(name)
        for severity in suite.settings.severities:
            about = [results.scenarios[name, severity, seed].about for seed in seeds]
            first = about[0]
            own = [each["strength"] for each in about if each.get("strength") is not None]
            changes = {column: first.get(column) for column in CHANGES.values()}
            rows.append(
                {
                    "injector": name,
                    "kind": kind_of(drift),
                    "drift": words,
                    "severity": severity,
                    "strength": float(np.mean(own)) if own else None,
                    "domain_auc": first.get("domain_auc"),
                    **changes,
                    "effective_sample_size": first.get("effective_sample_size"),
                    "rows": first.get("rows"),
                    "note": _note(first, words=words, kind=kind_of(drift), changes=changes),
                }
            )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    measured = ["strength", "domain_auc", *CHANGES.values(), "effective_sample_size"]
    return table.astype(dict.fromkeys(measured, np.float64))


def _note(first: Mapping[str, Any], *, words: str, kind: str, changes: dict[str, float | None]) -> str:
    """Why p(outcome | prediction) has no change here."""
    if "strength_rows" not in first:
        return "not measured: stress.strength_rows is 0"
    if any(each is not None for each in changes.values()):
        return ""
    if words == "surrogate" and kind == "concept":
        return "a surrogate: outcomes are relabelled by a rule, and no truth says what p(outcome) became"
    if kind == "label":
        return "what is told of outcomes drifts, not the outcomes"
    return "rows carry their outcomes along: no truth of the drifted rows"
