from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.evaluation.off_policy import RidgeRewardModel
from holdfast.evaluation.off_policy.slates import SlateProbabilities, evaluate_slates, fit_cascade_model

LOGGED = np.array([0.25, 0.25, 0.5])
WANTED = np.array([0.6, 0.3, 0.1])
WORTH = np.array([[1.0, 0.5, 0.0], [0.2, 0.4, 0.9]])
TRUTH = float((WORTH * WANTED).sum())


def cascading_log(seed: int, *, num_slates: int = 600, noise: float = 0.1) -> tuple[pd.DataFrame, np.ndarray]:
    """Two independent slots of the items a, b, c, whose worth is known, and an id of the user."""
    draw = np.random.default_rng(seed)
    item = draw.choice(3, size=(num_slates, 2), p=LOGGED)
    frame = pd.DataFrame(
        {
            "request_id": np.repeat(np.arange(num_slates), 2),
            "slot": np.tile([0, 1], num_slates),
            "item_id": np.array(["a", "b", "c"])[item.ravel()],
            "user_id": np.repeat(np.arange(num_slates) % 200, 2),
            "click": WORTH[[0, 1], item].ravel() + noise * draw.normal(size=item.size),
            "p": LOGGED[item].ravel(),
            "w": WANTED[item].ravel(),
        }
    )
    return frame, np.tile(WANTED, (len(frame), 1))


def test_predictions_are_of_this_slot_and_those_below():
    frame, given_earlier = cascading_log(0, num_slates=3000, noise=0.0)
    found = fit_cascade_model(
        frame, given_earlier, actions=["a", "b", "c"], model=RidgeRewardModel(shrinkage=1e-6)
    )["click"]
    below = float(WORTH[1] @ WANTED)
    expected = np.tile([float(WORTH[0] @ WANTED) + below, below], 3000)
    assert np.allclose(found.expected, expected, atol=1e-6)
    item = frame["item_id"].map({"a": 0, "b": 1, "c": 2}).to_numpy()
    logged = WORTH[frame["slot"], item] + np.where(frame["slot"] == 0, below, 0.0)
    assert np.allclose(found.logged, logged, atol=1e-6)


def test_no_row_helps_to_predict_its_own_user():
    frame, given_earlier = cascading_log(1)
    table = pd.DataFrame(given_earlier, columns=["a", "b", "c"])
    before = fit_cascade_model(frame, table)["click"]
    changed = frame.copy()
    mine = (frame["user_id"] == 7).to_numpy()
    changed.loc[mine, "click"] += 1000.0
    after = fit_cascade_model(changed, table)["click"]
    assert np.array_equal(before.logged[mine], after.logged[mine])
    assert not np.allclose(before.logged[~mine], after.logged[~mine])


def test_cascade_dr_varies_less_than_rips_and_both_hit_the_truth():
    errors = {"rips": [], "cascade_dr": []}
    covered = 0
    for seed in range(20):
        frame, given_earlier = cascading_log(10 + seed)
        predictions = fit_cascade_model(frame, given_earlier, actions=["a", "b", "c"])
        table = evaluate_slates(
            frame,
            SlateProbabilities(given_earlier="w"),
            behavior=SlateProbabilities(given_earlier="p"),
            predictions=predictions,
            user=None,
        ).set_index("estimator")
        for name, found in errors.items():
            found.append(float(table["value"][name]) - TRUTH)
        covered += bool(table["low"]["cascade_dr"] < TRUTH < table["high"]["cascade_dr"])
    # 20 draws of an interval that covers 95 % are 16 or more in 99.7 % of cases.
    assert covered >= 16
    assert np.square(errors["cascade_dr"]).mean() < 0.25 * np.square(errors["rips"]).mean()


def test_what_is_refused():
    frame, given_earlier = cascading_log(2)
    with pytest.raises(ValueError, match="actions is missing"):
        fit_cascade_model(frame, given_earlier)
    with pytest.raises(ValueError, match="not among the 2 actions"):
        fit_cascade_model(frame, given_earlier[:, :2], actions=["a", "b"])
    with pytest.raises(ValueError, match="do not sum to 1"):
        fit_cascade_model(frame, given_earlier * 0.5, actions=["a", "b", "c"])
    with pytest.raises(ValueError, match="one number per row"):
        fit_cascade_model(frame, np.full(len(frame), 0.5), actions=["a", "b", "c"])
    with pytest.raises(ValueError, match="actions has 3 labels and given_earlier 2 columns"):
        fit_cascade_model(frame, given_earlier[:, :2] / 0.9, actions=["a", "b", "c"])
    with pytest.raises(ValueError, match="one user's or in one fold"):
        fit_cascade_model(frame.assign(user_id=1), given_earlier, actions=["a", "b", "c"])
    with pytest.raises(ValueError, match="num_folds is 1"):
        fit_cascade_model(frame, given_earlier, actions=["a", "b", "c"], num_folds=1)
