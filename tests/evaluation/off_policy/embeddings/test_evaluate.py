from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from holdfast.evaluation.off_policy import IndexedRows, InversePropensity, RidgeRewardModel, evaluate
from holdfast.evaluation.off_policy.embeddings import (
    EmbeddingByChance,
    MarginalizedInversePropensity,
    OffCEM,
    SelfNormalizedMarginalizedInversePropensity,
    evaluate_many_actions,
)

WEIGHTS_ONLY = [MarginalizedInversePropensity(), SelfNormalizedMarginalizedInversePropensity()]


class Small:
    """Four actions with a joint embedding of two dimensions, actions 1 and 3 sharing theirs; by hand."""

    frame = pd.DataFrame({"action": [0, 1, 3, 2], "reward": [1.0, 2.0, 0.0, 4.0]})
    behavior = np.tile([0.4, 0.1, 0.2, 0.3], (4, 1))
    evaluation = np.tile([0.1, 0.5, 0.3, 0.1], (4, 1))
    embeddings = pd.DataFrame({"topic": ["a", "a", "b", "a"], "length": [0, 1, 1, 1]})
    # p_e(e) / p_b(e): (a, 0) .1/.4, (a, 1) .6/.4, (b, 1) .3/.2
    weights = np.array([0.25, 1.5, 1.5, 1.5])
    mips = float((weights * [1.0, 2.0, 0.0, 4.0]).sum() / 4)
    snmips = float((weights * [1.0, 2.0, 0.0, 4.0]).sum() / weights.sum())


def values(
    frame: pd.DataFrame = Small.frame, evaluation: object = Small.evaluation, **options: object
) -> pd.Series:
    options = {"behavior": Small.behavior, "embeddings": Small.embeddings, "reward_model": False, **options}
    table = evaluate_many_actions(frame, evaluation, **options)  # type: ignore[arg-type]
    return table.set_index("estimator")["value"]


FORMS: list[Callable[[np.ndarray], object]] = [
    lambda table: table,
    lambda table: table.astype(np.float32),
    sparse.csr_matrix,
    lambda table: IndexedRows(table[:1], np.zeros(len(table), dtype=np.int64)),
]


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_of_the_joint_embedding(form: Callable[[np.ndarray], object]):
    found = values(evaluation=form(Small.evaluation), behavior=form(Small.behavior))
    assert list(found.index) == ["mips", "snmips"]
    assert found["mips"] == pytest.approx(Small.mips, rel=1e-6)
    assert found["snmips"] == pytest.approx(Small.snmips, rel=1e-6)
    # A weight that multiplies the dimensions' own ratios, topic a .7/.8 and b .3/.2, is another one.
    assert not np.isclose(0.7 / 0.8 * 0.1 / 0.4, 0.25)


def test_an_embedding_of_its_own_for_each_action_is_plain_weighting():
    found = values(embeddings=np.arange(4))
    weight = np.array([0.1 / 0.4, 5.0, 1 / 3, 1.5])
    assert found["mips"] == pytest.approx((weight * Small.frame["reward"]).mean(), rel=1e-12)


def test_one_embedding_for_all_is_the_logged_mean():
    assert values(embeddings=np.zeros(4, dtype=int))["mips"] == pytest.approx(7 / 4, rel=1e-12)


def test_actions_by_label_in_any_order():
    names = ["p", "q", "r", "s"]
    frame = Small.frame.assign(action=[names[each] for each in Small.frame["action"]])
    found = values(
        frame,
        pd.DataFrame(Small.evaluation, columns=names)[["s", "q", "p", "r"]],
        behavior=pd.DataFrame(Small.behavior, columns=names),
        embeddings=Small.embeddings.set_axis(names).loc[["r", "s", "q", "p"]],
    )
    assert found["mips"] == pytest.approx(Small.mips, rel=1e-12)


def test_embeddings_by_chance_multiply_given_the_action():
    """Two dimensions, by hand for two actions: p(e) = sum_a pi(a) p(e_1 | a) p(e_2 | a)."""
    first = np.array([[0.5, 0.5], [0.9, 0.1]])
    second = np.array([[1.0, 0.0], [0.25, 0.75]])
    frame = pd.DataFrame({"action": [0, 1, 1], "reward": [1.0, 2.0, 3.0]})
    behavior, evaluation = np.tile([0.5, 0.5], (3, 1)), np.tile([0.2, 0.8], (3, 1))
    logged = np.array([[0, 0], [1, 1], [0, 0]])
    weights = [
        (0.2 * 0.5 * 1 + 0.8 * 0.9 * 0.25) / (0.5 * 0.5 * 1 + 0.5 * 0.9 * 0.25),
        (0.8 * 0.1 * 0.75) / (0.5 * 0.1 * 0.75),
        (0.2 * 0.5 * 1 + 0.8 * 0.9 * 0.25) / (0.5 * 0.5 * 1 + 0.5 * 0.9 * 0.25),
    ]
    found = values(
        frame, evaluation, behavior=behavior, embeddings=EmbeddingByChance([first, second], logged)
    )
    assert found["mips"] == pytest.approx(np.mean(np.array(weights) * [1.0, 2.0, 3.0]), rel=1e-12)
    assert found["snmips"] == pytest.approx(np.dot(weights, [1.0, 2.0, 3.0]) / sum(weights), rel=1e-12)
    one = values(
        frame, evaluation, behavior=behavior, embeddings=EmbeddingByChance(first, np.array([0, 1, 0]))
    )
    expected = np.array([0.2 * 0.5 + 0.8 * 0.9, 0.2 * 0.5 + 0.8 * 0.1, 0.2 * 0.5 + 0.8 * 0.9])
    uniform = np.array([0.7, 0.3, 0.7])
    assert one["mips"] == pytest.approx((expected / uniform * [1.0, 2.0, 3.0]).mean(), rel=1e-12)


def every_action_once(worth: np.ndarray) -> pd.DataFrame:
    """The distribution of a log under chances (4, 1, 2, 3) / 10, itself."""
    action = np.repeat(np.arange(4), [4, 1, 2, 3])
    return pd.DataFrame({"action": action, "reward": worth[action]})


def tiled(row: list[float]) -> np.ndarray:
    return np.tile(row, (10, 1))


def test_mips_is_exact_without_a_direct_effect_and_biased_with_one():
    options = {"behavior": tiled([0.4, 0.1, 0.2, 0.3]), "evaluation": tiled([0.1, 0.5, 0.3, 0.1])}
    shared = np.array([1.0, 2.0, 0.5, 2.0])
    assert values(every_action_once(shared), **options)["mips"] == pytest.approx(
        shared @ [0.1, 0.5, 0.3, 0.1], rel=1e-12
    )
    direct = np.array([1.0, 3.0, 0.5, 2.0])
    error = values(every_action_once(direct), **options)["mips"] - direct @ [0.1, 0.5, 0.3, 0.1]
    assert error == pytest.approx(0.6 * (3 + 3 * 2) / 4 - (0.5 * 3 + 0.1 * 2), rel=1e-9)


def test_off_cem_is_exact_when_differences_within_clusters_are_right():
    """Whatever the level; and wrong when the differences are."""
    options = {"behavior": tiled([0.4, 0.1, 0.2, 0.3]), "evaluation": tiled([0.1, 0.5, 0.3, 0.1])}
    worth = np.array([1.0, 3.0, 0.5, 2.0])
    truth = float(worth @ [0.1, 0.5, 0.3, 0.1])
    clusters = np.array([0, 1, 0, 1])
    frame = every_action_once(worth)

    def found(model: np.ndarray) -> float:
        table = values(
            frame, embeddings=clusters, reward_model=tiled(list(model)), estimators=[OffCEM()], **options
        )
        return float(table["off_cem"])

    assert found(worth + np.array([5.0, -2.0, 5.0, -2.0])) == pytest.approx(truth, rel=1e-12)
    assert abs(found(np.zeros(4)) - truth) > 0.01


def big_log(
    seed: int, *, direct: float, num_actions: int = 300
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, float]:
    """Many actions in ten clusters, a reward of the cluster and a part that only the action has."""
    draw = np.random.default_rng(seed)
    num_rows = 1500
    fixed = np.random.default_rng(3)
    worth = fixed.normal(size=10)[np.arange(num_actions) % 10] + direct * fixed.normal(size=num_actions)
    wanted = np.exp(2.0 * fixed.normal(size=num_actions) + 0.5 * worth)
    logged = np.exp(fixed.normal(size=num_actions))
    wanted, logged = wanted / wanted.sum(), logged / logged.sum()
    action = draw.choice(num_actions, size=num_rows, p=logged)
    frame = pd.DataFrame({"action": action, "reward": worth[action] + draw.normal(size=num_rows)})
    frame["propensity"] = logged[action]
    return frame, logged, wanted, float(worth @ wanted)


def errors_of(direct: float, seeds: range, *, num_actions: int) -> tuple[pd.DataFrame, int]:
    rows, covered = [], 0
    for seed in seeds:
        frame, logged, wanted, truth = big_log(seed, direct=direct, num_actions=num_actions)
        index = np.zeros(len(frame), dtype=np.int64)
        table = evaluate_many_actions(
            frame,
            IndexedRows(wanted[None], index),
            behavior=IndexedRows(logged[None], index),
            embeddings=np.arange(len(logged)) % 10,
            propensity="propensity",
        ).set_index("estimator")
        plain = evaluate(
            frame, IndexedRows(wanted[None], index), reward_model=False, estimators=[InversePropensity()]
        ).set_index("estimator")
        rows.append(pd.concat([table["value"], plain["value"]]).astype(float) - truth)
        covered += bool(table["low"]["mips"] < truth < table["high"]["mips"])
    return pd.DataFrame(rows), covered


def test_with_many_actions_mips_covers_and_varies_less_than_ips():
    errors, covered = errors_of(0.0, range(20), num_actions=300)
    assert covered >= 16  # 99.7 % of cases at a coverage of 95 %
    assert abs(errors["mips"].mean()) < 4 * errors["mips"].std() / np.sqrt(20)
    assert (errors["mips"] ** 2).mean() < 0.1 * (errors["ips"] ** 2).mean()


def test_off_cem_repairs_most_of_what_a_direct_effect_does_to_mips():
    # Enough rows of an action, 25 in the mean, for its difference from its cluster to be learned.
    errors, _ = errors_of(1.0, range(100, 110), num_actions=60)
    assert (errors["off_cem"] ** 2).mean() < 0.5 * (errors["mips"] ** 2).mean()
    assert (errors["off_cem"] ** 2).mean() < 0.5 * (errors["ips"] ** 2).mean()


def test_any_reward_model_serves():
    frame, logged, wanted, _ = big_log(0, direct=0.5, num_actions=20)
    table = evaluate_many_actions(
        frame,
        np.tile(wanted, (len(frame), 1)),
        behavior=np.tile(logged, (len(frame), 1)),
        embeddings=np.arange(20) % 10,
        reward_model=RidgeRewardModel(),
        estimators=[OffCEM()],
    )
    assert table["value"].notna().all()
    assert (table["setting"] == "").all()


def test_what_was_never_logged_of_an_embedding_is_seen():
    frame, logged, wanted, _ = big_log(1, direct=0.0, num_actions=30)
    wanted_most = int(np.argmax(np.bincount(np.arange(30) % 10, wanted)))
    keep = (frame["action"] % 10 != wanted_most).to_numpy()
    part = frame[keep].reset_index(drop=True)
    table = evaluate_many_actions(
        part,
        np.tile(wanted, (len(part), 1)),
        behavior=np.tile(logged, (len(part), 1)),
        embeddings=np.arange(30) % 10,
        reward_model=False,
    )
    assert (table["support_violation"] > 0).all()
    assert table["status"].str.contains("the log cannot say").all()


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"behavior": np.full(4, 0.4)}, "logged actions only"),
        ({"behavior": np.full((4, 3), 1 / 3)}, "have .* actions"),
        ({"behavior": np.zeros((4, 4))}, "do not sum to 1"),
        ({"behavior": np.tile([0.5, 0.5, 0.0, 0.0], (4, 1))}, "missing or outside"),
        ({"embeddings": np.arange(3)}, "each of the 4 actions"),
        ({"embeddings": pd.Series([1.0, None, 2.0, 3.0])}, "missing values"),
        ({"embeddings": EmbeddingByChance(np.full((4, 2), 0.4), np.zeros(4, dtype=int))}, "sum to 1"),
        ({"embeddings": EmbeddingByChance(np.full((4, 2), 0.5), np.full(4, 2))}, "its table has 2 columns"),
        (
            {"embeddings": EmbeddingByChance(np.full((4, 2), 0.5), np.zeros(3, dtype=int))},
            "each of the 4 rows",
        ),
        ({"propensity": "p"}, "no column 'p'"),
        ({"estimators": [OffCEM()]}, "needs"),
        ({"actions": ["a", "b", "c"]}, "3 labels"),
        ({"reward_model": np.ones((4, 3)), "estimators": [OffCEM()]}, "they need"),
    ],
)
def test_what_is_refused(options: dict[str, object], pattern: str):
    with pytest.raises(ValueError, match=pattern):
        values(**options)


def test_a_propensity_of_another_policy_is_found():
    frame = Small.frame.assign(p=[0.4, 0.1, 0.3, 0.25])
    with pytest.raises(ValueError, match="disagree in 1 rows, the first is row 3"):
        values(frame, propensity="p")


def test_an_embedding_that_could_not_be_logged_is_refused():
    table = np.array([[1.0, 0.0]] * 4)
    with pytest.raises(ValueError, match="chance 0 under every action"):
        values(embeddings=EmbeddingByChance(table, np.array([0, 1, 0, 0])))


def test_one_row_abstains():
    table = evaluate_many_actions(
        Small.frame.iloc[:1], Small.evaluation[:1], behavior=Small.behavior[:1], embeddings=Small.embeddings
    )
    assert table["estimator"].tolist() == ["mips", "snmips"]
    assert table["status"].str.contains("the log cannot say").all()
