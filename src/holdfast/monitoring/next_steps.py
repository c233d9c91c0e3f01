"""What is a fault of the data, what a finding means for the model, and what a reader should do about it."""

from __future__ import annotations

from collections.abc import Collection

from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.finding import Finding

STRUCTURAL_FAULTS = frozenset(
    {
        "missing_column",
        "type_changed",
        "empty_window",
        "all_missing",
        "became_constant",
    }
)
"""Faults that leave nothing to estimate harm from: they do harm wherever the model uses the column."""

IMPOSSIBLE = frozenset({"impossible_values", "duplicate_rows", "unplaced_rows"})
"""Rows that cannot be as they are; their share is the harm."""

SHARES_OF_FAULTS = frozenset({"infinite_share", "missing_rate"})
"""Faults whose effect is by how many rows more than before have them; fewer are no fault."""

FAULTS = STRUCTURAL_FAULTS | IMPOSSIBLE | SHARES_OF_FAULTS | {"infinite_values"}
"""Kinds that say that the data are broken, which no training mends."""

RATIOS = frozenset({"calibration_ratio", "late_label_ratio"})
"""Kinds whose statistic is predicted over observed, and None where nothing was observed."""

JUDGED_BY_EFFECT = RATIOS | {"reliability_slope"}
"""Kinds that measure what was realised: their own effect is the harm."""

_FIXED = {
    "empty_window": "Find out why no rows came: the log, or what writes it.",
    "duplicate_rows": "Find out what writes rows twice, and leave copies out: they count for more than they "
    "say.",
    "unplaced_rows": "Mend the source of {where}: rows without it are in no window.",
    "impossible_values": "Mend what writes {where} or its predictions: such values cannot be. They are left "
    "out of all figures; do not train on them.",
}
_CALIBRATION = (
    "Fit the calibration of {where} again on matured days since then; if its ranking fell too, train again."
)


def is_fault(kind: str, *, effect: float | None, statistic: float | None) -> bool:
    """Whether a finding says that data are broken: its kind does, and there are not *fewer* bad rows.

    So does a ratio without a value: of what was predicted nothing at all was observed, which is a log that
    no longer tells it, or nothing that one could train on.
    """
    if kind in RATIOS:
        return statistic is None
    fewer = kind in SHARES_OF_FAULTS and effect is not None and effect < 0.0
    return kind in FAULTS and not fewer


def is_harmful(
    finding: Finding, harm: Harm | None, *, tolerance: float, used: Collection[str] | None
) -> bool | None:
    """Whether a finding that is more than chance does harm; None where that is not known.

    - what was realised, and rows that cannot be: by the lower end of the effect,
    - predictions that are missing or infinite: by how many, as no model can be asked what that does,
    - a change of a column: by ``harm``; a column that the model does not use does none,
    - without ``harm``, a column that is broken as a whole does harm if the model uses it. An outcome that a
      log does not have may simply not be there yet: not known.

    Args:
        finding: what was found.
        harm: estimated; None where nobody could.
        tolerance: relative harm that is tolerated.
        used: columns that the model uses; None where that is not known, and all are taken to be.
    """
    by_share = finding.place == "prediction" and finding.kind in SHARES_OF_FAULTS
    if finding.kind in JUDGED_BY_EFFECT or finding.kind in IMPOSSIBLE or by_share:
        if finding.interval is None:
            return None
        low, high = finding.interval
        return low > tolerance or (high < -tolerance and finding.kind in JUDGED_BY_EFFECT)
    if harm is not None:
        return harm.relative_low > tolerance
    if used is not None and finding.place == "feature" and finding.where not in used:
        return False
    if finding.place == "outcome" and finding.kind in ("missing_column", "all_missing"):
        return None
    return True if finding.kind in STRUCTURAL_FAULTS else None


def next_step(
    kind: str,
    *,
    where: str,
    harmful: bool | None,
    effect: float | None = None,
    statistic: float | None = 0.0,
    broken: bool = False,
) -> str:
    """One or two sentences that begin with a verb.

    Args:
        kind: of the finding.
        where: the column, head or slice.
        harmful: see ``Alarm``.
        effect: of the finding; fewer missing values than before are no fault.
        statistic: of the finding; of a ratio it is None where nothing was observed.
        broken: whether another finding of the same window says that ``where`` is broken.
    """
    if kind in _FIXED:
        return _FIXED[kind].format(where=where)
    if kind in RATIOS and statistic is None:
        return (
            f"Find out whether what came of {where} is still logged: nothing was, of all that was predicted."
        )
    if is_fault(kind, effect=effect, statistic=statistic):
        mend = f"Mend the source of {where}, and fill the days since with what it should have been."
        if harmful is False:
            return f"{mend} The model hardly uses it: there is no hurry."
        return f"{mend} Do not train on these days."
    if broken:
        return f"Mend the source of {where} first, and look again: the same window says that it is broken."
    if kind == "reliability_slope":
        return f"Look at the reliability curve of {where}: predictions differ more, or less, than outcomes."
    if kind in JUDGED_BY_EFFECT:
        return _CALIBRATION.format(where=where)
    if harmful is False:
        return f"Nothing but note it: predictions hardly hang on the change of {where}."
    if harmful is None:
        return f"Estimate what the change of {where} does to predictions before anything else."
    return (
        f"Compare realised with expected figures once the days since then mature; if {where} has changed for "
        "good, train again on days after the change."
    )
