"""Scenarios on a tiny world: frozen encoder, severity 0, labels, a constant ranker, seeds."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.composition import plan as plan_of
from holdfast.app.hydra_entry import compose
from holdfast.app.new_ranker import new_ranker
from holdfast.app.stressing.building import sliced_features
from holdfast.app.stressing.conditions import Resampler
from holdfast.app.stressing.encoding import encode_drifted
from holdfast.app.stressing.library import stress_ranker
from holdfast.app.stressing.settings import StressSettings
from holdfast.app.stressing.suite import fitting_suite
from holdfast.core.errors import UserError
from holdfast.data.preparation import PreparedWindow, prepare_windows
from holdfast.drift.concepts.retention_shift import RetentionShift
from holdfast.drift.covariates.item_churn import ItemChurn
from holdfast.drift.covariates.newcomers import NewItems
from holdfast.drift.covariates.segment_remix import SegmentRemix
from holdfast.drift.labels.bots import Bots
from holdfast.drift.labels.lost_events import LostEvents
from holdfast.drift.rows import drift_rows
from holdfast.drift.sensors.missing import MissingAtRandom
from holdfast.drift.sensors.noise import Noise
from holdfast.evaluation.evaluate import EvaluationSettings
from holdfast.objectives.fusion.weighted import WeightedProduct

SMALL = (
    "data.num_users=150",
    "data.num_items=80",
    "data.num_topics=5",
    "data.num_days=20",
    "data.burn_in_days=5",
    "data.candidates=8",
    "data.slots=3",
    "split.validation_days=1",
    "split.test_days=3",
    "split.maturity_days=3",
    "horizon_days=3",
    "model.mixture.expert_widths=[8]",
    "model.mixture.num_experts=2",
    "model.ranker.tower_widths=[8]",
    "model.ranker.embedding_dim=4",
)
EVALUATION = EvaluationSettings(num_resamples=20, retention_days=[1])


@pytest.fixture(scope="module")
def parts():
    GlobalHydra.instance().clear()
    plan = plan_of(compose(list(SMALL)))
    GlobalHydra.instance().clear()
    log = plan.source.read()
    prepared = prepare_windows(
        log,
        split=plan.split,
        history=plan.history,
        encoder=plan.encoder,
        objectives=("click", "dwell", "retention"),
        horizon_days=3,
    )
    torch.manual_seed(0)
    ranker = new_ranker(plan, prepared.encoder, plan.heads, seed=0).eval()
    window = PreparedWindow(prepared.windows["test"], prepared.rows["test"], 1.0)
    arguments = {
        "train": prepared.windows["train"],
        "window": window,
        "encoder": prepared.encoder,
        "fusion": plan.fusion,
        "card": log.card,
        "observed_until": prepared.bounds["test"].as_of,
        "horizon_days": 3,
        "evaluation": EVALUATION,
    }
    return ranker, arguments


@pytest.fixture(scope="module")
def clean(parts):
    _, arguments = parts
    return drift_rows(
        arguments["window"].rows,
        features=arguments["encoder"].features,
        card=arguments["card"],
        observed_until=arguments["observed_until"],
    )


@pytest.fixture(scope="module")
def made_scene(parts, clean):
    from holdfast.app.stressing.library import _habit
    from holdfast.app.stressing.reference import fit_reference
    from holdfast.app.stressing.scene import Scene

    ranker, arguments = parts
    return Scene(
        ranker=ranker,
        reference=fit_reference(
            arguments["train"], habit=_habit(arguments["train"], horizon_days=3), horizon=1
        ),
        fusion=arguments["fusion"],
        encoder=arguments["encoder"],
        window=arguments["window"].encoded,
        clean=clean,
        horizon=1,
        horizon_days=3,
        cutoff=5,
        resampler=Resampler(num_resamples=20, seed=0),
    )


INJECTORS = [
    Noise(),
    MissingAtRandom(),
    NewItems(),
    SegmentRemix(),
    ItemChurn(),
    RetentionShift(),
    LostEvents(),
    Bots(),
]


@pytest.mark.parametrize("injector", INJECTORS, ids=lambda each: type(each).__name__)
def test_severity_0_is_the_clean_window_to_the_last_bit(made_scene, clean, injector):
    drifted = made_scene.under(injector.inject(clean, severity=0, seed=0))
    expected = made_scene.in_clean_conditions()
    for name, values in expected.model.items():
        assert (drifted.model[name] == values).all(), name
        assert (drifted.reference.get(name, values) == expected.reference.get(name, values)).all()


@pytest.mark.parametrize("injector", INJECTORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("severity", [1, 5])
def test_encoding_what_changed_is_encoding_everything(made_scene, clean, injector, severity):
    drifted = injector.inject(clean, severity=severity, seed=1)
    source = drifted.rows.source
    found = encode_drifted(drifted, made_scene.window, made_scene.encoder, source=source)
    whole = made_scene.encoder.transform(drifted.rows.rows)
    assert (found.categorical == whole.categorical).all()
    assert np.array_equal(found.numeric, whole.numeric, equal_nan=True)
    assert all((one == other).all() for one, other in zip(found.lists, whole.lists, strict=True))
    assert (found.content_seconds == whole.content_seconds).all()


@pytest.mark.parametrize(
    ("injector", "moved", "kept"),
    [
        (RetentionShift(), "retention/d1/calibration", "click/auc"),
        (LostEvents(), "click/calibration", "retention/d1/auc"),
        (Noise(), "click/auc", "ranking/chance"),
    ],
)
def test_only_what_drifts_moves(made_scene, clean, injector, moved, kept):
    expected = made_scene.in_clean_conditions().model
    found = made_scene.under(injector.inject(clean, severity=5, seed=0)).model
    assert found[moved][0] != expected[moved][0]
    assert (found[kept] == expected[kept]).all()


def test_a_remix_is_judged_by_its_own_rows_with_clean_predictions(made_scene, clean):
    drifted = SegmentRemix().inject(clean, severity=5, seed=0)
    source = drifted.rows.source
    assert len(source) < len(clean)
    found, expected = made_scene.under(drifted), made_scene.in_clean_conditions(source)
    for name, values in expected.model.items():
        assert found.model[name] == pytest.approx(values), name


def test_requests_that_bots_copied_are_requests_of_their_own(made_scene, clean):
    drifted = Bots(click_chance=1.0).inject(clean, severity=5, seed=0)
    added = made_scene.under(drifted)
    # Every added slate is clicked everywhere: all orders are alike, and none of them has a known dwell.
    expected = made_scene.in_clean_conditions()
    assert added.counts["click/auc"] > expected.counts["click/auc"]
    assert added.counts["ranking/ndcg_dwell@5"] == expected.counts["ranking/ndcg_dwell@5"]


class Constant(torch.nn.Module):
    """A ranker that says the same of everybody."""

    def __init__(self, ranker):
        super().__init__()
        self.ranker, self.heads = ranker, ranker.heads
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def predict(self, inputs):
        outputs = self.ranker.predict(inputs)
        constant = {"click_probability": 0.1, "dwell_seconds": 20.0, "return_by_day": 0.5}
        return {name: torch.full_like(each, constant.get(name, 0.5)) for name, each in outputs.items()}

    def scores_of(self, outputs):
        return self.ranker.scores_of(outputs)


def test_a_constant_predictor_does_not_look_robust(parts):
    ranker, arguments = parts
    ladders = {"noise": Noise(), "missing": MissingAtRandom(), "new_items": NewItems()}
    score = stress_ranker(Constant(ranker), ladders, **arguments).summary["ship_score"]
    # It loses nothing, and scores no more than minus what the reference knows.
    assert score["parts"]["clean_lift"]["value"] < -5.0
    assert score["value"] <= score["parts"]["clean_lift"]["value"]
    for output in score["by_output"].values():
        assert output["value"] <= output["parts"]["clean_lift"]["value"] + 1e-9


def test_ladders_that_do_not_fit_are_named_with_the_reason_and_an_empty_suite_is_refused(parts, clean):
    ranker, arguments = parts
    ladders = {"noise": Noise(), "gone": Noise(columns=["nothing"])}
    settings = StressSettings(severities=[2], seeds=[0])
    found = stress_ranker(ranker, ladders, settings=settings, **arguments)
    assert "nothing" in found.summary["left_out"]["gone"]
    with pytest.raises(UserError, match="nothing of the suite 'standard' is left"):
        fitting_suite({"gone": Noise(columns=["nothing"])}, settings, clean, in_world=False)
    with pytest.raises(UserError, match="held-out family"):
        stress_ranker(ranker, {"bots": Bots()}, settings=settings, **arguments)


def test_outputs_that_no_row_can_judge_are_left_out_and_said(parts):
    ranker, arguments = parts
    window = arguments["window"]
    encoded = window.encoded
    value = encoded.value.copy()
    value[:, encoded.index_of("click")] = 0.0
    nobody = PreparedWindow(replace(encoded, value=value), window.rows, 1.0)
    settings = StressSettings(severities=[3], seeds=[0])
    found = stress_ranker(
        ranker, {"noise": Noise()}, settings=settings, **{**arguments, "window": nobody}
    ).summary
    assert "click" not in found["ship_score"]["by_output"]
    assert found["undefined"]["click/auc"] == ["noise, severity 3, seed 0"]
    assert np.isfinite(found["ship_score"]["value"])


def test_slices_are_those_that_are_asked_for(clean):
    assert sliced_features(clean, []) == []
    assert set(sliced_features(clean, None)) <= {each.name for each in clean.features}
    with pytest.raises(UserError, match="categorical features are"):
        sliced_features(clean, ["headline_score"])


def test_users_weights_do_not_depend_on_who_else_is_there():
    resampler = Resampler(num_resamples=7, seed=3)
    few, many = resampler.deviations(10).copy(), Resampler(num_resamples=7, seed=3).deviations(3000)
    assert (few == many[:, :10]).all()
    assert resampler.seed_shares(1, "a").tolist() == [[1.0] * 8]
    assert resampler.seed_shares(3, "a").sum(axis=0) == pytest.approx(np.ones(8))


def test_a_fingerprint_is_of_everything_but_the_model(parts):
    ranker, arguments = parts
    settings = StressSettings(name="mine", severities=[5], seeds=[0])

    def told(**changes):
        asked = {
            "ranker": ranker,
            "ladders": {"noise": Noise()},
            "settings": settings,
            **arguments,
            **changes,
        }
        ladders, model = asked.pop("ladders"), asked.pop("ranker")
        return stress_ranker(model, ladders, **asked).summary

    usual = told()
    other_model = copy.deepcopy(ranker)
    with torch.no_grad():
        for each in other_model.parameters():
            each.mul_(0.5)
    other = told(ranker=other_model, evaluation=replace(EVALUATION, num_resamples=0))
    assert other["ship_score"]["value"] != usual["ship_score"]["value"]
    assert other["yardstick"] == usual["yardstick"]
    assert other["suite_fingerprint"] == usual["suite_fingerprint"]
    changed = {
        "ladders": {"noise": Noise(strengths=[1.0, 2.0, 3.0, 4.0, 5.0])},
        "settings": replace(settings, severities=[4]),
        "fusion": WeightedProduct(weights={"click": 2.0, "dwell": 1.0, "retention": 1.0}),
    }
    marks = {usual["suite_fingerprint"]}
    for name, each in changed.items():
        marks.add(told(**{name: each})["suite_fingerprint"])
    assert len(marks) == 1 + len(changed)
