"""A propensity: the chance that a row came to be observed, where it comes from, and what it is good for.

N rows of a log.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.importance import WeightDiagnostics, inverse_propensity_weights

Meaning = Literal["item_in_slot", "slate", "examination", "clicked", "exposure"]
"""What a propensity is the chance of: that the policy put this item into this slot, or showed this whole
slate; that the slot was looked at; that the row was clicked; that the user came across the item at all."""

MEANINGS: tuple[Meaning, ...] = get_args(Meaning)


@dataclass(frozen=True, kw_only=True, eq=False)
class Propensity:
    r"""The chance of each row to be observed, made once and used by losses, metrics and estimators alike.

    It is checked when it is made and capped once, so that no two places clip differently. Its numbers are
    plain
    arrays: no gradient goes through them.

    Attributes:
        values: in (0, 1], float64 ``[N]``; NaN where there is none.
        meaning: what it is the chance of.
        source: who says so, in words for a report, such as ``logged by the behavior policy``.
        max_weight: largest weight :math:`1 / p` that it gives, >= 1; ``inf`` for no cap. To cap weights is to
            floor propensities at ``1 / max_weight``: a smaller cap buys less variance with more bias.
        sets_aside: whether a row without a value does not count, because the source speaks of a part of the
            log only. Otherwise a row that counts needs a value.
    """

    values: Floats
    meaning: Meaning
    source: str
    max_weight: float = math.inf
    sets_aside: bool = False

    def __post_init__(self) -> None:
        if self.meaning not in MEANINGS:
            raise ValueError(f"meaning is {self.meaning!r}; choose from {list(MEANINGS)}")
        if not self.max_weight >= 1.0:
            raise ValueError(
                f"max_weight is {self.max_weight}; it must be at least 1, the weight of a sure choice"
            )
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError(f"propensities have shape {values.shape}; give one number a row")
        bad = ~np.isnan(values) & ~((values > 0.0) & (values <= 1.0))
        if bad.any():
            raise ValueError(
                f"{int(bad.sum())} of {values.size} propensities ({self.source}) are outside (0, 1], the "
                "first is "
                f"{float(values[bad][0])!r} in row {int(np.flatnonzero(bad)[0])}; a chance of 0 cannot "
                "have been "
                "observed: mend the log, or set those rows aside as missing (NaN)"
            )
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> Bools:
        """True for rows without a value, ``[N]``."""
        return np.asarray(np.isnan(self.values))

    def floored(self) -> Floats:
        """The values, none below ``1 / max_weight``, ``[N]``; NaN where there is none."""
        return np.maximum(self.values, 1.0 / self.max_weight)

    def capped(self, max_weight: float) -> Propensity:
        """The same with a cap.

        Raises:
            ValueError: it has another cap already; clipping twice would hide the first one.
        """
        if self.max_weight not in (math.inf, max_weight):
            raise ValueError(
                f"these propensities are capped at {self.max_weight} already and cannot be capped at "
                f"{max_weight} as well; start from the uncapped ones"
            )
        return replace(self, max_weight=max_weight)

    def take(self, rows: Ints | Bools | slice) -> Propensity:
        """The propensities of some of the rows, by index, mask or slice."""
        return replace(self, values=self.values[rows])

    def tensor(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The floored values without a gradient, ``[N]``."""
        return torch.from_numpy(self.floored()).to(dtype)

    def counts(self, where: Bools) -> Bools:
        """Rows of ``where`` that count, ``[N]``: all, or those with a value where rows are set aside."""
        return np.asarray(where & ~self.missing) if self.sets_aside else np.asarray(where)

    def weights(
        self, *, where: Bools, spread: Floats | None = None, fact: Ints | None = None
    ) -> tuple[Floats, WeightDiagnostics]:
        """Inverse propensities, capped, normalised to mean 1 over the rows that count, and their diagnostics.

        The arguments are those of ``core.importance.inverse_propensity_weights``.

        Returns:
            Weights ``[N]``, 0 where a row does not count; the diagnostics count the rows set aside.

        Raises:
            ValueError: a row that counts has no propensity.
        """
        counted = self.counts(np.asarray(where, dtype=bool))
        weights, diagnostics = inverse_propensity_weights(
            self.values, where=counted, max_weight=self.max_weight, spread=spread, fact=fact
        )
        return weights, replace(diagnostics, num_missing=int(where.sum() - counted.sum()))

    def ratio(self, target: Floats, *, where: Bools) -> Floats:
        r"""Importance weights of another policy: :math:`\min(\pi_e / p, w_{\max})`, not normalised, ``[N]``.

        Args:
            target: chance with which the evaluation policy would have made the logged choice, in [0, 1],
                ``[N]``.
            where: False for rows that do not count; their weight is 0.

        Raises:
            ValueError: a row that counts has no propensity, or a target outside [0, 1]; or the propensity is
                not one of a policy's choice.

        Source: Ionides (2008) for truncating.
        """
        if self.meaning not in ("item_in_slot", "slate"):
            raise ValueError(
                f"a propensity of {self.meaning!r} is no choice of a policy; there is no ratio to it"
            )
        counted = self.counts(np.asarray(where, dtype=bool))
        if self.missing[counted].any():
            raise ValueError(f"{int(self.missing[counted].sum())} rows that count have no propensity")
        wanted = np.asarray(target, dtype=np.float64)[counted]
        bad = ~((wanted >= 0.0) & (wanted <= 1.0))
        if bad.any():
            raise ValueError(f"{int(bad.sum())} target probabilities are outside [0, 1]")
        weights = np.zeros(len(self), dtype=np.float64)
        weights[counted] = np.minimum(wanted / self.values[counted], self.max_weight)
        return weights
