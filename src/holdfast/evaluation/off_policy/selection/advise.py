"""Advice on which estimator to read, with its reasons.

N rows, A actions, S splits, E estimators.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack, cast

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.random import generator
from holdfast.evaluation.off_policy.asking import read_log
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.evaluate import evaluate
from holdfast.evaluation.off_policy.extraction import PredictedRewards, Predictions
from holdfast.evaluation.off_policy.feedback import Feedback
from holdfast.evaluation.off_policy.keywords import Keywords, shared_options
from holdfast.evaluation.off_policy.poisson_bootstrap import poisson_counts
from holdfast.evaluation.off_policy.policy_probabilities import (
    IndexedRows,
    PolicyProbabilities,
    action_labels,
)
from holdfast.evaluation.off_policy.reward_predictions import by_objective
from holdfast.evaluation.off_policy.selection.pseudo_policies import PseudoPolicies, pseudo_policies
from holdfast.evaluation.off_policy.selection.verdicts import COLUMNS, Errors, Likeness, judge
from holdfast.evaluation.off_policy.tuning import Tuned

LEAST_ROWS = 30
"""Of either pseudo log; a mean of fewer says next to nothing."""
TOLERANCE = 1e-4
"""Relative; the logged propensity may differ from ``behavior`` by the rounding of 32-bit numbers, no more."""


@dataclass(frozen=True)
class Advice:
    """Which estimator errs least on logs made like this one.

    It is an aid: no function of this project follows it by itself, and an estimator that errs least may
    still abstain, because no interval of it can be trusted.

    Attributes:
        table: a row per objective and estimator, best first: ``objective``, ``estimator``,
            ``root_mean_squared_error``, ``bias``, ``standard_deviation``, ``worse_in`` (share of the splits
            in which it errs more than the best) and ``verdict``: ``least error``, ``not told apart`` from
            that, ``more error``, or ``unknown``.
        reasons: by objective, why, in words.
    """

    table: pd.DataFrame
    reasons: dict[str, str]

    def __str__(self) -> str:
        return "\n".join(f"{objective}: {reason}" for objective, reason in self.reasons.items())


def advise(
    feedback: pd.DataFrame,
    policy_probabilities: Any,
    reward_model: Any = None,
    estimators: Sequence[Estimator | Tuned | str] | None = None,
    *,
    behavior: Any,
    share: float = 0.2,
    num_splits: int = 50,
    seed: int = 0,
    **asked: Unpack[Keywords],
) -> Advice:
    """Which estimator would err least for this pair of policies, from the log alone, and how sure that is.

    S times, a resample of the log is taken apart at random into a log of a pseudo evaluation policy and one
    of a pseudo behavior policy that differ as the two policies do (``pseudo_policies``). Every estimator is
    asked about the first from the second, anew with its reward model and its hyper-parameter, and held
    against what the first really brought in.

    Args:
        feedback: this, and whatever is not named here, as in ``evaluate``. Intervals, thresholds and
            utilities play no part.
        policy_probabilities: of all actions, ``[N, A]``, in any form that ``evaluate`` takes.
        reward_model: a ``RewardModel`` to cross-fit, None for the usual one, ``False`` for none, or
            predictions ``[N, A]`` made without these rows.
        estimators: which; None for all that the log allows.
        behavior: probabilities of all actions under the policy that logged, ``[N, A]``.
        share: of the rows, those of the pseudo evaluation log at most, in (0, 0.5]. A small one makes the
            pair more alike, a large one its truth more certain.
        num_splits: S, at least 5.
        seed: of the splits.

    Raises:
        UserError: as in ``evaluate``; or ``behavior`` is not the policy that logged.

    Returns:
        The advice, or why there is none; its table is empty where the policies are too far apart to try.
    """
    _check_settings(share, num_splits)
    options = shared_options(asked, function="advise")
    policies = {"evaluation": policy_probabilities, "behavior": behavior}
    labels = options["actions"]
    for given in policies.values():
        labels = labels if labels is not None else action_labels(given)
    log, read = read_log(feedback, policies, options["columns"], actions=labels)
    wanted, logged = (_table(read[name], log) for name in policies)
    _check_propensity(logged, log)
    lost = np.where(logged > 0.0, 0.0, wanted).sum(axis=1)
    alike = lost < 1.0
    if not alike.all():
        raise UserError(
            f"in {int((~alike).sum())} rows the two policies have no action in common, so no part of the "
            "log can stand for the evaluation policy; ask about a policy that the log overlaps with"
        )
    pseudo = pseudo_policies(wanted, logged, share=share)
    splits = _splits(pseudo, log, num_splits=num_splits, seed=seed)
    fewest = min(min(int(each.chosen.size), int(each.kept.size)) for each in splits)
    if fewest < LEAST_ROWS:
        why = (
            f"no advice: the smaller of the pseudo logs would have {fewest} rows, and it takes {LEAST_ROWS}; "
            "the policies are too far apart for so few rows"
        )
        return Advice(pd.DataFrame(columns=list(COLUMNS)), dict.fromkeys(log.rewards, why))
    model = reward_model
    if not (model is None or model is False or hasattr(model, "fit")):
        model = _tables(by_objective(model, log, index=feedback.index, labels=labels))
    every = _Asked(model, estimators, asked, labels)
    errors = [_errors_of(each, feedback, log, pseudo, every) for each in splits]
    return _advice(errors, list(log.rewards), _likeness(wanted, logged, pseudo, log, float(lost.mean())))


@dataclass(frozen=True)
class _Split:
    """One way to take a resample of the log apart.

    Attributes:
        chosen: rows of the pseudo evaluation log.
        kept: rows of the pseudo behavior log.
    """

    chosen: Ints
    kept: Ints


def _splits(pseudo: PseudoPolicies, log: Feedback, *, num_splits: int, seed: int) -> list[_Split]:
    """Each of another resample of the users (or rows), so that their spread holds the luck of the log."""
    draws = generator(seed, "off-policy advice")
    counts = poisson_counts(log.keys, num_resamples=num_splits, seed=seed).astype(np.int8)
    splits = []
    for number in range(num_splits):
        rows = np.repeat(np.arange(log.num_rows), counts[:, number])
        goes = draws.random(rows.size) < pseudo.chosen[rows, log.actions[rows]]
        splits.append(_Split(rows[goes], rows[~goes]))
    return splits


@dataclass(frozen=True)
class _Asked:
    """What every pseudo log is asked."""

    reward_model: Any
    estimators: Sequence[Estimator | Tuned | str] | None
    asked: Keywords
    actions: Sequence[object] | None

    def keywords(self) -> Keywords:
        """Those of the user that say where in the log what is."""
        named = {
            name: value
            for name, value in self.asked.items()
            if name in ("action", "rewards", "slot", "context")
        }
        own = {"propensity": _PROPENSITY, "user": _UNIT, "actions": self.actions}
        return cast(Keywords, named | own)

    def model(self, rows: Ints) -> Any:
        """The reward model, or its predictions of some rows."""
        given = self.reward_model
        if given is None or given is False or hasattr(given, "fit"):
            return given
        return {name: table[rows] for name, table in given.items()}


def _tables(predictions: Predictions) -> dict[str, Floats]:
    """Predictions of all actions, ``[N, A]`` by objective."""
    tables = {}
    for name, each in predictions.items():
        if isinstance(each, PredictedRewards):
            raise UserError(
                f"the predictions of {name!r} are of one policy, and advice asks about others: give those of "
                "all actions, [rows, actions]"
            )
        tables[name] = each.table[each.index] if isinstance(each, IndexedRows) else each
    return tables


_PROPENSITY, _UNIT = "propensity_of_pseudo_behavior", "unit_of_resample"


def _errors_of(
    split: _Split, feedback: pd.DataFrame, log: Feedback, pseudo: PseudoPolicies, asked: _Asked
) -> pd.DataFrame:
    """A row per objective and estimator: objective, estimator, error, noise."""
    chosen, kept = split.chosen, split.kept
    # Contexts of which few rows are chosen are rare in one log and not in the other.
    balance = (1.0 - pseudo.share[chosen]) / pseudo.share[chosen]
    balance = balance / balance.sum()
    truth, noise = {}, {}
    for name, reward in log.rewards.items():
        truth[name] = float(balance @ reward[chosen])
        noise[name] = float((balance**2) @ (reward[chosen] - truth[name]) ** 2)
    # A row that was drawn twice is no second row: its copies share a fold.
    frame = feedback.iloc[kept].reset_index(drop=True)
    frame = frame.assign(
        **{_PROPENSITY: pseudo.behavior[kept, log.actions[kept]], _UNIT: log.keys[kept].astype(np.int64)}
    )
    table = evaluate(frame, pseudo.evaluation[kept], asked.model(kept), asked.estimators, **asked.keywords())
    value = table["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.DataFrame(
        {
            "objective": table["objective"],
            "estimator": table["estimator"],
            "error": value - table["objective"].map(truth).to_numpy(),
            "noise": table["objective"].map(noise).to_numpy(),
        }
    )


def _advice(errors: Sequence[pd.DataFrame], objectives: Sequence[str], likeness: Likeness) -> Advice:
    tables, reasons = [], {}
    for objective in objectives:
        mine = [each[each["objective"] == objective] for each in errors]
        table, reasons[objective] = judge(
            Errors(
                estimators=list(mine[0]["estimator"]),
                error=np.stack([each["error"].to_numpy() for each in mine]),
                noise=float(np.mean([each["noise"].iloc[0] for each in mine])),
            ),
            likeness,
        )
        tables.append(table.assign(objective=objective))
    return Advice(pd.concat(tables, ignore_index=True)[list(COLUMNS)], reasons)


def _likeness(wanted: Floats, logged: Floats, pseudo: PseudoPolicies, log: Feedback, lost: float) -> Likeness:
    rows = np.arange(log.num_rows)
    real = wanted[rows, log.actions] / logged[rows, log.actions]
    made = pseudo.evaluation[rows, log.actions] / pseudo.behavior[rows, log.actions]
    # The pseudo behavior log has a row with chance 1 - rho.
    stays = 1.0 - pseudo.chosen[rows, log.actions]
    return Likeness(
        effective_share=_effective(real, np.ones_like(real)),
        pseudo_effective_share=_effective(made, stays),
        lost=lost,
    )


def _effective(weight: Floats, times: Floats) -> float:
    """Effective sample size over rows, of weights that count so many times."""
    square = float((times * weight**2).sum())
    return float((times * weight).sum()) ** 2 / (square * float(times.sum())) if square > 0.0 else 0.0


def _table(policy: PolicyProbabilities, log: Feedback) -> Floats:
    """Checked probabilities ``[N, A]``."""
    if policy.num_actions is None:
        raise UserError(
            f"policy {policy.name!r} has probabilities of the logged actions only; to take the log apart "
            "those of all actions are needed: give them as [rows, actions]"
        )
    table = policy.block(slice(0, log.num_rows), log.actions).table
    return np.asarray(table.todense() if hasattr(table, "todense") else table, dtype=np.float64)


def _check_propensity(logged: Floats, log: Feedback) -> None:
    own = logged[np.arange(log.num_rows), log.actions]
    apart = ~np.isclose(own, log.propensity, rtol=TOLERANCE, atol=0.0)
    if apart.any():
        first = int(np.flatnonzero(apart)[0])
        raise UserError(
            f"behavior and the logged propensities disagree in {int(apart.sum())} rows, the first is row "
            f"{first}: {own[first]:.6g} and {log.propensity[first]:.6g}; give the policy that logged"
        )


def _check_settings(share: float, num_splits: int) -> None:
    if not 0.0 < share <= 0.5:
        raise UserError(f"share is {share}; it must be above 0 and at most 0.5, as 0.2 is")
    if num_splits < 5 or math.isinf(num_splits):
        raise UserError(f"num_splits is {num_splits}; it must be at least 5, and 50 is usual")
