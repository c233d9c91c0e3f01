"""How likely a slot is looked at, from clicks on slots that chance filled.

N rows of a window, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Meaning, Propensity
from holdfast.objectives.propensities.randomised_slice import random_policies
from holdfast.objectives.propensities.source import FittedSource, Predictor, check_num_folds, cross_fitted


@dataclass(frozen=True, kw_only=True)
class ExaminationByRandomSlots:
    r"""Click rates of slots, where chance chose the items, over that of the best slot.

    A click needs an examined slot and an item of interest, independent of each other: :math:`P(c \mid k, x) =
    \theta_k \gamma_x`. Where chance chose, every slot has the same items on average, so click rates are
    proportional to :math:`\theta_k`. Only ratios can be told: the best slot has 1.

    Attributes:
        policies: patterns of names of policies that fill the slots by chance; [] if all do.
        num_folds: parts of the users; a row's propensity comes from the others.
        min_clicks: fewest clicks of a slot, >= 1; a slot with fewer takes the rate of all slots with fewer.
        seed: of the folds.

    Source: Joachims et al. (2017), WSDM; Wang et al. (2018), WSDM.
    """

    policies: list[str] = field(default_factory=random_policies)
    num_folds: int = 5
    min_clicks: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_num_folds(self.num_folds)
        if self.min_clicks < 1:
            raise ValueError(f"min_clicks is {self.min_clicks}; it must be at least 1")

    @property
    def meaning(self) -> Meaning:
        """The slot was looked at."""
        return "examination"

    def fit(self, train: LoggedRows) -> FittedSource:
        """Count clicks by slot.

        Raises:
            ValueError: no row was chosen by chance, slots are not logged, or nothing was clicked.
        """
        usable = self._usable(train)
        if not usable.any():
            raise ValueError(
                "no row with a slot and a known click was logged by a policy like "
                f"{self.policies or 'any'}; the log's policies are {list(train.policies) or 'unknown'}: name "
                "those that fill slots by chance, or choose objective/propensity=examination_em"
            )
        predict = self._predictor(train)
        # All rows are held out, those that teach nothing too: their users may have others that do.
        values = cross_fitted(train, fit=self._predictor, num_folds=self.num_folds, seed=self.seed)
        return FittedSource(
            on_train=self._propensity(values),
            of=lambda rows: self._propensity(predict(rows)),
            notes=(f"slots: {_said(predict, train)}, from {int(usable.sum()):,} rows that chance chose",),
        )

    def _propensity(self, values: Floats) -> Propensity:
        return Propensity(values=values, meaning=self.meaning, source="click rates of randomised slots")

    def _usable(self, rows: LoggedRows) -> Bools:
        usable = ~np.isnan(rows.click) & (rows.slot >= 0)
        return usable & rows.logged_by(self.policies) if self.policies else usable

    def _predictor(self, rows: LoggedRows) -> Predictor:
        used = rows.take(self._usable(rows))
        return slot_predictor(examination_by_click_rates(used.click, used.slot, min_clicks=self.min_clicks))


def examination_by_click_rates(click: Floats, slot: Ints, *, min_clicks: int = 1) -> Floats:
    """Examination of each slot from 0, the best has 1, ``[K]``; NaN for a slot that never occurs.

    Args:
        click: 0 or 1, of rows whose items chance chose, ``[N]``.
        slot: from 0, ``[N]``.
        min_clicks: slots with fewer clicks are taken together.

    Raises:
        ValueError: there is no click.
    """
    shown = np.bincount(slot).astype(np.float64)
    clicked = np.bincount(slot, click, minlength=len(shown))
    if not clicked.sum() > 0.0:
        raise ValueError("no randomised row was clicked, so nothing tells slots apart; bring a longer log")
    few = (clicked < min_clicks) & (shown > 0)
    if few.any():
        # Noise of a handful of clicks would become a huge weight; nothing at all an infinite one.
        together = max(float(clicked[few].sum()), 0.5) / float(shown[few].sum())
        clicked = np.where(few, together * shown, clicked)
    with np.errstate(invalid="ignore"):
        rate = clicked / shown
    return np.asarray(rate / np.nanmax(rate))


def slot_predictor(by_slot: Floats) -> Predictor:
    """Looks up a row's slot, ``[K]`` to ``[N]``; NaN for slots that were not seen or not logged."""

    def predict(rows: LoggedRows) -> Floats:
        table = np.append(by_slot, np.nan)
        inside = (rows.slot >= 0) & (rows.slot < len(by_slot))
        return np.asarray(table[np.where(inside, rows.slot, len(by_slot))])

    return predict


def _said(predict: Predictor, rows: LoggedRows) -> str:
    slots, first = np.unique(rows.slot, return_index=True)
    shown = predict(rows.take(first))
    return ", ".join(f"{slot}: {value:.2f}" for slot, value in zip(slots[:10], shown[:10], strict=True))
