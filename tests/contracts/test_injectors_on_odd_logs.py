"""Injectors on logs that nobody thinks of: each works, or says why not; none crashes, and none is silent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pandas.api import types

from holdfast.app.schema import TARGET, component_class
from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.core.shipped import shipped_folder
from holdfast.data.card import DatasetCard
from holdfast.drift.changed import NOTHING_CHANGED
from holdfast.drift.injector import Drifted, Injector
from holdfast.drift.rows import DriftRows, drift_rows

START = pd.Timestamp("2025-03-01", tz="UTC")
SEEDS = range(100)


def loaded(path: Path) -> Any:
    """What a file of the folder describes, with the part that its defaults put into it."""
    values = yaml.safe_load(path.read_text())
    for part in values.pop("defaults", []):
        if part != "_self_":
            ((key, option),) = part.items()
            values[key.removeprefix("/drift@")] = loaded(path.with_stem(option))
    return component_class(values.pop(TARGET))(**values)


def shipped() -> dict[str, Injector]:
    paths = sorted((shipped_folder("configs") / "drift").glob("*.yaml"))
    found = {path.stem: loaded(path) for path in paths}
    return {name: injector for name, injector in found.items() if hasattr(injector, "inject")}


INJECTORS = shipped()
every_injector = pytest.mark.parametrize("name", INJECTORS)


def frame(*, requests: int = 30, slots: int = 3, users: int = 12, items: int = 9, days: float = 8.0, seed=0):
    """Rows of a log like any other, in the order of time."""
    draws = np.random.default_rng(seed)
    n = requests * slots
    at = START + pd.to_timedelta(np.sort(draws.random(requests)) * days, unit="D")
    shown = pd.Series(at.repeat(slots)).dt.as_unit("us")
    click = draws.random(n) < 0.4
    user = draws.integers(0, users, requests).repeat(slots)
    return pd.DataFrame(
        {
            "request_id": np.arange(requests).repeat(slots),
            "user_id": user,
            "item_id": draws.integers(0, items, n),
            "shown_at": shown,
            "slot": np.tile(np.arange(slots), requests),
            "propensity": draws.choice([0.7, 0.2, 0.1], n),
            "click": click,
            "dwell_seconds": np.where(click, draws.exponential(20.0, n) + 1.0, np.nan),
            "content_seconds": draws.choice([5.0, 60.0], n),
            "next_visit_at": (shown + pd.Timedelta(days=1)).where(user % 2 == 0),
            "dwell_cut": np.zeros(n, dtype=bool),
            "market": draws.choice(["north", "south", "west"], users)[user],
            "device": draws.choice(["phone", "desk"], requests).repeat(slots),
            "topic": draws.choice(list("abcd"), n),
            "price": draws.lognormal(size=n),
            "size": draws.lognormal(size=n),
            "age": draws.normal(40.0, 9.0, users)[user],
            "tags": pd.Series([[1, 2] if some else [] for some in draws.random(n) < 0.5], dtype=object),
            "seen": pd.Series([np.array([1]) if some else None for some in click], dtype=object),
            "user_impressions_1d": draws.integers(0, 5, n),
            "user_click_rate_1d": draws.random(n),
            "user_dwell_mean_1d": np.where(draws.random(n) < 0.3, np.nan, draws.random(n)),
            "user_days_since_active": draws.choice([1.0, 2.0, np.nan], n),
            "user_active_days_7": draws.integers(0, 8, n),
            "item_clicks_7d": draws.integers(0, 50, n),
        }
    )  # fmt: skip


KINDS: dict[str, tuple[str, str]] = {
    "user_id": ("categorical", "user"), "item_id": ("categorical", "item"), "market": ("categorical", "user"),
    "device": ("categorical", "context"), "topic": ("categorical", "item"), "price": ("numeric", "item"),
    "size": ("numeric", "item"), "age": ("numeric", "user"), "tags": ("multi_valued", "item"),
    "seen": ("sequence", "user"), "user_impressions_1d": ("numeric", "user"),
    "user_click_rate_1d": ("numeric", "user"), "user_dwell_mean_1d": ("numeric", "user"),
    "user_days_since_active": ("numeric", "user"), "user_active_days_7": ("numeric", "user"),
    "item_clicks_7d": ("numeric", "item"),
}  # fmt: skip
TEXT = ("market", "device", "topic")
NUMBERS = ("price", "size", "age")
HISTORY = tuple(name for name in KINDS if name.endswith(("_1d", "_7d", "_7", "_active")))


def made(rows: pd.DataFrame, *, time_zone: str = "UTC", observed_days: float = 9.0) -> DriftRows:
    features = tuple(
        Feature(name=name, kind=kind, owner=owner)  # type: ignore[arg-type]
        for name, (kind, owner) in KINDS.items()
        if name in rows
    )
    card = DatasetCard(name="odd", propensity_of="item_in_slot", time_zone=time_zone)
    until = START + pd.Timedelta(days=observed_days)
    return drift_rows(rows, features=features, card=card, observed_until=until)


def with_all(names: Any, value: Callable[[pd.Series], Any]) -> Callable[[], DriftRows]:
    def make() -> DriftRows:
        rows = frame()
        return made(rows.assign(**{name: value(rows[name]) for name in names}))

    return make


def nulls(column: pd.Series) -> pd.Series:
    return pd.Series([None] * len(column), dtype=object if column.dtype == object else column.dtype)


def known_now_and_then(column: pd.Series) -> pd.Series:
    return column.mask(np.arange(len(column)) % 9 > 0)


def is_first(column: pd.Series) -> pd.Series:
    return column == column.iloc[0]


def codes(column: pd.Series) -> pd.Series:
    return pd.Series(pd.factorize(column)[0])


def rare_and_usual(column: pd.Series) -> pd.Series:
    place = np.arange(len(column))
    return pd.Series(np.select([place == 0, place > 2], ["rare", "usual"], "some"))


def one_value_or_none(column: pd.Series) -> pd.Series:
    return known_now_and_then(pd.Series([column.iloc[0]] * len(column)))


def changed_log(**columns: Any) -> Callable[[], DriftRows]:
    return lambda: made(frame().assign(**columns))


FEATURES_ONLY = (*TEXT, *NUMBERS)
SHAPES: dict[str, Callable[[], DriftRows]] = {
    "ordinary": lambda: made(frame()),
    "another": lambda: made(frame(requests=35, users=30, items=4, seed=1)),
    "no_rows": lambda: made(frame().iloc[:0]),
    "one_row": lambda: made(frame().iloc[:1]),
    "one_request": lambda: made(frame(requests=1)),
    "two_requests": lambda: made(frame(requests=2)),
    "one_user": lambda: made(frame(users=1)),
    "one_item": lambda: made(frame(items=1)),
    "one_slot": lambda: made(frame(slots=1)),
    "one_day": lambda: made(frame(days=0.9)),
    "one_moment": changed_log(shown_at=START.as_unit("us")),
    "a_request_over_midnight": lambda: made(
        frame(requests=1).assign(shown_at=(START + pd.to_timedelta([23, 23.9, 24.1], "h")).as_unit("us"))
    ),
    "every_request_shows_the_same": changed_log(item_id=np.tile([1, 2, 3], 30)),
    "one_item_is_everywhere": changed_log(item_id=lambda rows: rows["item_id"].where(rows["slot"] > 0, 99)),
    "another_index": lambda: made(frame().set_index(np.zeros(90, dtype=int))),
    "another_time_zone": lambda: made(frame(), time_zone="Asia/Kolkata"),
    "local_times": changed_log(shown_at=lambda rows: rows["shown_at"].dt.tz_convert("America/New_York")),
    "nothing_is_recent": lambda: made(frame(), observed_days=90.0),
}
FEATURES: dict[str, Callable[[], DriftRows]] = {
    "skewed_categories": with_all(TEXT, rare_and_usual),
    "no_categories_known": with_all(TEXT, nulls),
    "no_numbers_known": with_all(NUMBERS, nulls),
    "no_history_known": with_all(HISTORY, lambda column: np.full(len(column), np.nan)),
    "no_lists_known": with_all(("tags", "seen"), nulls),
    "nothing_known": with_all((*FEATURES_ONLY, "tags", "seen"), nulls),
    "few_known": with_all(FEATURES_ONLY, known_now_and_then),
    "constant": with_all(FEATURES_ONLY, lambda column: column.iloc[0]),
    "constant_or_missing": with_all(FEATURES_ONLY, one_value_or_none),
    "one_known_value": with_all(FEATURES_ONLY, lambda column: column.where(np.arange(len(column)) == 5)),
    "equal_columns": changed_log(size=lambda rows: rows["price"], age=1.0),
    "two_values": with_all(NUMBERS, lambda column: (column > column.median()).astype(float)),
    "infinite": with_all(NUMBERS, lambda column: column.where(np.arange(len(column)) % 4 > 0, np.inf)),
}
TYPES: dict[str, Callable[[], DriftRows]] = {
    "booleans": with_all(FEATURES_ONLY, is_first),
    "nullable_booleans": with_all(
        FEATURES_ONLY, lambda one: known_now_and_then(is_first(one).astype("boolean"))
    ),
    "whole_numbers": with_all(FEATURES_ONLY, codes),
    "nullable_whole_numbers": with_all(
        (*FEATURES_ONLY, *HISTORY), lambda column: known_now_and_then(codes(column).astype("Int64"))
    ),
    "small_floats": with_all(NUMBERS, lambda column: column.astype(np.float32)),
    "nullable_floats": with_all(
        (*NUMBERS, *HISTORY), lambda column: known_now_and_then(column.astype("Float64"))
    ),
    "objects": with_all(TEXT, lambda column: known_now_and_then(column.astype(object))),
    "strings": with_all(TEXT, lambda column: known_now_and_then(column.astype("string"))),
    "arrow": with_all(TEXT, lambda column: known_now_and_then(column.astype("string[pyarrow]"))),
    "categoricals": with_all((*TEXT, "user_id", "item_id"), lambda column: column.astype("category")),
    "categoricals_with_nulls": with_all(TEXT, lambda one: known_now_and_then(one.astype("category"))),
    "text_ids": with_all(("request_id", "user_id", "item_id"), lambda column: "id" + column.astype(str)),
}
OUTCOMES: dict[str, Callable[[], DriftRows]] = {
    "nothing_clicked": changed_log(click=False, dwell_seconds=np.nan),
    "everything_clicked": changed_log(click=True, dwell_seconds=7.0),
    "clicks_not_known": changed_log(click=lambda rows: known_now_and_then(rows["click"].astype("boolean"))),
    "clicks_without_features": lambda: made(
        frame().assign(**{name: frame()[name].mask(frame()["click"]) for name in NUMBERS})
    ),
    "nobody_came_back": changed_log(next_visit_at=lambda rows: nulls(rows["next_visit_at"])),
    "who_came_back_is_not_known": changed_log(
        user_active_days_7=lambda rows: rows["user_active_days_7"].where(rows["user_id"] % 2 == 1)
    ),
    "no_dwell_no_return": lambda: made(
        frame().drop(columns=["dwell_seconds", "dwell_cut", "content_seconds", "next_visit_at"])
    ),
    "only_what_a_log_must_have": lambda: made(
        frame()[["request_id", "user_id", "item_id", "shown_at", "slot", "click"]]
    ),
    "propensities_of_one": changed_log(propensity=1.0),
    "propensities_not_known": changed_log(propensity=np.nan),
}
LOGS = {**SHAPES, **FEATURES, **TYPES, **OUTCOMES}


def plain(column: pd.Series) -> list[str]:
    """Values as text, missing ones alike, and numbers too, whatever they are kept in."""
    numbers = types.is_numeric_dtype(column.dtype)
    some = (np.ndim(each) == 0 and pd.isna(each) for each in column)
    return [
        "missing" if gone else str(float(each) if numbers else each)
        for each, gone in zip(column, some, strict=True)
    ]


def is_changed(clean: DriftRows, drifted: Drifted) -> bool:
    """Told from the rows themselves, and from when outcomes are known."""
    rows = drifted.rows
    if rows.observed_until != clean.observed_until or len(rows) != len(clean):
        return True
    # Columns that are shared are the same; of the others those that are equal need no closer look.
    pairs = ((clean.rows[name], rows.rows[name]) for name in clean.rows)
    return any(
        one.array is not other.array and not one.equals(other) and plain(one) != plain(other)
        for one, other in pairs
    )


@cache
def log_of(name: str) -> DriftRows:
    return {**LOGS, **REAL}[name]()


@every_injector
@pytest.mark.parametrize("log", LOGS)
def test_it_works_or_says_why_not_and_is_never_silent(name: str, log: str) -> None:
    injector, rows = INJECTORS[name], log_of(log)
    before = rows.rows.copy(deep=True)
    reason = injector.fits(rows)
    if reason is not None:
        assert len(reason) > 10
        with pytest.raises(UserError) as caught:
            injector.inject(rows, severity=5, seed=0)
        assert reason in str(caught.value)
        return
    strengths = [0.0]
    for severity in (1, 5):
        drifted = injector.inject(rows, severity=severity, seed=3)
        assert is_changed(rows, drifted) != (NOTHING_CHANGED in drifted.notes)
        strengths.append(injector.strength_of(rows, drifted))
        assert len(drifted.rows) > 0
        assert all(np.isfinite(each) for each in drifted.figures.values())
    assert rows.rows.equals(before), "the rows that it was given are left alone"
    assert np.isfinite(strengths).all()
    assert (np.diff(strengths) >= -1e-12).all(), strengths
    # What says that it fits changes something, if chance lets it.
    assert any(is_changed(rows, injector.inject(rows, severity=5, seed=seed)) for seed in SEEDS)


def test_what_does_not_fit_an_ordinary_log_would_test_nothing() -> None:
    assert [name for name in INJECTORS if INJECTORS[name].fits(log_of("ordinary")) is not None] == []


def like_real(*, users: int, requests: int, slots: int, days: float, seed: int) -> DriftRows:
    """Few or fleeting users, items and categories with a long tail, values missing not at random, ties."""
    draws = np.random.default_rng(seed)
    rows = frame(requests=requests, slots=slots, users=users, days=days, seed=seed)
    n = len(rows)
    user = np.minimum(draws.zipf(1.6, requests) - 1, users - 1).repeat(slots)
    price = np.round(draws.lognormal(sigma=2.0, size=n), 1)
    return made(
        rows.assign(
            user_id=user,
            item_id=np.minimum(draws.zipf(1.4, n), 200),
            click=draws.random(n) < 0.05,
            market=np.array(["home", "home", "home", "abroad"], dtype=object)[user % 4],
            device=draws.choice(["phone", "desk", None], n, p=[0.97, 0.02, 0.01]),
            topic=pd.Series(np.minimum(draws.zipf(1.5, n), 40)).astype("string").mask(draws.random(n) < 0.2),
            price=np.where(draws.random(n) < np.where(price > 5.0, 0.6, 0.1), np.nan, price),
            age=np.where(user % 3 == 0, np.nan, rows["age"]).astype(np.float32),
            propensity=draws.choice([0.9, 0.08, 0.02], n),
            user_active_days_7=np.where(draws.random(n) < 0.5, 0, 3),
        ),
        observed_days=days + 1.0,
    )


REAL: dict[str, Callable[[], DriftRows]] = {
    "few_users_for_long": lambda: like_real(users=5, requests=150, slots=4, days=20.0, seed=1),
    "many_users_for_a_day": lambda: like_real(users=300, requests=200, slots=2, days=1.0, seed=2),
    "long_slates": lambda: like_real(users=40, requests=40, slots=12, days=7.0, seed=3),
    "hardly_anything": lambda: like_real(users=3, requests=12, slots=3, days=3.0, seed=4),
}


@every_injector
@pytest.mark.parametrize("log", REAL)
def test_the_realised_strength_never_falls_with_severity(name: str, log: str) -> None:
    injector, rows = INJECTORS[name], log_of(log)
    if injector.fits(rows) is not None:
        pytest.skip(injector.fits(rows) or "")
    for seed in range(3):
        drifted = [injector.inject(rows, severity=severity, seed=seed) for severity in range(6)]
        strengths = [injector.strength_of(rows, each) for each in drifted]
        assert strengths[0] == 0.0
        # A share is a mean of means: rounding may move its last digits.
        assert (np.diff(strengths) >= -1e-12).all(), strengths
        moved = [NOTHING_CHANGED not in each.notes for each in drifted[1:]]
        assert moved == sorted(moved), "what a severity changes, every higher one changes too"


def test_most_injectors_fit_logs_like_real_ones() -> None:
    left_out = {log: [name for name in INJECTORS if INJECTORS[name].fits(log_of(log))] for log in REAL}
    assert {log: len(names) for log, names in left_out.items() if len(names) > 3} == {}, left_out
