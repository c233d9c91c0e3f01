"""How far the predicted click can be trusted as a propensity, epoch by epoch.

E objectives that are observed only after a click.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from holdfast.training.post_click import Estimate
from holdfast.training.selection import Selection

SUMS = ("rows", "observed", "weight", "square", "inverse", "clipped", "chance")
PREFIX = "propensity"
MOST = len(SUMS)
"""Place of the largest weight, behind the sums."""


class ClickPropensityWatch:
    """Sums over the running epoch on this process, ``[E, 8]``: they stay on the device until the epoch ends.

    Args:
        objectives: the objectives that are estimated.
        largest_weight: cap of the inverse propensities.
    """

    def __init__(self, objectives: Sequence[str], *, largest_weight: float) -> None:
        self.objectives = list(objectives)
        self.largest_weight = largest_weight
        self.state = self.fresh()

    def fresh(self) -> Tensor:
        """Nothing seen yet."""
        return torch.zeros(len(self.objectives), MOST + 1, dtype=torch.float64)

    @torch.no_grad()
    def add(self, estimates: Mapping[str, Estimate]) -> None:
        """Add a batch."""
        if not self.objectives:
            return
        rows = [self._row(estimates[objective]) for objective in self.objectives]
        seen = torch.stack(rows)
        before = self.state.to(seen.device)
        self.state = torch.cat(
            [before[:, :MOST] + seen[:, :MOST], torch.maximum(before[:, MOST:], seen[:, MOST:])], dim=1
        )

    def _row(self, estimate: Estimate) -> Tensor:
        rows = estimate.rows
        inverse = rows.inverse.masked_fill(~rows.observed, 0.0).double()
        weight = rows.observed_weight.double() * inverse
        # Floored in single precision, so the cap is met but for rounding.
        clipped = (inverse >= self.largest_weight * (1.0 - 1e-6)) & rows.observed
        most = inverse.max() if inverse.numel() else inverse.new_zeros(())
        return torch.stack(
            [
                rows.inside.sum().double(),
                rows.observed.sum().double(),
                weight.sum(),
                weight.square().sum(),
                inverse.sum(),
                clipped.sum().double(),
                rows.inverse.reciprocal().masked_fill(~rows.inside, 0.0).sum(dtype=torch.float64),
                most,
            ]
        )

    def summary(
        self, reduce_sum: Callable[[Tensor], Tensor], reduce_max: Callable[[Tensor], Tensor]
    ) -> dict[str, float]:
        """Diagnostics of the epoch over all processes, by ``propensity/OBJECTIVE/NAME``.

        Every process must call this. ``mean_weight`` is the mean of ``o / p`` over all rows, and so is
        ``calibration``, observed over predicted rows: both should be 1. ``mean_inverse_propensity`` is that
            of
        the observed rows; NaN where there is none.
        """
        if not self.objectives:
            return {}
        sums, most = reduce_sum(self.state[:, :MOST]).cpu(), reduce_max(self.state[:, MOST]).cpu()
        found: dict[str, float] = {}
        for index, objective in enumerate(self.objectives):
            each = dict(zip(SUMS, sums[index].tolist(), strict=True))
            values = {
                "num_rows": each["observed"],
                "effective_sample_size": _over(each["weight"] ** 2, each["square"]),
                "largest_weight": float(most[index]),
                "clipped_share": _over(each["clipped"], each["observed"]),
                "mean_inverse_propensity": _over(each["inverse"], each["observed"]),
                "mean_weight": _over(each["inverse"], each["rows"]),
                "calibration": _over(each["observed"], each["chance"]),
            }
            found.update({f"{PREFIX}/{objective}/{name}": value for name, value in values.items()})
        return found


def of_best_epoch(selection: Selection) -> dict[str, dict[str, float]]:
    """The diagnostics of the best epoch by objective and name; empty where none were made."""
    found: dict[str, dict[str, float]] = {}
    best = next((each for each in selection.epochs if each["epoch"] == selection.best_epoch), {})
    for name, value in best.items():
        if name.startswith(f"{PREFIX}/"):
            _, objective, diagnostic = name.split("/")
            found.setdefault(objective, {})[diagnostic] = value
    return found


def _over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0.0 else math.nan
