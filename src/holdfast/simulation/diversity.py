"""How varied is what was shown.

I items, G topics, N impressions.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Ints


def coverage(shows: Ints) -> float:
    """Share of items that were shown at all; NaN without items.

    Args:
        shows: impressions of each item that could have been shown, ``[I]``.
    """
    return float((shows > 0).mean()) if len(shows) else float("nan")


def gini(shows: Ints) -> float:
    r"""How unequal items are in impressions: 0 where all have the same, towards 1 where one has all.

    With impressions in rising order,

    .. math:: \frac{\sum_{r=1}^{I} (2 r - I - 1) \, n_{(r)}}{I \sum_r n_{(r)}}

    Args:
        shows: impressions of each item that could have been shown, ``[I]``.

    Returns:
        In [0, 1); NaN where nothing was shown.

    Source: Gini (1912).
    """
    total, num_items = shows.sum(), len(shows)
    if total == 0:
        return float("nan")
    rank = 2.0 * np.arange(1, num_items + 1) - num_items - 1
    return float((rank * np.sort(shows)).sum() / (num_items * total))


def topic_entropy(shows: Ints) -> float:
    r"""How evenly topics are shown: :math:`-\sum_g p_g \log p_g / \log G`.

    Args:
        shows: impressions of each topic, ``[G]``, at least two topics.

    Returns:
        1 where all topics have the same, 0 where one has all; NaN where nothing was shown.

    Source: Shannon (1948).
    """
    total = shows.sum()
    if total == 0:
        return float("nan")
    share = shows[shows > 0] / total
    return float(-(share * np.log(share)).sum() / np.log(len(shows)))


def user_concentration(user: Ints, topic: Ints, *, num_topics: int) -> float:
    r"""Chance that two different impressions of one user have the same topic, averaged over users.

    .. math:: \frac{1}{U} \sum_u \sum_g \frac{n_{ug} (n_{ug} - 1)}{n_u (n_u - 1)}

    Unlike a sum of squared shares it does not fall just because a user was shown more.

    Args:
        user: row of the user of each impression, ``[N]``.
        topic: of each impression, ``[N]``.
        num_topics: G.

    Returns:
        In [0, 1]; NaN where no user has two impressions. Users with one are left out.

    Source: Simpson (1949).
    """
    if len(user) == 0:
        return float("nan")
    code = user.astype(np.int64) * num_topics + topic
    shows = np.bincount(code, minlength=(int(user.max()) + 1) * num_topics).reshape(-1, num_topics)
    total = shows.sum(axis=1)
    several = total > 1
    if not several.any():
        return float("nan")
    pairs = (shows * (shows - 1)).sum(axis=1)[several] / (total * (total - 1))[several]
    return float(pairs.mean())
