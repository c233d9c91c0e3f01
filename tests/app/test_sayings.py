"""What a run says of its stages."""

from __future__ import annotations

from dataclasses import replace

from holdfast.app.sayings import FitProgress, doubtful_targets, evaluated, fitted, said, unused_experts
from holdfast.training.progress import Progress

RUNNING = Progress(
    epoch=1,
    num_epochs=4,
    batch=5,
    num_batches=10,
    rows_per_second=1234.5,
    criterion="validation/loss",
    last_value=0.5,
    best_value=0.5,
    best_epoch=0,
    epoch_is_over=False,
)


class Line:
    def __init__(self):
        self.updates, self.milestones = [], []

    def update(self, *, done, text):
        self.updates.append((done, text))

    def milestone(self, text):
        self.milestones.append(text)


def test_only_a_judged_epoch_leaves_a_line():
    line = Line()
    show = FitProgress(line)
    show(RUNNING)
    show(replace(RUNNING, batch=10))
    show(replace(RUNNING, batch=10, last_value=0.4, best_value=0.4, best_epoch=1, epoch_is_over=True))
    assert [done for done, _ in line.updates] == [1.5 / 4, 2 / 4, 2 / 4]
    assert line.milestones == ["epoch 2/4  1,234 rows/s  validation/loss 0.4000 (best 0.4000 at epoch 2)"]


def test_before_the_first_validation_no_value_is_shown():
    line = Line()
    FitProgress(line)(replace(RUNNING, epoch=0, last_value=float("nan"), best_epoch=-1))
    assert line.updates[0][1] == "epoch 1/4  1,234 rows/s"


def test_a_metric_is_said_with_its_interval_or_as_undefined():
    assert said({"value": 0.5, "low": 0.4, "high": 0.6}) == "0.500 [0.400, 0.600]"
    assert said({"value": 0.5, "low": None, "high": None}, 1) == "0.5"
    assert said({"value": None, "low": None, "high": None}) == "undefined"


def test_returns_are_never_said_without_recency_and_frequency():
    value = {"value": 0.7, "low": 0.6, "high": 0.8}
    lines = list(
        evaluated({"test/retention/d1/auc": value, "test/retention/d1/baseline_auc": {"value": 0.69}})
    )
    assert lines == ["return within 1 d AUC 0.700 [0.600, 0.800] (recency/frequency alone: 0.690)"]


def test_returns_are_said_among_users_alike():
    value = {"value": 0.7, "low": 0.6, "high": 0.8}
    names = ("auc", "baseline_auc", "auc_given_baseline")
    (line,) = evaluated({f"test/retention/d7/{name}": value for name in names})
    assert line.endswith("(recency/frequency alone: 0.700); 0.700 [0.600, 0.800] among users alike in both")


TARGETS = {
    "known_rows": {"train": 900, "validation": 0},
    "left_out_rows": {"train": 100, "validation": 40},
    "imputed_rows": {"train": 300, "validation": 0},
    "tests": {"surrogacy": 0.001},
    "warnings": ("surrogacy fails",),
}


def test_what_a_head_learned_from_is_counted_and_doubts_are_said():
    summary = {
        "criterion": "validation/loss",
        "best_value": 0.25,
        "best_epoch": 1,
        "num_epochs": 3,
        "rows_per_second": 10.0,
        "train_weights": {},
        "targets": {"retention": TARGETS},
    }
    assert list(fitted(summary))[1] == (
        "retention learns from 900 rows, 300 of them by a surrogate index; 100 are too recent for this head"
    )
    warned = list(doubtful_targets(summary))
    assert warned[0] == "retention: surrogacy fails"
    assert "no retention of the validation window is old enough for this head" in warned[1]
    assert list(doubtful_targets({})) == []


def test_weights_are_said_with_what_they_cost():
    lines = list(
        fitted(
            {
                "criterion": "validation/loss",
                "best_value": 0.25,
                "best_epoch": 1,
                "num_epochs": 3,
                "rows_per_second": 10.0,
                "train_weights": {
                    "click": {
                        "effective_sample_size": 50.0,
                        "num_rows": 200,
                        "clipped_share": 0.125,
                        "largest_weight": 3.0,
                    }
                },
            }
        )
    )
    assert lines[1] == "click weights: ESS 50 of 200 rows, clipped 12.5%, largest 3.0"


def test_experts_that_nobody_uses_are_named():
    assert list(unused_experts({})) == []
    assert list(unused_experts({"unused_experts": []})) == []
    (one,) = unused_experts({"unused_experts": ["expert_2"]})
    assert one.startswith("no gate takes 1 % or more of the expert expert_2: the model")
    (two,) = unused_experts({"unused_experts": ["level_1/click_0", "shared_1"]})
    assert "experts level_1/click_0, shared_1: the model would hardly change without them" in two
