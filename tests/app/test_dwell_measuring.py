"""Dwell over opened rows and over all rows is the same, however the head's outcome was prepared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.app.dwell_measuring import dwell_outcome, dwell_rows
from holdfast.app.head_fitting import dwell_population, fit_heads, load_heads, notes_of, save_heads
from holdfast.core.errors import UserError
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.preparation import Prepared, prepare_windows
from holdfast.data.splits import TemporalSplit
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.d2q import D2Q
from holdfast.models.heads.tree import Tree
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import RankerSettings, build_ranker
from holdfast.objectives.fusion import WeightedSum
from holdfast.training.prediction import predict

SPLIT = TemporalSplit(gap_days=0, validation_days=2, test_days=4, maturity_days=2)


@pytest.fixture(scope="module")
def prepared(make_log) -> dict[str, Prepared]:
    log = make_log()
    return {
        population: prepare_windows(
            log,
            split=SPLIT,
            history=TrailingHistory(),
            encoder=EncoderSettings(min_count=1),
            objectives=("click", "dwell"),
            horizon_days=2,
            dwell_population=population,
        )
        for population in ("opened", "all")
    }


def measured(prepared: Prepared, dwell_head: object, population: str) -> tuple:
    window = prepared.windows["test"]
    ranker = build_ranker(
        prepared.encoder.schema,
        settings=RankerSettings(),
        mixture=SharedBottom(),
        heads={"click": Bernoulli(), "dwell": dwell_head},
        seed=0,
    )
    outputs = predict(ranker, window, fusion=WeightedSum())
    found = dwell_rows(
        ranker,
        window,
        outputs,
        population=population,
        limit_seconds=3600.0,
        weight=None,
        click_weight=None,
    )
    return outputs, *found


def test_both_populations_tell_the_same_of_dwell(prepared) -> None:
    opened, everywhere = (
        dwell_outcome(prepared[name].windows["test"], population=name) for name in ("opened", "all")
    )
    for name in ("seconds", "opened", "closed"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(everywhere, name))
    assert opened.opened.any()
    assert not (opened.opened & opened.closed).any()


def test_a_dwell_that_time_cut_off_is_no_observation(prepared) -> None:
    window = prepared["opened"].windows["test"]
    index = window.index_of("dwell")
    event = window.event.copy()
    row = int(np.flatnonzero(window.known[:, index] & (window.value[:, index] < window.content_seconds))[0])
    event[row, index] = False
    before, after = (
        dwell_outcome(each, population="opened").opened for each in (window, replace(window, event=event))
    )
    assert before[row]
    assert not after[row]
    assert before.sum() == after.sum() + 1


def test_an_impression_is_worth_its_chance_times_its_stay(prepared) -> None:
    outputs, rows, everywhere = measured(prepared["opened"], CensoredLogNormal(), "opened")
    np.testing.assert_allclose(rows.predicted_seconds, outputs["dwell_seconds"])
    np.testing.assert_allclose(
        everywhere.predicted_seconds, outputs["click_probability"] * outputs["dwell_seconds"]
    )
    outputs, rows, everywhere = measured(prepared["all"], ZeroInflatedLogNormal(), "all")
    np.testing.assert_allclose(rows.predicted_seconds, outputs["dwell_seconds"])
    np.testing.assert_allclose(everywhere.predicted_seconds, outputs["dwell_impression_seconds"], rtol=1e-6)
    for each in (rows, everywhere):
        assert each.crps_seconds is not None
        assert np.isfinite(each.crps_seconds[each.known]).all()


def test_without_clicks_there_are_no_seconds_an_impression(prepared) -> None:
    window = prepared["opened"].windows["test"]
    ranker = build_ranker(
        prepared["opened"].encoder.schema,
        settings=RankerSettings(),
        mixture=SharedBottom(),
        heads={"dwell": CensoredLogNormal()},
        seed=0,
    )
    _, everywhere = dwell_rows(
        ranker,
        window,
        predict(ranker, window, fusion=WeightedSum()),
        population="opened",
        limit_seconds=3600.0,
        weight=None,
        click_weight=None,
    )
    assert everywhere is None


def test_fitted_heads_are_saved_and_read_back(prepared, tmp_path) -> None:
    train: EncodedWindow = prepared["opened"].windows["train"]
    asked = {"click": Bernoulli(), "dwell": Tree(depth=3)}
    made = fit_heads(asked, train)
    save_heads(tmp_path, made)
    assert load_heads(tmp_path, asked, ["click", "dwell"]) == made
    assert made["dwell"] != asked["dwell"]
    with pytest.raises(UserError, match="holds a fitted Tree for dwell, and the configuration asks for D2Q"):
        load_heads(tmp_path, {**asked, "dwell": D2Q()}, ["click", "dwell"])
    with pytest.raises(UserError, match="prepare again"):
        load_heads(tmp_path / "nothing", asked, ["click", "dwell"])


def test_statistics_come_from_the_train_window_alone(prepared) -> None:
    windows = prepared["opened"].windows
    asked = {"click": Bernoulli(), "dwell": Tree(depth=3)}
    one = fit_heads(asked, windows["train"])["dwell"]
    index = windows["train"].index_of("dwell")
    rows = windows["train"]
    by_hand = Tree(depth=3).fitted(
        rows.value[:, index],
        event=rows.event[:, index],
        known=rows.known[:, index],
        content_seconds=rows.content_seconds,
        weight=np.ones(len(rows)),
    )
    assert one == by_hand


def test_what_cannot_be_fitted_names_the_head(prepared) -> None:
    train = prepared["opened"].windows["train"]
    constant = replace(train, value=np.ones_like(train.value))
    with pytest.raises(UserError, match=r"model\.heads\.dwell: Tree cannot be fitted: .* constant"):
        fit_heads({"click": Bernoulli(), "dwell": Tree()}, constant)


def test_notes_and_population() -> None:
    assert notes_of({"dwell": CensoredLogNormal()}) == {}
    assert dwell_population({"click": Bernoulli()}) == "opened"
    assert dwell_population({"dwell": ZeroInflatedLogNormal()}) == "all"
