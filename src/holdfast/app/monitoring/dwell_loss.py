"""How far dwell is predicted off, without labels: the loss model of the reference, and what a window is to
expect.

N rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.app.monitoring.scored_rows import Outcome, ScoredRows
from holdfast.core.arrays import Bools, Floats
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.monitoring.label_free import IsotonicCalibration, LabelFreeEstimate
from holdfast.monitoring.label_free_loss import LossModel, estimate_loss, fit_loss_model


@dataclass(frozen=True)
class DwellLoss:
    """The mean absolute error of dwell in seconds, by what was predicted.

    Attributes:
        model: of a row whose dwell is known.
        opened_only: whether dwell is known of rows that were opened alone; a row of a window then counts by
            its chance to be.
    """

    model: LossModel
    opened_only: bool

    def estimate(
        self,
        rows: ScoredRows,
        calibrations: Mapping[str, IsotonicCalibration],
        *,
        bootstrap: ClusterBootstrap,
    ) -> LabelFreeEstimate:
        """What the rows of a window are to expect; rows without a possible prediction are left out."""
        dwell, click = rows.outcomes["dwell"], rows.outcomes.get("click")
        kept = possible(dwell.predicted, share=False)
        weight = None
        if self.opened_only and click is not None:
            kept &= possible(click.predicted, share=True)
            chance = click.predicted[kept]
            weight = calibrations["click"].apply(chance) if "click" in calibrations else chance
        return estimate_loss(
            self.model, dwell.predicted[kept], users=rows.user[kept], bootstrap=bootstrap, weight=weight
        )

    def as_plain(self) -> dict[str, Any]:
        """Plain containers for JSON."""
        return {
            "edges": self.model.edges.tolist(),
            "bin_loss": self.model.bin_loss.tolist(),
            "mean_loss": self.model.mean_loss,
            "opened_only": self.opened_only,
        }

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> DwellLoss:
        """From what ``as_plain`` gave."""
        model = LossModel(np.array(told["edges"]), np.array(told["bin_loss"]), {}, told["mean_loss"])
        return cls(model, told["opened_only"])


def fit_dwell_loss(rows: ScoredRows) -> DwellLoss | None:
    """Learn it from the reference; None where no dwell is known."""
    dwell, click = rows.outcomes.get("dwell"), rows.outcomes.get("click")
    if dwell is None or not known_loss(dwell).any():
        return None
    known = known_loss(dwell)
    model = fit_loss_model(dwell.predicted, np.abs(dwell.predicted - dwell.observed), known=known)
    opened_only = click is not None and bool((click.observed[known & click.known] == 1.0).all())
    return DwellLoss(model, opened_only)


def realised_loss(dwell: Outcome) -> float | None:
    """Mean absolute error of the rows whose dwell is known, in seconds; None without any."""
    known = known_loss(dwell)
    return float(np.abs(dwell.predicted - dwell.observed)[known].mean()) if known.any() else None


def known_loss(dwell: Outcome) -> Bools:
    """Rows of which prediction and dwell are known, and can be, ``[N]``."""
    fits = possible(dwell.predicted, share=False) & possible(dwell.observed, share=False)
    return np.asarray(dwell.known & fits)


def possible(values: Floats, *, share: bool) -> Bools:
    """Finite values that are not below 0, nor above 1 where they are a share, ``[N]``."""
    inside = np.isfinite(values) & (values >= 0.0)
    return np.asarray(inside & (values <= 1.0) if share else inside)
