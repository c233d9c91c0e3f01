"""An alarm: a finding that is more than chance, with what it means and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.pair import Place


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A finding that is more than chance.

    Attributes:
        where: the column, head or slice.
        kind: what found it.
        place: what ``where`` is.
        start: first moment of the window; None if it has no time.
        end: the moment on which the window ends.
        since: start of the window from which on it has most likely been so; None if windows have no time.
        p_value: None where something is broken, which is no question of chance.
        adjusted_p_value: for all that was looked at in the window.
        statistic: the detector's; None where there is none.
        threshold: what ``adjusted_p_value`` was held against; the chosen rate, or the window's part of it.
        effect: in ``effect_unit``.
        effect_unit: see ``Finding``.
        interval: of the effect.
        harm: what it does to the model's predictions; None where not estimated.
        harmful: see ``is_harmful`` of ``next_steps``; None where not known.
        next_step: what to do.
        note: the finding's.
    """

    where: str
    kind: str
    place: Place
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    since: pd.Timestamp | None
    p_value: float | None
    adjusted_p_value: float | None
    statistic: float | None
    threshold: float | None
    effect: float | None
    effect_unit: str
    interval: tuple[float, float] | None
    harm: Harm | None
    harmful: bool | None
    next_step: str
    note: str

    def as_row(self) -> dict[str, Any]:
        """Plain fields for a table or JSON; harm as ``harm``, ``harm_low`` and ``harm_high``, shares of the
        usual prediction."""
        row = {name: value for name, value in asdict(self).items() if name not in ("harm", "interval")}
        low, high = self.interval or (None, None)
        ends = (
            (self.harm.relative, self.harm.relative_low, self.harm.relative_high)
            if self.harm
            else (None,) * 3
        )
        return {**row, "effect_low": low, "effect_high": high, **dict(zip(HARM_COLUMNS, ends, strict=True))}


HARM_COLUMNS = ("harm", "harm_low", "harm_high")


def alarm_table(alarms: Sequence[Alarm]) -> pd.DataFrame:
    """One row an alarm; the columns are there without any."""
    columns = [name for name in Alarm.__dataclass_fields__ if name not in ("harm", "interval")]
    return pd.DataFrame(
        [each.as_row() for each in alarms], columns=[*columns, "effect_low", "effect_high", *HARM_COLUMNS]
    )
