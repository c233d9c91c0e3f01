"""Every possible slate of a small bandit, as often as its chance says: unbiasedness without sampling."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from holdfast.evaluation.off_policy import PredictedRewards
from holdfast.evaluation.off_policy.slates import (
    PseudoInverse,
    SelfNormalizedPseudoInverse,
    SlateProbabilities,
    evaluate_slates,
    pseudo_inverse_weights,
)

Reward = Callable[[tuple[int, ...], int], float]

LIKING = np.array([[0.9, 0.2, 0.5], [0.3, 0.8, 0.1], [0.4, 0.6, 0.7]])


def independent(slate: tuple[int, ...], slot: int) -> float:
    return float(LIKING[slot, slate[slot]])


def cascade(slate: tuple[int, ...], slot: int) -> float:
    """A liked item above takes attention from those below."""
    return independent(slate, slot) * float(np.prod([1.0 - 0.7 * LIKING[0, item] for item in slate[:slot]]))


def full(slate: tuple[int, ...], slot: int) -> float:
    """Every item competes with all others, above and below."""
    others = sum(LIKING[0, item] for place, item in enumerate(slate) if place != slot)
    return independent(slate, slot) / (1.0 + float(others))


def additive_total(slate: tuple[int, ...], slot: int) -> float:
    """Only the last slot pays, for all: linear in the slate, and nothing that a single slot could explain."""
    return sum(independent(slate, place) for place in range(len(slate))) if slot == len(slate) - 1 else 0.0


class Enumerated:
    """All ordered slates of 2 of 3 candidates; the behavior policy's chances are multiples of 1/60."""

    def __init__(self, *, num_slots: int = 2, repeats: bool = False, uniform: bool = False) -> None:
        self.slates = (
            list(itertools.product(range(3), repeat=num_slots))
            if repeats
            else list(itertools.permutations(range(3), num_slots))
        )
        behavior_weights = np.ones(3) if uniform else np.array([1.0, 2.0, 3.0])
        evaluation_weights = np.array([5.0, 1.0, 2.0])
        self.behavior = self._steps(behavior_weights, repeats)
        self.evaluation = self._steps(evaluation_weights, repeats)

    def _steps(self, weights: np.ndarray, repeats: bool) -> np.ndarray:
        """Chance of each slot's item given the earlier ones, ``[S, K]``."""
        steps = np.empty((len(self.slates), len(self.slates[0])))
        for row, slate in enumerate(self.slates):
            left = weights.copy()
            for slot, item in enumerate(slate):
                steps[row, slot] = left[item] / left.sum()
                if not repeats:
                    left[item] = 0.0
        return steps

    def kinds(self, steps: np.ndarray) -> dict[str, np.ndarray]:
        slates = np.array(self.slates)
        whole = steps.prod(axis=1)
        marginal = np.array(
            [
                [whole[slates[:, slot] == item].sum() for slot, item in enumerate(slate)]
                for slate in self.slates
            ]
        )
        anywhere = np.array(
            [[whole[(slates == item).any(axis=1)].sum() for item in slate] for slate in self.slates]
        )
        return {
            "marginal": marginal,
            "given_earlier": steps,
            "slate": np.repeat(whole[:, None], slates.shape[1], axis=1),
            "anywhere": anywhere,
        }

    def log(self, reward: Reward, *, copies: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """Each slate as often as it is likely; and where in the arrays its rows come from."""
        whole = self.behavior.prod(axis=1)
        counts = np.rint(whole * copies).astype(int)
        assert np.allclose(counts, whole * copies), "the log must be the distribution itself"
        chosen = np.repeat(np.arange(len(self.slates)), counts)
        num_slots = len(self.slates[0])
        frame = pd.DataFrame(
            {
                "request_id": np.repeat(np.arange(len(chosen)), num_slots),
                "slot": np.tile(np.arange(num_slots), len(chosen)),
                "item_id": np.array(self.slates)[chosen].ravel(),
                "click": [reward(self.slates[each], slot) for each in chosen for slot in range(num_slots)],
            }
        )
        for side, steps in (("logged", self.behavior), ("wanted", self.evaluation)):
            for kind, values in self.kinds(steps).items():
                frame[f"{side}_{kind}"] = values[chosen].ravel()
        return frame, {"chosen": chosen}

    def truth(self, reward: Reward) -> float:
        whole = self.evaluation.prod(axis=1)
        return sum(
            chance * sum(reward(slate, slot) for slot in range(len(slate)))
            for chance, slate in zip(whole, self.slates, strict=True)
        )


def columns(side: str, *kinds: str) -> SlateProbabilities:
    return SlateProbabilities(**{kind: f"{side}_{kind}" for kind in kinds})


KINDS = ("marginal", "given_earlier", "slate")


def estimates(frame: pd.DataFrame, **options: object) -> pd.Series:
    table = evaluate_slates(
        frame,
        columns("wanted", *KINDS),
        behavior=columns("logged", *KINDS),
        **options,  # type: ignore[arg-type]
    )
    return table.set_index("estimator")["value"]


UNBIASED = {
    "sips": (independent, cascade, full, additive_total),
    "rips": (independent, cascade, additive_total),
    "iips": (independent,),
}


@pytest.mark.parametrize("reward", [independent, cascade, full, additive_total])
@pytest.mark.parametrize("name", list(UNBIASED))
def test_exactly_where_the_assumption_holds(name: str, reward: Reward):
    bandit = Enumerated()
    frame, _ = bandit.log(reward, copies=60)
    error = abs(estimates(frame)[name] - bandit.truth(reward))
    if reward in UNBIASED[name]:
        assert error < 1e-12
        # In the log every weight averages 1, so that normalising changes nothing.
        assert abs(estimates(frame)[f"sn{name}"] - bandit.truth(reward)) < 1e-12
    else:
        assert error > 0.005, "or the assumption would not be one"


@pytest.mark.parametrize("reward", [independent, cascade, additive_total])
def test_cascade_dr_is_exact_with_any_model(reward: Reward):
    bandit = Enumerated()
    frame, places = bandit.log(reward, copies=60)
    model = np.random.default_rng(0).normal(size=(2, 3))
    slates = np.array(bandit.slates)
    logged = model[np.arange(2), slates]
    expected = np.zeros((len(slates), 2))
    for row, slate in enumerate(bandit.slates):
        for slot in range(2):
            same_head = [other for other, each in enumerate(bandit.slates) if each[:slot] == slate[:slot]]
            chances = {bandit.slates[other][slot]: bandit.evaluation[other, slot] for other in same_head}
            expected[row, slot] = sum(chance * model[slot, item] for item, chance in chances.items())
    chosen = places["chosen"]
    predictions = PredictedRewards(logged[chosen].ravel(), expected[chosen].ravel())
    found = estimates(frame, predictions=predictions)
    assert abs(found["cascade_dr"] - bandit.truth(reward)) < 1e-12
    assert abs(found["sn_cascade_dr"] - bandit.truth(reward)) < 1e-12


@pytest.mark.parametrize(
    ("logging", "bandit", "copies"),
    [
        ("independent_slots", Enumerated(repeats=True), 36),
        ("uniform_rankings", Enumerated(uniform=True), 6),
        ("uniform_rankings", Enumerated(uniform=True, num_slots=3), 6),
        ("uniform_rankings", Enumerated(uniform=True, num_slots=1), 3),
        ("independent_slots", Enumerated(repeats=True, num_slots=3), 216),
    ],
)
@pytest.mark.parametrize("reward", [independent, additive_total, full])
def test_the_pseudo_inverse_is_exact_for_sums_and_equals_its_definition(
    logging: str, bandit: Enumerated, copies: int, reward: Reward
):
    kinds = bandit.kinds(bandit.evaluation)
    frame, places = bandit.log(reward, copies=copies)
    wanted = ["marginal", "anywhere"] if logging == "uniform_rankings" else ["marginal"]
    table = evaluate_slates(
        frame,
        columns("wanted", *wanted),
        behavior=columns("logged", "marginal"),
        estimators=[PseudoInverse(logging), SelfNormalizedPseudoInverse(logging)],
    ).set_index("estimator")
    if reward is not full or len(bandit.slates[0]) == 1:
        assert abs(table["value"]["pi"] - bandit.truth(reward)) < 1e-12
        assert abs(table["value"]["snpi"] - bandit.truth(reward)) < 1e-12
    weights = pseudo_inverse_weights(
        np.array(bandit.slates),
        evaluation=kinds["slate"][:, 0],
        behavior=bandit.behavior.prod(axis=1),
        num_candidates=3,
    )
    totals = np.array([sum(reward(slate, slot) for slot in range(len(slate))) for slate in bandit.slates])
    by_definition = (weights * totals)[places["chosen"]].mean()
    assert abs(table["value"]["pi"] - by_definition) < 1e-9


def test_the_pseudo_inverse_is_biased_where_slots_act_on_each_other():
    bandit = Enumerated(repeats=True)
    frame, _ = bandit.log(full, copies=36)
    table = evaluate_slates(
        frame,
        columns("wanted", "marginal"),
        behavior=columns("logged", "marginal"),
        estimators=[PseudoInverse("independent_slots")],
    )
    assert abs(table["value"][0] - bandit.truth(full)) > 0.001


def test_rankings_are_no_independent_slots():
    bandit = Enumerated()
    frame, _ = bandit.log(independent, copies=60)
    with pytest.raises(ValueError, match="contradicts the log"):
        evaluate_slates(
            frame,
            columns("wanted", "marginal"),
            behavior=columns("logged", "marginal", "slate"),
            estimators=[PseudoInverse("independent_slots")],
        )
    with pytest.raises(ValueError, match="1 over the number of candidates"):
        evaluate_slates(
            frame,
            columns("wanted", "marginal", "anywhere"),
            behavior=columns("logged", "marginal"),
            estimators=[PseudoInverse("uniform_rankings")],
        )
    with pytest.raises(ValueError, match="logging is 'softmax'"):
        PseudoInverse("softmax")


def test_uniform_draws_with_repeats_are_no_rankings():
    frame = pd.DataFrame(
        {"request_id": [0, 0, 1, 1], "slot": [0, 1, 0, 1], "item_id": [1, 1, 2, 0], "click": 1.0}
    )
    thirds = np.full(4, 1 / 3)
    with pytest.raises(ValueError, match="show an item twice"):
        evaluate_slates(
            frame,
            SlateProbabilities(marginal=thirds, anywhere=thirds),
            behavior=SlateProbabilities(marginal=thirds),
            estimators=[PseudoInverse("uniform_rankings")],
        )
