from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.simulation.items import draw_items

SETTINGS: dict[str, Any] = {
    "num_items": 20_000,
    "num_topics": 6,
    "first_day": -10,
    "num_days": 40,
    "missing_share": 0.1,
    "seed": 1,
}


def test_quality_and_clickbait_mildly_disagree():
    truth, observed = draw_items(**SETTINGS)
    assert np.corrcoef(truth.quality, truth.clickbait)[0, 1] == pytest.approx(-0.3, abs=0.03)
    assert truth.clickbait.std() == pytest.approx(1.0, abs=0.03)
    # a proxy with noise 0.7 correlates with the truth by 1 / sqrt(1.49)
    assert np.corrcoef(truth.clickbait, observed.headline_score)[0, 1] == pytest.approx(0.819, abs=0.02)
    known = ~np.isnan(observed.editor_score)
    assert known.mean() == pytest.approx(0.9, abs=0.01)
    assert np.corrcoef(truth.quality[known], observed.editor_score[known])[0, 1] == pytest.approx(
        0.819, abs=0.02
    )


def test_topics_are_shares_around_the_main_one():
    truth, observed = draw_items(**SETTINGS)
    assert np.allclose(truth.mix.sum(axis=1), 1.0)
    assert np.array_equal(truth.mix.argmax(axis=1), observed.topic)
    assert (truth.mix.max(axis=1) >= 0.7).all()


def test_lengths_stay_within_their_bounds():
    truth, observed = draw_items(**SETTINGS)
    assert observed.content_seconds.min() == 15.0
    assert observed.content_seconds.max() == 600.0
    assert np.median(observed.content_seconds) == pytest.approx(75.0, rel=0.03)
    assert np.allclose(75.0 * np.exp(0.8 * truth.length), observed.content_seconds)


def test_births_are_even_over_time():
    _, observed = draw_items(**SETTINGS)
    born = np.bincount(observed.birth_day + 40)
    assert len(born) == 80
    assert born.min() == born.max() == 250
