"""What the change of one column does to a model's predictions, in figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Harm:
    """What the change of one column does to what the model predicts.

    Attributes:
        column: its name.
        usual: mean absolute prediction on the reference.
        shift: change of the mean prediction, in its unit: what the model now expects to be better or worse.
        shift_low: lower end of its interval.
        shift_high: upper end.
        moved: mean absolute change of a row's prediction, beyond what two samples of the reference differ by.
        moved_low: lower end of its interval; 0 or more.
        moved_high: upper end.
        num_rows: rows of the reference that were scored.
        note: what a reader must know; empty where nothing.
        order: how much of the order of rows is lost, beyond chance: 0 none, 1 all, up to 2 if it is reversed.
        order_low: lower end of its interval; 0 or more.
        order_high: upper end.

    Of several heads ``usual``, ``shift`` and ``moved`` are those of the one that moved most, for its size.
    """

    column: str
    usual: float
    shift: float
    shift_low: float
    shift_high: float
    moved: float
    moved_low: float
    moved_high: float
    num_rows: int
    note: str = ""
    order: float = 0.0
    order_low: float = 0.0
    order_high: float = 0.0

    @property
    def relative(self) -> float:
        """The larger of ``moved`` as a share of the usual prediction and ``order``; 0 where nothing moved."""
        return max(self.moved / self.usual if self.usual > 0.0 else 0.0, self.order)

    @property
    def relative_low(self) -> float:
        """Lower end of ``relative``: what is compared with what one tolerates."""
        return max(self.moved_low / self.usual if self.usual > 0.0 else 0.0, self.order_low)

    @property
    def relative_high(self) -> float:
        """Upper end of ``relative``."""
        return max(self.moved_high / self.usual if self.usual > 0.0 else 0.0, self.order_high)
