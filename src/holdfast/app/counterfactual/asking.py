"""From a run to the answers of the stage counterfactual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.counterfactual.answers import Answers, Asked, answers
from holdfast.app.counterfactual.candidate_rows import CandidateRows
from holdfast.app.counterfactual.checks import (
    OWN,
    check_counterfactual,
    check_other,
    other_runs,
    propensities,
)
from holdfast.app.counterfactual.outcomes import Reward, rewards_of
from holdfast.app.counterfactual.requests import (
    Candidates,
    LoggedRequests,
    candidates_of,
    logged_requests,
)
from holdfast.app.counterfactual.scoring import blocks_of, score_candidates
from holdfast.app.counterfactual.settings import CounterfactualSettings
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.simulating.ensemble import RowModel
from holdfast.core.errors import UserError
from holdfast.data.log import Log
from holdfast.data.splits import Window
from holdfast.models.ranker import Ranker
from holdfast.serving.bundle_scorer import BundleScorer
from holdfast.serving.eager import EagerScorer
from holdfast.simulation.policies.scored import Exploration, SlotChances


@dataclass(frozen=True)
class Counterfactual:
    """What the stage found.

    Attributes:
        answers: the tables.
        about: counts and settings that a reader must know, in plain containers.
    """

    answers: Answers
    about: dict[str, object]

    def tables(self) -> dict[str, pd.DataFrame]:
        """By file name."""
        return {
            "counterfactual": self.answers.values,
            "counterfactual_overlap": self.answers.slots,
            "counterfactual_weights": self.answers.weights,
        }

    def metrics(self) -> dict[str, dict[str, object]]:
        """By stable name; see ``metrics_of``."""
        return metrics_of(self.answers.values)


def ask_run(plan: Plan, prepared: PreparedRun, ranker: Ranker) -> Counterfactual:
    """What the trained model, and other runs, would have earned in the test window.

    Nothing is chosen by the window: neither weights nor hyper-parameters nor estimators.

    Raises:
        UserError: the log cannot be asked; says what to do.
    """
    settings = plan.counterfactual
    check_counterfactual(plan, prepared.card)
    log = _same_log(plan, prepared)
    window = prepared.bounds["test"]
    view = log.as_of(window.as_of)
    inside = view.between(window.start, window.end)
    requests = logged_requests(prepared.test_rows())
    order_alone = settings.candidates == "shown"
    propensity = propensities(requests, order_alone=order_alone)
    candidates = candidates_of(requests, source=settings.candidates, most=settings.most_candidates)
    rows = CandidateRows(
        view=view,
        requests=requests,
        candidates=candidates,
        features=prepared.encoder().features,
        history=plan.history,
        blank=settings.blank,
    )
    models: dict[str, RowModel] = {OWN: EagerScorer(ranker, plan.fusion, prepared.encoder())}
    models |= _other_models(settings.others, rows.columns(), test_start=window.start)
    outputs = {name: head.score for name, head in ranker.heads.items()}
    rewards = rewards_of(inside)
    found = answers(
        Asked(
            requests=requests,
            candidates=candidates,
            blocks=list(blocks_of(requests, candidates)),
            propensity=propensity,
            rewards=rewards,
            scored=score_candidates(rows, models, own=OWN, outputs=outputs),
            exploration=cast("SlotChances", settings.exploration),
            utility=settings.utility,
            level=settings.level,
            seed=plan.settings.seed,
            own=OWN,
        )
    )
    about = _about(settings, requests, candidates, rewards, window)
    about["policies"] = list(models)
    about["candidates_without_features"] = rows.share_without_features()
    return Counterfactual(found, about)


def _other_models(places: list[str], columns: list[str], *, test_start: pd.Timestamp) -> dict[str, RowModel]:
    """Bundles of other runs, by the names of their policies."""
    models: dict[str, RowModel] = {}
    for other in other_runs(places):
        check_other(other, columns, test_start=test_start)
        models[other.name] = BundleScorer(other.bundle)
    return models


def _about(
    settings: CounterfactualSettings,
    requests: LoggedRequests,
    candidates: Candidates,
    rewards: Mapping[str, Reward],
    window: Window,
) -> dict[str, object]:
    """Counts and settings that a reader must know."""
    sizes = candidates.num_candidates
    return {
        "requests": len(requests),
        "rows": len(requests.rows),
        "exploration": cast("Exploration", settings.exploration).label,
        "candidates": settings.candidates,
        "candidates_of_a_request": [int(sizes.min()), int(sizes.max())],
        "blank": list(settings.blank),
        "rows_known": {name: int(each.known.sum()) for name, each in rewards.items()},
        "utility": {name: worth for name, worth in settings.utility.items() if worth and name in rewards},
        "level": settings.level,
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
    }


def _same_log(plan: Plan, prepared: PreparedRun) -> Log:
    """The log once more; the model and the windows were made of this one and no other.

    Raises:
        UserError: it has changed since.
    """
    log = plan.source.read()
    if log.fingerprint() != prepared.summary["fingerprint"]:
        raise UserError(
            "the log is not the one that this run was prepared from (its fingerprint differs); bring that "
            "log back, or start a new run"
        )
    return log


def metrics_of(values: pd.DataFrame) -> dict[str, dict[str, object]]:
    """The table as metrics by stable name; an estimate that abstains has no value, and the note says why.

    ``counterfactual/POLICY/OBJECTIVE/ESTIMATOR``, and ``counterfactual/POLICY_minus_OTHER/...``.
    """
    metrics: dict[str, dict[str, object]] = {}
    for row in values.to_dict("records"):
        policy = row["policy"] if not row["versus"] else f"{row['policy']}_minus_{row['versus']}"
        ok = row["status"] == "ok"
        numbers = {
            name: float(row[name]) if ok and not pd.isna(row[name]) else None
            for name in ("value", "low", "high")
        }
        metrics[f"counterfactual/{policy}/{row['objective']}/{row['estimator']}"] = {
            **numbers,
            "n": int(row["num_units"]),
            "weighted": row["policy"] != "behavior",
            "note": "" if ok else str(row["status"]),
        }
    return metrics
