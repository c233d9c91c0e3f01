import numpy as np
import pandas as pd
import pytest

from holdfast.data.readers.visits import active_days, merge_active_days, next_visits


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Europe/Copenhagen"])
def test_next_visits_are_those_of_a_plain_loop(zone):
    random = np.random.default_rng(0)
    user = pd.Series(random.integers(0, 6, 80))
    # Across the night in which Copenhagen's clocks skip an hour.
    moment = pd.Series(
        pd.Timestamp("2023-03-23", tz="UTC") + pd.to_timedelta(random.uniform(0, 200, 80), "h")
    )
    half = len(user) // 2
    days = merge_active_days(
        [
            active_days(user[:half], moment[:half], time_zone=zone),
            active_days(user[half:], moment[half:], time_zone=zone),
        ]
    )
    found = next_visits(user, moment, days, time_zone=zone)
    local = [each.tz_convert(zone).date() for each in moment]
    for row in range(len(user)):
        later = [
            moment[other]
            for other in range(len(user))
            if user[other] == user[row] and local[other] > local[row]
        ]
        if later:
            assert found[row] == min(later).floor("us")
        else:
            assert pd.isna(found[row])
