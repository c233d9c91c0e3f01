"""How well predictions order and state what users think of coats that chance chose.

U users, I items.
"""

from __future__ import annotations

import numpy as np
from coat import Mask, Matrix
from numpy.typing import NDArray
from scipy.stats import rankdata


def auc(score: Matrix, label: Mask) -> float:
    """Chance that a high rating is scored above a low one, ties half, over all pairs given, ``[N]`` each."""
    ranks = rankdata(score)
    high = int(label.sum())
    low = label.size - high
    if high == 0 or low == 0:
        return float("nan")
    return float((ranks[label].sum() - high * (high + 1) / 2) / (high * low))


def ndcg_by_user(score: Matrix, label: Mask, where: Mask, *, cutoff: int) -> NDArray[np.float64]:
    """NDCG at a cutoff of every user, ``[U]``; NaN for users without a high rating in ``where``.

    Binary gains, discount ``1 / log2(1 + rank)``, each user's test coats ranked among themselves. Equal
    scores keep the order of the items.
    """
    found = np.full(len(score), np.nan)
    for user in range(len(score)):
        items = np.flatnonzero(where[user])
        gains = label[user, items].astype(float)
        if gains.sum() == 0:
            continue
        order = np.argsort(-score[user, items], kind="stable")
        discount = 1.0 / np.log2(2.0 + np.arange(min(cutoff, len(items))))
        best = np.sort(gains)[::-1]
        found[user] = (gains[order][: len(discount)] @ discount) / (best[: len(discount)] @ discount)
    return found


def auc_by_user(score: Matrix, label: Mask, where: Mask) -> NDArray[np.float64]:
    """AUC within every user, ``[U]``; NaN for users whose test ratings are all high or all low."""
    return np.array([auc(score[u][where[u]], label[u][where[u]]) for u in range(len(score))])
