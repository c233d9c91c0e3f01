"""What every row counts in every objective's loss, given how the log came about.

N rows of a window, T objectives.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.importance import WeightDiagnostics
from holdfast.core.propensity import Propensity

WeightingKind = Literal["auto", "inverse_propensity", "none"]
Missing = Literal["refuse", "set_aside"]


@dataclass(frozen=True, kw_only=True)
class PropensityWeighting:
    r"""Rows count one over the chance with which they were logged, up to a limit, or all the same.

    With :math:`w_n` from ``core.propensity`` and :math:`s_n` the share of its fact that a row holds, a row
    counts :math:`w_n s_n`, scaled so that the mean over the known rows of an objective is 1.

    Attributes:
        kind: ``inverse_propensity``; ``none``; or ``auto``, which weights where every row that counts has a
            propensity, does not where none has, and refuses to guess in between.
        max_weight: largest raw weight, >= 1; a smaller one buys less variance with more bias.
        missing: what happens where some rows that count have no propensity: ``refuse``, or ``set_aside``,
            which leaves them out of the losses and counts them.
    """

    kind: WeightingKind = "auto"
    max_weight: float = 10.0
    missing: Missing = "refuse"

    def __post_init__(self) -> None:
        if self.kind not in ("auto", "inverse_propensity", "none"):
            raise ValueError(f"kind is {self.kind!r}; choose auto, inverse_propensity or none")
        if not 1.0 <= self.max_weight < math.inf:
            raise ValueError(f"max_weight is {self.max_weight}; it must be finite and at least 1")
        if self.missing not in ("refuse", "set_aside"):
            raise ValueError(f"missing is {self.missing!r}; choose refuse or set_aside")

    def prepared(self, propensity: Propensity) -> Propensity:
        """The propensity with this cap and this way with missing rows: from here on the one that all use."""
        capped = propensity.capped(self.max_weight)
        return replace(capped, sets_aside=capped.sets_aside or self.missing == "set_aside")

    def weights(
        self,
        propensity: Propensity,
        known: Bools,
        spread: Floats,
        *,
        facts: Mapping[int, Ints] | None = None,
        weighted: Collection[int] | None = None,
    ) -> tuple[Floats, dict[int, WeightDiagnostics]]:
        """Weights for a window's rows, and how far they can be trusted.

        Args:
            propensity: of the window's rows.
            known: False for rows that do not count in an objective, ``[N, T]``.
            spread: what a row counts before weighting, ``[N, T]``.
            facts: for objectives, by index, of which several rows tell one fact: its code, ``[N]``.
            weighted: objectives, by index, that the propensity speaks of; all when None.

        Returns:
            Weights float32 ``[N, T]``, ``spread`` multiplied in, 0 where not known or set aside, and of mean
            1 over the known rows; and the diagnostics of each objective by its index.

        Raises:
            UserError: a row that counts has no propensity, and weighting needs it.
        """
        used = self.prepared(propensity)
        sure = replace(used, values=np.ones(len(propensity)))
        if self.resolved(propensity, known).kind == "none":
            used = sure
        weights = np.zeros(known.shape, dtype=np.float32)
        diagnostics: dict[int, WeightDiagnostics] = {}
        for index in range(known.shape[1]):
            where, base = known[:, index], np.asarray(spread[:, index], dtype=np.float64)
            each = used if weighted is None or index in weighted else sure
            try:
                ratio, diagnostics[index] = each.weights(
                    where=where, spread=base, fact=(facts or {}).get(index)
                )
            except ValueError as error:
                raise UserError(f"objective.weighting: {error}") from error
            total = float((ratio * base).sum())
            if total > 0.0:
                weights[:, index] = ratio * base * (where.sum() / total)
        return weights, diagnostics

    def resolved(self, propensity: Propensity, known: Bools) -> PropensityWeighting:
        """The same weighting with ``auto`` decided by a window, so that others are weighted like it.

        Raises:
            UserError: weighting needs propensities that some of the rows that count lack.
        """
        counted = np.asarray(known.any(axis=1))
        missing = int(propensity.missing[counted].sum())
        total = int(counted.sum())
        if self.kind == "none" or (self.kind == "auto" and missing == total):
            return replace(self, kind="none")
        if missing and (missing == total or not self.prepared(propensity).sets_aside):
            raise UserError(
                f"objective.weighting is {self.kind!r}, but {missing} of the {total} rows that count have no "
                f"propensity ({propensity.source}); choose objective/weighting=none, another "
                "objective/propensity, or objective.weighting.missing=set_aside to leave those rows out"
            )
        return replace(self, kind="inverse_propensity")
