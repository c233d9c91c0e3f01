"""A stress section for tests, every part of it made up."""

from __future__ import annotations

import pandas as pd

from holdfast.app.report.content import StressSection

PARTS = {"clean_lift": 8.0, "loss_under_stress": 2.0, "worst_case": 1.0, "decay": 0.0, "miscalibration": 0.5}


def number(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def score(value=4.5, low=3.0, high=6.0):
    parts = {name: number(each, each - 0.5, each + 0.5) for name, each in PARTS.items()}
    by_output = {"click": {**number(value, low, high), "parts": parts}}
    extra = {"worst_weight": 0.25, "without_decay": [], "with_other_worst_weights": {"0": 5.5, "0.5": 3.5}}
    return {**number(value, low, high), "parts": parts, "by_output": by_output, **extra}


def section(**changes):
    ladder = {"kind": "sensor", "drift": "injected", "scored": True, "notes": ["of 3 columns"]}
    summary = {
        "suite": "quick",
        "suite_fingerprint": "0123456789ab",
        "yardstick": {"score_version": 2, "suite": "quick"},
        "held_out": False,
        "severities": [2, 5],
        "seeds": [0],
        "level": 0.95,
        "num_resamples": 200,
        "ladders": {"noise": ladder},
        "left_out": {"bots": "there are no rows"},
        "undefined": {"click/auc": ["noise, severity 5, seed 0"]},
        "qualities": {"click": "click/auc"},
        "not_scored": [],
        "ship_score": score(),
        "worst": {
            "click": {"scenario": {"name": "noise, severity 5", "lift": -1.25}, "day": None, "slice": None}
        },
        "half_life": {
            "click": {
                "days": 300.0,
                "low": None,
                "high": None,
                "last_day": 6.0,
                "note": "",
                "reached": False,
            }
        },
        "corruption_error": {
            "click": {
                "mean": 0.9,
                "relative_mean": None,
                "num_ladders": 1,
                "without_a_ratio": [],
                "without_a_relative_ratio": ["noise"],
            }
        },
        "slices_left_out": 0,
        "cost": {
            "scenarios": 2,
            "scenarios_there_already": 1,
            "forward_seconds": 2.0,
            "total_seconds": 2.3,
            "ratio": 1.15,
            "worlds_seconds": 0.0,
        },
    } | changes
    names = ["injector", "metric", "output", "severity", "value", "low", "high", "skill", "reference_skill"]
    rows = [
        ("noise", metric, "click", severity, 0.7 - 0.02 * severity, 0.6, 0.8, 40.0 - 4 * severity, 20.0)
        for metric in ("click/auc", "click/calibration")
        for severity in (0, 2, 5)
    ]
    scenarios = pd.DataFrame(rows, columns=names)
    scenarios = scenarios.assign(skill_low=scenarios["skill"] - 3, skill_high=scenarios["skill"] + 3)
    days = pd.DataFrame(
        {
            "model": ["this run", "this run", "retrained"],
            "metric": "click/auc",
            "output": "click",
            "days_since_training": [4, 5, 5],
            "value": [0.7, 0.69, 0.72],
            "low": 0.6,
            "high": 0.8,
            "reference": 0.6,
        }
    )
    return StressSection(
        scenarios=scenarios, days=days, summary=summary, strength=strength(), natural=natural()
    )


def strength():
    return pd.DataFrame(
        {
            "injector": "noise",
            "severity": [2, 5],
            "domain_auc": [0.61, 0.874],
            "click_change": [None, 0.0712],
            "dwell_change": None,
            "return_change": None,
            "effective_sample_size": [900.0, 1200.0],
        }
    )


def natural():
    row = {"metric": "click/auc", "output": "click", "low": 0.6, "high": 0.8, "reference": 0.6, "n": 1234}
    return pd.DataFrame(
        [
            {**row, "window": "as in training", "value": 0.7, "lift": 20.0},
            {**row, "window": "market=north", "value": 0.55, "lift": -10.0},
        ]
    )
