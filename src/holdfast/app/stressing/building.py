"""From a run, or from parts in memory, to the scene that a suite is played in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdfast.app.composition import Plan
from holdfast.app.measuring import habit_baseline, predicted_days
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.stressing.conditions import Resampler
from holdfast.app.stressing.reference import fit_reference
from holdfast.app.stressing.scene import Scene
from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.drift.rows import DriftRows, drift_rows
from holdfast.models.ranker import Ranker

MOST_VALUES_OF_A_SLICE = 20
MOST_SLICED_FEATURES = 3


def scene_of(plan: Plan, prepared: PreparedRun, ranker: Ranker) -> Scene:
    """The test window of a run, its trained ranker, and the reference fitted on its train window.

    Nothing is fitted on anything but the clean train window.
    """
    encoder, window = prepared.encoder(), prepared.window("test")
    clean = drift_rows(
        prepared.test_rows(),
        features=encoder.features,
        card=prepared.card,
        observed_until=prepared.bounds["test"].as_of,
    )
    horizon_days = plan.settings.horizon_days
    predicted = predicted_days(ranker.heads.get("retention"), horizon_days=horizon_days)
    horizon = min([day for day in plan.evaluation.retention_days if day in predicted] or [predicted[-1]])
    settings = plan.evaluation
    return Scene(
        ranker=ranker,
        reference=fit_reference(
            prepared.window("train"), habit=habit_baseline(prepared, plan), horizon=horizon
        ),
        fusion=plan.fusion,
        encoder=encoder,
        window=window,
        clean=clean,
        horizon=horizon,
        horizon_days=horizon_days,
        cutoff=settings.cutoffs[0],
        resampler=Resampler(num_resamples=settings.num_resamples, seed=settings.seed),
    )


def sliced_features(clean: DriftRows, asked: Sequence[str] | None) -> list[str]:
    """The categorical features whose values are judged apart.

    Args:
        clean: rows of the test window.
        asked: by name; None for those of users and contexts with few values, the most even ones first.

    Raises:
        UserError: a name is no categorical feature.
    """
    categorical = {each.name: each for each in clean.features if each.kind == "categorical"}
    if asked is not None:
        unknown = [name for name in asked if name not in categorical]
        if unknown:
            raise UserError(
                f"stress.slices names {unknown}; the categorical features are {sorted(categorical)}"
            )
        return list(asked)
    evenness = {
        name: _evenness(clean, each)
        for name, each in categorical.items()
        if each.owner in ("user", "context")
    }
    usable = sorted((name for name, each in evenness.items() if each > 0.0), key=lambda name: -evenness[name])
    return usable[:MOST_SLICED_FEATURES]


def _evenness(clean: DriftRows, feature: Feature) -> float:
    """Entropy of the shares of values; 0 for one value or too many of them."""
    shares = clean.rows[feature.name].value_counts(normalize=True, dropna=False).to_numpy(dtype=np.float64)
    if not 1 < shares.size <= MOST_VALUES_OF_A_SLICE:
        return 0.0
    return float(-(shares * np.log(shares)).sum())
