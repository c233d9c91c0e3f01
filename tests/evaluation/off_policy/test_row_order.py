"""Labels of pandas objects are held against those of the log: nothing is paired with the wrong row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy import (
    DirectMethod,
    DoublyRobust,
    InversePropensity,
    MoreRobustDoublyRobust,
    PredictedRewards,
    evaluate,
    evaluate_parquet,
)
from holdfast.evaluation.off_policy.embeddings import evaluate_many_actions
from holdfast.evaluation.off_policy.loggers import evaluate_several_loggers
from holdfast.evaluation.off_policy.selection import advise
from holdfast.evaluation.off_policy.slates import CascadeDoublyRobust, SlateProbabilities, evaluate_slates

LABELS = ["fig", "plum", "pear"]
N = 400


def log_and_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """A log with an index of its own, a policy and predictions that have the same index."""
    draw = np.random.default_rng(3)
    action = draw.integers(3, size=N)
    log = pd.DataFrame(
        {"action": np.array(LABELS)[action], "propensity": 1 / 3, "reward": draw.normal(size=N)},
        index=draw.permutation(N) + 10,
    )
    policy = pd.DataFrame(draw.dirichlet(np.ones(3), N), columns=LABELS, index=log.index)
    predicted = pd.DataFrame(draw.normal(size=(N, 3)), columns=LABELS, index=log.index)
    return log, policy, predicted


def by_hand(log: pd.DataFrame, policy: pd.DataFrame, predicted: pd.DataFrame) -> float:
    """DR, label by label."""
    terms = [
        sum(policy.loc[row, each] * predicted.loc[row, each] for each in LABELS)
        + 3
        * policy.loc[row, log.loc[row, "action"]]
        * (log.loc[row, "reward"] - predicted.loc[row, log.loc[row, "action"]])
        for row in log.index
    ]
    return float(np.mean(terms))


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
@pytest.mark.parametrize("labelled_policy", [True, False])
def test_columns_of_predictions_are_found_by_label(order: list[int], labelled_policy: bool) -> None:
    log, policy, predicted = log_and_tables()
    given = predicted[[LABELS[place] for place in order]]
    probabilities = policy if labelled_policy else policy.to_numpy()
    named = None if labelled_policy else LABELS
    estimators = [DoublyRobust(), MoreRobustDoublyRobust()]
    table = evaluate(log, probabilities, given, estimators, actions=named, mrdr_reward_model=given)
    assert list(table["value"]) == pytest.approx([by_hand(log, policy, predicted)] * 2, rel=1e-12)


def test_numbered_columns_of_predictions_are_found_by_number() -> None:
    log, policy, predicted = log_and_tables()
    codes = log.assign(action=[LABELS.index(each) for each in log["action"]])
    numbered = predicted.set_axis([0, 1, 2], axis=1)[[1, 2, 0]]
    table = evaluate(codes, policy.to_numpy(), numbered, [DoublyRobust()])
    assert table["value"].iloc[0] == pytest.approx(by_hand(log, policy, predicted), rel=1e-12)


def test_columns_of_predictions_are_found_by_label_everywhere(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    log, policy, predicted = log_and_tables()
    swapped = predicted[LABELS[::-1]]
    wanted = by_hand(log, policy, predicted)
    loggers = evaluate_several_loggers(log.assign(policy="one"), policy, swapped, ["dr_naive"])
    assert loggers["value"].iloc[0] == pytest.approx(wanted, rel=1e-12)
    uniform = pd.DataFrame(1 / 3, columns=LABELS, index=log.index)
    many = evaluate_many_actions(
        log, policy, behavior=uniform, embeddings=np.arange(3), estimators=["off_cem"], reward_model=swapped
    )
    assert many["value"].iloc[0] == pytest.approx(wanted, rel=1e-12)
    folder = tmp_path_factory.mktemp("log")
    both = pd.concat([log, policy, predicted.add_prefix("q_")], axis=1)
    both.to_parquet(folder / "log.parquet")
    streamed = evaluate_parquet(
        folder,
        lambda part: part[LABELS],
        lambda part: part[[f"q_{each}" for each in LABELS[::-1]]].set_axis(LABELS[::-1], axis=1),
        ["dr"],
    )
    assert streamed["value"].iloc[0] == pytest.approx(wanted, rel=1e-12)
    kept, turned = (
        advise(log, policy, each, ["dm", "dr"], behavior=uniform) for each in (predicted, swapped)
    )
    pd.testing.assert_frame_equal(kept.table, turned.table)


def test_columns_that_are_no_actions_are_refused() -> None:
    log, policy, predicted = log_and_tables()
    with pytest.raises(UserError, match=r"predictions of 'reward'.*missing: \['plum'\]"):
        evaluate(log, policy, predicted.rename(columns={"plum": "kiwi"}), [DirectMethod()])


def test_rows_in_another_order_are_refused() -> None:
    log, policy, predicted = log_and_tables()
    turned = policy.sort_index()
    with pytest.raises(UserError, match="policy 'evaluation' is that of the log in another order"):
        evaluate(log, turned, False)
    with pytest.raises(UserError, match="predictions of 'reward' is that of the log in another order"):
        evaluate(log, policy, predicted.sort_index(), [DoublyRobust()])
    weights = pd.Series(np.ones(N), index=log.index).sort_index()
    with pytest.raises(UserError, match="balanced_weights is that of the log in another order"):
        evaluate(log, policy, False, ["balanced_ips"], balanced_weights=weights)
    # Rows of an index of their own, and arrays, are taken by position.
    value = evaluate(log, policy, False, [InversePropensity()])["value"].iloc[0]
    for same in (policy.to_numpy(), policy.set_axis(np.arange(N) - 1000)):
        actions = LABELS if isinstance(same, np.ndarray) else None
        again = evaluate(log, same, False, [InversePropensity()], actions=actions)["value"].iloc[0]
        assert again == pytest.approx(value, rel=1e-12)


def test_predictions_may_be_series_with_any_index() -> None:
    draw = np.random.default_rng(1)
    slates = pd.DataFrame(
        {
            "request_id": np.repeat(np.arange(100), 2),
            "slot": np.tile([0, 1], 100),
            "click": draw.random(200),
            "logged": 0.2,
            "wanted": 0.3,
            "q": draw.random(200),
            "expected": draw.random(200),
        },
        index=draw.permutation(200),
    )
    table = evaluate_slates(
        slates,
        SlateProbabilities(given_earlier="wanted"),
        behavior=SlateProbabilities(given_earlier="logged"),
        predictions=PredictedRewards(slates["q"], slates["expected"]),  # type: ignore[arg-type]
        estimators=[CascadeDoublyRobust()],
    )
    first, second = slates.iloc[::2], slates.iloc[1::2]
    wanted = (1.5 * (first["click"] - first["q"]) + first["expected"]).mean()
    wanted += (2.25 * (second["click"] - second["q"]) + 1.5 * second["expected"]).mean()
    assert table["value"].iloc[0] == pytest.approx(wanted, rel=1e-12)
    with pytest.raises(UserError, match="given_earlier of policy 'evaluation' is that of the log in another"):
        evaluate_slates(
            slates,
            SlateProbabilities(given_earlier=slates["wanted"].sort_index()),
            behavior=SlateProbabilities(given_earlier="logged"),
        )


def test_predictions_that_are_no_numbers_are_refused() -> None:
    log, policy, predicted = log_and_tables()
    with pytest.raises(UserError, match="predictions of 'reward' are not numbers"):
        evaluate(log, policy, predicted.astype(object).map(lambda _: "high"), [DoublyRobust()])
    value = evaluate(log, policy, predicted.astype(object), [DoublyRobust()])["value"].iloc[0]
    assert value == pytest.approx(by_hand(log, policy, predicted), rel=1e-12)
