"""The stage simulate, from the command line: what it leaves, how it goes on, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from omegaconf import OmegaConf

from holdfast.app.composition import plan
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.run_folder import RunFolder
from holdfast.app.simulating.arena import arena_of
from holdfast.app.simulating.first_models import FirstModels
from holdfast.app.simulating.scene import scene_of
from holdfast.data.readers.parquet import ParquetLog
from holdfast.simulation.closed_loop import ClosedLoop
from holdfast.simulation.truth import read_truth
from holdfast.training.checkpoints import load_best

TINY = (
    "data.num_users=150",
    "data.num_items=120",
    "data.num_topics=5",
    "data.num_days=20",
    "data.burn_in_days=5",
    "split.validation_days=2",
    "split.test_days=3",
    "split.maturity_days=3",
    "model.mixture.expert_widths=[8]",
    "model.mixture.num_experts=2",
    "model.ranker.tower_widths=[8]",
    "model.ranker.embedding_dim=4",
    "trainer.max_epochs=2",
    "trainer.batch_size=256",
    "tracking=local",
)
SERVING = (
    "policy=[uniform,trained,retrained,long_term_oracle]",
    "simulation.num_days=8",
    "simulation.retrain_every_days=3",
    "simulation.window_days=8",
    "policy/exploration@policy.retrained.exploration=epsilon_greedy",
)
FIRST_DAY = 14


@pytest.fixture(scope="module")
def simulated(command, tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("run") / "run"
    stages = "stages=[prepare,fit,simulate,report]"
    done = command("run", *TINY, *SERVING, stages, f"run_dir={folder}")
    assert done.code == 0, done.err + done.out
    return RunFolder(folder)


@pytest.fixture
def copied(simulated, tmp_path) -> RunFolder:
    shutil.copytree(simulated.path, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


def table(folder: RunFolder, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder.tables / f"simulation_{name}.parquet")


def place(folder: RunFolder, contender: str, seed: int = 0) -> Path:
    return folder.simulation / f"seed_{seed}" / contender


def test_every_contender_serves_every_day_from_the_first_of_the_test_window(simulated):
    days = table(simulated, "days")
    for _, rows in days.groupby("contender"):
        assert rows["day"].tolist() == list(range(FIRST_DAY, FIRST_DAY + 8))
    assert list(dict.fromkeys(days["contender"])) == ["uniform", "trained", "retrained", "long_term_oracle"]
    versions = days[days["contender"] == "retrained"]["policy"].str[-2:].tolist()
    assert versions == ["@1"] * 3 + ["@2"] * 3 + ["@3"] * 2
    assert (days[days["contender"] == "trained"]["policy"] == "trained/epsilon_greedy(0)@1").all()
    first = days[days["day"] == FIRST_DAY].set_index("contender")
    assert first["active_users"].nunique() == 1, "all start on the same morning"
    assert (days[days["contender"] == "long_term_oracle"]["regret"] == 0.0).all()


def test_the_log_of_a_contender_is_what_its_figures_say_and_the_truth_lies_apart(simulated):
    days = table(simulated, "days").set_index(["contender", "day"])
    for contender in ("uniform", "retrained"):
        log = ParquetLog(root=str(place(simulated, contender) / "log")).read()
        number = (log.frame["shown_at"] - pd.Timestamp("2025-01-06", tz="UTC")).dt.days
        by_day = log.frame.groupby(number)
        figures = days.loc[contender]
        assert by_day.size().tolist() == figures["impressions"].tolist()
        assert by_day["click"].sum().tolist() == figures["clicks"].tolist()
        assert by_day["policy"].first().tolist() == figures["policy"].tolist()
        assert log.observed_until == pd.Timestamp("2025-01-06", tz="UTC") + pd.Timedelta(days=FIRST_DAY + 8)
        truth = read_truth(place(simulated, contender) / "truth")
        assert len(truth.impressions) == len(log)
        assert not set(truth.impressions.columns) & set(log.frame.columns)
    exploring = ParquetLog(root=str(place(simulated, "retrained") / "log")).read()
    # Epsilon 0.1 over 20 candidates: shown by chance, or by rank and by chance.
    assert set(exploring.frame["propensity"].round(6)) == {0.005, 0.905}


def test_predictions_are_held_against_what_happened(simulated):
    calibration = table(simulated, "calibration")
    assert set(calibration["contender"]) == {"trained", "retrained"}
    days = table(simulated, "days").set_index(["contender", "day"])
    for (contender, objective), rows in calibration.groupby(["contender", "objective"]):
        figures = days.loc[contender].loc[rows["day"]]
        if objective == "click":
            assert rows["n"].tolist() == figures["impressions"].tolist()
            np.testing.assert_allclose(rows["observed"], figures["click_rate"])
            assert rows["predicted"].between(0.0, 1.0).all()
        elif objective == "dwell":
            assert rows["n"].tolist() == figures["clicks"].tolist()
            np.testing.assert_allclose(rows["observed"], figures["dwell_mean"])
        else:
            # The last day has not matured: nobody knows yet who comes back from it.
            assert rows["day"].tolist() == list(range(FIRST_DAY, FIRST_DAY + 7))
            assert rows["n"].tolist() == figures["active_users"].tolist()
            back = days.loc[contender]["back_from_yesterday"].shift(-1).loc[rows["day"]]
            np.testing.assert_allclose(rows["observed"], back)


def test_summary_and_differences_are_there_for_people_and_trackers(simulated):
    metrics = json.loads(simulated.simulation_file.read_text())
    assert metrics["simulate/trained/value_so_far"]["num_seeds"] == 1
    assert metrics["simulate/trained/value_so_far"]["low"] is None
    gain = metrics["simulate/long_term_oracle_minus_uniform/value_so_far"]["value"]
    values = [metrics[f"simulate/{name}/value_so_far"]["value"] for name in ("long_term_oracle", "uniform")]
    assert gain == pytest.approx(values[0] - values[1])
    assert gain > 0.0
    assert "retrained" in simulated.report_file.read_text()


def test_what_a_contender_logged_can_be_trained_on(simulated, command, tmp_path):
    log = place(simulated, "retrained") / "log"
    words = [word for word in TINY if not word.startswith(("data.", "split."))]
    split = [f"split.{name}_days=1" for name in ("gap", "validation", "test", "maturity")]
    words += [*split, "data=parquet", f"data.root={log}", "horizon_days=1", "trainer.max_epochs=1"]
    done = command("run", *words, "stages=[prepare,fit]", f"run_dir={tmp_path / 'run'}")
    assert done.code == 0, done.err + done.out
    assert RunFolder(tmp_path / "run").is_done("fit")


class Stopped(KeyboardInterrupt):
    """As if somebody had pressed Ctrl-C."""


def stop_before(monkeypatch, number: int) -> None:
    """Interrupt the simulation before the so-manieth day that is served, over all contenders."""
    step, served = ClosedLoop.step, []

    def counted(loop):
        if len(served) == number:
            raise Stopped
        served.append(loop.day)
        return step(loop)

    monkeypatch.setattr(ClosedLoop, "step", counted)


def test_it_goes_on_where_it_was_stopped_to_the_last_bit(simulated, copied, command, monkeypatch):
    """Stopped after the first of two trainings, and again in a contender that has no model."""
    for contender in ("retrained", "long_term_oracle"):
        shutil.rmtree(place(copied, contender))
    copied.mark("simulate", done=False)
    monkeypatch.setattr("holdfast.app.simulating.serving.KEEP_EVERY_SECONDS", 0.0)
    monkeypatch.setattr("holdfast.app.simulating.serving.SHARE_OF_TIME", 1e9)
    words = ("run", f"run_dir={copied.path}", "stages=[simulate]", "resume=true")
    for days in (5, 6):
        with monkeypatch.context() as patched:
            stop_before(patched, days)
            assert command(*words).code == 130
        assert not copied.is_done("simulate")
    with monkeypatch.context() as patched:
        stop_before(patched, 16 - 5 - 6)  # one day more would be one that was served before
        done = command(*words)
    assert done.code == 0, done.err
    assert copied.simulation_file.read_bytes() == simulated.simulation_file.read_bytes()
    for name in ("days", "calibration", "summary", "differences"):
        pd.testing.assert_frame_equal(table(copied, name), table(simulated, name))
    for contender in ("uniform", "trained", "retrained", "long_term_oracle"):
        logs = [
            ParquetLog(root=str(place(each, contender) / "log")).read().fingerprint()
            for each in (copied, simulated)
        ]
        assert logs[0] == logs[1], contender
    leftovers = {path.name for path in copied.simulation.rglob("*")}
    assert not leftovers & {"stopped.npz", "served_days"}


def test_another_contender_joins_and_the_others_stay_as_they_are(copied, command, monkeypatch):
    before = place(copied, "retrained").joinpath("days.parquet").stat().st_mtime_ns
    served = []
    step = ClosedLoop.step
    monkeypatch.setattr(ClosedLoop, "step", lambda loop: served.append(loop.day) or step(loop))
    saved = yaml.safe_load(copied.config_file.read_text())["simulation"]
    again = [f"simulation.{name}={saved[name]}" for name in ("num_days", "retrain_every_days", "window_days")]
    done = command(
        "run",
        f"run_dir={copied.path}",
        "stages=[simulate]",
        "resume=true",
        "policy=[retrained,popularity]",
        "policy/exploration@policy.retrained.exploration=epsilon_greedy",
        *again,
    )
    assert done.code == 0, done.err
    assert len(served) == 8, "only who is new serves"
    assert place(copied, "retrained").joinpath("days.parquet").stat().st_mtime_ns == before
    assert list(dict.fromkeys(table(copied, "days")["contender"])) == ["retrained", "popularity"]


def test_who_does_not_take_part_loses_nothing_and_who_is_done_again_is_named(copied, command):
    before = {
        path: path.read_bytes()
        for name in ("trained", "retrained", "long_term_oracle")
        for path in place(copied, name).rglob("*.*")
    }
    again = [word for word in SERVING if word.startswith("simulation.")]
    words = ["run", f"run_dir={copied.path}", "stages=[simulate]", *again]
    done = command(*words, "policy=[uniform]")
    assert done.code == 0, done.err
    assert "seed 0, uniform: what it served before is thrown away, because it is done again" in done.out
    assert "what long_term_oracle, retrained, trained served before stays in the folder" in done.out
    assert len(before) > 20
    assert {path: path.read_bytes() for path in before} == before
    done = command(*words, "policy=[uniform,long_term_oracle]", "resume=true")
    assert done.code == 0, done.err
    assert "thrown away" not in done.out
    assert set(table(copied, "days")["contender"]) == {"uniform", "long_term_oracle"}
    done = command(*words, "policy=[uniform]", "simulation.num_days=1", "resume=true")
    assert done.code == 0, done.err
    assert "thrown away, because it was made with other values of world, num_days" in done.out


def test_several_worlds_each_with_a_first_model_of_its_own(copied, command):
    done = command(
        "run",
        f"run_dir={copied.path}",
        "stages=[simulate]",
        "policy=[uniform,trained]",
        "policy.trained.scorer.members=2",
        "policy/exploration@policy.trained.exploration=posterior_sampling",
        "simulation.seeds=[0,5]",
        "simulation.num_days=2",
    )
    assert done.code == 0, done.err
    differences = table(copied, "differences").set_index("quantity")
    assert differences.loc["value_so_far", "num_seeds"] == 2
    assert differences.loc["value_so_far", "low"] < differences.loc["value_so_far", "high"]
    days = table(copied, "days")
    assert days[days["contender"] == "uniform"].groupby("seed")["clicks"].first().nunique() == 2
    trained = [copied.simulation / f"seed_{seed}" / "first_models" / "members_2" for seed in (0, 5)]
    weights = [(each / "member_1" / "best.ckpt").read_bytes() for each in trained]
    assert weights[0] != weights[1]
    assert "minus uniform" in done.out


def test_the_first_model_of_another_world_is_trained_on_the_days_that_the_runs_own_was(
    simulated, tmp_path, monkeypatch
):
    """In the run's own world, with the run's own seed, it is the run's model to the last bit."""
    made = plan(OmegaConf.create(simulated.saved_config()))
    scene = scene_of(made, prepared=True)
    monkeypatch.setattr("holdfast.app.simulating.first_models.derive_seed", lambda *words: words[0])
    found = FirstModels(
        plan=made,
        arena=arena_of(scene.world, seed=0, first_day=scene.first_day + 2, num_days=1, threads=1),
        own=None,
        prepared=PreparedRun(simulated.prepared),
        folder=tmp_path / "first_models",
        recipe=dict,
        say=lambda text: None,
    ).of(1)
    for file in (simulated.prepared / "encoder").iterdir():
        assert (tmp_path / "first_models/members_1/encoder" / file.name).read_bytes() == file.read_bytes()
    weights = load_best(simulated.fit)
    for name, values in found.rankers[0].state_dict().items():
        assert torch.equal(values, weights[name]), name


def test_cold_starts_forget_and_warm_ones_do_not(simulated, copied, command):
    done = command(
        "run",
        f"run_dir={copied.path}",
        "stages=[simulate]",
        "policy=[retrained]",
        "simulation.start=cold",
        "simulation.num_days=4",
        "simulation.retrain_every_days=3",
    )
    assert done.code == 0, done.err
    encoder = Path("models") / f"day_{FIRST_DAY + 3:05d}" / "encoder" / "encoder.json"
    fitted = (simulated.prepared / "encoder" / "encoder.json").read_bytes()
    assert (place(simulated, "retrained") / encoder).read_bytes() == fitted
    assert (place(copied, "retrained") / encoder).read_bytes() != fitted


def test_a_world_without_a_model_simulates_alone_and_reports(command, tmp_path):
    words = [word for word in TINY if word.startswith(("data.", "tracking"))]
    done = command("simulate", *words, "simulation.num_days=3", f"run_dir={tmp_path / 'run'}")
    assert done.code == 0, done.err
    run = RunFolder(tmp_path / "run")
    assert run.is_done("simulate")
    assert run.is_done("report")
    assert not run.is_done("prepare")
    assert table(run, "days")["day"].min() == 20, "the day after the log"
    assert table(run, "calibration").empty
    assert "days 20 to 22 of the world" in done.out


def test_a_policy_that_breaks_is_named_with_its_day_and_the_log_so_far_is_whole(
    command, tmp_path, monkeypatch
):
    from holdfast.simulation.policy import PopularityAndTopics

    score = PopularityAndTopics.score

    def broken(scorer, requests):
        scores = score(scorer, requests)
        return scores * np.nan if requests.day == 22 else scores

    monkeypatch.setattr(PopularityAndTopics, "score", broken)
    words = [word for word in TINY if word.startswith(("data.", "tracking"))]
    done = command("simulate", *words, "policy=[uniform,popularity]", f"run_dir={tmp_path / 'run'}")
    assert done.code == 2
    assert "contender 'popularity', seed 0, day 22: " in done.err
    assert "policy 'popularity/epsilon_greedy(0)@1'" in done.err
    log = ParquetLog(root=str(place(RunFolder(tmp_path / "run"), "popularity") / "log")).read()
    assert log.frame["shown_at"].dt.date.nunique() == 2
    assert log.observed_until == pd.Timestamp("2025-01-28", tz="UTC")


def test_what_is_refused_changes_nothing(copied, command):
    before = {path: path.read_bytes() for path in copied.path.glob("*.*")}
    done = command("simulate", f"run_dir={copied.path}", "policy=[trained]", "simulation.oracle=nobody")
    assert done.code == 2
    assert "simulation.oracle is 'nobody', which does not take part" in done.err
    assert {path: path.read_bytes() for path in copied.path.glob("*.*")} == before


def test_a_refused_new_run_leaves_no_folder(command, tmp_path):
    done = command("simulate", "policy=[trained]", f"runs_dir={tmp_path / 'runs'}", "tracking=local")
    assert done.code == 2
    assert "the stage 'simulate' needs prepare and fit" in done.err
    assert "served by trained" in done.err
    assert not (tmp_path / "runs").exists()


def test_fitting_again_makes_the_simulation_out_of_date(copied, command):
    assert command("run", f"run_dir={copied.path}", "stages=[fit]").code == 0
    assert not copied.is_done("simulate")
