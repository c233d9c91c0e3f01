"""What the evaluation of a run holds the model against."""

from __future__ import annotations

import numpy as np

from holdfast.app.composition import plan
from holdfast.app.measuring import evaluate_run
from holdfast.app.prepared_run import PreparedRun
from holdfast.evaluation.recency_frequency import RecencyFrequencyBaseline


def fitted_baselines(saved_run, monkeypatch):
    """The arguments with which baselines are fitted while a saved run is evaluated."""
    from omegaconf import OmegaConf

    from holdfast.app.console import Console
    from holdfast.app.run import Run
    from holdfast.tracking.local import LocalRunLog

    made = plan(OmegaConf.create(saved_run.saved_config()))
    run = Run(folder=saved_run, plan=made, console=Console(), run_log=LocalRunLog())
    seen = []
    fit = RecencyFrequencyBaseline.fit

    def remember(*arguments, **keywords):
        seen.append((arguments, keywords))
        return fit(*arguments, **keywords)

    monkeypatch.setattr(RecencyFrequencyBaseline, "fit", remember)
    return evaluate_run(PreparedRun(saved_run.prepared), run.trained_ranker(), made), seen


def test_the_baseline_learns_from_days_on_which_users_have_a_past(saved_run, monkeypatch):
    _, ((arguments, _),) = fitted_baselines(saved_run, monkeypatch)
    train = PreparedRun(saved_run.prepared).window("train")
    known = np.asarray(arguments[4])
    assert known.any()
    assert train.day[known].min() == train.day.min() + 7
    everything = train.known[:, train.index_of("retention")]
    assert (known == (everything & (train.day >= train.day.min() + 7))).all()


def test_model_and_baseline_are_judged_on_the_same_user_days(saved_run, monkeypatch):
    evaluation, _ = fitted_baselines(saved_run, monkeypatch)
    for window in ("validation", "test"):
        model = evaluation.metrics[f"{window}/retention/d1/auc"]
        baseline = evaluation.metrics[f"{window}/retention/d1/baseline_auc"]
        assert model["n"] == baseline["n"] > 0
