"""Estimates, weights, choices and bounds equal those of another implementation, where it is at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.evaluation.off_policy import (
    BalancedInversePropensity,
    ClippedInversePropensity,
    CressieRead,
    DirectMethod,
    DoublyRobust,
    IndexedRows,
    Intervals,
    InversePropensity,
    MoreRobustDoublyRobust,
    OptimisticShrinkage,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInversePropensity,
    SubGaussianDoublyRobust,
    SubGaussianInversePropensity,
    SwitchDoublyRobust,
    Tuned,
    diagnose,
    evaluate,
)
from holdfast.evaluation.off_policy.bounds import empirical_bernstein

SHARED = Path(os.environ.get("HOLDFAST_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
ORACLES = SHARED.parent / "oracles" / "ope"

pytestmark = pytest.mark.skipif(
    not (ORACLES / "expected.json").exists(), reason=f"no reference values in {ORACLES}"
)

SYNTHETIC = ["synth1_moderate", "synth3_deterministic", "synth5_continuous"]
OPEN_BANDIT = ["obd_men__random_to_bts", "obd_men__bts_to_random"]


def expected(case: str) -> dict[str, Any]:
    return json.loads((ORACLES / "expected.json").read_text())["cases"][case]


def lambdas(case: str) -> list[float]:
    about = json.loads((ORACLES / "expected.json").read_text())["about"]
    grid = about["lambda_grid_synthetic" if case in SYNTHETIC else "lambda_grid_open_bandit"]
    return [float(value) for value in grid]


def load(case: str) -> tuple[pd.DataFrame, Any, Any, dict[str, np.ndarray]]:
    """Feedback, probabilities, predictions and everything else."""
    arrays = dict(np.load(ORACLES / f"{case}.npz"))
    frame = pd.DataFrame({name: arrays[key] for name, key in [("action", "action"), ("reward", "reward")]})
    frame["propensity"] = arrays["pscore"]
    if case in SYNTHETIC:
        return frame, arrays["pi_e"], arrays["q_hat"], arrays
    frame["slot"] = arrays["position"]
    place = arrays["position"].astype(np.int64)
    policy = IndexedRows(np.ascontiguousarray(arrays["action_dist_single"].T), place)
    return frame, policy, arrays["q_hat_unique"][arrays["q_hat_index"], :, place], arrays


def estimator_of(name: str, case: str) -> Any:
    """Ours for a name in the reference file; None where it is of another kind."""
    plain = {
        "ipw": InversePropensity(),
        "snipw": SelfNormalizedInversePropensity(),
        "dm": DirectMethod(),
        "dr": DoublyRobust(),
        "sndr": SelfNormalizedDoublyRobust(),
    }
    if name in plain:
        return plain[name]
    tuned = {"ipw": "clipped_ips", "dr": "clipped_dr", "switch-dr": "switch_dr", "dr-os": "dr_os"}
    for kind, method in (("_tuned_slope", "slope"), ("_tuned_mse", "mse")):
        if name.endswith(kind):
            return Tuned(estimator=tuned[name.removesuffix(kind)], method=method, grid=lambdas(case))
    for prefix, make in (
        ("ipw_clip", lambda value: ClippedInversePropensity(max_weight=value)),
        ("dr_clip", lambda value: DoublyRobust(max_weight=value)),
        ("switch-dr_lam", lambda value: SwitchDoublyRobust(threshold=value)),
        ("dr-os_lam", lambda value: OptimisticShrinkage(shrinkage=value)),
        ("sg-ipw_lam", lambda value: SubGaussianInversePropensity(shrinkage=value)),
        ("sg-dr_lam", lambda value: SubGaussianDoublyRobust(shrinkage=value)),
    ):
        if name.startswith(prefix):
            return make(float(name.removeprefix(prefix)))
    return None


@pytest.mark.parametrize("case", SYNTHETIC + OPEN_BANDIT)
def test_estimates_are_equal(case: str) -> None:
    frame, policy, predictions, _ = load(case)
    reference = expected(case)["estimates"]
    ours = {name: estimator_of(name, case) for name in reference}
    names = [name for name, each in ours.items() if each is not None]
    assert len(names) >= 20
    table = evaluate(frame, policy, predictions, [ours[name] for name in names])
    np.testing.assert_allclose(table["value"].to_numpy(float), [reference[name] for name in names], rtol=1e-9)


@pytest.mark.parametrize("case", SYNTHETIC + OPEN_BANDIT)
def test_diagnostics_are_equal(case: str) -> None:
    frame, policy, _, _ = load(case)
    row = evaluate(frame, policy, estimators=[InversePropensity()]).iloc[0]
    weights = expected(case)["weights"]
    assert row["effective_sample_size"] == pytest.approx(weights["ess"], rel=1e-9)
    assert row["mean_weight"] == pytest.approx(weights["mean"], rel=1e-9)
    assert row["largest_weight"] == pytest.approx(weights["max"], rel=1e-9)
    zero = diagnose(frame, policy).weights.set_index("weight_to")["rows"].get(0.0, 0)
    assert zero / len(frame) == pytest.approx(weights["zero_frac"])


@pytest.mark.parametrize("case", SYNTHETIC + OPEN_BANDIT)
def test_chosen_hyper_parameters_are_equal(case: str) -> None:
    frame, policy, predictions, _ = load(case)
    reference = expected(case)["tuned_lambda"]
    names = list(reference)
    table = evaluate(frame, policy, predictions, [estimator_of(name, case) for name in names])
    largest = float(table["largest_weight"].iloc[0])
    for name, setting in zip(names, table["setting"], strict=True):
        chosen = float(setting.rsplit("=", 1)[1]) if setting else np.inf
        wanted = float(reference[name])
        # Clipping and switching do the same for every value above the largest weight.
        same = "dr-os" not in name and min(chosen, wanted) >= largest
        assert chosen == wanted or same, name


@pytest.mark.parametrize("case", SYNTHETIC)
def test_other_reward_models(case: str) -> None:
    frame, policy, predictions, arrays = load(case)
    reference = expected(case)["estimates"]
    table = evaluate(
        frame,
        policy,
        predictions,
        [MoreRobustDoublyRobust()],
        mrdr_reward_model=arrays["q_hat_mrdr"],
    )
    assert table["value"].iloc[0] == pytest.approx(reference["dr_q-mrdr"], rel=1e-9)
    weighted = evaluate(frame, policy, arrays["q_hat_iw"], [DirectMethod(), DoublyRobust()])
    assert list(weighted["value"]) == pytest.approx([reference["dm_q-iw"], reference["dr_q-iw"]], rel=1e-9)


@pytest.mark.parametrize("case", SYNTHETIC[:2])
def test_other_intervals(case: str) -> None:
    frame, policy, _, _ = load(case)
    reference = expected(case)["vw_estimators_0_2_2"]
    table = evaluate(frame, policy, estimators=[CressieRead()])
    assert table["value"].iloc[0] == pytest.approx(reference["cressieread"], rel=1e-9)
    largest = float(table["largest_weight"].iloc[0])
    bounded = evaluate(
        frame,
        policy,
        estimators=[InversePropensity()],
        intervals=Intervals(method="clopper_pearson", largest_weight=largest),
    )
    assert list(bounded.loc[0, ["low", "high"]]) == pytest.approx(reference["clopper_pearson_ci95"], rel=1e-6)


@pytest.mark.parametrize("case", SYNTHETIC)
def test_empirical_bernstein_lower_bound(case: str) -> None:
    frame, policy, _, arrays = load(case)
    terms = policy[np.arange(len(frame)), arrays["action"]] / arrays["pscore"] * arrays["reward"]
    # The reference is one-sided at 5 %, and takes the range from the sample.
    low, _ = empirical_bernstein(
        terms.mean(), terms.var(ddof=1), num_rows=len(frame), width=terms.max(), level=0.9
    )
    reference = expected(case)["lower_bounds_on_ips_delta_0_05"]
    assert low == pytest.approx(reference["bernstein_d0_05_xmax_empirical"], rel=1e-9)


def test_estimated_propensities_and_balanced_weights() -> None:
    frame, policy, predictions, _ = load("synth1_moderate")
    extra = dict(np.load(ORACLES / "synth6_estimated_pscore.npz"))
    reference = expected("synth6_estimated_pscore")["estimates"]
    frame["propensity"] = extra["estimated_pscore"]
    names = ["ipw", "snipw", "dr", "sndr"]
    estimators = [estimator_of(name, "synth1_moderate") for name in names]
    estimators += [SwitchDoublyRobust(threshold=5.0), OptimisticShrinkage(shrinkage=5.0)]
    table = evaluate(frame, policy, predictions, estimators)
    wanted = [reference[f"{name}_est-pscore"] for name in [*names, "switch-dr", "dr-os"]]
    assert list(table["value"]) == pytest.approx(wanted, rel=1e-9)
    balanced = evaluate(
        frame,
        policy,
        False,
        [BalancedInversePropensity(), BalancedInversePropensity(max_weight=5.0)],
        balanced_weights=extra["estimated_importance_weights"],
    )
    assert list(balanced["value"]) == pytest.approx([reference["b-ipw"], reference["b-ipw_clip5"]], rel=1e-9)


def test_the_hopeless_direction_abstains() -> None:
    frame, policy, predictions, _ = load("obd_men__bts_to_random")
    table = evaluate(frame, policy, predictions)
    assert table["status"].str.startswith("the log cannot say").all()
