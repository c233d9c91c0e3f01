"""The log as another policy would have made it, from what the behavior policy wrote down.

N rows, Q requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.thinning import first_of_request, thin_requests
from holdfast.drift.units import num_units, unit_codes

MOST = 1.0
ALWAYS_KEPT = 0.05
"""Share of the requests, those with the largest weights, that are kept for sure."""


def _exponents() -> list[float]:
    return [0.02, 0.04, 0.08, 0.12, 0.2]


@dataclass(frozen=True, kw_only=True)
class ImportanceResampled:
    r"""Requests are kept with a chance in proportion to what a tempered policy would have given them.

    .. math:: \pi_s(a \mid x) \propto \pi(a \mid x)^{1 \mp s}, \qquad w = \pi(a \mid x)^{\mp s}

    up to a factor that depends on the candidates, which a log need not name: it is taken for the same in
    all requests. Towards ``random`` (the upper sign) the policy explores more, and at s = 1 it is uniform;
    towards ``greedy`` it explores less. A request has the propensity of its slate, or the product of those
    of its rows, as if slots were filled independently. Keeping by chance (rejection) leaves real rows, each
    once; the twentieth part of the requests with the largest weights is kept for sure, so that a single one
    does not set the scale for all.

    Attributes:
        strengths: s, in (0, 1].
        towards: ``random`` or ``greedy``.
    """

    strengths: list[float] = field(default_factory=_exponents)
    towards: Literal["random", "greedy"] = "random"

    kind: ClassVar[Kind] = "policy"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=MOST)
        if self.towards not in ("random", "greedy"):
            raise ValueError(f"towards is {self.towards!r}; choose random or greedy")

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        if rows.card.propensity_of is None or "propensity" not in rows.rows:
            return "no propensities were logged, and another policy's log cannot be had without them"
        missing = int(rows.rows["propensity"].isna().sum())
        if missing:
            return f"{missing:,} of {len(rows):,} rows have no propensity; bring rows whose policy logged it"
        if np.ptp(_log_chance(rows)) == 0.0:
            return "every request was equally likely: the logged propensities tell no policy from another"
        return None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        strength = strength_at(self, rows, severity)
        if strength is None:
            return unchanged(rows)
        log_chance = _log_chance(rows)
        log_weight = log_chance * (-strength if self.towards == "random" else strength)
        highest = np.sort(log_weight)[-max(1, int(ALWAYS_KEPT * len(log_weight)))]
        keep = np.exp(np.minimum(log_weight - highest, 0.0))
        drifted = thin_requests(rows, keep, seed=seed, name="importance_resampled")
        weight = np.exp(log_weight - log_weight.max())
        sign = -1.0 if self.towards == "random" else 1.0
        kept_mean = float(_log_chance(drifted.rows).mean())
        figures = {
            **drifted.figures,
            "log_propensity_moved": sign * (kept_mean - float(log_chance.mean())),
            "log_propensity_moved_expected": sign * float(keep @ log_chance / keep.sum() - log_chance.mean()),
            "effective_sample_size_of_weights": float(weight.sum() ** 2 / np.square(weight).sum()),
        }
        note = f"as a policy that is more {self.towards} would have logged it: propensities to the power of "
        power = 1.0 - strength if self.towards == "random" else 1.0 + strength
        return replace(drifted, notes=(f"{note}{power:g}", *drifted.notes), figures=figures)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """By how much the mean logarithm of the requests' propensities moves, in the stated direction.

        Expected over the draws, because on few requests the draws may go the other way; what came of them is
        the figure ``log_propensity_moved``.
        """
        return drifted.figures.get("log_propensity_moved_expected", 0.0)


def _log_chance(rows: DriftRows) -> Floats:
    """Logarithm of the chance of what each request showed, ``[Q]``."""
    return rows.derived("log chance", lambda: _log_chances(rows))


def _log_chances(rows: DriftRows) -> Floats:
    request = unit_codes(rows, "request")
    log_chance = np.log(rows.rows["propensity"].to_numpy(dtype=np.float64))
    if rows.card.propensity_of == "slate":
        return np.asarray(log_chance[first_of_request(rows, np.arange(len(rows)))])
    sums = np.bincount(request, log_chance, minlength=num_units(request))
    return sums.astype(np.float64, copy=False)
