"""mCE and relative mCE of a suite, with what the reference must lose for a ratio to mean anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdfast.app.stressing.evidence import Evidence, interval
from holdfast.evaluation.robustness.curves import CorruptionError, corruption_error

LEAST_POINTS = 1.0
"""A reference that loses less than a point of skill is nothing to divide by."""
PERFECT = 100.0


def corruption_errors(
    evidence: Evidence, output: str, *, names: Sequence[str], level: float
) -> CorruptionError:
    """Of 100 less the skill, over the severities at which both rankers are defined.

    A ladder has a relative error where the reference's loss is more than a point and the whole of its
    interval lies above 0. Without resamples the point alone decides.

    Args:
        evidence: of the suite.
        output: one that is defined in clean conditions.
        names: of the ladders; one in which nothing is defined is in none of the fields.
        level: of the intervals.
    """
    mine, other = evidence.skill_of(output), evidence.skill_of(output, reference=True)
    clean, reference_clean = mine(evidence.results.clean), other(evidence.results.clean)
    assert clean is not None
    assert reference_clean is not None
    errors: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    noise: dict[str, float] = {}
    for name in names:
        rungs = []
        for severity in evidence.results.suite.settings.severities:
            one, two = evidence.at(name, severity, mine), evidence.at(name, severity, other)
            if one is not None and two is not None:
                rungs.append((one, two))
        if not rungs:
            continue
        errors[name] = [PERFECT - float(one[0]) for one, _ in rungs]
        others[name] = [PERFECT - float(two[0]) for _, two in rungs]
        lost, low, _ = interval(reference_clean - np.mean([two for _, two in rungs], axis=0), level=level)
        noise[name] = 0.0 if low is None else lost - low
    return corruption_error(
        errors,
        others,
        clean_error=PERFECT - float(clean[0]),
        reference_clean_error=PERFECT - float(reference_clean[0]),
        least=LEAST_POINTS,
        noise=noise,
    )
