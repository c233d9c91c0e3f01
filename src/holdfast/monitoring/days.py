"""Windows of whole local days, wherever clocks are put forward or back."""

from __future__ import annotations

import pandas as pd

from holdfast.data.log import local_midnight
from holdfast.monitoring.structure import Window


def midnight(day: int, zone: str) -> pd.Timestamp:
    """The moment on which a local day begins, in its zone.

    Where the clocks skip midnight, the day begins when they go on.

    Args:
        day: days since 1970-01-01.
        zone: IANA name.
    """
    return local_midnight(day, zone).tz_convert(zone)


def day_window(day: int, *, zone: str, num_days: int = 1) -> Window:
    """The moments of ``num_days`` local days from ``day`` on; a day has 23 to 25 hours."""
    return Window(start=midnight(day, zone), end=midnight(day + num_days, zone))
