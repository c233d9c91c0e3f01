"""Nothing that happens at or after a moment reaches what is learnt as of that moment.

The proof changes everything that a log knows from a moment on and asks for the same inputs, labels, encoder,
propensities and history, to the last bit. A proof is worth what it would catch, so leaks of the usual kinds
are planted, and each has to be found by the very same check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.features import Feature
from holdfast.core.importance import inverse_propensity_weights
from holdfast.data import history as history_module
from holdfast.data.encoder import Encoder, EncoderSettings, fit_encoder
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log
from holdfast.data.preparation import PreparedWindow, prepare_train, prepare_window
from holdfast.data.recent_items import RECENT_GAPS, RECENT_ITEMS, RecentItems
from holdfast.data.splits import Window

HISTORY = TrailingHistory(window_days=[1, 7])
REQUEST = {"history": HISTORY, "objectives": ("click", "dwell", "retention"), "horizon_days": 4}
OUTCOMES = ["click", "dwell_seconds", "next_visit_at"]


@dataclass(frozen=True)
class Steps:
    """What is done to a log; a leak is planted by replacing a step."""

    train: Callable[[Log, Window], tuple[Encoder, PreparedWindow]]
    later: Callable[[Log, Window, Encoder], PreparedWindow]
    history: Callable[[Log], pd.DataFrame]


def honest_train(log: Log, window: Window) -> tuple[Encoder, PreparedWindow]:
    return prepare_train(log, window, encoder=EncoderSettings(), **REQUEST)


def honest_later(log: Log, window: Window, encoder: Encoder) -> PreparedWindow:
    return prepare_window(log, window, encoder=encoder, **REQUEST)


HONEST = Steps(train=honest_train, later=honest_later, history=HISTORY.compute)


# What may differ: everything from a moment on.


def with_other_future(log: Log, moment: pd.Timestamp, rng: np.random.Generator) -> Log:
    """The same log up to ``moment``, and another one from there on: rows deleted, changed and added."""
    past = with_other_outcomes(log, moment, rng).frame
    past = past[past["shown_at"] < moment]
    future = log.frame[log.frame["shown_at"] >= moment]
    kept = future[rng.random(len(future)) < 0.6].copy()
    added = log.frame.sample(int(rng.integers(1, 80)), random_state=int(rng.integers(2**31)))
    added = added.assign(
        user_id=rng.choice([0, 1, 2, 900, 901], len(added)),
        item_id=rng.choice([0, 1, 2, 3, 990, 991], len(added)),
        request_id=10_000 + np.arange(len(added)),
        user_group="west",
        user_age=rng.normal(1e6, 1e6, len(added)),
    )
    future = pd.concat([kept, added])
    span = (log.observed_until - moment).total_seconds() + 1.0
    future["shown_at"] = later_than(moment, span * rng.random(len(future))).array
    future["click"] = rng.random(len(future)) < 0.9
    future["dwell_seconds"] = np.where(future["click"], rng.exponential(500.0, len(future)), np.nan)
    future["propensity"] = rng.uniform(0.001, 1.0, len(future))
    frame = pd.concat([past, future]).sort_values("shown_at", kind="stable").reset_index(drop=True)
    return replace(log, frame=frame, observed_until=log.observed_until + pd.Timedelta(days=1))


def with_other_outcomes(log: Log, moment: pd.Timestamp, rng: np.random.Generator) -> Log:
    """The same rows with other outcomes, as far as these were not known before ``moment``."""
    frame = log.frame.copy()
    frame["click"] ^= frame["shown_at"] >= moment
    back = frame["next_visit_at"]
    unknown = back.isna() | (back >= moment)
    other = later_than(moment, rng.exponential(3 * 86_400.0, len(frame)))
    other = other.where(rng.random(len(frame)) < 0.7)
    frame["next_visit_at"] = back.where(~unknown, other)
    elapsed = (moment - frame["shown_at"]).dt.total_seconds()
    going_on = frame["dwell_seconds"] >= elapsed
    # A tenth of them ends at the very moment.
    longer = elapsed.clip(lower=0.0) + rng.exponential(900.0, len(frame)) * (rng.random(len(frame)) < 0.9)
    frame["dwell_seconds"] = frame["dwell_seconds"].where(~going_on, longer)
    return replace(log, frame=frame)


def later_than(moment: pd.Timestamp, seconds: np.ndarray) -> pd.Series:
    offset = pd.to_timedelta(pd.Series((seconds * 1e6).astype(np.int64)), unit="us")
    return (moment + offset).dt.as_unit("us")


# What must not differ.


def bits(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes | str]:
    # Objects have no bytes of their own: as written, types and all.
    content = str(array.tolist()) if array.dtype == object else np.ascontiguousarray(array).tobytes()
    return str(array.dtype), array.shape, content


def material_of_window(prepared: PreparedWindow) -> dict[str, object]:
    """Everything that training or evaluation reads of a window."""
    encoded = prepared.encoded
    material: dict[str, object] = {"maturity": prepared.matured_share}
    for field in fields(encoded):
        value = getattr(encoded, field.name)
        arrays = value if field.name == "lists" else [value] if isinstance(value, np.ndarray) else []
        material[field.name] = [bits(array) for array in arrays] or value
    for name in prepared.rows:
        column = prepared.rows[name]
        values = column.to_numpy(dtype=object) if column.dtype.kind not in "fiub" else column.to_numpy()
        material[f"rows/{name}"] = bits(values)
    weights, _ = inverse_propensity_weights(
        encoded.propensity, where=np.ones(len(encoded), dtype=bool), max_weight=10.0
    )
    material["weights"] = bits(weights)
    return material


def material_of_encoder(encoder: Encoder) -> dict[str, object]:
    vocabularies = {name: bits(each.keys) for name, each in encoder.vocabularies.items()}
    return {"vocabularies": vocabularies, "scaling": encoder.scaling, "schema": encoder.schema}


def learnt(log: Log, windows: list[Window], steps: Steps) -> dict[str, object]:
    encoder, train = steps.train(log, windows[0])
    parts = {"encoder": material_of_encoder(encoder), "train": material_of_window(train)}
    for window in windows[1:]:
        parts[window.name] = material_of_window(steps.later(log, window, encoder))
    return {f"{part}/{name}": value for part, each in parts.items() for name, value in each.items()}


def leaks(log: Log, steps: Steps, *, seed: int) -> list[str]:
    """Names of all that depends on what was not known in time; empty if nothing does."""
    rng = np.random.default_rng(seed)
    moments = moments_of(log, rng)
    start = log.frame["shown_at"].iloc[0]
    train = Window(name="train", start=start, end=moments[1], as_of=moments[1])
    validation = Window(name="validation", start=moments[1], end=moments[2], as_of=moments[2])
    found: list[str] = []
    before = learnt(log, [train, validation], steps)
    for windows in ([train], [train, validation]):
        after = learnt(with_other_future(log, windows[-1].as_of, rng), windows, steps)
        found += [name for name in after if before[name] != after[name]]
    # Within a window, too: a row's history is what was known before the row.
    whole = steps.history(log)
    for moment in (moments[0], *moments_of(log, rng)):
        seen = (log.frame["shown_at"] <= moment).to_numpy()
        other = steps.history(with_other_outcomes(log, moment, rng))
        found += [
            f"history/{name}"
            for name in whole
            if bits(whole[name].to_numpy()[seen]) != bits(other[name].to_numpy()[seen])
        ]
    return sorted(set(found))


def moments_of(log: Log, rng: np.random.Generator) -> list[pd.Timestamp]:
    """A row's own moment; then, later, two in the midst of a dwell. Nothing says that they are midnights."""
    frame = log.frame
    place = (frame["shown_at"] - frame["shown_at"].iloc[0]) / (log.observed_until - frame["shown_at"].iloc[0])
    read = frame[frame["dwell_seconds"] > 1.0]
    first = frame[place.between(0.3, 0.5)]["shown_at"].sample(1, random_state=int(rng.integers(2**31)))
    moments = [first.iloc[0]]
    for low, high in ((0.55, 0.7), (0.75, 0.9)):
        row = read[place[read.index].between(low, high)].sample(1, random_state=int(rng.integers(2**31)))
        half = row["dwell_seconds"].iloc[0] / 2
        moments.append((row["shown_at"].iloc[0] + pd.Timedelta(seconds=half)).floor("us").as_unit("us"))
    return moments


@pytest.fixture(scope="module")
def make_busy_log(make_log) -> Callable[[int], Log]:
    """A small log in which many a dwell goes on for hours, so that each moment cuts some."""

    def make(seed: int) -> Log:
        log = make_log(seed, num_users=14, num_days=14, num_items=12, time_zone="America/New_York")
        frame = log.frame.assign(dwell_seconds=log.frame["dwell_seconds"] * 500.0)
        frame["content_seconds"] = frame["content_seconds"] * 500.0
        return replace(log, frame=frame)

    return make


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10_000))
def test_nothing_leaks(make_busy_log, seed):
    assert leaks(make_busy_log(seed), HONEST, seed=seed) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_a_nightly_history_leaks_nothing(make_busy_log, seed):
    nightly = replace(HONEST, history=replace(HISTORY, refresh="nightly").compute)
    assert leaks(make_busy_log(seed), nightly, seed=seed) == []


WITH_ITEMS = replace(HISTORY, recent_items=5)


@pytest.fixture(scope="module")
def make_log_of_items(make_busy_log) -> Callable[[int], Log]:
    """The same log, whose card declares items as recent items want them."""

    def make(seed: int) -> Log:
        log = make_busy_log(seed)
        item = Feature(name="item_id", kind="categorical", owner="item")
        return replace(log, card=log.card.with_features([item]))

    return make


def with_history(history: TrailingHistory) -> Steps:
    """The honest steps with another history in them."""
    request = {**REQUEST, "history": history}
    return Steps(
        train=lambda log, window: prepare_train(log, window, encoder=EncoderSettings(), **request),
        later=lambda log, window, encoder: prepare_window(log, window, encoder=encoder, **request),
        history=history.compute,
    )


@pytest.mark.parametrize(("seed", "refresh"), [(0, "at_once"), (1, "at_once"), (0, "nightly")])
def test_recent_items_leak_nothing(make_log_of_items, seed, refresh):
    log, history = make_log_of_items(seed), replace(WITH_ITEMS, refresh=refresh)
    assert history.compute(log)[RECENT_ITEMS].map(len).max() == 5, "or there would be nothing to leak"
    assert leaks(log, with_history(history), seed=seed) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_recent_items_that_end_with_the_rows_own_click_are_found(make_log_of_items, monkeypatch, seed):
    honest = RecentItems.lists
    monkeypatch.setattr(
        RecentItems, "lists", lambda self, user, cutoff, *, lag: honest(self, user, cutoff + 1, lag=lag)
    )
    found = leaks(make_log_of_items(seed), with_history(WITH_ITEMS), seed=seed)
    assert {f"history/{RECENT_ITEMS}", f"history/{RECENT_GAPS}"} <= set(found)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_other_future_is_another_one(make_busy_log, seed):
    """The check would be empty if it changed nothing that somebody could be tempted to look at."""
    log = make_busy_log(seed)
    rng = np.random.default_rng(seed)
    moment = moments_of(log, rng)[1]
    past = log.frame["shown_at"] < moment
    other = with_other_future(log, moment, rng).frame[: past.sum()]
    pd.testing.assert_frame_equal(
        other.drop(columns=OUTCOMES[1:]), log.frame[past].drop(columns=OUTCOMES[1:])
    )
    for name in OUTCOMES[1:]:
        assert not other[name].equals(log.frame[past][name])


# Leaks, each as somebody might write it.


def own_click_in_history(log: Log) -> pd.DataFrame:
    computed = HISTORY.compute(log)
    return computed.assign(user_clicks_1d=computed["user_clicks_1d"] + log.frame["click"])


def target_encoding(log: Log) -> pd.DataFrame:
    rate = log.frame.groupby("item_id")["click"].transform("mean")
    return HISTORY.compute(log).assign(item_click_rate_7d=rate)


def encoder_of_the_whole_log(log: Log, window: Window) -> tuple[Encoder, PreparedWindow]:
    fitted, _ = honest_train(log, window)
    rows = pd.concat([log.frame, HISTORY.compute(log)], axis=1)
    encoder = fit_encoder(rows, fitted.features, EncoderSettings())
    return encoder, honest_later(log, window, encoder)


def labels_of_the_raw_log(log: Log, window: Window) -> tuple[Encoder, PreparedWindow]:
    return honest_train(log, replace(window, as_of=log.observed_until))


def labels_of_the_raw_log_later(log: Log, window: Window, encoder: Encoder) -> PreparedWindow:
    return honest_later(log, replace(window, as_of=log.observed_until), encoder)


def propensity_of_the_whole_log(log: Log, window: Window) -> tuple[Encoder, PreparedWindow]:
    encoder, prepared = honest_train(log, window)
    share = prepared.rows["item_id"].map(log.frame["item_id"].value_counts(normalize=True)).to_numpy()
    return encoder, replace(prepared, encoded=replace(prepared.encoded, propensity=share))


@pytest.mark.parametrize(
    ("planted", "names"),
    [
        ({"history": own_click_in_history}, {"history/user_clicks_1d"}),
        ({"history": target_encoding}, {"history/item_click_rate_7d"}),
        ({"train": encoder_of_the_whole_log}, {"encoder/vocabularies", "encoder/scaling"}),
        ({"train": labels_of_the_raw_log}, {"train/value", "train/event", "train/rows/next_visit_at"}),
        ({"later": labels_of_the_raw_log_later}, {"validation/value", "validation/event"}),
        ({"train": propensity_of_the_whole_log}, {"train/propensity", "train/weights"}),
    ],
    ids=lambda value: next(iter(value.values())).__name__ if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_leaky_step_is_found(make_busy_log, planted, names, seed):
    assert names <= set(leaks(make_busy_log(seed), replace(HONEST, **planted), seed=seed))


def dwell_not_cut(view: Log, log: Log) -> Log:
    dwell = log.frame["dwell_seconds"][: len(view)]
    return replace(view, frame=view.frame.assign(dwell_seconds=dwell, dwell_cut=False))


def visits_to_come(view: Log, log: Log) -> Log:
    return replace(view, frame=view.frame.assign(next_visit_at=log.frame["next_visit_at"][: len(view)]))


def seen_to_the_end(view: Log, log: Log) -> Log:
    return replace(visits_to_come(view, log), observed_until=log.observed_until)


@pytest.mark.parametrize(
    ("planted", "names"),
    [
        (dwell_not_cut, {"train/rows/dwell_seconds", "validation/rows/dwell_seconds"}),
        (visits_to_come, {"train/rows/next_visit_at", "validation/rows/next_visit_at"}),
        (seen_to_the_end, {"train/value", "train/event", "validation/value", "validation/maturity"}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_leaky_view_is_found(make_busy_log, monkeypatch, planted, names, seed):
    honest = Log.as_of
    monkeypatch.setattr(Log, "as_of", lambda log, moment: planted(honest(log, moment), log))
    assert names <= set(leaks(make_busy_log(seed), HONEST, seed=seed))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_history_that_counts_the_present_is_found(make_busy_log, monkeypatch, seed):
    honest = history_module.request_start
    monkeypatch.setattr(history_module, "request_start", lambda *args: honest(*args) + 1)
    assert "history/user_clicks_1d" in leaks(make_busy_log(seed), HONEST, seed=seed)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_history_that_knows_dwell_before_its_end_is_found(make_busy_log, monkeypatch, seed):
    def at_once(frame, entity, times, clicked):
        read = clicked & frame["dwell_seconds"].notna().to_numpy()
        milliseconds = np.rint(frame["dwell_seconds"].to_numpy()[read] * 1e3).astype(np.int64)
        return history_module.SortedEvents.of(entity[read], times[read], milliseconds)

    monkeypatch.setattr(history_module, "_read", at_once)
    found = leaks(make_busy_log(seed), HONEST, seed=seed)
    assert any(name.startswith("history/") and "dwell" in name for name in found)
