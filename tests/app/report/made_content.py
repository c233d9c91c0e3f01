"""Made data for the report's tests: every part present, the numbers invented."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.report.content import (
    BundleSection,
    Calibration,
    ClosedLoopSection,
    CounterfactualSection,
    DataSection,
    Headline,
    LearningSection,
    PropensitySection,
    ReportContent,
    Verdict,
)
from holdfast.app.report.fusion_content import FusionSection


def metric(name: str, value: float | None, spread: float, n: int, note: str = "") -> dict[str, Any]:
    low, high = (None, None) if value is None else (value - spread, value + spread)
    weighted = name.endswith("/ipw")
    return {
        "name": name,
        "value": value,
        "low": low,
        "high": high,
        "n": n,
        "weighted": weighted,
        "note": note,
    }


def metrics() -> dict[str, list[dict[str, Any]]]:
    few = "fewer than 30 users per resample; the interval is too narrow"
    return {
        "click": [
            metric("click/auc", 0.7123, 0.0141, 48_210),
            metric("click/auc/ipw", 0.6984, 0.0212, 48_210),
            metric(
                "click/auc_by_user", 0.6411, 0.0152, 41_388, "6,822 rows of users with one class are left out"
            ),
            metric("click/log_loss", 0.2874, 0.0061, 48_210),
            metric("click/log_loss/ipw", 0.2911, 0.0093, 48_210),
            metric("click/normalized_entropy", 0.9123, 0.011, 48_210),
            metric("click/calibration", 1.043, 0.031, 48_210),
            metric("click/ece", 0.0081, 0.0021, 48_210),
            metric("click/ece_null", 0.0032, 0.0014, 48_210, "if perfectly calibrated"),
        ],
        "dwell": [
            metric("dwell/mae_seconds", 24.31, 1.12, 4_102),
            metric("dwell/mae_seconds/ipw", 25.02, 2.05, 4_102),
            metric("dwell/xauc", 0.6213, 0.0131, 4_102, "ties count one half"),
        ],
        "retention": [
            metric("retention/d1/auc", 0.6712, 0.024, 5_911),
            metric("retention/d1/baseline_auc", 0.6523, 0.023, 5_911),
            metric("retention/d7/auc", 0.7481, 0.031, 5_911),
            metric("retention/d7/baseline_auc", 0.7402, 0.029, 5_911),
            metric("retention/d7/auc_minus_baseline", 0.0079, 0.0121, 5_911),
            metric("retention/d7/brier", 0.1512, 0.0081, 5_911),
            metric("retention/d7/baseline_brier", 0.1538, 0.0079, 5_911),
            metric("retention/d14/auc", None, 0.0, 0, "no user-day has been observed for 14 days"),
        ],
        "ranking": [
            metric("ranking/ndcg@5", 0.4312, 0.0083, 6_026, few),
            metric("ranking/ndcg@10", 0.5123, 0.0071, 6_026, few),
            metric("ranking/ndcg_dwell@10", 0.4402, 0.0121, 6_026),
            metric("ranking/mrr", 0.3911, 0.0091, 6_026),
        ],
    }


def calibration() -> dict[str, Calibration]:
    generator = np.random.default_rng(7)
    rate = np.linspace(0.02, 0.24, 10)
    clicks = rate * (0.95 + 0.1 * generator.random(10))
    dwell = np.geomspace(6, 180, 10)
    seconds = dwell * np.exp(generator.normal(0, 0.08, 10))
    day = np.arange(1, 8)
    back = 1 - 0.62 * 0.8**day
    tables = {
        "click": pd.DataFrame(
            {"predicted": rate, "observed": clicks, "low": clicks - 0.012, "high": clicks + 0.012, "n": 4821}
        ),
        "dwell": pd.DataFrame(
            {"predicted": dwell, "observed": seconds, "low": seconds * 0.9, "high": seconds * 1.1, "n": 410}
        ),
        "retention": pd.DataFrame(
            {"day": day, "predicted": back + 0.012, "observed": back, "low": back - 0.02, "high": back + 0.02}
        ),
    }
    return {
        "click": Calibration(table=tables["click"], kind="probability", outcome="click rate"),
        "dwell": Calibration(table=tables["dwell"], kind="seconds", outcome="dwell"),
        "retention": Calibration(
            table=tables["retention"], kind="by_day", outcome="back within so many days"
        ),
    }


def daily() -> pd.DataFrame:
    generator = np.random.default_rng(3)
    frames = []
    for name, level, spread in (
        ("click/auc", 0.712, 0.018),
        ("retention/d1/auc", 0.67, 0.03),
        ("click/calibration", 1.04, 0.05),
    ):
        value = level + generator.normal(0, spread / 3, 6)
        frames.append(
            pd.DataFrame(
                {
                    "day": pd.date_range("2024-03-25", periods=6, tz="UTC"),
                    "metric": name,
                    "value": value,
                    "low": value - spread,
                    "high": value + spread,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def learning() -> LearningSection:
    epoch = np.arange(1, 9)
    curves = pd.DataFrame({"epoch": epoch})
    for index, (name, level) in enumerate(
        (("loss", 2.4), ("click", 0.29), ("dwell", 1.4), ("retention", 0.7))
    ):
        curves[f"train/{name}"] = level * (0.9 + 0.4 * np.exp(-epoch / 2))
        curves[f"validation/{name}"] = level * (
            0.97 + 0.3 * np.exp(-epoch / 2) + 0.004 * (epoch - 3 + index / 2) ** 2
        )
    return LearningSection(
        curves=curves,
        best_epoch=5,
        criterion="lowest validation loss",
        note="Stopped after epoch 8: three epochs without a better one.",
    )


def data() -> DataSection:
    moments = [
        ("train", "2024-03-01", "2024-03-21", "2024-03-22"),
        ("validation", "2024-03-22", "2024-03-25", "2024-03-25"),
        ("test", "2024-03-25", "2024-03-31", "2024-04-07"),
    ]
    windows = pd.DataFrame(moments, columns=["name", "start", "end", "as_of"])
    for column in ("start", "end", "as_of"):
        windows[column] = pd.to_datetime(windows[column], utc=True)
    windows["rows"] = [160_312, 24_102, 48_210]
    windows["users"] = [2_911, 1_702, 2_104]
    windows["requests"] = [20_039, 3_012, 6_026]
    windows["share_matured"] = [0.412, 0.208, 1.0]
    return DataSection(
        name="world",
        description="The embedded world: made users, items and reactions, with exactly known propensities.",
        source="generated",
        licence="Apache-2.0",
        notes=("Nothing here is evidence about people.",),
        counts={"rows": 232_624, "users": 3_000, "items": 800, "requests": 29_077},
        windows=windows,
        quarantined=pd.DataFrame({"column": ["dwell_seconds"], "rule": ["is below 0"], "rows": [12]}),
    )


def propensity() -> PropensitySection:
    diagnostics = pd.DataFrame(
        {
            "objective": ["click", "dwell", "retention"],
            "num_rows": [160_312, 13_811, 19_882],
            "effective_sample_size": [61_204.3, 5_122.9, 8_311.0],
            "largest_weight": [9.21, 8.80, 9.52],
            "clipped_share": [0.0312, 0.0291, 0.0],
            "mean_inverse_propensity": [7.93, 7.61, 7.88],
        }
    )
    return PropensitySection(
        meaning="the item in its slot, given the items above it",
        source="logged by the behavior policy, epsilon-greedy(0.1)",
        weighting="inverse propensity, clipped at 20, normalised to mean 1",
        diagnostics=diagnostics,
    )


def bundle() -> BundleSection:
    return BundleSection(
        location="bundle",
        size_bytes=3_412_331,
        max_difference=4.8e-7,
        tolerance=1e-5,
        checked="batches of 1, 7 and 500 rows, with unseen ids and missing values",
        files=pd.DataFrame(
            {
                "file": ["model.onnx", "encoder.json"],
                "size_bytes": [3_200_123, 212_208],
                "sha256": ["ab" * 32, "0f" * 32],
            }
        ),
    )


def loop_days(
    *, seeds: tuple[int, ...] = (0, 1, 2), level: dict[str, float] | None = None, num_days: int = 8
) -> pd.DataFrame:
    """Days from 20 on; a contender of level v brings in v a day, a little more in later seeds."""
    level = level or {"uniform": 1.0, "trained": 1.5, "retrained": 2.0, "long_term_oracle": 3.0}
    frames = []
    for seed in seeds:
        for index, (name, each) in enumerate(level.items()):
            day = np.arange(num_days)
            value = each + 0.1 * seed + 0.01 * ((seed * (index + 1)) % 3) + 0.0 * day
            version = 1 + day // 3 if name == "retrained" else np.ones_like(day)
            frames.append(
                pd.DataFrame(
                    {
                        "seed": seed,
                        "contender": name,
                        "day": 20 + day,
                        "policy": [f"{name}@{number}" for number in version],
                        "arrived_users": 100,
                        "gone_users": day,
                        "active_users": 50 + day + index,
                        "back_from_yesterday": 0.6 + 0.01 * index,
                        "requests": 80,
                        "impressions": 480,
                        "clicks": (100 * value).round().astype(int),
                        "click_rate": 100 * value / 480,
                        "dwell_seconds": 3600.0 * (1 + index),
                        "dwell_mean": 36.0 / value,
                        "satisfaction": 0.1 * index - 0.05,
                        "visitor_satisfaction": 0.1 * index,
                        "coverage": 0.9 - 0.1 * index,
                        "gini": 0.4 + 0.1 * index,
                        "topic_entropy": 0.9,
                        "user_concentration": 0.2,
                        "value": value,
                        "value_so_far": value.cumsum(),
                    }
                )
            )
    days = pd.concat(frames, ignore_index=True)
    oracle = days[days["contender"] == list(level)[-1]].set_index(["seed", "day"])["value_so_far"]
    days["regret"] = oracle.loc[list(zip(days["seed"], days["day"], strict=True))].to_numpy()
    days["regret"] -= days["value_so_far"]
    return days


def loop_calibration(*, seeds: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    """``trained`` promises a tenth too much; ``retrained`` is right."""
    rows = [
        (seed, name, day, objective, observed * ratio, observed, 100 + seed)
        for seed in seeds
        for name, ratio in (("trained", 1.1), ("retrained", 1.0))
        for day in range(20, 28)
        for objective, observed in (("click", 0.1), ("dwell", 30.0), ("retention", 0.6))
    ]
    return pd.DataFrame(rows, columns=["seed", "contender", "day", "objective", "predicted", "observed", "n"])


def loop_summary() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summary and differences of a few quantities."""
    summary = pd.DataFrame(
        [
            ("uniform", "value_so_far", 8.8, 8.1, 9.5, 3),
            ("trained", "value_so_far", 12.8, 12.0, 13.6, 3),
            ("retrained", "value_so_far", 16.8, 16.0, 17.6, 3),
            ("long_term_oracle", "value_so_far", 24.8, 24.1, 25.5, 3),
            ("uniform", "click_rate", 0.0511, 0.0500, 0.0522, 3),
            ("trained", "click_rate", 0.0733, 0.0720, 0.0746, 3),
            ("retrained", "click_rate", None, None, None, 3),
            ("trained", "made_up", 1.25, 1.0, 1.5, 3),
        ],
        columns=["contender", "quantity", "mean", "low", "high", "num_seeds"],
    ).astype({"mean": float, "low": float, "high": float})
    differences = pd.DataFrame(
        [
            ("trained", "uniform", "value_so_far", 4.0, 3.5, 4.5, 3),
            ("retrained", "uniform", "value_so_far", 8.0, 7.5, 8.5, 3),
            ("long_term_oracle", "uniform", "value_so_far", 16.0, 15.5, 16.5, 3),
            ("trained", "uniform", "click_rate", 0.0222, -0.01, 0.05, 3),
        ],
        columns=["contender", "reference", "quantity", "mean", "low", "high", "num_seeds"],
    )
    return summary, differences


def closed_loop() -> ClosedLoopSection:
    summary, differences = loop_summary()
    return ClosedLoopSection(
        days=loop_days(),
        calibration=loop_calibration(),
        summary=summary,
        differences=differences,
        sees_truth=("long_term_oracle",),
        worth="a click counts 1",
    )


def fusion() -> FusionSection:
    """A learned fusion by segment, calibrated clicks, and a front of four points and the run's own."""
    front = pd.DataFrame(
        {
            "point": ["own fusion", "click alone", "dwell alone", "weights", "weights"],
            "say_click": [np.nan, 1.0, 0.0, 0.6, 0.4],
            "say_dwell": [np.nan, 0.0, 1.0, 0.4, 0.6],
            "weight_click": [np.nan, 1.0, 0.0, 1.0, 0.5],
            "weight_dwell": [np.nan, 0.0, 1.0, 0.25, 1.0],
            "validation_click": [0.29, 0.31, 0.22, 0.30, 0.21],
            "validation_dwell": [15.1, 13.2, 17.8, 15.4, 15.0],
            "test_click": [0.28, 0.30, 0.23, 0.295, 0.22],
            "test_dwell": [14.9, 13.0, 17.0, 15.2, 14.0],
            "test_click_low": [0.27, 0.29, 0.22, 0.285, np.nan],
            "test_click_high": [0.29, 0.31, 0.24, 0.305, np.nan],
            "test_dwell_low": [14.0, 12.0, 16.0, 14.2, np.nan],
            "test_dwell_high": [15.9, 14.0, 18.0, 16.2, np.nan],
            "override": [
                "",
                "fusion.weights={click:1,dwell:0}",
                "",
                "fusion.weights={click:1,dwell:0.25}",
                "",
            ],
            "on_front": [False, True, True, True, False],
            "number": pd.array([3, 1, 4, 2, None], dtype="Int64"),
        }
    )
    weights = [["click", 1.0], ["dwell", 0.125]]
    return FusionSection(
        fitted={
            "calibration": {
                "click": {"map": "temperature 1.31", "rows": [8123], "slices": 2, "notes": []},
            },
            "left_out": {"dwell": "this run predicts none"},
            "fusion": {
                "kind": "PerSegmentFusion",
                "weights": weights,
                "segments": [[2, "north", 1234, weights]],
                "notes": ["learned from 1,777 requests"],
            },
        },
        fusion="PerSegmentFusion",
        front=front,
        hypervolume={"validation": 0.523, "test": 0.491},
        notes=["gains of click are weighted by propensities, as losses are"],
    )


def counterfactual(*gains: tuple[str, float, float, str]) -> CounterfactualSection:
    """Differences to the behavior policy by objective: low, high, status."""
    rows = []
    for objective, low, high, status in gains:
        shared = {"objective": objective, "effective_sample_size": 250.0}
        rows += [
            {"policy": "behavior", "versus": "", "estimator": "logged_mean", "status": "ok", **shared}
            | {"value": 0.11, "low": 0.1, "high": 0.12},
            {"policy": "trained", "versus": "", "estimator": "dr", "status": status, **shared}
            | {"value": 0.7123, "low": 0.7, "high": 0.725},
            {"policy": "trained", "versus": "behavior", "estimator": "dr", "status": status, **shared}
            | {"value": (low + high) / 2, "low": low, "high": high},
        ]
    slots = {"policy": "trained", "slot": 0, "rows": 900, "effective_sample_size": 250.0, "mean_weight": 1.01}
    weights = pd.DataFrame(
        {"weight_from": [0.0, 1.0], "weight_to": [0.0, 1.8], "rows": [500, 400], "weight_share": [0.0, 1.0]}
    )
    return CounterfactualSection(
        values=pd.DataFrame(rows),
        slots=pd.DataFrame([slots]),
        weights=weights.assign(policy="trained"),
        about={
            "policies": ["trained"],
            "exploration": "epsilon_greedy(0.1)",
            "requests": 300,
            "level": 0.95,
            "blank": [],
            "candidates_of_a_request": [20, 20],
        },
        preferred=("dr", "sndr", "snips", "ips"),
    )


def full() -> ReportContent:
    return ReportContent(
        title="Quickstart on the embedded world",
        question="Does one model of clicks, dwell and return, trained on logged propensities, "
        "beat knowing only how recently and how often somebody came?",
        experiment="quickstart",
        created="2024-04-08 10:12 UTC",
        verdict=Verdict(
            title="Clicks are ranked well; return is no better than recency and frequency alone",
            sentences=(
                "Click AUC is 0.712 (0.698 to 0.726), and its probabilities are 1 to 7 % too high.",
                "For return within 7 days the interval of the AUC contains the baseline's value: "
                "this run does not show that the model knows more.",
                "One seed and six days of test: enough to compare with a baseline, "
                "too little to speak of decay.",
            ),
            tone="mixed",
        ),
        headlines=(
            Headline(
                label="Click AUC", value=0.7123, low=0.698, high=0.7264, context="propensity-weighted: 0.698"
            ),
            Headline(label="Dwell XAUC", value=0.6213, low=0.608, high=0.634, context="0.5 is guessing"),
            Headline(
                label="Return AUC, 7 days",
                value=0.7481,
                low=0.717,
                high=0.779,
                context="recency and frequency alone: 0.740",
            ),
            Headline(label="NDCG@10", value=0.5123, low=0.505, high=0.519, context="of the fused score"),
        ),
        warnings=(
            "Retention is known for 41 % of the training rows: the gap of one day "
            "is shorter than the horizon of seven.",
            "The effective sample size of the weighted click loss is 38 % of its rows.",
        ),
        metrics=metrics(),
        interval_note="Test window, values with 95 % intervals: bootstrap over users, 200 resamples.",
        calibration=calibration(),
        daily=daily(),
        fusion=fusion(),
        counterfactual=counterfactual(("click", 0.1, 0.2, "ok"), ("dwell", -0.3, 0.2, "ok")),
        closed_loop=closed_loop(),
        learning=learning(),
        data=data(),
        propensity=propensity(),
        bundle=bundle(),
        command="holdfast run experiment=quickstart seed=1",
        config="seed: 1\nmodel:\n  width: 16\n  mixture: mmoe\n",
        manifest={
            "code": {"holdfast": "0.1.0", "commit": "f4c730e", "dirty": False},
            "data_fingerprint": "sha256:5e0c…",
            "seed": 1,
            "command": ["holdfast", "run"],
            "libraries": {"torch": "2.13.0", "wandb": None},
        },
    )
