"""What the stage counterfactual says in the terminal, in one line a fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from holdfast.app.console import number
from holdfast.app.counterfactual.answers import LOGGED_MEAN
from holdfast.app.counterfactual.outcomes import UNITS
from holdfast.app.counterfactual.reading import best_row, rows_of
from holdfast.evaluation.off_policy.question import BEHAVIOR

MOST_WITHOUT_FEATURES = 0.01


def answered(values: pd.DataFrame, about: Mapping[str, Any]) -> Iterator[str]:
    """What was asked, the logged mean, and every policy's value and difference, or why there is none."""
    low, high = about["candidates_of_a_request"]
    each = f"{low}" if low == high else f"{low} to {high}"
    yield (
        f"{about['requests']:,} requests of the test window, {each} candidates each; policies with "
        f"{about['exploration']}"
    )
    for objective in dict.fromkeys(values["objective"]):
        logged = rows_of(values, policy=BEHAVIOR, objective=objective).iloc[0]
        assert logged["estimator"] == LOGGED_MEAN
        unsure = "" if logged["status"] == "ok" else "; of its interval " + str(logged["status"])
        yield f"{objective}: logged {_interval(logged)} {UNITS[objective]}{unsure}"
        for policy in about["policies"]:
            value = best_row(values, policy=policy, objective=objective)
            if value["status"] != "ok":
                yield f"  {policy}: {value['status']}"
                continue
            line = f"  {policy}: {_interval(value)} by {value['estimator']}"
            gain = best_row(values, policy=policy, objective=objective, versus=BEHAVIOR)
            if gain["status"] == "ok":
                line += f"; minus behavior {_interval(gain)}"
            yield line
        if objective == "retention":
            yield "  (one slot at a time; what whole slates or weeks of them change, ask holdfast simulate)"


def doubts(about: Mapping[str, Any]) -> Iterator[str]:
    """What weakens every answer."""
    share = about["candidates_without_features"]
    if share > MOST_WITHOUT_FEATURES:
        yield (
            f"{share:.1%} of the candidates were never shown in the log, so nothing is known of them but "
            "their id; the policy that is judged is the one that ranks without it"
        )


def _interval(row: pd.Series) -> str:
    text = number(float(row["value"]), 4)
    if pd.isna(row["low"]):
        return text
    return f"{text} [{float(row['low']):.4f}, {float(row['high']):.4f}]"
