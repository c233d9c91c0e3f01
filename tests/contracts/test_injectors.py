"""What every injector of drift must keep; an injector joins by having a file in configs/drift."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal

from holdfast.app.schema import TARGET, component_class
from holdfast.core.errors import UserError
from holdfast.core.features import UNKNOWN_ROW, Feature
from holdfast.core.shipped import shipped_folder
from holdfast.data.card import DatasetCard
from holdfast.data.encoder import EncoderSettings, fit_encoder
from holdfast.data.history import TrailingHistory
from holdfast.data.outcomes import outcome_columns, user_day_codes
from holdfast.data.preparation import prepare_windows
from holdfast.data.splits import TemporalSplit
from holdfast.drift.injector import KINDS, Drifted, Family, Injector
from holdfast.drift.rows import DriftRows, drift_rows
from holdfast.simulation.world import DefaultWorld

OUTCOMES = {"click", "dwell_seconds", "dwell_cut", "next_visit_at"}
CONTRACT = {"request_id", "shown_at", "slot", "propensity", "policy", "content_seconds"}
RE_MIXES = {"segment_remix", "popularity_shock", "hour_remix", "season_remix", "importance_resampled"}
COLUMNS_BY_KIND = {
    # Columns that an injector of a kind may never touch; what a re-mix may is told apart below.
    "covariate": OUTCOMES | CONTRACT,
    "sensor": OUTCOMES | CONTRACT | {"user_id", "item_id"},
}


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


@pytest.fixture(scope="module")
def prepared() -> Any:
    world = DefaultWorld(num_users=300, num_items=100, num_days=20, burn_in_days=7, seed=3)
    log = world.read()
    made = prepare_windows(
        log,
        split=TemporalSplit(train_days=8, gap_days=0, validation_days=1, test_days=7, maturity_days=3),
        history=TrailingHistory(refresh="nightly"),
        encoder=EncoderSettings(),
        objectives=("click", "dwell", "retention"),
        horizon_days=3,
    )
    return log, made


@pytest.fixture(scope="module")
def clean(prepared: Any) -> DriftRows:
    log, made = prepared
    return drift_rows(
        made.rows["test"],
        features=made.encoder.features,
        card=log.card,
        observed_until=made.bounds["test"].as_of,
    )


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert_frame_equal(one, other, check_exact=True)


def copies(clean: DriftRows, drifted: Drifted) -> pd.DataFrame:
    """What the drifted rows were before."""
    return clean.rows.take(drifted.rows.source).reset_index(drop=True)


def test_the_folder_holds_what_it_is_thought_to_hold() -> None:
    assert len(INJECTORS) == 27
    assert {injector.kind for injector in INJECTORS.values()} == set(KINDS)
    assert {injector.family for injector in INJECTORS.values()} == set(Family)


@every_injector
def test_it_is_an_injector_and_can_be_sent(name: str) -> None:
    injector = INJECTORS[name]
    assert isinstance(injector, Injector)
    assert pickle.loads(pickle.dumps(injector)) == injector


@every_injector
def test_its_file_says_what_its_defaults_are(name: str) -> None:
    injector = INJECTORS[name]
    settings = dataclasses.fields(injector)  # type: ignore[arg-type]
    needed = {
        each.name: getattr(injector, each.name)
        for each in settings
        if each.default is each.default_factory is dataclasses.MISSING
    }
    assert set(needed) <= {"injector"}
    assert injector == type(injector)(**needed)


@every_injector
def test_severity_0_gives_back_the_rows_themselves(name: str, clean: DriftRows) -> None:
    drifted = INJECTORS[name].inject(clean, severity=0, seed=0)
    assert drifted.rows is clean
    assert drifted.changed_columns == ()
    assert drifted.changed_rows is not None
    assert not drifted.changed_rows.any()
    assert INJECTORS[name].strength_of(clean, drifted) == 0.0


@every_injector
def test_the_same_seed_gives_the_same_rows_and_another_one_others(name: str, clean: DriftRows) -> None:
    injector = INJECTORS[name]
    once, twice, other = (injector.inject(clean, severity=3, seed=seed) for seed in (1, 1, 2))
    same(once.rows.rows, twice.rows.rows)
    np.testing.assert_array_equal(once.rows.source, twice.rows.source)
    assert once.notes == twice.notes
    assert once.figures == twice.figures
    alike = len(once.rows) == len(other.rows) and once.rows.rows.equals(other.rows.rows)
    assert alike != injector.seeded


@every_injector
def test_it_leaves_its_input_alone(name: str, clean: DriftRows) -> None:
    before = clean.rows.copy(deep=True)
    lists = [clean.rows[column].tolist() for column in before if before[column].dtype == object]
    INJECTORS[name].inject(clean, severity=5, seed=0)
    same(clean.rows, before)
    again = [clean.rows[column].tolist() for column in before if before[column].dtype == object]
    assert all(
        one is other
        for left, right in zip(lists, again, strict=True)
        for one, other in zip(left, right, strict=True)
    )


@every_injector
@pytest.mark.parametrize("severity", [1, 5])
def test_only_what_it_names_differs_from_the_row_it_came_from(
    name: str, severity: int, clean: DriftRows
) -> None:
    drifted = INJECTORS[name].inject(clean, severity=severity, seed=0)
    before, after = copies(clean, drifted), drifted.rows.rows
    assert list(after.columns) == list(before.columns)
    assert drifted.changed_columns is not None
    assert drifted.changed_rows is not None
    assert len(drifted.changed_rows) == len(after)
    assert set(drifted.changed_columns) <= set(after.columns)
    for column in after:
        if column not in drifted.changed_columns:
            assert_series_equal(before[column], after[column], check_exact=True)
        else:
            kept = ~drifted.changed_rows
            if after[column].dtype == object:
                pairs = zip(before[column][kept], after[column][kept], strict=True)
                assert all(one is other for one, other in pairs)
            else:
                assert_series_equal(
                    before[column][kept], after[column][kept], check_exact=True, check_dtype=False
                )


@every_injector
def test_a_kind_touches_only_what_its_kind_may(name: str, clean: DriftRows) -> None:
    injector = INJECTORS[name]
    changed = set(injector.inject(clean, severity=5, seed=0).changed_columns or ())
    features = {feature.name for feature in clean.features}
    if name in RE_MIXES or name == "item_churn":
        assert changed == set()
    elif injector.kind in COLUMNS_BY_KIND:
        assert changed
        assert not changed & COLUMNS_BY_KIND[injector.kind]
        assert changed <= features | {"user_id", "item_id"}
    elif name == "bots":
        assert changed >= OUTCOMES
    else:
        # Concepts and labels: the features are bit-identical.
        assert changed
        assert changed <= OUTCOMES


@every_injector
def test_labels_have_to_be_made_anew_just_where_outcomes_changed(name: str, clean: DriftRows) -> None:
    injector = INJECTORS[name]
    drifted = injector.inject(clean, severity=5, seed=0)
    assert drifted.labels_changed(clean) == (injector.kind in ("concept", "label"))
    assert set(drifted.inputs_changed) <= {feature.name for feature in clean.features}
    for objective in ("click", "dwell", "retention"):
        made = outcome_columns(drifted.rows.view(), objective, horizon_days=3)
        if not drifted.labels_changed(clean):
            expected = outcome_columns(clean.view(), objective, horizon_days=3)
            source = drifted.rows.source
            np.testing.assert_array_equal(made.value, expected.value[source])
            np.testing.assert_array_equal(made.known, expected.known[source])
            np.testing.assert_array_equal(made.event, expected.event[source])


@every_injector
def test_requests_stay_whole_with_their_slots(name: str, clean: DriftRows) -> None:
    drifted = INJECTORS[name].inject(clean, severity=4, seed=0).rows
    slot, request = drifted.rows["slot"], drifted.rows["request_id"]
    np.testing.assert_array_equal(slot, clean.rows["slot"].to_numpy()[drifted.source])
    assert not drifted.rows.duplicated(["request_id", "slot"]).any()
    assert (drifted.rows.groupby("request_id")["user_id"].nunique() == 1).all()
    if name != "item_churn":
        # The rows of withdrawn items are gone, as it says; nothing else takes rows out of a request.
        size = clean.rows.groupby("request_id")["slot"].transform("size").to_numpy()
        np.testing.assert_array_equal(request.groupby(request).transform("size"), size[drifted.source])


@every_injector
def test_what_a_severity_changes_every_higher_one_changes_too(name: str, clean: DriftRows) -> None:
    injector = INJECTORS[name]
    left: set[int] | None = None
    changed: set[tuple[str, int]] = set()
    for severity in range(1, 6):
        drifted = injector.inject(clean, severity=severity, seed=5)
        if name in RE_MIXES or name == "item_churn":
            now = set(drifted.rows.source.tolist())
            assert left is None or now <= left
            left = now
        elif name == "bots":
            now = set(drifted.rows.source[len(clean) :].tolist())
            assert changed <= {("", row) for row in now}
            changed = {("", row) for row in now}
        elif name not in ("late_features", "dwell_rescaling", "noise"):
            # Those three change more and more of every row; the others row by row.
            assert drifted.changed_rows is not None
            now_changed = {("", row) for row in np.flatnonzero(drifted.changed_rows).tolist()}
            assert changed <= now_changed
            changed = now_changed


@every_injector
@pytest.mark.parametrize("seed", [0, 1])
def test_its_marginal_moves_in_one_direction(name: str, seed: int, clean: DriftRows) -> None:
    injector = INJECTORS[name]
    moved = [
        injector.strength_of(clean, injector.inject(clean, severity=severity, seed=seed))
        for severity in range(6)
    ]
    assert np.isfinite(moved).all()
    assert moved[0] == 0.0
    assert (np.diff(moved) >= 0.0).all(), moved
    assert moved[5] > moved[1] > 0.0


@every_injector
def test_an_encoder_fitted_on_clean_rows_reads_what_comes_out(
    name: str, clean: DriftRows, prepared: Any
) -> None:
    encoder = prepared[1].encoder
    for severity in (1, 5):
        drifted = INJECTORS[name].inject(clean, severity=severity, seed=0)
        encoded = encoder.transform(drifted.rows.rows)
        assert len(encoded) == len(drifted.rows)
        assert np.isfinite(encoded.numeric).all()
        places = [f for f in encoder.schema.categorical if f not in drifted.inputs_changed]
        before = encoder.transform(clean.rows)
        for place in map(encoder.schema.categorical.index, places):
            clean_column = before.categorical[drifted.rows.source, place]
            np.testing.assert_array_equal(encoded.categorical[:, place], clean_column)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("new_users", ["user_id"]),
        ("new_items", ["item_id", "topic"]),
        ("new_categories", ["topic"]),
        ("new_market", ["market"]),
        ("bots", ["user_id"]),
    ],
)
def test_what_is_new_has_the_unknown_row(name: str, columns: list[str], clean: DriftRows, prepared: Any):
    encoder = prepared[1].encoder
    drifted = INJECTORS[name].inject(clean, severity=4, seed=0)
    encoded = encoder.transform(drifted.rows.rows)
    for column in columns:
        ids = encoded.categorical[:, encoder.schema.categorical.index(column)]
        assert (ids[drifted.changed_rows] == UNKNOWN_ROW).all()


@every_injector
@pytest.mark.parametrize("severity", [-1, 6, 2.5, 2.0, True, "3", None])
def test_what_is_no_severity_is_refused(name: str, severity: Any, clean: DriftRows) -> None:
    with pytest.raises(ValueError, match=r"severity is .* 0 .*5"):
        INJECTORS[name].inject(clean, severity=severity, seed=0)


@every_injector
def test_no_rows_do_not_fit_and_are_refused_with_the_reason(name: str, clean: DriftRows) -> None:
    injector = INJECTORS[name]
    none = clean.take(np.zeros(0, dtype=np.int64))
    reason = injector.fits(none)
    assert reason
    assert injector.inject(none, severity=0, seed=0).rows is none
    with pytest.raises(UserError, match="does not fit these rows"):
        injector.inject(none, severity=1, seed=0)


@every_injector
def test_one_row_is_drifted_or_refused_with_a_reason(name: str, clean: DriftRows) -> None:
    injector = INJECTORS[name]
    clicks = np.flatnonzero(clean.rows["click"] & clean.rows["next_visit_at"].notna())
    one = clean.take(clicks[:1])
    if injector.fits(one) is None:
        drifted = injector.inject(one, severity=5, seed=0)
        assert len(drifted.rows) >= 1
        assert np.isfinite(injector.strength_of(one, drifted))
    else:
        with pytest.raises(UserError, match=type(injector).__name__):
            injector.inject(one, severity=5, seed=0)


@pytest.mark.parametrize("name", [name for name in INJECTORS if name != "gradual"])
@pytest.mark.parametrize(
    "strengths",
    [
        [],
        [0.1] * 4,
        [0.5, 0.4, 0.6, 0.7, 0.8],
        [0.0, 0.1, 0.2, 0.3, 0.4],
        [0.1] * 4 + [np.nan],
        [0.1] * 4 + [1e9],
    ],
)
def test_what_is_no_ladder_is_refused(name: str, strengths: list[float]) -> None:
    with pytest.raises(ValueError, match="strengths is"):
        type(INJECTORS[name])(strengths=strengths)


FEATURES = (
    Feature(name="user_id", kind="categorical", owner="user"),
    Feature(name="item_id", kind="categorical", owner="item"),
    Feature(name="market", kind="categorical", owner="user"),
    Feature(name="kids", kind="categorical", owner="user"),
    Feature(name="seen", kind="sequence", owner="user", vocabulary="item_id"),
    Feature(name="topic", kind="categorical", owner="item"),
    Feature(name="price", kind="numeric", owner="item"),
    Feature(name="size", kind="numeric", owner="item", scale="log"),
    Feature(name="same", kind="numeric", owner="item"),
    Feature(name="user_impressions_1d", kind="numeric", owner="user", scale="log"),
    Feature(name="user_click_rate_1d", kind="numeric", owner="user"),
    Feature(name="user_days_since_active", kind="numeric", owner="user"),
)
CARD = DatasetCard(name="drawn", features=FEATURES[:9], propensity_of="item_in_slot")
START = pd.Timestamp("2025-03-01", tz="UTC")


@st.composite
def drawn_rows(draw: st.DrawFn) -> DriftRows:
    """Rows with nulls, ties, infinities, one-row requests and every type of column."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    request = np.sort(generator.integers(0, draw(st.integers(1, 12)), size=draw(st.integers(1, 30))))
    n = len(request)
    slot = np.arange(n) - np.searchsorted(request, request)
    user = generator.integers(0, 4, size=20)[request]
    shown = START + pd.to_timedelta(generator.integers(0, 200, size=20).cumsum()[request] * 20, unit="min")
    click = generator.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    numbers = draw(
        st.sampled_from([[1.0, 2.0, np.nan], [0.0], [np.nan], [-1e300, 1e300, 0.5], [3.0, np.inf]])
    )
    text = pd.Series(np.array(["a", "b", None], dtype=object)[generator.integers(0, 3, size=n)], dtype="str")
    frame = pd.DataFrame(
        {
            "request_id": request,
            "user_id": [f"u{each}" for each in user] if draw(st.booleans()) else user,
            "item_id": generator.integers(0, 5, size=n),
            "shown_at": pd.Series(shown).dt.as_unit("us"),
            "slot": pd.Series(slot, dtype="Int64"),
            "propensity": generator.choice([0.9, 0.05], size=n),
            "click": click,
            "dwell_seconds": np.where(click, generator.exponential(10.0, size=n), np.nan),
            "content_seconds": generator.choice([5.0, np.nan], size=n),
            "next_visit_at": pd.Series(shown).dt.as_unit("us").where(generator.random(n) < 0.5)
            + pd.Timedelta(days=1),
            "dwell_cut": np.zeros(n, dtype=bool),
            "market": text,
            "kids": generator.random(n) < 0.5,
            "seen": pd.Series([np.array([1, 2]) if some else None for some in click], dtype=object),
            "topic": generator.choice([1.0, 2.0, np.nan], size=n),
            "price": generator.choice(numbers, size=n),
            "size": generator.integers(0, 3, size=n),
            "same": np.ones(n),
            "user_impressions_1d": generator.integers(0, 3, size=n),
            "user_click_rate_1d": generator.random(n),
            "user_days_since_active": generator.choice([1.0, np.nan], size=n),
        }
    )  # fmt: skip
    return drift_rows(frame, features=FEATURES, card=CARD, observed_until=START + pd.Timedelta(days=60))


@every_injector
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=drawn_rows(), seed=st.integers(0, 3), severity=st.integers(1, 5))
def test_any_rows_are_drifted_or_refused_with_a_reason(
    name: str, rows: DriftRows, seed: int, severity: int
) -> None:
    injector = INJECTORS[name]
    before = rows.rows.copy(deep=True)
    reason = injector.fits(rows)
    if reason is not None:
        with pytest.raises(UserError) as caught:
            injector.inject(rows, severity=severity, seed=seed)
        assert reason in str(caught.value)
        return
    drifted = injector.inject(rows, severity=severity, seed=seed)
    same(rows.rows, before)
    assert len(drifted.rows) >= 1
    assert drifted.rows.source.min() >= 0
    assert drifted.rows.source.max() < len(rows)
    assert list(drifted.rows.rows.index) == list(range(len(drifted.rows)))
    origin = copies(rows, drifted)
    for column in origin:
        if column not in (drifted.changed_columns or ()):
            assert_series_equal(origin[column], drifted.rows.rows[column], check_exact=True)
    assert np.isfinite(injector.strength_of(rows, drifted))
    assert all(np.isfinite(value) for value in drifted.figures.values())
    encoder = fit_encoder(rows.rows, FEATURES, EncoderSettings(min_count=1))
    assert np.isfinite(encoder.transform(drifted.rows.rows).numeric).all()
    back = drifted.rows.rows["next_visit_at"]
    day = user_day_codes(rows.rows["user_id"], rows.view().local_days())
    if injector.kind == "concept" and name == "retention_shift":
        lost = rows.rows["next_visit_at"].notna() & back.isna()
        first = pd.Series(lost).groupby(day)
        seen = rows.rows["next_visit_at"].notna().groupby(day)
        # All rows of a day that had a return lose it, or none does.
        assert ((first.sum() == 0) | (first.sum() == seen.sum())).all()
