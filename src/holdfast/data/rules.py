"""The rules of the log contract that concern values; those that concern types are in ``canonical``.

A rule looks at a table whose columns have their canonical types, and yields the faults that it finds; a
column that is absent, because its type is wrong, is passed over.

N rows of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from holdfast.core.arrays import Bools, Ints
from holdfast.data.canonical import COLUMNS, OUTCOME_COLUMNS
from holdfast.data.card import DatasetCard
from holdfast.data.faults import Fault, log_fault, row_faults
from holdfast.data.log import local_days
from holdfast.data.outcomes import user_day_codes

NOT_SORTED = "earlier than the row before"


def value_faults(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    """Faults of the values of those columns that have the right type."""
    if len(table) == 0:
        yield log_fault("(all)", "the log has no rows", remedy="look at what was read")
        return
    if observed_until.tzinfo is None:
        yield log_fault("observed_until", "no time zone", remedy="give it in UTC")
        return
    for rule in RULES:
        yield from rule(table, card, observed_until)


def _nulls(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    for column in COLUMNS:
        if not column.nullable and has(table, column.name):
            yield from row_faults(column.name, "null", _bools(table[column.name].isna()))


def _time(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    if not has(table, "shown_at"):
        return
    shown = table["shown_at"]
    later = _bools(shown >= observed_until)
    if later.any():
        rule = f"at or after observed_until, {observed_until}"
        yield log_fault(
            "shown_at", rule, bad=later, remedy="set observed_until to the end of what was logged"
        )
    micros = microseconds(shown.dropna())
    if len(micros) == len(shown):
        unsorted = np.r_[False, micros[1:] < micros[:-1]]
        if unsorted.any():
            yield log_fault("shown_at", NOT_SORTED, bad=unsorted, remedy="sort the log by shown_at")


def _choices(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    """Slots and propensities."""
    if has(table, "slot"):
        below = table["slot"].to_numpy(dtype=np.int64, na_value=0) < 0
        yield from row_faults("slot", "below 0", below, remedy="count slots from 0; null where not known")
    if not has(table, "propensity"):
        return
    propensity = table["propensity"].to_numpy()
    logged = ~np.isnan(propensity)
    bad = logged & ~((propensity > 0) & (propensity <= 1))
    yield from row_faults("propensity", "outside (0, 1]", bad, remedy="null where it was not logged")
    if card.propensity_of is None and logged.any():
        remedy = "set propensity_of on the card to item_in_slot or slate"
        yield log_fault("propensity", "the card does not say of what", bad=logged, remedy=remedy)
    if card.propensity_of is not None and not logged.any():
        yield log_fault("propensity", "null in every row", remedy="set propensity_of: null on the card")


def _dwell(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    content = np.full(len(table), np.inf)
    if has(table, "content_seconds"):
        content = table["content_seconds"].to_numpy()
        bad = ~np.isnan(content) & ~((content > 0) & np.isfinite(content))
        yield from row_faults(
            "content_seconds", "not a length above 0", bad, remedy="null where it does not cap dwell"
        )
        content = np.where(np.isnan(content), np.inf, content)
    if not has(table, "dwell_seconds"):
        return
    dwell = table["dwell_seconds"].to_numpy()
    yield from row_faults("dwell_seconds", "negative", dwell < 0)
    yield from row_faults("dwell_seconds", "not finite", np.isposinf(dwell))
    above = (dwell > content + card.dwell_tolerance_seconds) & np.isfinite(dwell) & (content > 0)
    rule = f"above content_seconds by more than {card.dwell_tolerance_seconds:g} s"
    remedy = "content_seconds is null where replays go on; mind milliseconds"
    yield from row_faults("dwell_seconds", rule, above, remedy=remedy)
    if has(table, "click"):
        opened = table["click"].to_numpy(dtype=bool, na_value=True)
        remedy = "null where nothing was opened"
        yield from row_faults(
            "dwell_seconds", "known without a click", ~np.isnan(dwell) & ~opened, remedy=remedy
        )


def _visits(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    """The next visit is a fact of a user's day: on a later day, seen by the log, one for all its rows."""
    if not has(table, "shown_at", "user_id", "next_visit_at") or not table["next_visit_at"].notna().any():
        return
    shown, back = table["shown_at"], table["next_visit_at"]
    complete = _bools(shown.notna() & table["user_id"].notna())
    day, day_back = local_days(shown, card.time_zone), local_days(back, card.time_zone)
    seen = _bools(back.notna())
    backwards = seen & complete & _bools(back <= shown)
    remedy = "the clock runs backwards; mind time zones and units"
    yield from row_faults("next_visit_at", "not after shown_at", backwards, remedy=remedy)
    same_day = seen & complete & ~backwards & (day_back <= day)
    rule = f"on the day of shown_at in {card.time_zone}"
    yield from row_faults("next_visit_at", rule, same_day, remedy="it is the first visit on a later day")
    remedy = "null where no visit was seen by then"
    yield from row_faults(
        "next_visit_at", "at or after observed_until", _bools(back >= observed_until), remedy=remedy
    )
    if not complete.any():
        return
    code = user_day_codes(table["user_id"][complete], day[complete])
    differs, passed = np.zeros(len(table), dtype=bool), np.zeros(len(table), dtype=bool)
    differs[complete] = _differs_within(code, microseconds(back)[complete])
    remedy = "all rows of a user's day share it"
    yield from row_faults("user_id, next_visit_at", "differs within a user's day", differs, remedy=remedy)
    if "retention" in card.outcomes:
        user = pd.factorize(table["user_id"][complete])[0]
        seen_on = _next_active_day(code, user, day[complete])
        passed[complete] = np.where(seen[complete], day_back[complete], _NEVER) > seen_on
        rule = "null or too late: the log itself shows the user on an earlier day after shown_at"
        yield from row_faults("next_visit_at", rule, passed & ~differs, remedy="compute it from all visits")


def _requests(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    if not has(table, "request_id"):
        return
    code = pd.factorize(table["request_id"])[0].astype(np.int64)
    known = code >= 0
    if has(table, "slot"):
        slot = table["slot"].to_numpy(dtype=np.int64, na_value=-1)
        # A negative slot has a fault of its own.
        repeated = _repeated(code, slot, where=known & (slot >= 0))
        remedy = "all but the first are counted; one item has one slot of one request"
        yield from row_faults("request_id, slot", "repeated", repeated, remedy=remedy)
    if has(table, "item_id", "slot"):
        unknown_slot = _bools(table["slot"].isna())
        item = pd.factorize(table["item_id"])[0].astype(np.int64)
        repeated = _repeated(code, item, where=known & unknown_slot & (item >= 0))
        remedy = "all but the first are counted; log the slot if an item is shown twice"
        yield from row_faults("request_id, item_id", "repeated, slot not known", repeated, remedy=remedy)
    if card.propensity_of == "slate" and has(table, "propensity"):
        chance = pd.factorize(table["propensity"], use_na_sentinel=False)[0].astype(np.int64)
        several = np.zeros(len(table), dtype=bool)
        several[known] = _differs_within(code[known], chance[known])
        remedy = "a slate has one probability; or declare propensity_of: item_in_slot"
        yield from row_faults("request_id, propensity", "differs within a slate", several, remedy=remedy)
    if has(table, "user_id"):
        user = pd.factorize(table["user_id"])[0].astype(np.int64)
        several = np.zeros(len(table), dtype=bool)
        known &= user >= 0
        several[known] = _differs_within(code[known], user[known])
        remedy = "make request_id unique across users"
        yield from row_faults("request_id, user_id", "several users in one request", several, remedy=remedy)


def _features(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    for feature in card.features:
        if feature.name in OUTCOME_COLUMNS:
            remedy = "it is not known when an item is ranked: take it off the card's features"
            yield log_fault(feature.name, "a feature that repeats an outcome", remedy=remedy)
        elif feature.kind == "numeric" and has(table, feature.name) and is_numeric_dtype(table[feature.name]):
            values = table[feature.name].to_numpy(dtype=np.float64, na_value=np.nan)
            yield from row_faults(feature.name, "infinite", np.isinf(values), remedy="null where not known")


def _outcomes(table: pd.DataFrame, card: DatasetCard, observed_until: pd.Timestamp) -> Iterator[Fault]:
    """An outcome that never varies teaches nothing, and most often means that it was not logged."""
    if "click" in card.outcomes and has(table, "click"):
        click = table["click"].dropna().to_numpy(dtype=bool)
        if len(click) and (click.all() or not click.any()):
            rule = f"{'true' if click.all() else 'false'} in every row"
            yield log_fault("click", rule, remedy="take click off the card's outcomes")
    for objective, column in (("dwell", "dwell_seconds"), ("retention", "next_visit_at")):
        if objective in card.outcomes and has(table, column) and table[column].isna().all():
            remedy = f"take {objective} off the card's outcomes"
            yield log_fault(column, "null in every row", remedy=remedy)


RULES: tuple[Callable[[pd.DataFrame, DatasetCard, pd.Timestamp], Iterator[Fault]], ...] = (
    _nulls,
    _time,
    _choices,
    _dwell,
    _visits,
    _requests,
    _features,
    _outcomes,
)
_NEVER = np.iinfo(np.int64).max


def has(table: pd.DataFrame, *names: str) -> bool:
    """Whether the table has all the columns."""
    return all(name in table for name in names)


def _bools(column: pd.Series) -> Bools:
    return column.to_numpy(dtype=bool, na_value=False)


def microseconds(moments: pd.Series) -> Ints:
    """Microseconds since 1970, int64 ``[N]``; null moments become the smallest int64."""
    return np.asarray(moments.to_numpy(dtype="datetime64[us]").astype(np.int64))


def _repeated(group: Ints, value: Ints, *, where: Bools) -> Bools:
    """Whether an earlier row, ``where`` True, has the same group and value; ``[N]``."""
    repeated = np.zeros(len(group), dtype=bool)
    if where.any():
        pair = group[where] * (int(value[where].max()) + 1) + value[where]
        repeated[where] = pd.Series(pair).duplicated().to_numpy()
    return repeated


def _differs_within(group: Ints, value: Ints) -> Bools:
    """Whether the rows of a group, codes from 0, disagree in a value; ``[N]``."""
    if len(group) == 0:
        return np.zeros(0, dtype=bool)
    one_of = np.zeros(int(group.max()) + 1, dtype=np.int64)
    one_of[group] = np.arange(len(group))
    differs = np.bincount(group, weights=value != value[one_of[group]]) > 0
    return np.asarray(differs[group])


def _next_active_day(code: Ints, user: Ints, day: Ints) -> Ints:
    """The user's next day in the log after the row's own, ``[N]``; the largest int64 where there is none.

    ``code`` is of ``user_day_codes``: it ascends by user, then by day.
    """
    num_codes = int(code.max()) + 1
    user_of, day_of = np.zeros(num_codes, dtype=np.int64), np.zeros(num_codes, dtype=np.int64)
    user_of[code], day_of[code] = user, day
    following = np.full(num_codes, _NEVER)
    following[:-1] = np.where(user_of[1:] == user_of[:-1], day_of[1:], _NEVER)
    return np.asarray(following[code])
