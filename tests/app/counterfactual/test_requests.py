from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.app.counterfactual.checks import propensities
from holdfast.app.counterfactual.requests import candidates_of, logged_requests
from holdfast.app.counterfactual.scoring import blocks_of, chances_of
from holdfast.core.errors import UserError
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates


def frame(**changed: object) -> pd.DataFrame:
    """Request 7 shows items 3 and 1 of 1, 2, 3; request 5, between its rows, shows 4 of 2 and 4."""
    columns = {
        "request_id": [7, 5, 7],
        "user_id": [1, 2, 1],
        "item_id": [3, 4, 1],
        "slot": pd.array([0, 0, 1], dtype="Int64"),
        "shown_at": pd.to_datetime(["2025-01-01"] * 3, utc=True).as_unit("us"),
        "propensity": [0.5, 0.5, 0.5],
        "candidates": [np.array([1, 2, 3]), np.array([2, 4]), np.array([1, 2, 3])],
    }
    return pd.DataFrame({**columns, **changed})


def test_rows_are_put_into_requests_and_found_among_their_candidates():
    requests = logged_requests(frame())
    assert requests.request.tolist() == [0, 1, 0]
    assert requests.first.tolist() == [0, 1]
    assert requests.num_slots.tolist() == [2, 1]
    found = candidates_of(requests, source="column", most=9)
    assert found.item.tolist() == [1, 2, 3, 2, 4]
    assert found.ends.tolist() == [0, 3, 5]
    assert found.shown.tolist() == [2, 4, 0]


def test_a_log_of_single_rows_takes_the_slots_of_all():
    requests = logged_requests(frame(request_id=[7, 5, 6]))
    assert requests.num_slots.tolist() == [2, 2, 2]
    found = candidates_of(requests, source="items_of_window", most=9)
    assert found.item.tolist() == [1, 3, 4] * 3
    assert found.shown.tolist() == [1, 3 + 2, 6 + 0]


def test_chances_and_expectations_by_hand():
    requests = logged_requests(frame())
    candidates = candidates_of(requests, source="column", most=9)
    score = np.array([0.3, 0.2, 0.1, 0.0, 1.0])  # request 7 ranks 1, 2; request 5 ranks 4
    predicted = {"click": np.arange(10.0).reshape(5, 2)}
    found = chances_of(
        list(blocks_of(requests, candidates)),
        EpsilonGreedySlates(epsilon=0.3),
        score,
        predicted,
        num_rows=3,
    )
    np.testing.assert_allclose(found.logged, [0.1, 0.85, 0.1])
    # Slot 0 of request 7: predictions 0, 2, 4 with chances 0.8, 0.1, 0.1; slot 1: 1, 3, 5 with 0.1, 0.8, 0.1.
    np.testing.assert_allclose(found.expected["click"], [0.6, 0.15 * 6 + 0.85 * 8, 3.0])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"slot": pd.array([0, None, 1], dtype="Int64")}, "1 of 3 rows .* do not say in which slot"),
        ({"item_id": [9, 4, 1]}, "in 1 of 3 rows .* not among the candidates"),
        ({"candidates": [np.array([1, 3, 3]), np.array([2, 4]), np.array([1, 3, 3])]}, "named twice"),
        ({"candidates": [np.array([1, 3]), np.array([2, 4]), np.array([3, 1])]}, "different candidates"),
        ({"candidates": [np.array([1, 3]), None, np.array([1, 3])]}, "1 rows .* no candidates"),
        ({"slot": pd.array([0, 0, 5], dtype="Int64")}, "fewer candidates than slots, the first 3 for 6"),
    ],
)
def test_a_log_that_does_not_say_or_contradicts_itself_is_refused(changed, said):
    with pytest.raises(UserError, match=said):
        candidates_of(logged_requests(frame(**changed)), source="column", most=9)


def test_a_large_catalogue_is_not_taken_as_offered_whole():
    with pytest.raises(UserError, match=r"shows 3 items, above counterfactual.most_candidates=2"):
        candidates_of(logged_requests(frame()), source="items_of_window", most=2)


def test_a_log_without_candidates_is_told_what_to_do():
    with pytest.raises(UserError, match=r"no column 'candidates'.*items_of_window"):
        candidates_of(logged_requests(frame().drop(columns="candidates")), source="column", most=9)


def test_propensities_are_never_guessed():
    requests = logged_requests(frame(propensity=[0.5, np.nan, 0.5]))
    with pytest.raises(UserError, match=r"1 of 3 rows .* have no propensity"):
        propensities(requests, order_alone=False)


def test_the_order_is_asked_of_uniform_whole_slates_only():
    whole = logged_requests(frame(request_id=[7, 5, 7]).iloc[[0, 2]].reset_index(drop=True))
    np.testing.assert_allclose(propensities(whole, order_alone=True), 0.5)
    with pytest.raises(UserError, match="does not say how likely each order was"):
        propensities(logged_requests(frame(propensity=[0.9, 0.1, 0.1])), order_alone=True)
    with pytest.raises(UserError, match="needs whole slates"):
        propensities(logged_requests(frame(request_id=[7, 5, 6])), order_alone=True)
