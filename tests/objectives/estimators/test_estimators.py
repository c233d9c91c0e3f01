"""What estimators promise, held against every pattern in which rows can be observed.

N rows, so 2^N patterns: expectations are exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from holdfast.objectives.estimators.doubly_robust import doubly_robust_terms, imputation_terms
from holdfast.objectives.estimators.inverse_propensity import inverse_propensity_terms
from holdfast.objectives.estimators.more_robust import variance_weight
from holdfast.objectives.estimators.naive import naive_terms
from holdfast.objectives.estimators.rows import PartialErrors, Ratio
from holdfast.objectives.estimators.self_normalised import self_normalised_terms
from holdfast.objectives.estimators.stable import balancing_tilt, stable_terms

ERRORS = torch.tensor([0.2, 0.5, 1.0, 2.5, 4.0, 0.1], dtype=torch.float64)
CHANCE = torch.tensor([0.9, 0.7, 0.5, 0.3, 0.2, 0.8], dtype=torch.float64)
WRONG_CHANCE = torch.tensor([0.5, 0.9, 0.4, 0.6, 0.5, 0.3], dtype=torch.float64)
WRONG_ERRORS = torch.tensor([0.5, 0.4, 1.5, 1.5, 2.0, 0.6], dtype=torch.float64)
TRUTH = float(ERRORS.mean())


def over_patterns(
    terms: Callable[[PartialErrors], Ratio], *, propensity: Tensor = CHANCE, imputed: Tensor | None = None
) -> tuple[float, float]:
    """Exact mean and variance of an estimate over what is observed."""
    values, chances = [], []
    for pattern in itertools.product([False, True], repeat=len(ERRORS)):
        observed = torch.tensor(pattern)
        # What is not observed must not matter, whatever it is.
        errors = ERRORS.masked_fill(~observed, float("nan"))
        rows = PartialErrors(errors, observed=observed, propensity=propensity, imputed=imputed)
        values.append(terms(rows).mean())
        chances.append(torch.where(observed, CHANCE, 1.0 - CHANCE).prod())
    value, chance = torch.stack(values), torch.stack(chances)
    mean = (chance * value).sum()
    return float(mean), float((chance * (value - mean).square()).sum())


def in_the_limit(
    terms: Callable[[PartialErrors], Ratio], *, propensity: Tensor = CHANCE, imputed: Tensor | None = None
) -> float:
    """The estimate over infinitely many copies of the rows: each is observed in its proportion."""
    observed = torch.tensor([True] * len(ERRORS) + [False] * len(ERRORS))
    rows = PartialErrors(
        torch.cat([ERRORS, torch.full_like(ERRORS, float("nan"))]),
        observed=observed,
        propensity=propensity.repeat(2),
        weight=torch.cat([CHANCE, 1.0 - CHANCE]),
        imputed=None if imputed is None else imputed.repeat(2),
    )
    return float(terms(rows).mean())


def test_ips_is_unbiased_and_naive_is_not() -> None:
    assert over_patterns(inverse_propensity_terms)[0] == pytest.approx(TRUTH, abs=1e-12)
    # Rows with small losses are the ones that are seen.
    assert over_patterns(naive_terms)[0] < 0.7 * TRUTH


def test_clipping_takes_variance_for_bias() -> None:
    mean, variance = over_patterns(inverse_propensity_terms)
    clipped_mean, clipped_variance = over_patterns(inverse_propensity_terms, propensity=CHANCE.clamp(min=0.4))
    assert clipped_mean < mean
    assert clipped_variance < variance


def test_snips_stays_within_the_losses_and_forgets_a_common_factor() -> None:
    observed = torch.tensor([False, False, False, True, True, False])
    rows = PartialErrors(ERRORS, observed=observed, propensity=CHANCE)
    assert 2.5 <= float(self_normalised_terms(rows).mean()) <= 4.0
    assert float(inverse_propensity_terms(rows).mean()) > 4.0
    half = PartialErrors(ERRORS, observed=observed, propensity=CHANCE / 2)
    torch.testing.assert_close(self_normalised_terms(rows).mean(), self_normalised_terms(half).mean())


def test_snips_varies_less_and_is_consistent() -> None:
    # An offset of all losses: IPS multiplies it with the noise of the weights.
    def offset(terms: Callable[[PartialErrors], Ratio]) -> Callable[[PartialErrors], Ratio]:
        def shifted(rows: PartialErrors) -> Ratio:
            rows.errors = (rows.errors + 10.0).masked_fill(~rows.observed, 0.0)
            return terms(rows)

        return shifted

    assert (
        over_patterns(offset(self_normalised_terms))[1]
        < 0.1 * over_patterns(offset(inverse_propensity_terms))[1]
    )
    assert in_the_limit(self_normalised_terms) == pytest.approx(TRUTH)
    assert in_the_limit(naive_terms) != pytest.approx(TRUTH, rel=0.2)


def test_doubly_robust_needs_only_one_of_the_two() -> None:
    right_chance, _ = over_patterns(doubly_robust_terms, imputed=WRONG_ERRORS)
    right_errors, _ = over_patterns(doubly_robust_terms, propensity=WRONG_CHANCE, imputed=ERRORS)
    neither, _ = over_patterns(doubly_robust_terms, propensity=WRONG_CHANCE, imputed=WRONG_ERRORS)
    assert right_chance == pytest.approx(TRUTH, abs=1e-12)
    assert right_errors == pytest.approx(TRUTH, abs=1e-12)
    assert abs(neither - TRUTH) > 0.05


def test_doubly_robust_varies_less_and_as_its_formula_says() -> None:
    _, plain = over_patterns(inverse_propensity_terms)
    _, robust = over_patterns(doubly_robust_terms, imputed=WRONG_ERRORS)
    assert robust < 0.5 * plain
    formula = ((1.0 - CHANCE) / CHANCE * (ERRORS - WRONG_ERRORS).square()).sum() / len(ERRORS) ** 2
    assert robust == pytest.approx(float(formula))


def test_the_imputation_of_mrdr_makes_less_variance_than_that_of_joint_learning() -> None:
    """Both imputations choose one number for all rows, each by its own loss over all patterns."""

    def best_constant(factor: Tensor) -> Tensor:
        weight = CHANCE * factor
        return ((weight * ERRORS).sum() / weight.sum()).expand(len(ERRORS))

    joint, more = best_constant(CHANCE.reciprocal()), best_constant(variance_weight(CHANCE))
    assert (
        over_patterns(doubly_robust_terms, imputed=more)[1]
        < over_patterns(doubly_robust_terms, imputed=joint)[1]
    )


def test_imputation_loss_by_hand() -> None:
    rows = PartialErrors(
        torch.tensor([1.0, 2.0, float("nan")]),
        observed=torch.tensor([True, True, False]),
        propensity=torch.tensor([0.5, 0.25, 0.1]),
        imputed=torch.tensor([1.5, 1.0, 9.0]),
    )
    loss = imputation_terms(rows, torch.tensor([2.0, 4.0, 10.0])).mean()
    assert float(loss) == pytest.approx((2 * 0.25 + 4 * 1.0) / 6)
    assert variance_weight(torch.tensor([0.5, 0.2])).tolist() == pytest.approx([2.0, 20.0])


def test_stable_needs_only_one_of_the_two_in_the_limit() -> None:
    assert in_the_limit(stable_terms, imputed=WRONG_ERRORS) == pytest.approx(TRUTH, abs=1e-6)
    assert in_the_limit(stable_terms, propensity=WRONG_CHANCE, imputed=ERRORS) == pytest.approx(
        TRUTH, abs=1e-6
    )
    assert abs(in_the_limit(self_normalised_terms, propensity=WRONG_CHANCE) - TRUTH) > 0.05


def test_the_tilt_fulfils_the_constraint() -> None:
    observed = torch.tensor([True, True, False, True, True, True])
    rows = PartialErrors(ERRORS, observed=observed, propensity=WRONG_CHANCE, imputed=WRONG_ERRORS)
    weight = rows.observed_weight * rows.inverse * balancing_tilt(rows)
    balanced = (weight * WRONG_ERRORS).sum() / weight.sum()
    assert float(balanced) == pytest.approx(float(WRONG_ERRORS.mean()), abs=1e-8)


def test_stable_is_bounded_where_doubly_robust_is_not() -> None:
    observed = torch.tensor([True, False, False, False, True, True])
    tiny = CHANCE.clone()
    tiny[4] = 1e-4
    rows = PartialErrors(ERRORS, observed=observed, propensity=tiny, imputed=WRONG_ERRORS)
    assert float(doubly_robust_terms(rows).mean()) > 100.0
    assert 0.1 <= float(stable_terms(rows).mean()) <= 4.0


def test_a_constraint_that_nothing_fulfils_gives_the_nearest() -> None:
    observed = torch.tensor([True, False, False, False, False, True])
    # Both observed rows are imputed below the mean.
    rows = PartialErrors(ERRORS, observed=observed, propensity=CHANCE, imputed=ERRORS)
    tilt = balancing_tilt(rows)
    assert torch.isfinite(tilt).all()
    assert float(tilt.max()) <= torch.e**4 + 1e-6
    assert 0.1 <= float(stable_terms(rows).mean()) <= 0.2


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_equal_imputations_do_not_tilt(level: float) -> None:
    rows = PartialErrors(
        ERRORS, observed=CHANCE > 0.4, propensity=CHANCE, imputed=torch.full_like(ERRORS, level)
    )
    torch.testing.assert_close(balancing_tilt(rows), torch.ones_like(ERRORS))


def test_doubly_robust_without_imputed_losses_says_so() -> None:
    rows = PartialErrors(ERRORS, observed=CHANCE > 0.4, propensity=CHANCE)
    with pytest.raises(ValueError, match="needs imputed losses"):
        doubly_robust_terms(rows)
