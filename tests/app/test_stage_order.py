from __future__ import annotations

from collections.abc import Iterator

import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.composition import plan
from holdfast.app.hydra_entry import compose
from holdfast.app.settings import DEFAULT_STAGES, STAGES
from holdfast.app.stage_order import NEEDS, needs, resting_on
from holdfast.app.stages import STAGE_FUNCTIONS


@pytest.fixture(autouse=True)
def fresh_hydra() -> Iterator[None]:
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


def test_every_stage_has_its_function_and_its_needs_and_needs_come_before_it():
    assert list(STAGE_FUNCTIONS) == list(STAGES) == list(NEEDS)
    for stage, wanted in NEEDS.items():
        assert all(STAGES.index(each) < STAGES.index(stage) for each in wanted)
    assert set(STAGES) - set(DEFAULT_STAGES) == {"stress", "counterfactual", "simulate", "monitor"}


def test_simulating_needs_a_model_only_where_it_takes_part():
    assert needs("simulate", plan(compose([])), done=()) == ()
    with_model = plan(compose(["policy=[uniform,retrained]"]))
    assert needs("simulate", with_model, done=()) == ("prepare", "fit")


@pytest.mark.parametrize("asked", ["calibration=beta", "fusion=learned", "fusion=constrained"])
def test_what_serves_the_model_needs_calibrate_where_something_is_fitted_there(asked):
    for stage in ("evaluate", "counterfactual", "export"):
        assert needs(stage, plan(compose([])), done=()) == ("prepare", "fit")
        assert needs(stage, plan(compose([asked])), done=()) == ("prepare", "fit", "calibrate")
    assert needs("simulate", plan(compose([asked])), done=()) == ()
    with_model = plan(compose([asked, "policy=[trained]"]))
    assert needs("simulate", with_model, done=()) == ("prepare", "fit", "calibrate")


def test_a_report_needs_something_to_report():
    made = plan(compose([]))
    assert needs("report", made, done=()) == ("prepare",)
    assert needs("report", made, done=("simulate",)) == ()
    assert needs("report", made, done=("prepare",)) == ()


def test_what_rests_on_a_stage_is_out_of_date_with_it():
    assert set(resting_on("prepare")) == set(STAGES) - {"prepare"}
    served = {"evaluate", "stress", "counterfactual", "simulate", "export", "monitor", "report"}
    assert set(resting_on("fit")) == {"calibrate", *served}
    assert set(resting_on("calibrate")) == served
    assert set(resting_on("counterfactual")) == {"report"}
    assert set(resting_on("evaluate")) == set(resting_on("simulate")) == {"report"}
    assert resting_on("report") == ()
