from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.app.counterfactual.candidate_rows import CandidateRows
from holdfast.app.counterfactual.requests import candidates_of, logged_requests
from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=60, num_items=60, num_days=5, burn_in_days=1, log_candidates=True)


@pytest.fixture(scope="module")
def log() -> Log:
    return WORLD.read()


def rows_of(log: Log, **changed: object) -> CandidateRows:
    history = TrailingHistory()
    frame = pd.concat([log.frame, history.compute(log)], axis=1)
    requests = logged_requests(frame)
    names = {each.name for each in history.features()} & set(frame.columns)
    features = (*log.card.features, *(each for each in history.features() if each.name in names))
    made = CandidateRows(
        view=log,
        requests=requests,
        candidates=candidates_of(requests, source="column", most=99),
        features=features,
        history=history,
        blank=(),
    )
    return replace(made, **changed) if changed else made


def test_rows_of_what_was_shown_are_those_of_the_log_where_they_cannot_differ(log):
    rows = rows_of(log)
    made = pd.concat([chunk for _, chunk in rows.chunks()], ignore_index=True)
    assert len(made) == len(rows.candidates.item)
    shown = made.iloc[rows.candidates.shown].reset_index(drop=True)
    # An item's age is as of when it was last seen; everything else stays, or is computed as of now.
    for feature in rows.features:
        if feature.name != "item_age_days" and not feature.is_list:
            pd.testing.assert_series_equal(
                shown[feature.name], rows.requests.rows[feature.name], check_dtype=False
            )
    lists = zip(shown["recent_topics"], rows.requests.rows["recent_topics"], strict=True)
    assert all(mine is theirs for mine, theirs in lists)
    age = shown["item_age_days"] - log.frame["item_age_days"]
    assert (age <= 0).mean() > 0.9, "what is said of an item was said before, if ever"


def test_an_item_is_what_the_log_last_said_before_the_request_began(log):
    frame = log.frame.copy()
    # The value tells the row that it is of.
    frame["headline_score"] = np.arange(len(frame), dtype=np.float64)
    changed = replace(log, frame=frame)
    rows = rows_of(changed)
    made = pd.concat([chunk for _, chunk in rows.chunks()], ignore_index=True)
    owner = np.repeat(np.arange(len(rows.requests)), rows.candidates.num_candidates)
    start = frame["shown_at"].to_numpy()[rows.requests.first][owner]
    for place in np.random.default_rng(0).integers(len(made), size=300):
        of_item = frame[(frame["item_id"] == rows.candidates.item[place]).to_numpy()]
        before = of_item[(of_item["shown_at"] < pd.Timestamp(start[place])).to_numpy()]
        expected = (
            np.nan
            if of_item.empty
            else (before.iloc[-1] if len(before) else of_item.iloc[0])["headline_score"]
        )
        np.testing.assert_equal(made["headline_score"][place], expected)


def test_what_differs_within_a_request_must_be_named(log):
    frame = log.frame.assign(affinity=np.arange(len(log), dtype=np.float64))
    card = log.card.with_features([Feature(name="affinity", kind="numeric", owner="context")])
    with_affinity = replace(log, frame=frame, card=card)
    with pytest.raises(UserError, match=r"\['affinity'\] differ within a request.*blank=\[affinity\]"):
        rows_of(with_affinity)


def test_a_blank_feature_is_missing_everywhere(log):
    rows = rows_of(log, blank=("hour", "device"))
    _, chunk = next(rows.chunks())
    assert chunk[["hour", "device"]].isna().all(axis=None)
    with pytest.raises(UserError, match=r"blank names \['mood'\]"):
        rows_of(log, blank=("mood",))


def test_the_column_is_only_there_where_it_is_asked_for(log):
    without = replace(WORLD, log_candidates=False).read()
    assert "candidates" not in without.frame
    pd.testing.assert_frame_equal(log.frame.drop(columns="candidates"), without.frame)
    held = [item in cell for item, cell in zip(log.frame["item_id"], log.frame["candidates"], strict=True)]
    assert all(held)
    assert set(map(len, log.frame["candidates"])) == {20}
