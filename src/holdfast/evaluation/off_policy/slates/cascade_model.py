"""A model of what a slot and those below it bring in, fitted from the last slot up.

N rows, Q slates, K slots, A items, D features, F folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.context_features import learn_encoding
from holdfast.evaluation.off_policy.cross_fitting import fold_of_key
from holdfast.evaluation.off_policy.extraction import PredictedRewards
from holdfast.evaluation.off_policy.policy_probabilities import (
    IndexedRows,
    PolicyProbabilities,
    ProbabilityBlock,
    action_labels,
    read_policy,
)
from holdfast.evaluation.off_policy.reward_models import RewardModel, RidgeRewardModel
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns, SlateLog, read_slates


def fit_cascade_model(
    log: pd.DataFrame,
    given_earlier: Any,
    *,
    model: RewardModel | None = None,
    actions: Sequence[object] | None = None,
    rewards: str | Sequence[str] = "click",
    context: Sequence[str] = (),
    request: str = "request_id",
    slot: str = "slot",
    item: str = "item_id",
    user: str | None = "user_id",
    num_folds: int = 3,
    seed: int = 0,
) -> dict[str, PredictedRewards]:
    """Predictions for cascade-DR, each made without having seen the slates of its user.

    From the last slot up, the reward of a slot plus what the evaluation policy is predicted to get from the
    slots below is regressed on the item and the context; a model per slot. Items of earlier slots are no
    inputs: the estimate does not need them to be unbiased, though it would vary less with them.

    Args:
        log: a row per slot of a slate, N in all, in any order.
        given_earlier: the evaluation policy's chance of *every* item in this slot, given the logged items of
            the earlier slots: data frame with a column per item, array or sparse matrix, ``[N, A]``.
        model: settings; None for ``RidgeRewardModel()``.
        actions: labels of the A items; needed where ``given_earlier`` is no data frame.
        rewards: column or columns of outcomes per slot.
        context: columns that the model may look at.
        request: column of the slate.
        slot: column of the slot, from 0.
        item: column of the item.
        user: column of the user; ignored where there is none.
        num_folds: F, at least 2.
        seed: of the folds.

    Returns:
        By objective, for ``evaluate_slates(..., predictions=...)``.

    Raises:
        UserError: an item is not among the actions, a row does not sum to 1, or all slates are one user's.

    Source: Kiyohara et al. (2022) for the recursion; Chernozhukov et al. (2018) for cross-fitting.
    """
    if num_folds < 2:
        raise UserError(f"num_folds is {num_folds}; a model that has not seen a slate takes at least 2")
    names = (rewards,) if isinstance(rewards, str) else tuple(rewards)
    columns = SlateColumns(request=request, slot=slot, item=item, rewards=names, user=user)
    slates = read_slates(log, columns)
    if item not in log.columns:
        raise UserError(f"the log has no column {item!r}, and a model needs to know what was shown; name it")
    labels = actions if actions is not None else action_labels(given_earlier)
    if labels is None:
        raise UserError("actions is missing: give the labels of the columns of given_earlier, in their order")
    policy = read_policy(given_earlier, name="evaluation", num_rows=len(log), actions=labels, index=log.index)
    if policy.num_actions is None:
        raise UserError("given_earlier has one number per row; a model is averaged over all items, [N, A]")
    if policy.num_actions != len(labels):
        raise UserError(f"actions has {len(labels)} labels and given_earlier {policy.num_actions} columns")
    shown = pd.Index(list(labels), dtype=object).get_indexer(pd.Index(log[item])).astype(np.int64)
    # Checks every row, whatever the models later use.
    policy.block(slice(0, len(log)), shown)
    features = learn_encoding([log], context).encode(log)
    folds = fold_of_key(slates.keys, num_folds=num_folds, seed=seed)
    fitter = _Backward(slates, policy, shown, features, folds, model or RidgeRewardModel(), len(labels))
    return {name: fitter.predictions(slates.rewards[name], num_rows=len(log)) for name in names}


class _Backward:
    """Fits slot after slot, the last first."""

    def __init__(
        self,
        slates: SlateLog,
        policy: PolicyProbabilities,
        shown: Ints,
        features: Floats,
        folds: Ints,
        model: RewardModel,
        num_items: int,
    ) -> None:
        self._slates, self._policy, self._shown = slates, policy, shown
        self._features, self._folds, self._model, self._num_items = features, folds, model, num_items

    def predictions(self, reward: Floats, *, num_rows: int) -> PredictedRewards:
        """Out-of-fold predictions of one objective from its rewards ``[K, Q]``."""
        logged, expected = np.zeros(num_rows), np.zeros(num_rows)
        for fold in range(int(self._folds.max()) + 1):
            held_out = self._folds == fold
            if held_out.any():
                self._fill_fold(held_out, reward, logged, expected)
        return PredictedRewards(logged, expected)

    def _fill_fold(self, held_out: Bools, reward: Floats, logged: Floats, expected: Floats) -> None:
        below = np.zeros(self._slates.num_slates)
        for slot in reversed(range(self._slates.num_slots)):
            here = self._slates.present[slot]
            training = here & ~held_out
            if not training.any():
                if (here & held_out).any():
                    raise UserError(
                        f"all slates with slot {slot} are one user's or in one fold, so no model can be "
                        "fitted "
                        "without them; give more slates, or leave cascade-DR out"
                    )
                continue
            rows = self._slates.row[slot]
            fitted = self._model.fit(
                self._features[rows[training]],
                self._shown[rows[training]],
                reward[slot, training] + below[training],
                weight=np.ones(int(training.sum())),
                num_actions=self._num_items,
            )
            mine = rows[here]
            predicted = fitted.predict(self._features[mine])
            value = _expected(self._policy, mine, predicted)
            below[here] = value
            unseen = held_out[here]
            logged[mine[unseen]] = predicted[unseen, self._shown[mine[unseen]]]
            expected[mine[unseen]] = value[unseen]


def _expected(policy: PolicyProbabilities, rows: Ints, predicted: Floats) -> Floats:
    """The policy's average of predictions ``[n, A]`` in some rows, ``[n]``."""
    form = policy.form
    table = form.table[form.index[rows]] if isinstance(form, IndexedRows) else form[rows]
    return ProbabilityBlock(np.empty(0), table).expected(predicted)
