"""Matrix factorisation, trained on the loss that an estimator makes out of the observed ratings.

U users, I items, K factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from coat import Coat, Mask
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from holdfast.core.propensity import Propensity
from holdfast.core.random import derive_seed
from holdfast.objectives.estimators.doubly_robust import DoublyRobust, imputation_terms
from holdfast.objectives.estimators.inverse_propensity import InversePropensity
from holdfast.objectives.estimators.more_robust import MoreRobust
from holdfast.objectives.estimators.naive import Naive
from holdfast.objectives.estimators.rows import LossEstimator, PartialErrors
from holdfast.objectives.estimators.self_normalised import SelfNormalised, self_normalised_terms
from holdfast.objectives.estimators.stable import Stable
from holdfast.objectives.propensities.naive_bayes import naive_bayes_propensity

NO_CAP = 1e6
CONTROL = "naive, IPS choice"
"""Trained like naive, its settings chosen as the other methods choose theirs."""

METHODS: dict[str, LossEstimator] = {
    "naive": Naive(),
    CONTROL: Naive(),
    "IPS": InversePropensity(),
    "clipped IPS": InversePropensity(max_weight=NO_CAP),
    "SNIPS": SelfNormalised(max_weight=NO_CAP),
    "DR-JL": DoublyRobust(max_weight=NO_CAP),
    "MRDR": MoreRobust(max_weight=NO_CAP),
    "StableDR": Stable(max_weight=NO_CAP),
}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is chosen by the validation part of the self-selected ratings.

    Attributes:
        decays: L2 penalties of the factors.
        learning_rates: of Adam.
        caps: of the inverse propensities, tried by clipped IPS only.
        num_steps: full-batch steps at most; the best one of every ``look_every`` is kept.
        look_every: steps between two looks at the validation part.
        patience: looks without a better one after which training stops.
        num_factors: K.
    """

    decays: tuple[float, ...] = (1e-4, 2e-4, 4e-4, 8e-4)
    learning_rates: tuple[float, ...] = (0.02, 0.05)
    caps: tuple[float, ...] = (8.0, 14.0)
    num_steps: int = 300
    look_every: int = 5
    patience: int = 8
    num_factors: int = 4


class Factors(nn.Module):
    """Log odds of a high rating: biases of user and item, and a product of factors."""

    def __init__(self, num_users: int, num_items: int, num_factors: int, generator: torch.Generator) -> None:
        super().__init__()
        self.user = nn.Parameter(0.1 * torch.randn(num_users, num_factors, generator=generator))
        self.item = nn.Parameter(0.1 * torch.randn(num_items, num_factors, generator=generator))
        self.user_bias = nn.Parameter(torch.zeros(num_users, 1))
        self.item_bias = nn.Parameter(torch.zeros(1, num_items))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self) -> Tensor:
        """Of every pair, ``[U, I]``."""
        scores: Tensor = self.user @ self.item.T + self.user_bias + self.item_bias + self.bias
        return scores


@dataclass(frozen=True)
class Choice:
    """The settings that validated best.

    Attributes:
        predicted: chance of a high rating, ``[U, I]``.
        validation: the loss that chose them.
        settings: decay, learning rate, step and, where there is one, the cap.
    """

    predicted: Tensor
    validation: float
    settings: dict[str, float]


def propensity_of(data: Coat, observed: Mask) -> Propensity:
    """Naive Bayes on the five ratings; defined on observed pairs only, ``[U * I]``.

    Source: Schnabel et al. (2016), ICML.
    """
    chance = naive_bayes_propensity(
        data.rating[observed],
        at_random=data.rating[data.at_random],
        observed_share=float(observed.mean()),
        smoothing=1.0,
    )
    values = np.full(data.rating.shape, np.nan)
    for rating, each in chance.items():
        values[data.rating == rating] = each
    values[~(data.fit | data.validation)] = np.nan
    return Propensity(values=values.ravel(), meaning="exposure", source="naive Bayes", sets_aside=True)


def best_of_grid(name: str, data: Coat, *, threshold: float, grid: Grid, seed: int) -> Choice:
    """Train with every setting of the grid and keep what validates best."""
    caps = grid.caps if name == "clipped IPS" else (NO_CAP,)
    tried = [
        _train(
            METHODS[name],
            data,
            threshold=threshold,
            grid=grid,
            seed=seed,
            decay=decay,
            rate=rate,
            cap=cap,
            weighted_choice=name != "naive",
        )
        for decay, rate, cap in product(grid.decays, grid.learning_rates, caps)
    ]
    return min(tried, key=lambda each: each.validation)


def _train(
    estimator: LossEstimator,
    data: Coat,
    *,
    threshold: float,
    grid: Grid,
    seed: int,
    decay: float,
    rate: float,
    cap: float,
    weighted_choice: bool,
) -> Choice:
    generator = torch.Generator().manual_seed(derive_seed(seed, "factors"))
    shape = data.rating.shape
    model, imputation = (Factors(*shape, grid.num_factors, generator) for _ in range(2))
    optimizer, other = (torch.optim.Adam(each.parameters(), lr=rate) for each in (model, imputation))
    label = torch.from_numpy(np.nan_to_num(data.rating.ravel()) > threshold).float()
    observed = torch.from_numpy(data.fit.ravel())
    chance = propensity_of(data, data.fit).capped(cap).tensor().nan_to_num(nan=1.0)
    best: Choice | None = None
    for step in range(1, grid.num_steps + 1):
        logits = model().ravel()
        imputed = _imputed(logits, imputation().ravel().detach()) if estimator.imputes else None
        errors = binary_cross_entropy_with_logits(logits, label, reduction="none")
        rows = PartialErrors(errors, observed=observed, propensity=chance, imputed=imputed)
        loss = estimator.terms(rows).mean() + decay * _size(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if estimator.imputes:
            guess = PartialErrors(
                errors.detach(),
                observed=observed,
                propensity=chance,
                imputed=_imputed(logits.detach(), imputation().ravel()),
            )
            loss = imputation_terms(guess, estimator.imputation_weight(chance)).mean()
            loss = loss + decay * _size(imputation)
            other.zero_grad()
            loss.backward()
            other.step()
        if step % grid.look_every == 0:
            value = _validate(model, data, label, weighted=weighted_choice)
            if best is None or value < best.validation:
                settings = {"decay": decay, "learning rate": rate, "steps": step}
                if cap < NO_CAP:
                    settings["cap"] = cap
                best = Choice(torch.sigmoid(model()).detach(), value, settings)
            elif step - best.settings["steps"] >= grid.patience * grid.look_every:
                break
    assert best is not None
    return best


def _imputed(logits: Tensor, guess: Tensor) -> Tensor:
    """The loss of the prediction at the imputed chance of a high rating."""
    return binary_cross_entropy_with_logits(logits, torch.sigmoid(guess), reduction="none")


def _size(model: Factors) -> Tensor:
    return sum((each.square().sum() for each in model.parameters()), torch.zeros(()))


@torch.no_grad()
def _validate(model: Factors, data: Coat, label: Tensor, *, weighted: bool) -> float:
    """Loss on the validation part, as the method believes in: a mean, or SNIPS with the same propensities."""
    errors = binary_cross_entropy_with_logits(model().ravel(), label, reduction="none")
    observed = torch.from_numpy(data.validation.ravel())
    chance = torch.ones_like(label)
    if weighted:
        chance = propensity_of(data, data.fit).tensor().nan_to_num(nan=1.0)
    return float(self_normalised_terms(PartialErrors(errors, observed=observed, propensity=chance)).mean())
