"""All maps of a model, as the last thing that happens to its outputs.

B rows, H days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from holdfast.core.batch import Inputs
from holdfast.models.calibration.fitted_map import FittedMap

BY_DAY = "return_by_day"
OPENED, OVER_ALL = "dwell_open_probability", "dwell_impression_seconds"


@dataclass(frozen=True)
class HeadMaps:
    """The maps of one head.

    Attributes:
        objective: of the head.
        output: name of the output that ranks.
        maps: one; one a day, ascending, for a head that gives ``return_by_day``.
    """

    objective: str
    output: str
    maps: tuple[FittedMap, ...]


@dataclass(frozen=True)
class OutputCalibration:
    """Maps of the outputs of a model, applied after its heads; exportable to ONNX.

    The output that ranks is mapped. Outputs that follow from it follow: the chances of a return by day never
    fall; seconds over all rows are those if opened times the chance of an
    opening. Others, such as the parameters of a distribution, stay what the head says.

    Attributes:
        heads: the maps of each head that has any.
        slice: feature whose values have maps of their own; empty for none.
        place: of that feature among the categorical inputs.
    """

    heads: tuple[HeadMaps, ...]
    slice: str = ""
    place: int = -1

    def __call__(self, outputs: Mapping[str, Tensor], inputs: Inputs) -> dict[str, Tensor]:
        """The outputs of ``Ranker.predict``, calibrated; in the same order."""
        mapped = dict(outputs)
        slice_B = inputs.categorical[:, self.place] if self.slice else None
        for head in self.heads:
            if head.objective == "retention" and BY_DAY in mapped:
                _map_returns(mapped, head, slice_B)
            elif head.objective == "dwell":
                _map_dwell(mapped, head, slice_B, inputs.content_seconds)
            else:
                mapped[head.output] = head.maps[-1](mapped[head.output], slice_B)
        return mapped

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for ``calibration_from_dict``."""
        return asdict(self)


def calibration_from_dict(values: Mapping[str, Any]) -> OutputCalibration:
    """What ``OutputCalibration.to_dict`` gave, read back from JSON."""
    heads = tuple(
        HeadMaps(head["objective"], head["output"], tuple(_map_from_dict(each) for each in head["maps"]))
        for head in values["heads"]
    )
    return OutputCalibration(heads, values["slice"], values["place"])


def _map_from_dict(values: Mapping[str, Any]) -> FittedMap:
    return FittedMap(
        values["kind"],
        parameters=tuple(tuple(each) for each in values["parameters"]),
        knots=tuple(values["knots"]),
        slices=tuple(values["slices"]),
        num_rows=values["num_rows"],
        note=values["note"],
    )


def _map_returns(mapped: dict[str, Tensor], head: HeadMaps, slice_B: Tensor | None) -> None:
    """Each day by its own map, and then no day above the next: the last day, which ranks, is left alone."""
    days = [each(mapped[BY_DAY][:, day], slice_B) for day, each in enumerate(head.maps)]
    for day in range(len(days) - 2, -1, -1):
        days[day] = torch.minimum(days[day], days[day + 1])
    mapped[BY_DAY] = torch.stack(days, dim=1)
    mapped[head.output] = days[-1]


def _map_dwell(
    mapped: dict[str, Tensor], head: HeadMaps, slice_B: Tensor | None, content_seconds: Tensor
) -> None:
    """Nobody stays longer than the content lasts."""
    seconds = torch.minimum(head.maps[-1](mapped[head.output], slice_B), content_seconds)
    mapped[head.output] = seconds
    if OPENED in mapped and OVER_ALL in mapped:
        mapped[OVER_ALL] = mapped[OPENED] * seconds
