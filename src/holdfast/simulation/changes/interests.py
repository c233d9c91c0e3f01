"""Interests rotate: the same people come to like something else.

I items, G topics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.simulation.changes.schedule import Change


@dataclass(frozen=True, kw_only=True)
class RotatingInterests(Change):
    r"""Every pair of topics turns, for everybody: who liked the first of them comes to like the second.

    With :math:`a = level \cdot \pi / 2` and the topics of a pair (0, 1), (2, 3), ...,

    .. math:: \theta'_{2j} = \cos a \, \theta_{2j} - \sin a \, \theta_{2j+1}, \qquad
        \theta'_{2j+1} = \sin a \, \theta_{2j} + \cos a \, \theta_{2j+1}

    so tastes keep their strength and lose their direction; of an odd number of topics the last one stays.
    What users declared and clicked long ago tells less and less of them: drift of outcome given features.

    Attributes:
        strength: of a quarter turn, in [0, 1].
    """

    def seen_mix(self, mix: Floats, day: int) -> Floats:
        r"""Topics of items as turned users take them, :math:`R^T x`: :math:`(R \theta) x = \theta (R^T x)`.

        Args:
            mix: topics of the items, ``[I, G]``.
            day: today.

        Returns:
            Shares that may be below 0, ``[I, G]``.
        """
        level = self.level(day)
        if level == 0.0:
            return mix
        cosine, sine = np.cos(level * np.pi / 2.0), np.sin(level * np.pi / 2.0)
        pairs = mix.shape[1] // 2 * 2
        first, second = mix[:, 0:pairs:2], mix[:, 1:pairs:2]
        turned = mix.copy()
        turned[:, 0:pairs:2] = cosine * first + sine * second
        turned[:, 1:pairs:2] = cosine * second - sine * first
        return turned
