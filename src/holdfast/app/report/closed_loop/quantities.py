"""What the quantities of the closed loop are called on the page, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["number", "share", "seconds", "hours"]
SECONDS_IN_AN_HOUR: Final = 3600.0

GROUPS: Final[dict[str, tuple[str, str]]] = {
    "value": (
        "Value",
        "What each had brought in, for each user who had arrived. Users who stay away bring in nothing, so "
        "this holds clicks today against visits tomorrow.",
    ),
    "users": ("Users", "Who came, and who came back."),
    "satisfaction": ("Satisfaction", "How content users truly were in the evening, which no log tells."),
    "outcomes": ("Clicks and dwell", "What a log would show."),
    "diversity": ("Diversity", "How varied the things were that people were shown."),
    "other": ("Further quantities", ""),
}
"""Title and lead of each part, in the order of the page."""


@dataclass(frozen=True)
class Quantity:
    """A quantity's name for people.

    Attributes:
        label: as a column says it.
        group: one of ``GROUPS``.
        meaning: how to read it, in a few words.
        unit: of its values; ``hours`` are given in seconds and shown in hours.
        panel: title of its panel where that differs from the label.
    """

    label: str
    group: str = "other"
    meaning: str = ""
    unit: Unit = "number"
    panel: str = ""

    @property
    def title(self) -> str:
        """Of its panel."""
        return self.panel or self.label


KNOWN: Final[dict[str, Quantity]] = {
    "value": Quantity("Value a day", "value", "for each user", panel="Value of the day"),
    "value_so_far": Quantity("Value", "value", "a user, all days together", panel="Value so far"),
    "regret": Quantity("Regret", "value", "what the oracle had brought in more", panel="Regret so far"),
    "visits_per_user": Quantity("Visits a user", "users", "all days together"),
    "active_users": Quantity("Active users", "users", "a day"),
    "back_from_yesterday": Quantity("Back from yesterday", "users", "share of visitors", "share"),
    "satisfaction": Quantity(
        "True satisfaction", "satisfaction", "all who had arrived", panel="True satisfaction, all"
    ),
    "visitor_satisfaction": Quantity(
        "Visitors' satisfaction", "satisfaction", "true as well", panel="True satisfaction, visitors"
    ),
    "arrived_users": Quantity("Arrived users", "users", "had come by then"),
    "gone_users": Quantity("Gone users", "users", "left for good, at the end"),
    "requests": Quantity("Requests", "outcomes", "a day"),
    "impressions": Quantity("Impressions", "outcomes", "a day"),
    "clicks": Quantity("Clicks", "outcomes", "a day", panel="Clicks a day"),
    "clicks_per_user": Quantity("Clicks a user", "outcomes", "all days together"),
    "click_rate": Quantity("Click rate", "outcomes", "clicks an impression", "share"),
    "dwell": Quantity("Dwell", "outcomes", "seconds", "seconds"),
    "dwell_seconds": Quantity("Dwell a day", "outcomes", "hours", "hours", panel="Dwell a day, hours"),
    "dwell_per_user": Quantity("Dwell a user", "outcomes", "seconds, all days together", "seconds"),
    "dwell_mean": Quantity("Dwell a click", "outcomes", "seconds", "seconds", panel="Dwell a click, seconds"),
    "coverage": Quantity("Coverage", "diversity", "items shown at all", "share"),
    "gini": Quantity("Gini", "diversity", "1: one item has all", panel="Gini of impressions over items"),
    "topic_entropy": Quantity("Topic entropy", "diversity", "1: all topics alike"),
    "user_concentration": Quantity(
        "Concentration", "diversity", "same topic twice, one user", panel="Concentration within a user"
    ),
}
"""By the names of columns and of summaries, in the order of the page."""
PREDICTED: Final = {"click": "Click", "dwell": "Dwell", "retention": "Return on the next day"}
"""What is predicted, by objective."""
DRAWN: Final = (
    "value_so_far",
    "regret",
    "value",
    "active_users",
    "back_from_yesterday",
    "satisfaction",
    "visitor_satisfaction",
    "clicks",
    "click_rate",
    "dwell_seconds",
    "dwell_mean",
    "coverage",
    "gini",
    "topic_entropy",
    "user_concentration",
)
"""The columns that have a panel."""


def quantity(name: str) -> Quantity:
    """Words for a quantity; one that is not known goes by its own name, last."""
    if name in KNOWN:
        return KNOWN[name]
    text = name.replace("_", " ").replace("/", ", ").strip()
    return Quantity(text[:1].upper() + text[1:] or name)
