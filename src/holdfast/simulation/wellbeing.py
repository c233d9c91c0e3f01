"""What a day leaves behind in a user: satisfaction, fatigue with topics, a shift of interests.

U users, Q requests, K slots, G topics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints


def experience(click: Bools, dwell_seconds: Floats, content_seconds: Floats, fatigue: Floats) -> Floats:
    r"""How good a slate felt, ``[Q]``.

    .. math:: E = 1.0 \, n_{good} - 1.0 \, n_{let down} - 0.15 \, \bar F

    A click was *good* where the user stayed 30 seconds or to the end, and a *let-down* where the user left
    within 10 seconds before the end. :math:`\bar F` is the mean fatigue with the topics of the slate: being
    shown more of the same bores, clicked or not.

    Args:
        click: ``[Q, K]``.
        dwell_seconds: ``[Q, K]``; anything where nothing was clicked.
        content_seconds: ``[Q, K]``.
        fatigue: ``[Q, K]``.
    """
    finished = dwell_seconds >= content_seconds
    good = click & (finished | (dwell_seconds >= 30.0))
    let_down = click & ~finished & (dwell_seconds < 10.0)
    return np.asarray(good.sum(axis=1) - 1.0 * let_down.sum(axis=1) - 0.15 * fatigue.mean(axis=1))


@dataclass(frozen=True, kw_only=True)
class Wellbeing:
    r"""Slow states of a user and how a day moves them.

    .. math::
        S_u &\leftarrow (1 - \lambda) S_u + \lambda \tanh(E_u / 2)
            && \text{satisfaction, after a day with experience } E_u \\
        F_{ug} &\leftarrow \phi \, (F_{ug} + 0.25 \, n_{ug})
            && \text{fatigue, after a day with } n_{ug} \text{ impressions of topic } g \\
        \theta_u &\leftarrow \theta_u + \delta \, (\bar x_u - 1 / G) + 0.02 \, (\theta^0_u - \theta_u)
            && \text{interests, after clicks on items with mean topics } \bar x_u

    Attributes:
        memory: lambda in (0, 1]; how fast satisfaction forgets.
        fatigue_kept: phi in [0, 1); share of the fatigue that is left a day later.
        drift: delta >= 0; how far a day of clicks moves the interests.
    """

    memory: float
    fatigue_kept: float
    drift: float

    def satisfaction(self, before: Floats, felt: Floats) -> Floats:
        """Satisfaction after a visit, in (-1, 1), ``[U]``, from that before it and the day's experience."""
        return np.asarray((1.0 - self.memory) * before + self.memory * np.tanh(felt / 2.0))

    def tire(self, fatigue: Floats, user: Ints, topic: Ints) -> None:
        """Add the impressions of topics ``[Q, K]`` shown to users ``[Q]`` to ``fatigue [U, G]``, in place."""
        np.add.at(fatigue, (user[:, None], topic), 0.25)

    def interests(self, now: Floats, at_first: Floats, clicked_mix: Floats) -> Floats:
        """Interests ``[U, G]`` after clicks on items with mean topic shares ``clicked_mix [U, G]``."""
        pull = 0.02 * (at_first - now)
        return np.asarray(now + self.drift * (clicked_mix - 1.0 / now.shape[1]) + pull)
