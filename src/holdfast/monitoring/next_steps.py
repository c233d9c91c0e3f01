"""What a reader should do about an alarm."""

from __future__ import annotations

FAULTS = frozenset(
    {
        "missing_column",
        "type_changed",
        "empty_window",
        "all_missing",
        "became_constant",
        "infinite_values",
        "infinite_share",
        "missing_rate",
    }
)
"""Kinds that say that the data are broken, which no training mends."""

JUDGED_BY_EFFECT = frozenset({"calibration_ratio", "late_label_ratio", "reliability_slope"})
"""Kinds that measure what was realised: their own effect is the harm."""

_CALIBRATION = (
    "Fit the calibration of {where} again on matured days since then; if its ranking fell too, train again."
)


def next_step(kind: str, *, where: str, harmful: bool | None) -> str:
    """One or two sentences that begin with a verb.

    Args:
        kind: of the finding.
        where: the column, head or slice.
        harmful: see ``Alarm``.
    """
    if kind == "empty_window":
        return "Find out why no rows came: the log, or what writes it."
    if kind in FAULTS:
        mend = f"Mend the source of {where}, and fill the days since with what it should have been."
        if harmful is False:
            return f"{mend} The model hardly uses it: there is no hurry."
        return f"{mend} Do not train on these days."
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
