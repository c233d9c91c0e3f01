"""Drift in training rows: where it may be, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml

from holdfast.app.schema import component_class
from holdfast.core.errors import UserError
from holdfast.core.shipped import shipped_folder
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder, EncoderSettings, fit_encoder
from holdfast.drift.augmentation import Augmentation, augmented_window, check_augmentation
from holdfast.drift.covariates.item_churn import ItemChurn
from holdfast.drift.injector import Family
from holdfast.drift.labels.lost_events import LostEvents
from holdfast.drift.onset import GradualOnset
from holdfast.drift.rows import DriftRows
from holdfast.drift.sensors.late_features import LateFeatures
from holdfast.drift.sensors.missing import MissingAtRandom
from holdfast.drift.sensors.noise import Noise


@pytest.fixture
def clean(table: Callable[..., DriftRows]) -> DriftRows:
    rng = np.random.default_rng(0)
    return table(
        request_id=np.repeat(np.arange(200), 2),
        slot=np.tile([0, 1], 200),
        item_id=rng.integers(0, 9, 400),
        price=np.where(rng.random(400) < 0.1, np.nan, rng.normal(size=400)),
        market=rng.choice(list("abc"), 400),
    )


def encoded(clean: DriftRows) -> tuple[EncodedWindow, Encoder]:
    encoder = fit_encoder(clean.rows, clean.features, EncoderSettings(min_count=1))
    inputs, rows = encoder.transform(clean.rows), len(clean)
    numbers: dict[str, Any] = {
        name: np.arange(rows)
        for name in ("user", "user_day", "day", "slot", "follow_up_days", "policy", "item")
    }
    outcome = np.arange(rows, dtype=np.float32)[:, None]
    window = EncodedWindow(
        name="train",
        objectives=("click",),
        categorical=inputs.categorical,
        numeric=inputs.numeric,
        lists=inputs.lists,
        content_seconds=inputs.content_seconds,
        value=outcome,
        event=outcome >= 0.0,
        known=outcome >= 0.0,
        spread=np.ones_like(outcome),
        propensity=np.ones(rows),
        request=clean.rows["request_id"].to_numpy(),
        recency_days=np.zeros(rows, dtype=np.float32),
        active_days_7=np.zeros(rows, dtype=np.float32),
        **numbers,
    )
    return window, encoder


def test_a_share_of_whole_requests_drifts_and_labels_stay(clean: DriftRows) -> None:
    window, encoder = encoded(clean)
    settings = Augmentation(
        injectors={"missing": MissingAtRandom(columns=["price"])}, severities=[5], share=0.5
    )
    made = augmented_window(settings, clean, window, encoder, seed=1)
    assert (made.value == window.value).all()
    assert (made.categorical == window.categorical).all()
    indicator = encoder.schema.numeric.index("price__missing")
    gone = (made.numeric[:, indicator] == 1.0) & (window.numeric[:, indicator] == 0.0)
    assert (made.numeric[gone, 0] == 0.0).all()
    assert (made.numeric[~gone] == window.numeric[~gone]).all()
    # Nine in ten values of half of the requests; four standard errors over 200 requests.
    assert abs(gone.mean() / 0.9 - 0.45) < 0.15
    again = augmented_window(settings, clean, window, encoder, seed=1)
    assert (again.numeric == made.numeric).all()
    assert (augmented_window(settings, clean, window, encoder, seed=2).numeric != made.numeric).any()
    assert (encoded(clean)[0].numeric == window.numeric).all(), "the clean rows are left alone"


def test_rows_that_a_drift_takes_away_are_gone_with_their_labels(clean: DriftRows) -> None:
    window, encoder = encoded(clean)
    settings = Augmentation(injectors={"churn": ItemChurn(), "noise": Noise()}, severities=[5], share=1.0)
    made = augmented_window(settings, clean, window, encoder, seed=0)
    assert 0 < len(made) < len(window)
    kept = made.value[:, 0].astype(int)  # the row it was
    assert (np.diff(kept) > 0).all(), "in order of time"
    assert (made.request == window.request[kept]).all()
    assert (made.item == window.item[kept]).all()


def test_nothing_to_do_gives_the_very_same_window(clean: DriftRows) -> None:
    window, encoder = encoded(clean)
    assert augmented_window(Augmentation(), clean, window, encoder, seed=0) is window
    none = Augmentation(injectors={"noise": Noise()}, share=0.0)
    assert augmented_window(none, clean, window, encoder, seed=0) is window


def test_what_may_not_be_trained_on_is_refused(clean: DriftRows) -> None:
    window, encoder = encoded(clean)
    with pytest.raises(ValueError, match="late is of the family 'held_out'"):
        check_augmentation({"late": LateFeatures()})
    with pytest.raises(ValueError, match="lost is a drift of kind 'label'"):
        check_augmentation({"lost": LostEvents()})
    with pytest.raises(ValueError, match="odd is int"):
        check_augmentation({"odd": 3})
    without_numbers = replace(
        clean, features=tuple(each for each in clean.features if each.kind != "numeric")
    )
    with pytest.raises(UserError, match=r"noise does not fit.*~robust\.augmentation\.injectors\.noise"):
        augmented_window(Augmentation(injectors={"noise": Noise()}), without_numbers, window, encoder, seed=0)
    with pytest.raises(ValueError, match="400 raw rows and 399 encoded"):
        augmented_window(
            Augmentation(), clean, replace(window, content_seconds=np.ones(399)), encoder, seed=0
        )


@dataclass(frozen=True, kw_only=True)
class SetFree(LateFeatures):
    """Late features that a class of their own declares fit for training."""

    family: ClassVar[Family] = Family.TRAINING


@dataclass(frozen=True, kw_only=True)
class AsYouLike(Noise):
    """Noise whose family is a setting."""

    family: Family = Family.TRAINING  # type: ignore[misc]


def test_no_setting_frees_a_drift_that_is_held_out():
    by_hand = LateFeatures()
    object.__setattr__(by_hand, "family", Family.TRAINING)
    assert by_hand.family == "training"
    for freed in (by_hand, SetFree(), GradualOnset(injector=by_hand), GradualOnset(injector=LateFeatures())):
        with pytest.raises(ValueError, match="of the family 'held_out'"):
            check_augmentation({"late": freed})
    with pytest.raises(ValueError, match="AsYouLike, whose family is a setting"):
        check_augmentation({"odd": AsYouLike()})
    with pytest.raises(ValueError, match="lost is a drift of kind 'label'"):
        check_augmentation({"lost": GradualOnset(injector=LostEvents())})
    check_augmentation({"noise": Noise(), "slowly": GradualOnset(injector=Noise())})


@pytest.mark.parametrize(
    "path", sorted((shipped_folder("configs") / "drift").glob("[!g]*.yaml")), ids=lambda path: path.stem
)
def test_of_what_ships_only_the_training_family_passes(path):
    values = yaml.safe_load(path.read_text())
    made = component_class(values.pop("_target_"))(**values)
    allowed = made.family == "training" and made.kind in ("covariate", "sensor")
    if allowed and hasattr(made, "inject"):
        check_augmentation({path.stem: made})
    else:
        with pytest.raises(ValueError, match=path.stem):
            check_augmentation({path.stem: made})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"share": 1.1}, "share is 1.1"),
        ({"severities": []}, "severities is"),
        ({"severities": [0]}, "severities is"),
        ({"severities": [6]}, "severity is 6"),
    ],
)
def test_bad_settings(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Augmentation(**wrong)
