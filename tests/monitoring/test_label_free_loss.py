import numpy as np
import pytest

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.monitoring.label_free_loss import estimate_loss, fit_loss_model

BOOTSTRAP = ClusterBootstrap(num_resamples=50)


def rows(rng, number, *, share=0.5, scale=1.0):
    """Predicted seconds, and errors that grow with them and are twice as large in the south."""
    south = rng.random(number) < share
    predicted = rng.gamma(2, 10, number)
    loss = scale * predicted * np.where(south, 0.6, 0.3) * rng.gamma(4, 0.25, number)
    return predicted, loss, np.where(south, "south", "north")


def test_follows_rows_and_is_blind_to_concept():
    rng = np.random.default_rng(0)
    predicted, loss, market = rows(rng, 20_000)
    model = fit_loss_model(predicted, loss, slices=market)
    users = np.arange(10_000)
    predicted, loss, market = rows(rng, 10_000, share=0.9)
    found = estimate_loss(model, predicted, slices=market, users=users, bootstrap=BOOTSTRAP)
    assert found.value == pytest.approx(loss.mean(), rel=0.04)
    assert found.low < found.value < found.high
    assert found.value > 1.15 * model.mean_loss
    predicted, loss, market = rows(rng, 10_000, scale=3.0)
    blind = estimate_loss(model, predicted, slices=market, users=users, bootstrap=BOOTSTRAP)
    assert blind.value == pytest.approx(model.mean_loss, rel=0.05)
    assert loss.mean() > 2.5 * blind.high


def test_by_hand():
    # One bin: (3 + 5 + the mean as a pseudo-row) / 3.
    model = fit_loss_model([1.0, 1.0], [3.0, 5.0], num_bins=1)
    assert model.expected([9.0]) == pytest.approx([4.0])
    # A slice of one row with loss 3 among 20 pseudo-rows of 4; one never seen gets its bin's mean.
    model = fit_loss_model([1.0, 1.0], [3.0, 5.0], slices=["a", "b"], num_bins=1)
    expected = model.expected([1.0, 1.0, 1.0], slices=["a", "new", None])
    assert expected == pytest.approx([(3 + 80) / 21, 4.0, 4.0])


def test_unknown_rows_do_not_count():
    model = fit_loss_model([1.0, 2.0], [3.0, np.nan], known=[True, False])
    assert model.mean_loss == 3.0
    with pytest.raises(ValueError, match="no loss is known"):
        fit_loss_model([1.0], [np.nan], known=[False])
    empty = estimate_loss(model, [], users=np.zeros(0, dtype=int), bootstrap=BOOTSTRAP)
    assert (empty.value, empty.note) == (None, "no rows")


def test_rows_count_by_their_weight():
    model = fit_loss_model([0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 3.0, 3.0], num_bins=2)
    low, high = model.expected([0.0, 1.0])
    bootstrap = ClusterBootstrap(num_resamples=20)
    found = estimate_loss(model, [0.0, 1.0], users=[0, 1], bootstrap=bootstrap, weight=[3.0, 1.0])
    assert found.value == pytest.approx((3 * low + high) / 4)
    nothing = estimate_loss(model, [0.0, 1.0], users=[0, 1], bootstrap=bootstrap, weight=[0.0, 0.0])
    assert (nothing.value, nothing.note) == (None, "no row has weight")
