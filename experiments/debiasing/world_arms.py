"""Who is compared: a log, weights for what was shown, an estimator for what was clicked. How all learn."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from holdfast.core.arrays import Floats
from holdfast.core.protocols import Head
from holdfast.data.encoder import EncodedInputs
from holdfast.data.preparation import Prepared
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.bernoulli_horizon import BernoulliHorizon
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.estimators.doubly_robust import DoublyRobust
from holdfast.objectives.estimators.inverse_propensity import InversePropensity
from holdfast.objectives.estimators.more_robust import MoreRobust
from holdfast.objectives.estimators.naive import Naive
from holdfast.objectives.estimators.rows import LossEstimator
from holdfast.objectives.estimators.self_normalised import SelfNormalised
from holdfast.objectives.estimators.stable import Stable
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.serving.eager import tensors_of
from holdfast.training.fit import FitResult, fit
from holdfast.training.settings import OptimizerSettings, TrainerSettings

HORIZON_DAYS = 1
NO_CAP = 1e9
OUTPUTS = {"click": "click_probability", "dwell": "dwell_seconds", "retention": "return_probability"}
"""Heads and the output of each that is held against the truth."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One contender.

    Attributes:
        log: which log it learns from.
        max_weight: cap of one over the logged propensity; None for no weights at all.
        estimator: of the loss of dwell, over shown rows.
    """

    log: str = "confounded"
    max_weight: float | None = None
    estimator: LossEstimator = field(default_factory=Naive)

    @property
    def weighting(self) -> PropensityWeighting:
        """What a row counts."""
        if self.max_weight is None:
            return PropensityWeighting(kind="none")
        return PropensityWeighting(kind="inverse_propensity", max_weight=self.max_weight)


def arms(max_weight: float) -> dict[str, Arm]:
    """The contenders by name, the weights of the clipped ones capped at ``max_weight``.

    Weights of rows are normalised over the window, so IPS of what was shown is SNIPS already. Behind a plus:
    the estimator of dwell's loss, which divides by the predicted click.
    """
    after_click: dict[str, LossEstimator] = {
        "IPS": InversePropensity(max_weight=20.0),
        "SNIPS": SelfNormalised(),
        "DR-JL": DoublyRobust(),
        "MRDR": MoreRobust(),
        "StableDR": Stable(),
    }
    return {
        "naive": Arm(),
        "IPS": Arm(max_weight=NO_CAP),
        "clipped IPS": Arm(max_weight=max_weight),
        "naive + SNIPS": Arm(estimator=after_click["SNIPS"]),
        "naive + DR-JL": Arm(estimator=after_click["DR-JL"]),
        **{
            f"clipped IPS + {name}": Arm(max_weight=max_weight, estimator=estimator)
            for name, estimator in after_click.items()
        },
        "randomised": Arm(log="randomised"),
    }


def trained(prepared: Prepared, arm: Arm, *, seed: int, epochs: int) -> tuple[Ranker, FitResult]:
    """A ranker with heads of click, dwell and return of the next day, after training as the arm says."""
    heads: dict[str, Head] = {
        "click": Bernoulli(),
        "dwell": CensoredLogNormal(),
        "retention": BernoulliHorizon(horizon_days=HORIZON_DAYS),
    }
    ranker = build_ranker(
        prepared.encoder.schema,
        settings=RankerSettings(embedding_dim=8, tower_widths=[32]),
        mixture=SharedBottom(),
        heads=heads,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            ranker,
            prepared.windows["train"],
            prepared.windows["validation"],
            weighting=arm.weighting,
            estimator=arm.estimator,
            balance=StaticBalance(),
            optimizer=OptimizerSettings(),
            settings=TrainerSettings(max_epochs=epochs, patience=2, batch_size=1024, accelerator="cpu"),
            seed=seed,
            folder=Path(folder),
        )
    return ranker, result


def predicted(ranker: Ranker, inputs: EncodedInputs) -> dict[str, Floats]:
    """What each head says, float64 ``[N]``, by objective."""
    with torch.inference_mode():
        outputs = ranker.predict(tensors_of(inputs))
    return {name: outputs[output].double().numpy() for name, output in OUTPUTS.items()}


def weighted_log_loss(ranker: Ranker, prepared: Prepared) -> float:
    """Log loss of clicks in the validation window, each row counting one over its propensity, without a cap.

    The only thing that caps are chosen by: it needs nothing but the log that a model learns from.
    """
    window = prepared.windows["validation"]
    inputs = EncodedInputs(window.categorical, window.numeric, window.lists, window.content_seconds)
    chance = np.clip(predicted(ranker, inputs)["click"], 1e-7, 1.0 - 1e-7)
    clicked = window.value[:, window.index_of("click")] > 0.5
    losses = -np.where(clicked, np.log(chance), np.log1p(-chance))
    return float(np.average(losses, weights=1.0 / window.propensity))
