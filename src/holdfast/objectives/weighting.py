"""What every row counts in every objective's loss, given how the log came about.

N rows of a window, T objectives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.importance import WeightDiagnostics, inverse_propensity_weights

WeightingKind = Literal["auto", "inverse_propensity", "none"]


@dataclass(frozen=True, kw_only=True)
class PropensityWeighting:
    r"""Rows count one over the chance with which they were logged, up to a limit, or all the same.

    With :math:`w_n` from ``core.importance`` and :math:`s_n` the share of its fact that a row holds, a row
    counts :math:`w_n s_n`, scaled so that the mean over the known rows of an objective is 1.

    Attributes:
        kind: ``inverse_propensity``; ``none``; or ``auto``, which weights where every row that counts has a
            propensity, does not where none has, and refuses to guess in between.
        max_weight: largest raw weight, >= 1; a smaller one buys less variance with more bias.
    """

    kind: WeightingKind = "auto"
    max_weight: float = 10.0

    def __post_init__(self) -> None:
        if self.kind not in ("auto", "inverse_propensity", "none"):
            raise ValueError(f"kind is {self.kind!r}; choose auto, inverse_propensity or none")
        if not 1.0 <= self.max_weight < math.inf:
            raise ValueError(f"max_weight is {self.max_weight}; it must be finite and at least 1")

    def weights(
        self, propensity: Floats, known: Bools, spread: Floats, *, facts: Mapping[int, Ints] | None = None
    ) -> tuple[Floats, dict[int, WeightDiagnostics]]:
        """Weights for a window's rows, and how far they can be trusted.

        Args:
            propensity: float64 ``[N]``; NaN where not logged.
            known: False for rows that do not count in an objective, ``[N, T]``.
            spread: what a row counts before weighting, ``[N, T]``.
            facts: for objectives, by index, of which several rows tell one fact: its code, ``[N]``.

        Returns:
            Weights float32 ``[N, T]``, ``spread`` multiplied in, 0 where not known and of mean 1 over the
            rest; and the diagnostics of each objective by its index.

        Raises:
            UserError: a row that counts has no propensity, or one outside (0, 1], and weighting needs it.
        """
        weighted = self.resolved(propensity, known).kind == "inverse_propensity"
        chance = propensity if weighted else np.ones_like(propensity)
        weights = np.zeros(known.shape, dtype=np.float32)
        diagnostics: dict[int, WeightDiagnostics] = {}
        for index in range(known.shape[1]):
            where, base = known[:, index], np.asarray(spread[:, index], dtype=np.float64)
            try:
                ratio, diagnostics[index] = inverse_propensity_weights(
                    chance,
                    where=where,
                    max_weight=self.max_weight,
                    spread=base,
                    fact=(facts or {}).get(index),
                )
            except ValueError as error:
                raise UserError(f"objective.weighting: {error}") from error
            if where.any():
                weights[:, index] = ratio * base * (where.sum() / base[where].sum())
        return weights, diagnostics

    def resolved(self, propensity: Floats, known: Bools) -> PropensityWeighting:
        """The same weighting with ``auto`` decided by a window, so that others are weighted like it.

        Raises:
            UserError: weighting needs propensities that some of the rows that count lack.
        """
        counted = np.asarray(known.any(axis=1))
        missing = int(np.isnan(propensity[counted]).sum())
        total = int(counted.sum())
        if self.kind == "none" or (self.kind == "auto" and missing == total):
            return replace(self, kind="none")
        if missing:
            raise UserError(
                f"objective.weighting is {self.kind!r}, but {missing} of the {total} rows that count have no "
                "logged propensity; choose objective/weighting=none, or keep only rows that have one"
            )
        return replace(self, kind="inverse_propensity")
