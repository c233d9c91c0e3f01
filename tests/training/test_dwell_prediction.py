from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from holdfast.core.arrays import Bools, Floats
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.crps import crps_moments
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.cread import Cread
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.fusion import WeightedSum
from holdfast.training.dwell_prediction import DwellScores, dwell_scores
from holdfast.training.prediction import predict


def scores_of(
    ranker: Ranker,
    window: EncodedWindow,
    *,
    open_probability: Floats | None = None,
    limit_seconds: float = 3600.0,
    batch_size: int = 64,
) -> tuple[DwellScores, Bools]:
    index = window.index_of("dwell")
    known = window.known[:, index]
    found = dwell_scores(
        ranker,
        window,
        seconds=np.where(known, window.value[:, index], 0.0),
        cut=~window.event[:, index],
        open_probability=open_probability,
        limit_seconds=limit_seconds,
        batch_size=batch_size,
    )
    assert found is not None
    return found, known


def test_scores_are_those_of_the_heads_own_distribution(toy: Any) -> None:
    ranker, window = toy.ranker(), toy.window(150, 2)
    found, known = scores_of(ranker, window)
    head = ranker.heads["dwell"]
    assert isinstance(head, CensoredLogNormal)
    outputs = predict(ranker, window, fusion=WeightedSum())
    mean, scale = outputs["dwell_log_mean"].astype(float), outputs["dwell_log_scale"].astype(float)
    index = window.index_of("dwell")
    seconds = np.where(known, window.value[:, index], 0.0)
    moments = crps_moments(seconds, window.content_seconds)
    survival = stats.lognorm.sf(moments.seconds, s=scale[:, None], scale=np.exp(mean)[:, None])
    np.testing.assert_allclose(
        found.crps_if_opened[known], moments.score(survival)[known], rtol=1e-4, atol=1e-4
    )
    z = (np.log(np.maximum(seconds[known], 0.5)) - mean[known]) / scale[known]
    surprise = np.where(
        window.event[known, index], np.log(scale[known]) - stats.norm.logpdf(z), -stats.norm.logsf(z)
    )
    assert found.log_score_if_opened is not None
    np.testing.assert_allclose(found.log_score_if_opened[known], surprise, rtol=1e-4, atol=1e-4)
    assert found.crps_of_row is None


def test_a_row_that_is_surely_not_opened_costs_nothing_and_one_that_surely_is_as_much_as_its_stay(
    toy: Any,
) -> None:
    ranker, window = toy.ranker(), toy.window(150, 2)
    found, known = scores_of(ranker, window, open_probability=np.zeros(150))
    assert found.crps_of_row is not None
    np.testing.assert_allclose(found.crps_of_row[~known], 0.0, atol=1e-9)
    found, known = scores_of(ranker, window, open_probability=np.ones(150))
    assert found.crps_of_row is not None
    np.testing.assert_allclose(found.crps_of_row, found.crps_if_opened)


def test_slices_make_no_difference_and_the_mode_is_kept(toy: Any) -> None:
    ranker, window = toy.ranker().train(), toy.window(150, 2)
    one, _ = scores_of(ranker, window, batch_size=7)
    other, _ = scores_of(ranker, window, batch_size=10_000)
    np.testing.assert_allclose(one.crps_if_opened, other.crps_if_opened, rtol=1e-5)
    assert ranker.training


def test_a_limit_below_the_contents_end_is_the_end(toy: Any) -> None:
    found, known = scores_of(toy.ranker(), toy.window(150, 2), limit_seconds=2.0)
    assert (found.crps_if_opened[known] <= 2.0).all()


def test_a_head_without_a_density_has_no_log_score(toy: Any) -> None:
    window = toy.window(150, 2)
    index = window.index_of("dwell")
    head = Cread(num_thresholds=5).fitted(
        window.value[:, index],
        event=window.event[:, index],
        known=window.known[:, index],
        content_seconds=window.content_seconds,
        weight=window.spread[:, index],
    )
    ranker = build_ranker(
        toy.schema, settings=RankerSettings(), mixture=SharedBottom(), heads={"dwell": head}, seed=0
    )
    found, known = scores_of(ranker, window)
    assert found.log_score_if_opened is None
    assert np.isfinite(found.crps_if_opened[known]).all()


def test_no_rows_are_no_trouble(toy: Any) -> None:
    found, _ = scores_of(toy.ranker(), toy.window(0, 2))
    assert found.crps_if_opened.shape == (0,)
