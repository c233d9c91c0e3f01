"""What a user does with a slate: look, click, stay.

Q requests, K slots; every array is ``[Q, K]`` unless it says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from holdfast.core.arrays import Bools, Floats


def examination(num_slots: int, *, decay: float) -> Floats:
    r"""Chance that a user looks at a slot, ``[K]``: :math:`1 / (1 + \eta k)` for slot k from 0.

    Args:
        num_slots: K.
        decay: eta >= 0.
    """
    return np.asarray(1.0 / (1.0 + decay * np.arange(num_slots)))


@dataclass(frozen=True, kw_only=True)
class Slate:
    """The facts about Q slates that reactions depend on.

    Attributes:
        interest: match of the user's interests with the item's topics.
        quality: of the item.
        clickbait: of the item.
        length: of the item; see ``Items.length``.
        content_seconds: of the item.
        age_days: of the item.
        fatigue: how tired the user is of the item's main topic, >= 0.
        on_phone: bool ``[Q, 1]``.
        hour: local hour, in [0, 24), ``[Q, 1]``.
    """

    interest: Floats
    quality: Floats
    clickbait: Floats
    length: Floats
    content_seconds: Floats
    age_days: Floats
    fatigue: Floats
    on_phone: Bools
    hour: Floats


@dataclass(frozen=True, kw_only=True)
class Reactions:
    r"""How likely a click is and how long it holds.

    Appeal, in log odds of a click on something looked at:

    .. math::
        A = \alpha + 1.0 \, m + \beta_c c + 0.4 \, e^{-age / 3} - 0.35 \, F
            - 0.25 \, \ell \, \mathbb{1}[phone] + 0.2 \cos(2 \pi (hour - 20) / 24)

    with interest match m, clickbait c, fatigue F and length :math:`\ell`. A click has probability
    :math:`\sigma(A) / (1 + \eta k)` in slot k: it takes a look and a liking. The latent time that the user
    would stay is log-normal,

    .. math:: \log D^* \sim N(\mu, 1.0^2), \qquad
        \mu = \log 30 + 0.45 \, q + 0.35 \, m - \gamma_c c + 0.25 \, \ell

    with quality q, and dwell is :math:`\min(D^*, L)`: equal to the length L where the content was finished.

    Attributes:
        base: alpha.
        clickbait_appeal: beta_c, log odds of a click per unit of clickbait; 0: promises do not work.
        clickbait_cost: gamma_c, log seconds lost per unit of clickbait; 0: promises are kept.
        examination_decay: eta.
        interest_appeal: log odds of a click per unit of match.
        dwell_spread: standard deviation of log seconds.
    """

    base: float
    clickbait_appeal: float
    clickbait_cost: float
    examination_decay: float
    interest_appeal: float = 1.0
    dwell_spread: float = 1.0

    def click_probability(self, slate: Slate) -> Floats:
        """Chance of a click in each slot, examination included, in (0, 1)."""
        appeal = (
            self.base
            + self.interest_appeal * slate.interest
            + self.clickbait_appeal * slate.clickbait
            + 0.4 * np.exp(-slate.age_days / 3.0)
            - 0.35 * slate.fatigue
            - 0.25 * slate.length * slate.on_phone
            + 0.2 * np.cos(2.0 * np.pi * (slate.hour - 20.0) / 24.0)
        )
        look = examination(appeal.shape[1], decay=self.examination_decay)
        return np.asarray(look * expit(appeal))

    def dwell_log_mean(self, slate: Slate) -> Floats:
        """Mean of the log of the latent time, log seconds."""
        return np.asarray(
            np.log(30.0)
            + 0.45 * slate.quality
            + 0.35 * slate.interest
            - self.clickbait_cost * slate.clickbait
            + 0.25 * slate.length
        )

    def dwell_seconds(self, log_mean: Floats, content_seconds: Floats, noise: Floats) -> Floats:
        """Observed time, > 0 and at most the content's; ``noise`` is standard normal.

        Rounded to milliseconds, upwards from zero: a click takes some time.
        """
        latent = np.exp(log_mean + self.dwell_spread * noise)
        return np.asarray(np.minimum(np.maximum(np.round(latent, 3), 0.001), content_seconds))
