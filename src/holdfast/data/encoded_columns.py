"""The columns of an encoded window: a window's raw rows and what came of them, as arrays.

N rows of a window, T objectives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.data.card import Objective
from holdfast.data.encoded import Array, EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.data.history import FREQUENCY, RECENCY
from holdfast.data.log import Log
from holdfast.data.outcomes import OutcomeColumns, follow_up_days, user_day_codes


def encoded_window(
    inside: Log,
    rows: pd.DataFrame,
    *,
    name: str,
    encoder: Encoder,
    outcomes: Mapping[Objective, OutcomeColumns],
    horizon_days: int,
) -> EncodedWindow:
    """Encode the rows of a window, and lay their outcomes and identities beside them.

    Args:
        inside: the window, as of its moment.
        rows: its rows as the encoder reads them, history included, in the same order.
        name: of the window.
        encoder: fitted on the train window.
        outcomes: of the rows, by objective, in the order that the window keeps.
        horizon_days: how many days of absence are told apart, at least 1.
    """
    inputs = encoder.transform(rows)
    frame, day = inside.frame, inside.local_days()
    policy, policies = _policies(frame)
    user = frame["user_id"] if "user_id" in frame else pd.Series(np.arange(len(frame)))
    return EncodedWindow(
        name=name,
        objectives=tuple(outcomes),
        categorical=inputs.categorical,
        numeric=inputs.numeric,
        lists=inputs.lists,
        content_seconds=inputs.content_seconds,
        value=_stack([outcome.value for outcome in outcomes.values()]),
        event=_stack([outcome.event for outcome in outcomes.values()]),
        known=_stack([outcome.known for outcome in outcomes.values()]),
        spread=_stack([outcome.spread for outcome in outcomes.values()]),
        propensity=_numbers(rows, "propensity", default=np.nan),
        request=_codes(frame, "request_id"),
        user=_codes(frame, "user_id"),
        user_day=user_day_codes(user, day),
        day=day,
        slot=_numbers(rows, "slot", default=-1).astype(np.int64),
        follow_up_days=follow_up_days(inside, horizon_days=horizon_days),
        recency_days=_numbers(rows, RECENCY, default=np.nan).astype(np.float32),
        active_days_7=_numbers(rows, FREQUENCY, default=0).astype(np.float32),
        policy=policy,
        item=stable_codes(frame, "item_id"),
        policies=policies,
        propensity_of=inside.card.propensity_of,
    )


def _stack(columns: Sequence[Array]) -> Array:
    """Objectives side by side, ``[N, T]``, row by row in memory as batches are gathered."""
    return np.stack(columns, axis=1)


def _codes(frame: pd.DataFrame, name: str) -> Ints:
    """An integer from 0 for each distinct value, int64 ``[N]``; every row its own if there is no column."""
    if name not in frame:
        return np.arange(len(frame), dtype=np.int64)
    return pd.factorize(frame[name], use_na_sentinel=False)[0].astype(np.int64)


def _policies(frame: pd.DataFrame) -> tuple[Ints, tuple[str, ...]]:
    """Place of each row's policy among the names, -1 where it is not known, ``[N]``; and the names."""
    if "policy" not in frame:
        return np.full(len(frame), -1, dtype=np.int64), ()
    codes, names = pd.factorize(frame["policy"].astype("string"), sort=True)
    return codes.astype(np.int64), tuple(str(name) for name in names)


def stable_codes(frame: pd.DataFrame, name: str) -> Ints:
    """A code of each value that does not depend on the other rows, int64 ``[N]``; 0 if there is no column.

    Codes of 64 bits: two of a million values share one with a chance of 1 in 40 million.
    """
    if name not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    column = frame[name]
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy(dtype=np.int64)
    return np.asarray(pd.util.hash_pandas_object(column, index=False).to_numpy().view(np.int64))


def _numbers(frame: pd.DataFrame, name: str, *, default: float) -> Floats:
    """A column as float64 ``[N]``, ``default`` where it is null or absent."""
    if name not in frame:
        return np.full(len(frame), default)
    return np.asarray(frame[name].to_numpy(dtype=np.float64, na_value=default))
