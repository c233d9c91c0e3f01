"""What is said of a watch, on the terminal and on top of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VERDICTS = {
    "retrain": "The world has moved, harmfully: train again",
    "repair": "Data are broken, harmfully: repair them",
    "watch": "Something has moved; no harm is known",
    "none": "Nothing has moved beyond chance",
}


UNCONFIRMED = (
    "Something has moved, harmfully, and was not seen often enough yet: look again with the next window"
)


def verdict(made: Mapping[str, Any]) -> str:
    """The action in words."""
    if made["action"] == "watch" and made.get("num_unconfirmed"):
        return UNCONFIRMED
    return VERDICTS[made["action"]]


def lines(made: Mapping[str, Any]) -> Iterator[str]:
    """A few lines for the terminal, of what ``results.result`` gives."""
    days = made["windows"]
    span = f"{days[0]['start'][:10]} to {days[-1]['end'][:10]}" if days else "no whole window"
    yield f"{len(days)} windows, {span}: {sum(day['rows'] for day in days):,} rows"
    yield f"{verdict(made)} ({counted(made)})"
    yield from made["reasons"][:3]
    if len(made["reasons"]) > 3:
        yield f"and {len(made['reasons']) - 3} more, in the page"


def counted(made: Mapping[str, Any]) -> str:
    """Alarms, in words."""
    number, harmless = made["num_alarms"], made["num_harmless"]
    if not number:
        return f"no alarm among {made['num_findings']:,} findings"
    return f"{number:,} alarm{'s' if number > 1 else ''}, {harmless:,} known to be harmless"
