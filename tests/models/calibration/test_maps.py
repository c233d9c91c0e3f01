"""Each kind of map against an independent implementation, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from holdfast.models.calibration.beta import LEAST_SLOPE, apply_beta, fit_beta
from holdfast.models.calibration.fitted_map import FittedMap, fit_map
from holdfast.models.calibration.isotonic import apply_isotonic, fit_isotonic, isotonic_at
from holdfast.models.calibration.scale import fit_scale
from holdfast.models.calibration.temperature import apply_temperature, fit_temperature, log_odds

KINDS = ("temperature", "beta", "isotonic")


def clicks(num_rows, *, seed=0, temperature=1.0, shift=0.0):
    """Predictions, and clicks whose log odds are the predicted ones over a temperature, plus a shift."""
    random = np.random.default_rng(seed)
    odds = random.normal(-2.0, 1.5, num_rows)
    truth = expit(odds / temperature + shift)
    return expit(odds), (random.random(num_rows) < truth).astype(np.float64), truth


def test_temperature_is_found_again_and_is_where_the_loss_is_flat():
    predicted, observed, _ = clicks(40_000, temperature=2.0)
    theta = fit_temperature(predicted, observed, np.ones(40_000))
    assert np.exp(-theta[0]) == pytest.approx(2.0, rel=0.05)
    odds = log_odds(predicted)
    slope = (odds * (expit(np.exp(theta[0]) * odds) - observed)).mean()
    assert abs(slope) < 1e-5


def test_a_weight_is_as_many_rows():
    predicted, observed, _ = clicks(300)
    weight = np.random.default_rng(1).integers(0, 4, 300)
    repeated = np.repeat(predicted, weight), np.repeat(observed, weight)
    ones = np.ones(weight.sum())
    for fit in (fit_temperature, fit_beta):
        np.testing.assert_allclose(
            fit(predicted, observed, weight.astype(float)), fit(*repeated, ones), atol=1e-4
        )
    for one, other in zip(
        fit_isotonic(predicted, observed, weight.astype(float), upper=1.0),
        fit_isotonic(*repeated, ones, upper=1.0),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=0.05)


def test_beta_against_an_unpenalised_logistic_regression():
    predicted, observed, _ = clicks(20_000, temperature=1.5, shift=0.4)
    found = fit_beta(predicted, observed, np.ones(20_000))
    design = np.stack([np.log(predicted), -np.log1p(-predicted)], axis=1)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(design, observed)
    np.testing.assert_allclose(found, [*model.coef_[0], model.intercept_[0]], atol=2e-3)


def test_beta_stays_increasing_where_the_predictions_are_in_the_wrong_order():
    predicted, observed, _ = clicks(2000)
    found = fit_beta(predicted, 1.0 - observed, np.ones(2000))
    assert found[:2].min() >= LEAST_SLOPE
    grid = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    assert (apply_beta(grid, torch.tensor(found).expand(50, 3)).diff() > 0.0).all()


def test_isotonic_blocks_against_scikit_learn():
    random = np.random.default_rng(0)
    predicted = random.choice(np.linspace(0.05, 0.9, 40), 600)
    observed = (random.random(600) < predicted**2).astype(np.float64)
    weight = random.uniform(0.5, 2.0, 600)
    knots, values = fit_isotonic(predicted, observed, weight, upper=1.0)
    reference = IsotonicRegression().fit(predicted, observed, sample_weight=weight)
    # Between the drawn ends, each knot is the centre of a block, and has the block's value.
    blocks = reference.predict(np.unique(predicted))
    inner = np.unique(blocks)
    certain = (inner <= 0.0) | (inner >= 1.0)  # what no finite sample shows
    np.testing.assert_allclose(values[1:-1][~certain], inner[~certain], atol=1e-9)
    assert ((values[1:-1] > 0.0) & (values[1:-1] < 1.0)).all()
    for knot, value in zip(knots[1:-1], inner, strict=True):
        rows = reference.predict(predicted) == value
        assert knot == pytest.approx(np.average(predicted[rows], weights=weight[rows]))


def test_blocks_that_single_precision_cannot_carry_are_pooled_without_losing_their_sum():
    # Two predictions that hardly differ, of which one comes true four times as often.
    predicted = np.repeat([0.2, 0.2001, 0.9999], [100, 300, 100])
    observed = np.concatenate([np.arange(100) < 10, np.arange(300) < 120, np.arange(100) < 50]).astype(float)
    knots, values = fit_isotonic(predicted, observed, np.ones(500), upper=1.0)
    np.testing.assert_allclose(knots, [0.0, 0.200075, 0.9999, 1.0])
    np.testing.assert_allclose(values[:3], [0.0, 130 / 400, 0.5])
    assert 0.5 < values[3] <= 0.5 * 1.0051  # no cliff up to 1 either
    grid = torch.tensor([0.19, 0.2, 0.2001, 0.5, 0.9999], dtype=torch.float32)
    next_one, theta = torch.nextafter(grid, torch.ones(())), torch.tensor(values, dtype=torch.float32)
    found, moved = (
        apply_isotonic(each, theta.expand(5, 4), torch.tensor(knots, dtype=torch.float32))
        for each in (grid, next_one)
    )
    assert (moved - found).abs().max() < 1e-5


def test_isotonic_is_a_straight_line_between_knots_and_goes_on_in_proportion():
    knots, theta = torch.tensor([0.0, 2.0, 4.0]), torch.tensor([[0.0, 1.0, 5.0]])
    x = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    found = apply_isotonic(x, theta.expand(6, 3), knots)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.5, 1.0, 3.0, 5.0, 7.0]))
    at = isotonic_at(np.array([1.0, 4.0, 8.0]), np.array([0.0, 2.0, 4.0]), np.array([0.0, 1.0, 5.0]))
    np.testing.assert_allclose(at, [0.5, 5.0, 10.0])


def test_scale_makes_seconds_agree_in_sum_where_content_caps_them():
    random = np.random.default_rng(0)
    predicted, content = random.uniform(5, 100, 500), random.uniform(20, 200, 500)
    observed, weight = np.minimum(1.7 * predicted, content), random.uniform(0.5, 2, 500)
    theta = fit_scale(predicted, observed, weight, content)
    assert np.exp(theta[0]) == pytest.approx(1.7, rel=1e-6)
    uncapped = fit_scale(predicted, 3.0 * predicted, weight, np.full(500, np.inf))
    assert np.exp(uncapped[0]) == pytest.approx(3.0)
    # Nobody can stay longer than all the content together: the largest factor there is.
    assert fit_scale(predicted, content + 1.0, weight, content)[0] == 7.0


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_that_were_off_are_right_afterwards(kind):
    predicted, observed, truth = clicks(30_000, temperature=2.0)
    fitted = fit_map(kind, predicted, observed, weight=np.ones(30_000))
    fresh, _, fresh_truth = clicks(5_000, seed=1, temperature=2.0)
    before = np.abs(fresh - fresh_truth).mean()
    after = np.abs(fitted(torch.as_tensor(fresh)).numpy() - fresh_truth).mean()
    assert after < 0.2 * before
    assert fitted(torch.as_tensor(predicted)).mean().item() == pytest.approx(truth.mean(), abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_order_never_changes(kind, dtype):
    predicted, observed, _ = clicks(2_000, temperature=0.5)
    fitted = fit_map(kind, predicted, observed, weight=np.ones(2_000))
    grid = torch.linspace(0.001, 0.999, 400, dtype=dtype)
    mapped = fitted(grid)
    assert (mapped.diff() > 0.0).all()
    assert mapped.dtype == dtype
    assert ((mapped >= 0.0) & (mapped <= 1.0)).all()


@pytest.mark.parametrize("apply", [apply_temperature, apply_beta])
def test_near_certainty_the_last_digit_is_not_blown_up_and_order_is_kept(apply):
    # Drawn far towards a half: what two engines may round differently must stay within a bundle's parity.
    parameters = torch.tensor([[np.log(0.2)]] if apply is apply_temperature else [[0.3, 0.3, -2.0]])
    predicted = 1.0 - torch.logspace(-7, -1, 200)
    next_one = torch.nextafter(predicted, torch.ones(()))
    found, moved = (apply(each, parameters.float().expand(200, -1)) for each in (predicted, next_one))
    assert (moved - found).abs().max() < 1e-5
    assert (found.diff() <= 0.0).all()
    assert found[0] > found[60]  # 1 - 1e-7 and 1 - 6e-6 are still apart


@pytest.mark.parametrize("kind", KINDS)
def test_the_ends_are_finite(kind):
    predicted, observed, _ = clicks(500)
    fitted = fit_map(kind, predicted, observed, weight=np.ones(500))
    ends = fitted(torch.tensor([0.0, 1.0], dtype=torch.float32))
    assert torch.isfinite(ends).all()
    assert ends[0] < ends[1]


@pytest.mark.parametrize("kind", KINDS)
def test_separable_and_constant_predictions_are_no_error(kind):
    label = np.repeat([0.0, 1.0], 50)
    separable = fit_map(kind, 0.2 + 0.6 * label, label, weight=np.ones(100))
    found = separable(torch.tensor([0.2, 0.8], dtype=torch.float64))
    assert 0.0 < found[0] < 0.05
    assert 0.95 < found[1] < 1.0
    constant = fit_map(kind, np.full(100, 0.2), np.tile([0.0, 0.0, 0.0, 1.0], 25), weight=np.ones(100))
    assert constant(torch.tensor([0.2], dtype=torch.float64)).item() == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize("kind", [*KINDS, "scale"])
def test_what_cannot_be_fitted_stays_as_it_is_and_says_why(kind):
    unknown = np.full(50, np.nan)
    few = np.where(np.arange(50) < 5, 1.0, np.nan)
    seconds = np.full(50, np.inf) if kind == "scale" else None
    cases = (
        (unknown, "0 known rows, and a map needs 20"),
        (few, "5 known rows, and a map needs 20"),
        (np.ones(50), "all 50 known outcomes are 1"),
    )
    for observed, said in cases:
        fitted = fit_map(kind, np.full(50, 0.3), observed, weight=np.ones(50), content_seconds=seconds)
        assert (fitted.kind, fitted.note) == ("identity", said)
        torch.testing.assert_close(fitted(torch.tensor([0.3])), torch.tensor([0.3]))
    empty = fit_map(kind, np.zeros(0), np.zeros(0), weight=np.zeros(0), content_seconds=None)
    assert empty.kind == "identity"


def test_rows_that_are_not_known_or_weigh_nothing_do_not_count():
    predicted, observed, _ = clicks(400)
    hidden, weight = observed.copy(), np.ones(400)
    hidden[:100], weight[100:150] = np.nan, 0.0
    found = fit_map("beta", predicted, hidden, weight=weight)
    assert found.num_rows == 250
    expected = fit_map("beta", predicted[150:], observed[150:], weight=np.ones(250))
    np.testing.assert_allclose(found.parameters, expected.parameters, atol=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, "scale"])
def test_slices_have_their_own_maps_drawn_towards_that_of_all(kind):
    predicted, observed, _ = clicks(4_000)
    shifted, other, _ = clicks(1_000, seed=1, shift=1.5)
    x, y = np.concatenate([predicted, shifted]), np.concatenate([observed, other])
    rows = np.repeat([2, 7], [4_000, 1_000])
    arguments = {
        "weight": np.ones(5_000),
        "content_seconds": np.full(5_000, np.inf) if kind == "scale" else None,
    }
    overall = fit_map(kind, x, y, **arguments)
    free = fit_map(kind, x, y, slice_rows=rows, shrinkage_rows=0.0, **arguments)
    half = fit_map(kind, x, y, slice_rows=rows, shrinkage_rows=1_000.0, **arguments)
    all_alike = fit_map(kind, x, y, slice_rows=rows, shrinkage_rows=1e12, **arguments)
    assert free.slices == (2, 7)
    # Each slice by itself, at the knots of all.
    own = np.array(free.parameters[2])
    np.testing.assert_allclose(
        half.parameters[2], 0.5 * own + 0.5 * np.array(overall.parameters[0]), atol=1e-9
    )
    np.testing.assert_allclose(all_alike.parameters[2], overall.parameters[0], atol=1e-6)
    # Values that were not seen have the map of all.
    probe = torch.tensor([0.2, 0.2, 0.2], dtype=torch.float64)
    mapped = free(probe, torch.tensor([2, 7, 1]))
    assert mapped[1] > mapped[0]
    assert mapped[2].item() == pytest.approx(overall(probe[:1]).item())


def test_a_slice_that_teaches_nothing_keeps_the_map_of_all():
    predicted, observed, _ = clicks(500)
    rows = np.full(500, 2)
    rows[:10], rows[10:60] = 3, 4
    observed[10:60] = 0.0
    fitted = fit_map("beta", predicted, observed, weight=np.ones(500), slice_rows=rows, shrinkage_rows=0.0)
    assert fitted.slices == (2, 3, 4)
    assert fitted.parameters[2] == fitted.parameters[3] == fitted.parameters[0]


def test_too_many_slices_are_refused():
    predicted, observed, _ = clicks(600)
    with pytest.raises(ValueError, match="slice has 300 values on validation, and at most 200"):
        fit_map("beta", predicted, observed, weight=np.ones(600), slice_rows=np.arange(600) // 2 + 2)


def test_an_identity_gives_back_what_it_got():
    x = torch.rand(5)
    assert FittedMap("identity")(x) is x


def test_temperature_by_hand():
    half = apply_temperature(torch.tensor([0.8]), torch.tensor([[np.log(0.5)]], dtype=torch.float32))
    assert half.item() == pytest.approx(2.0 / 3.0)  # odds of 4 become odds of 2
