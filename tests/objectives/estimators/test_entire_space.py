"""Post-click losses: by hand, and on rows whose clicks select those who convert."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from holdfast.objectives.estimators.entire_space import (
    click_and_conversion_loss,
    dcmt_loss,
    escm2_loss,
    esmm_loss,
)

NAN = float("nan")


def logit(chance: object) -> Tensor:
    return torch.logit(torch.tensor(chance, dtype=torch.float64))


def test_esmm_by_hand() -> None:
    click, conversion = torch.tensor([1.0, 1.0, 0.0]).double(), torch.tensor([1.0, 0.0, NAN]).double()
    chance, after = torch.tensor([0.5, 0.8, 0.1]).double(), torch.tensor([0.4, 0.5, 0.9]).double()
    expected = binary_cross_entropy(chance, click) + binary_cross_entropy(
        chance * after, torch.tensor([1.0, 0.0, 0.0]).double()
    )
    found = esmm_loss(torch.logit(chance), torch.logit(after), click=click, conversion=conversion)
    torch.testing.assert_close(found, expected)


def test_the_product_is_finite_at_the_ends() -> None:
    extreme = torch.tensor([60.0, -60.0, 60.0], requires_grad=True)
    losses = click_and_conversion_loss(
        extreme,
        torch.tensor([60.0, 60.0, 60.0]),
        click=torch.tensor([1.0, 0.0, 1.0]),
        conversion=torch.tensor([1.0, NAN, 0.0]),
    )
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert extreme.grad is not None
    assert torch.isfinite(extreme.grad).all()


@pytest.mark.parametrize("imputed", [None, [0.3, 1.0, 2.0, 0.1]])
def test_the_risk_of_escm2_is_that_of_all_rows(imputed: list[float] | None) -> None:
    """Over all patterns of clicks, with the true chances as propensities."""
    chance, after = torch.tensor([0.9, 0.5, 0.3, 0.6]).double(), torch.tensor([0.3, 0.6, 0.8, 0.2]).double()
    label = torch.tensor([1.0, 0.0, 1.0, 0.0]).double()
    guess = None if imputed is None else torch.tensor(imputed).double()
    total = torch.zeros((), dtype=torch.float64)
    for pattern in itertools.product([0.0, 1.0], repeat=4):
        click = torch.tensor(pattern).double()
        given = {"click": click, "conversion": label.masked_fill(click < 0.5, NAN)}
        with_risk = escm2_loss(torch.logit(chance), torch.logit(after), imputed_losses=guess, **given)
        risk = with_risk - esmm_loss(torch.logit(chance), torch.logit(after), **given)
        total += torch.where(click > 0.5, chance, 1.0 - chance).prod() * risk
    torch.testing.assert_close(total, binary_cross_entropy(after, label))


def two_kinds() -> tuple[Tensor, Tensor, Tensor]:
    """1,000 rows of each of two kinds, in exact proportion: p(click) 0.8, 0.1; p(conversion) 0.6, 0.2.

    Those who click less convert less, so clicked rows convert too often to stand for all.
    """
    click = torch.cat([torch.arange(1000) < 800, torch.arange(1000) < 100]).double()
    conversion = torch.cat([torch.arange(1000) < 480, torch.arange(1000) < 20]).double()
    chance = torch.tensor([0.8, 0.1]).double().repeat_interleave(1000)
    return click, conversion.masked_fill(click < 0.5, NAN), chance


def fitted_constant(loss: Callable[[Tensor], Tensor]) -> float:
    """The conversion that minimises a loss, where the model can only say one number."""
    leaf = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([leaf], max_iter=100, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss(leaf)
        value.backward()
        return value

    optimizer.step(step)
    return float(torch.sigmoid(leaf.detach()))


def test_a_model_that_cannot_tell_the_kinds_apart_is_right_only_with_the_risk() -> None:
    click, conversion, chance = two_kinds()
    given = {"click": click, "conversion": conversion}

    def constant(leaf: Tensor) -> Tensor:
        return leaf.expand(2000)

    naive = float(conversion[click > 0.5].mean())
    esmm = fitted_constant(lambda leaf: esmm_loss(torch.logit(chance), constant(leaf), **given))
    ips = fitted_constant(
        lambda leaf: escm2_loss(torch.logit(chance), constant(leaf), product_weight=0.0, **given)
    )
    # Imputed losses that are all alike, and so wrong.
    robust = fitted_constant(
        lambda leaf: escm2_loss(
            torch.logit(chance),
            constant(leaf),
            imputed_losses=binary_cross_entropy(
                torch.sigmoid(constant(leaf)), torch.full((2000,), 0.9).double(), reduction="none"
            ),
            product_weight=0.0,
            **given,
        )
    )
    twin = fitted_constant(
        lambda leaf: dcmt_loss(
            torch.logit(chance),
            constant(leaf),
            -constant(leaf.detach()),
            prior_weight=0.0,
            product_weight=0.0,
            **given,
        )
    )
    assert naive == pytest.approx(500 / 900)
    assert ips == pytest.approx(0.4, abs=1e-5)
    assert robust == pytest.approx(0.4, abs=1e-5)
    assert twin == pytest.approx(0.4, abs=1e-5)
    assert esmm > 0.5, "on the product alone, clicked rows still speak for all"


def test_dcmt_by_hand() -> None:
    click, conversion = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, NAN]).double()
    chance, after, other = logit([0.5, 0.2]), logit([0.4, 0.5]), logit([0.7, 0.6])
    found = dcmt_loss(
        chance, after, other, click=click, conversion=conversion, prior_weight=0.5, product_weight=0.0
    )
    clicks = -(torch.tensor(0.5).log() + torch.tensor(0.8).log()) / 2
    # One row each, so self-normalised weights are 1: -log(1 - 0.4), -log 0.6; prior |1 - 1.1|, |1 - 1.1|.
    expected = clicks - torch.tensor(0.6).log() - torch.tensor(0.6).log() + 0.5 * 0.1
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_no_gradient_reaches_the_click_through_the_risk() -> None:
    click, conversion, chance = two_kinds()
    logits = torch.logit(chance).requires_grad_()
    after = torch.full((2000,), 0.1, dtype=torch.float64)
    with_risk = escm2_loss(logits, after, click=click, conversion=conversion, risk_weight=5.0)
    without = escm2_loss(logits, after, click=click, conversion=conversion, risk_weight=0.0)
    torch.testing.assert_close(
        torch.autograd.grad(with_risk, logits)[0], torch.autograd.grad(without, logits)[0]
    )
