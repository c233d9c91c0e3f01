from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdfast.simulation.world import DefaultWorld

CONFIG = Path(__file__).parents[2] / "configs" / "data" / "world.yaml"
SMALL = DefaultWorld(num_users=150, num_items=150, num_days=5, burn_in_days=3)


def test_same_fields_same_log_bit_for_bit():
    assert SMALL.read().fingerprint() == replace(SMALL).read().fingerprint()
    assert SMALL.read().fingerprint() != replace(SMALL, seed=1).read().fingerprint()


def test_the_log_tells_who_logged_it():
    log = replace(SMALL, exploration=0.3).read()
    assert set(log.frame["policy"]) == {"popularity/epsilon_greedy(0.3)@1"}
    assert log.card.propensity_of == "item_in_slot"
    found = sorted(log.frame["propensity"].round(9).unique())
    assert found == pytest.approx([0.3 / 20, 0.7 + 0.3 / 20])


def test_more_users_make_more_of_the_same():
    one, four = len(SMALL.read()), len(replace(SMALL, num_users=600).read())
    assert 3.0 < four / one < 5.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_users", 0),
        ("num_items", 0),
        ("num_days", 1),
        ("num_topics", 1),
        ("slots", 0),
        ("candidates", 0),
        ("seed", -1),
        ("burn_in_days", -1),
        ("exploration", 1.5),
        ("exploration", float("nan")),
        ("established_share", -0.1),
        ("missing_share", 1.0),
        ("half_life_days", 0.0),
        ("examination_decay", -1.0),
        ("frailty_sd", float("inf")),
        ("gap_effect", -0.5),
        ("satisfaction_memory", 0.0),
        ("fatigue_kept", 1.0),
        ("interest_drift", -0.1),
        ("clickbait_appeal", float("nan")),
        ("return_level", float("inf")),
        ("start", "06.01.2025"),
        ("time_zone", "Mars/Olympus"),
    ],
)
def test_impossible_values_are_named(field: str, value: Any):
    with pytest.raises(ValueError, match=f"{field} is {value!r}"):
        DefaultWorld(**{field: value})


def test_a_slate_fits_its_candidates_and_the_catalogue():
    with pytest.raises(
        ValueError, match=r"slots is 30 and candidates is 20; .* lower slots or raise candidates"
    ):
        DefaultWorld(slots=30)
    with pytest.raises(ValueError, match="candidates is 20 and num_items is 10"):
        DefaultWorld(num_items=10)
    with pytest.raises(ValueError, match="slots is 80; a slate of more than 72"):
        DefaultWorld(slots=80, candidates=100)
    assert len(DefaultWorld(num_users=50, num_items=120, num_days=2, slots=20, burn_in_days=0).read()) > 0


def test_the_config_states_every_field_at_its_default():
    text = CONFIG.read_text(encoding="utf-8")
    assert text.startswith("#")
    values = yaml.safe_load(text)["data"]
    assert values.pop("_target_") == f"{DefaultWorld.__module__}.{DefaultWorld.__qualname__}"
    assert set(values) == {field.name for field in fields(DefaultWorld)}
    assert DefaultWorld(**values) == DefaultWorld()
