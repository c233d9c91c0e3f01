"""A reward model in two steps: differences within clusters first, levels of clusters then.

N rows, D features, A actions, C clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation.off_policy.reward_models import FittedRewardModel, RidgeRewardModel, RidgeStatistics


@dataclass(frozen=True)
class PairwiseRewardModel:
    r"""``q(x, a) = g(x, c(a)) + h(x, a)``, with h fitted on differences of rewards within a cluster.

    The first step minimises, over linear h,

    .. math:: \sum_c \frac{1}{n_c} \sum_{i < j \in c} \bigl(r_i - r_j - h(x_i, a_i) + h(x_j, a_j)\bigr)^2
        + \lambda \|h\|^2

    in which the level of a cluster cancels. All pairs are never written down: their sum of squares equals
    that
    of deviations from the cluster's mean. Contexts that differ are made comparable by a linear function of
    the context for each cluster, left free, in place of the mean. The second step fits g on what h leaves.

    Attributes:
        clusters: of each action, from 0, ``[A]``.
        shrinkage: rows of evidence that the prior (no difference within a cluster) counts for, > 0.

    Source: Saito, Ren and Joachims (2023), two-step regression.
    """

    clusters: Ints
    shrinkage: float = 10.0

    def __post_init__(self) -> None:
        if not self.shrinkage > 0.0:
            raise ValueError(f"shrinkage is {self.shrinkage}; it must be above 0, and counts rows")

    def fit(
        self, features: Floats, actions: Ints, reward: Floats, *, weight: Floats, num_actions: int
    ) -> FittedPairwise:
        """Fits h, then g."""
        statistics = RidgeStatistics.empty(features, num_actions)
        statistics.add(features, actions, reward, weight)
        deviations = within_clusters(statistics, self.clusters, shrinkage=self.shrinkage)
        design = _design(features, statistics.origin)
        rest = reward - np.einsum("nd,nd->n", design, deviations[actions])
        level = RidgeRewardModel(shrinkage=self.shrinkage).fit(
            features, self.clusters[actions], rest, weight=weight, num_actions=int(self.clusters.max()) + 1
        )
        return FittedPairwise(statistics.origin, deviations, self.clusters, level)


@dataclass(frozen=True)
class FittedPairwise:
    """The fitted model.

    Attributes:
        origin: subtracted from the features, ``[D]``.
        deviations: intercept and slopes of h for each action, ``[A, 1 + D]``.
        clusters: of each action, ``[A]``.
        level: g, whose actions are clusters.
    """

    origin: Floats
    deviations: Floats
    clusters: Ints
    level: FittedRewardModel

    def predict(self, features: Floats) -> Floats:
        """``[N, A]``."""
        within = _design(features, self.origin) @ self.deviations.T
        return np.asarray(self.level.predict(features)[:, self.clusters] + within)


def within_clusters(statistics: RidgeStatistics, clusters: Ints, *, shrinkage: float) -> Floats:
    """Intercept and slopes of each action's deviation from its cluster, ``[A, 1 + D]``.

    A cluster's own intercept and slopes are free and drop out; with only an intercept this is the regression
    on all pairs of a cluster.
    """
    total = max(float(statistics.gram[:, 0, 0].sum()), 1e-300)
    spread = np.diagonal(statistics.gram.sum(axis=0)) / total
    # In units of each feature's spread. One that never varies has nothing to say; its slope stays at 0.
    scale = 1.0 / np.sqrt(np.where(spread > 1e-12, spread, 1.0))
    gram = statistics.gram * scale[:, None] * scale
    moment = statistics.moment * scale
    inverse = np.linalg.inv(gram + shrinkage * np.eye(len(scale)))
    # What each action has to say of its cluster's part: with S = G + s I, G - G S^-1 G = s G S^-1.
    kept = shrinkage * gram @ inverse
    free = moment - np.einsum("aij,ajk,ak->ai", gram, inverse, moment)
    deviations = np.zeros_like(moment)
    for cluster in np.unique(clusters):
        mine = np.flatnonzero(clusters == cluster)
        shared = np.linalg.pinv(kept[mine].sum(axis=0), rcond=1e-10) @ free[mine].sum(axis=0)
        deviations[mine] = np.einsum("aij,aj->ai", inverse[mine], moment[mine] - gram[mine] @ shared)
    return deviations * scale


def _design(features: Floats, origin: Floats) -> Floats:
    return np.concatenate([np.ones((len(features), 1)), features - origin], axis=1)
