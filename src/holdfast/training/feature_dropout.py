"""Inputs that go missing in training, so that no prediction hangs on a single one.

B rows, F categorical inputs, D numeric inputs, C inputs that may go missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from holdfast.core.batch import Batch, Inputs
from holdfast.core.features import MISSING_ROW, InputSchema
from holdfast.core.random import generator
from holdfast.data.encoder import MISSING_SUFFIX

Per = Literal["row", "batch"]


@dataclass(frozen=True, kw_only=True)
class FeatureDropout:
    """Whole inputs are missing in training by chance, as the encoder would tell a missing value.

    A categorical input is in its missing row, a list is empty, a number is its mean, and its indicator, where
    there is one, says that it is missing. Nothing is scaled up to make up for it: a missing value looks the
    same when the model serves.

    Attributes:
        probability: chance of each input, in [0, 1); 0 for none.
        per: whether chance is asked for each ``row``, or once for each ``batch``, as in an outage.
        inputs: names of the inputs that may go missing; all where empty.
    """

    probability: float = 0.0
    per: Per = "row"
    inputs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability < 1.0:
            raise ValueError(
                f"probability is {self.probability}; it must be in [0, 1): at 1 nothing is left to learn from"
            )
        if self.per not in get_args(Per):
            raise ValueError(f"per is {self.per!r}; choose from {list(get_args(Per))}")

    def build(self, schema: InputSchema, *, seed: int) -> DroppedInputs | None:
        """What drops the inputs of a schema; None where nothing is dropped.

        Raises:
            ValueError: there is no input of a name that is asked for.
        """
        if self.probability == 0.0:
            return None
        return DroppedInputs(self, schema, seed=seed)


class DroppedInputs:
    """Drops inputs of batches, the same for the same place in a training, whatever came before.

    Args:
        settings: which and how often.
        schema: the encoded inputs.
        seed: with the place of a batch, decides what goes.
    """

    def __init__(self, settings: FeatureDropout, schema: InputSchema, *, seed: int) -> None:
        numbers = [name for name in schema.numeric if not name.endswith(MISSING_SUFFIX)]
        lists = [each.name for each in schema.lists if not each.gap_of]
        names = [*schema.categorical, *numbers, *lists]
        unknown = [name for name in settings.inputs if name not in names]
        if unknown:
            raise ValueError(f"inputs names {unknown}, which the model does not read; choose from {names}")
        self.names = tuple(name for name in names if not settings.inputs or name in settings.inputs)
        self.probability, self.per, self.seed = settings.probability, settings.per, seed
        place = {name: index for index, name in enumerate(self.names)}
        self.categorical = [place.get(name) for name in schema.categorical]
        # An indicator goes with its number, and gaps go with their events.
        self.numeric = [place.get(name.removesuffix(MISSING_SUFFIX)) for name in schema.numeric]
        self.missing = torch.tensor([float(name.endswith(MISSING_SUFFIX)) for name in schema.numeric])
        self.lists = [place.get(each.gap_of or each.name) for each in schema.lists]

    def __call__(self, batch: Batch, *, place: tuple[int, int], process: tuple[int, int] = (0, 1)) -> Batch:
        """The batch with some of its inputs missing.

        Args:
            batch: of this process.
            place: epoch, and number of the batch in it.
            process: its rank, and how many share the batch: the draws are those of the batch of them all.
        """
        rng = generator(self.seed, "feature dropout", *place)
        rank, world_size = process
        if self.per == "batch":
            drawn = rng.random((1, len(self.names))).repeat(len(batch), axis=0)
        else:
            drawn = rng.random((world_size * len(batch), len(self.names)))[rank::world_size]
        device = batch.inputs.numeric.device
        dropped = torch.from_numpy(np.ascontiguousarray(drawn < self.probability)).to(device)
        return replace(batch, inputs=self.without(batch.inputs, dropped))

    def without(self, inputs: Inputs, dropped_BC: Tensor) -> Inputs:
        """The inputs, missing where ``dropped_BC`` says so; those that were missing stay it."""
        numeric = inputs.numeric
        missing = self.missing.to(numeric)
        return Inputs(
            inputs.categorical.masked_fill(_columns(dropped_BC, self.categorical), MISSING_ROW),
            torch.where(_columns(dropped_BC, self.numeric), missing, numeric),
            tuple(
                each if place is None else each.masked_fill(dropped_BC[:, place, None], MISSING_ROW)
                for each, place in zip(inputs.lists, self.lists, strict=True)
            ),
            inputs.content_seconds,
        )


def _columns(dropped_BC: Tensor, places: list[int | None]) -> Tensor:
    """The column at each place, False where there is none, ``[B, len(places)]``."""
    never = dropped_BC.new_zeros((len(dropped_BC), 1))
    with_never = torch.cat([dropped_BC, never], dim=1)
    last = dropped_BC.shape[1]
    return with_never[:, [last if place is None else place for place in places]]
