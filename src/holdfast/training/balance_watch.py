"""How objectives were weighed and how far they were in conflict, epoch by epoch.

T objectives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from holdfast.objectives.balancing.balance import Step
from holdfast.objectives.balancing.gramian import cosines_of

PREFIX = "balance"


class BalanceWatch:
    """Sums over the running epoch, the same on all processes; they stay on the device until it ends.

    Attributes:
        state: weights summed over the batches in which the objective is present, the number of these, cosines
            summed over the batches in which both gradients are there, the number of these, batches in which
            gradients can be compared, and those in which two oppose each other: ``[2 T + 2 T T + 2]``.

    Args:
        objectives: their names, in order.
        compares: whether gradients are compared.
    """

    def __init__(self, objectives: Sequence[str], *, compares: bool) -> None:
        self.objectives = list(objectives)
        self.compares = compares
        self.state = self.fresh()

    def fresh(self) -> Tensor:
        """Nothing seen yet."""
        count = len(self.objectives)
        return torch.zeros(2 * count + 2 * count * count + 2, dtype=torch.float64)

    @torch.no_grad()
    def add(self, weights_T: Tensor, step: Step) -> None:
        """Add a batch."""
        present = step.present.to(weights_T.device)
        parts = [weights_T.double().masked_fill(~present, 0.0), present.double()]
        if step.gramian is not None:
            cosines = cosines_of(step.gramian)
            known = ~cosines.isnan()
            pairs = known & ~torch.eye(len(cosines), dtype=torch.bool)
            compared = [cosines.nan_to_num(nan=0.0).flatten(), known.flatten().double()]
            conflict = torch.stack([pairs.any(), ((cosines < 0.0) & pairs).any()]).double()
            parts += [each.to(weights_T.device) for each in (*compared, conflict)]
        seen = torch.cat(parts)
        self.state = self.state.to(seen.device)
        self.state[: len(seen)] += seen

    def summary(self) -> dict[str, float]:
        """Means over the epoch, by ``balance/...``; NaN where nothing was seen.

        ``weight/OBJECTIVE``, and where gradients are compared ``cosine/ONE_OTHER`` and ``conflict_share``.
        """
        count = len(self.objectives)
        sizes = [count, count, count * count, count * count, 2]
        weights, present, cosines, known, conflict = torch.split(self.state.cpu(), sizes)
        found = {
            f"{PREFIX}/weight/{name}": _over(weights[index], present[index])
            for index, name in enumerate(self.objectives)
        }
        if self.compares:
            for (one, first), (other, second) in combinations(enumerate(self.objectives), 2):
                place = one * count + other
                found[f"{PREFIX}/cosine/{first}_{second}"] = _over(cosines[place], known[place])
            found[f"{PREFIX}/conflict_share"] = _over(conflict[1], conflict[0])
        return found


def _over(numerator: Tensor, denominator: Tensor) -> float:
    return float(numerator / denominator) if denominator > 0.0 else math.nan
