"""Several rankers as one: their predictions, averaged.

B rows, M members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor, nn

from holdfast.core.batch import Inputs
from holdfast.models.ranker import Ranker


@dataclass(frozen=True, kw_only=True)
class EnsembleSettings:
    """How many models are trained, each with weights and an order of rows of its own.

    Attributes:
        members: M, at least 1.
    """

    members: int = 1

    def __post_init__(self) -> None:
        if self.members < 1:
            raise ValueError(f"members is {self.members}; it must be at least 1")


class RankerEnsemble(Ranker):
    """Predicts the mean of what its members predict, output by output.

    Outputs are chances, expected values and the like, so that their mean is that of the mixture of the
    members' distributions; of a quantile it is a mean of quantiles. Parameters of distributions have no mean
    that means anything: an ensemble is not trained, and has no ``forward``.

    Args:
        members: with the same inputs and heads, trained; M of them.

    Raises:
        ValueError: there are none, or they differ in objectives.
    """

    def __init__(self, members: Sequence[Ranker]) -> None:
        nn.Module.__init__(self)  # an ensemble has its members' weights, and none of its own
        if not members:
            raise ValueError("an ensemble needs at least one member")
        first = members[0]
        if any(each.objectives != first.objectives for each in members):
            raise ValueError(f"members predict different objectives: {[each.objectives for each in members]}")
        self.members = nn.ModuleList(members)
        self.calibration = None
        self.schema = first.schema
        self.heads = first.heads
        self.output_names = first.output_names
        self.sparse = first.sparse

    def forward(self, inputs: Inputs) -> NoReturn:
        """Refused: parameters of distributions have no mean."""
        raise TypeError("an ensemble has no parameters of distributions; ask each of its members")

    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Means of the members' outputs by name, each ``[B]`` or ``[B, ...]``; calibrated where fitted."""
        of_members = [member.predict(inputs) for member in self.members]  # type: ignore[operator]
        outputs = {name: torch.stack([each[name] for each in of_members]).mean(0) for name in of_members[0]}
        return outputs if self.calibration is None else self.calibration(outputs, inputs)

    def sparse_parameters(self) -> list[nn.Parameter]:
        """None: an ensemble is not trained."""
        return []


def members_of(ranker: Ranker) -> list[Ranker]:
    """The members of an ensemble, or the ranker alone."""
    if not isinstance(ranker, RankerEnsemble):
        return [ranker]
    return [each for each in ranker.members if isinstance(each, Ranker)]
