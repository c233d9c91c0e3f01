"""From a log to encoded windows, each from nothing but what was known at its moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.core.protocols import Population
from holdfast.data.canonical import OUTCOME_COLUMNS
from holdfast.data.card import Objective
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoded_columns import encoded_window
from holdfast.data.encoder import Encoder, EncoderSettings, fit_encoder
from holdfast.data.log import Log
from holdfast.data.outcomes import (
    OutcomeColumns,
    check_dwell_ends,
    outcome_columns,
)
from holdfast.data.splits import TemporalSplit, Window


class History(Protocol):
    """What was known of users and items before each row: computed from a log, or kept from serving it."""

    def features(self) -> list[Feature]:
        """The columns that it can make."""
        ...

    def compute(self, view: Log) -> pd.DataFrame:
        """The columns for every row of a view, in its order, with its index."""
        ...


@dataclass(frozen=True)
class PreparedWindow:
    """One window, raw and encoded.

    Attributes:
        encoded: what batches are gathered from.
        rows: the raw rows as the encoder reads them, history included, with outcomes as of the window's
            moment; row ``i`` is row ``i`` of ``encoded``.
        matured_share: share of the rows of which it is known whether the user came back within the horizon,
            in [0, 1].
    """

    encoded: EncodedWindow
    rows: pd.DataFrame
    matured_share: float


@dataclass(frozen=True)
class Prepared:
    """The windows of one split, by name, in order of time.

    Attributes:
        windows: encoded.
        bounds: where they lie in time, and as of when their labels are.
        encoder: fitted on the rows of the train window.
        rows: raw rows; see ``PreparedWindow``.
        maturity: share of rows with a matured retention horizon; see ``PreparedWindow``.
    """

    windows: dict[str, EncodedWindow]
    bounds: dict[str, Window]
    encoder: Encoder
    rows: dict[str, pd.DataFrame]
    maturity: dict[str, float]


def prepare_windows(
    log: Log,
    *,
    split: TemporalSplit,
    history: History,
    encoder: EncoderSettings,
    objectives: Sequence[Objective],
    horizon_days: int,
    dwell_population: Population = "opened",
) -> Prepared:
    """Cut a log into windows and encode them.

    Args:
        log: the whole log.
        split: where to cut, and what is held out of all windows.
        history: trailing counts and rates, added to the features of the card.
        encoder: how features are encoded; fitted on the train window only.
        objectives: whose outcomes the windows carry, in this order.
        horizon_days: how many days of absence are told apart, at least 1.
        dwell_population: rows on which dwell is defined; see ``data.outcomes.outcome_columns``.

    Raises:
        UserError: the log is too short or lacks what is asked of it.
    """
    bounds, log = split.windows(log), split.kept(log)
    fitted, train = prepare_train(
        log,
        bounds["train"],
        history=history,
        encoder=encoder,
        objectives=objectives,
        horizon_days=horizon_days,
        dwell_population=dwell_population,
    )
    prepared = {"train": train}
    for name in bounds:
        if name != "train":
            prepared[name] = prepare_window(
                log,
                bounds[name],
                history=history,
                encoder=fitted,
                objectives=objectives,
                horizon_days=horizon_days,
                dwell_population=dwell_population,
            )
    return Prepared(
        windows={name: each.encoded for name, each in prepared.items()},
        bounds=bounds,
        encoder=fitted,
        rows={name: each.rows for name, each in prepared.items()},
        maturity={name: each.matured_share for name, each in prepared.items()},
    )


def prepare_train(
    log: Log,
    window: Window,
    *,
    history: History,
    encoder: EncoderSettings,
    objectives: Sequence[Objective],
    horizon_days: int,
    dwell_population: Population = "opened",
) -> tuple[Encoder, PreparedWindow]:
    """Fit the encoder on the train window and encode it; sees ``log.as_of(window.as_of)`` and nothing else.

    Raises:
        UserError: an objective has no outcome in the window, or a feature would tell the outcome.
    """
    view = log.as_of(window.as_of)
    _check_objectives(view, objectives)
    inside, rows, features = _rows_with_history(view, window, history)
    outcomes = _outcomes(inside, objectives, horizon_days=horizon_days, dwell_population=dwell_population)
    for objective, outcome in outcomes.items():
        if not outcome.known.any():
            raise UserError(
                f"no outcome of {objective} is known in the {window.name} window, {window.start} to "
                f"{window.end}, as of {window.as_of}; lengthen split.gap_days or the window, or leave "
                f"{objective} out"
            )
    if "dwell" in outcomes:
        check_dwell_ends(outcomes["dwell"], window, population=dwell_population)
    fitted = fit_encoder(rows, features, encoder)
    return fitted, _prepared(inside, rows, window, fitted, outcomes, horizon_days=horizon_days)


def prepare_window(
    log: Log,
    window: Window,
    *,
    history: History,
    encoder: Encoder,
    objectives: Sequence[Objective],
    horizon_days: int,
    dwell_population: Population = "opened",
) -> PreparedWindow:
    """Encode a window with an encoder fitted before it; sees ``log.as_of(window.as_of)`` and nothing else."""
    view = log.as_of(window.as_of)
    _check_objectives(view, objectives)
    inside, rows, _ = _rows_with_history(view, window, history)
    outcomes = _outcomes(inside, objectives, horizon_days=horizon_days, dwell_population=dwell_population)
    return _prepared(inside, rows, window, encoder, outcomes, horizon_days=horizon_days)


def _check_objectives(view: Log, objectives: Sequence[Objective]) -> None:
    if not objectives:
        raise UserError("there are no objectives; ask for at least one of click, dwell and retention")
    absent = [objective for objective in objectives if objective not in view.card.outcomes]
    if absent:
        raise UserError(
            f"the log {view.card.name!r} does not know {absent}; its card names {list(view.card.outcomes)}: "
            "leave those objectives out, or add their columns and outcomes to the log"
        )


def _rows_with_history(
    view: Log, window: Window, history: History
) -> tuple[Log, pd.DataFrame, tuple[Feature, ...]]:
    """The rows of a window, the same with their history, and the features among the columns.

    The history looks at the whole view: what was seen before the window started counts.
    """
    telling = sorted({feature.name for feature in view.card.features} & set(OUTCOME_COLUMNS))
    if telling:
        raise UserError(
            f"the features {telling} would tell the outcome or how it was logged, and are not known when a "
            "request is ranked; take them off the dataset card"
        )
    computed = history.compute(view)
    taken = [name for name in computed.columns if name in view.frame]
    if taken:
        raise UserError(f"the log already has columns {taken}, which the history makes; rename them")
    shown_at = view.frame["shown_at"]
    mask = ((shown_at >= window.start) & (shown_at < window.end)).to_numpy()
    inside = view.between(window.start, window.end)
    # Two frames side by side share their columns with the result instead of copying them.
    rows = pd.concat([inside.frame, computed[mask].reset_index(drop=True)], axis=1)
    made = tuple(feature for feature in history.features() if feature.name in computed)
    return inside, rows, (*view.card.features, *made)


def _outcomes(
    inside: Log, objectives: Sequence[Objective], *, horizon_days: int, dwell_population: Population
) -> dict[Objective, OutcomeColumns]:
    return {
        each: outcome_columns(inside, each, horizon_days=horizon_days, dwell_population=dwell_population)
        for each in objectives
    }


def _prepared(
    inside: Log,
    rows: pd.DataFrame,
    window: Window,
    encoder: Encoder,
    outcomes: dict[Objective, OutcomeColumns],
    *,
    horizon_days: int,
) -> PreparedWindow:
    encoded = encoded_window(
        inside, rows, name=window.name, encoder=encoder, outcomes=outcomes, horizon_days=horizon_days
    )
    matured = float((encoded.follow_up_days >= horizon_days).mean()) if len(rows) else 0.0
    return PreparedWindow(encoded, rows, matured)
