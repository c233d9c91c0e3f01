"""What a report says of the fusion, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class FusionSection:
    """What the stage calibrate fitted, and the front that the stage evaluate measured.

    Attributes:
        fitted: as ``calibration.sayings.described`` gives it; None where nothing was to fit.
        fusion: name and settings of the run's fusion.
        front: the table ``pareto``; empty where there is none.
        hypervolume: of the front by window.
        notes: how the gains of the front were made.
        why_not: why there is no front.
        effect: losses of the test window before and after calibration, as ``calibration.effect`` gives them;
            empty where nothing was calibrated.
    """

    fitted: Mapping[str, Any] | None
    fusion: str
    front: pd.DataFrame
    hypervolume: Mapping[str, float]
    notes: Sequence[str] = ()
    why_not: str = ""
    effect: pd.DataFrame = field(default_factory=pd.DataFrame)
