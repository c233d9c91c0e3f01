"""What a metric is called on the page, and what it means in a few words."""

from __future__ import annotations

import re
from typing import NamedTuple


class Words(NamedTuple):
    """A metric's name for people, and how to read it."""

    label: str
    meaning: str = ""


_WORDS = {
    "auc": Words("AUC", "chance that a positive ranks above a negative; 0.5 is guessing"),
    "auc_by_user": Words("AUC within users", "only rows of the same user are compared"),
    "auc_given_baseline": Words(
        "AUC among users alike", "only user-days that the baseline cannot tell apart are compared"
    ),
    "slope": Words(
        "Slope of outcome on prediction", "1 is as predicted; below 1 the predictions differ too much"
    ),
    "slope_within": Words(
        "Slope against the user's own past", "of what differs from earlier days; 1 is right"
    ),
    "slope_between": Words("Slope between users", "of what earlier days said; 1 is right"),
    "auc_minus_baseline": Words("AUC above the baseline's", "on the same resamples; above 0 is better"),
    "log_loss": Words("Log loss", "surprise a row, in nats; lower is better"),
    "normalized_entropy": Words("Normalized entropy", "log loss over a constant rate's; below 1 is better"),
    "brier": Words("Brier score", "mean squared error of the probability; lower is better"),
    "calibration": Words("Predicted over observed", "1 is calibrated; above 1 promises too much"),
    "ece": Words("Calibration error", "mean gap over bins of equal size; lower is better"),
    "ece_null": Words("Calibration error by chance", "what a perfectly calibrated model would show"),
    "mae_seconds": Words("Mean absolute error, seconds", "lower is better"),
    "xauc": Words("XAUC", "chance that the longer of two dwells is predicted longer; 0.5 is guessing"),
    "crps_seconds": Words("CRPS, seconds", "mean absolute error of the whole distribution; lower is better"),
    "log_score": Words("Log score", "surprise a row, in nats, cut dwells by their survival; lower is better"),
    "mrr": Words("MRR", "mean of one over the place of the first click; higher is better"),
    "ndcg": Words("NDCG", "gain near the top of the request; 1 is the best order"),
}
_AT = re.compile(r"^(?P<stem>.+?)(?:_at_|@)(?P<number>\d+)$")
_WITHIN = re.compile(r"^d(?P<number>\d+)$")


def words_for(name: str) -> Words:
    """Words for a metric's name without its objective, such as ``auc`` or ``day_7/auc``.

    ``d7`` means within 7 days, ``ndcg_dwell@5`` the NDCG at 5 of the gain dwell. A name that is not known is
    shown as it is, in words.
    """
    *path, last = name.split("/")
    at = _AT.match(last)
    stem = at["stem"] if at else last
    known = _known(stem)
    label = f"{known.label} at {at['number']}" if at else known.label
    for part in path:
        within = _WITHIN.match(part)
        days = "1 day" if part == "d1" else f"{within['number']} days" if within else ""
        label += f", within {days}" if within else f", {part.replace('_', ' ')}"
    return Words(label, known.meaning)


def _known(stem: str) -> Words:
    if stem in _WORDS:
        return _WORDS[stem]
    first, _, gain = stem.partition("_")
    if first == "ndcg":
        return Words(f"{_WORDS[first].label} of {_spelled(gain).lower()}", _WORDS[first].meaning)
    return Words(_spelled(stem))


def _spelled(name: str) -> str:
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:] or name
