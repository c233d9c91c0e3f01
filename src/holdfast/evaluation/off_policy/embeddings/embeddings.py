"""What actions have in common: a joint embedding of each, certain or by chance.

N rows, A actions, M joint embeddings, d dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.extraction import row_slices
from holdfast.evaluation.off_policy.policy_probabilities import IndexedRows, PolicyProbabilities

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class FixedEmbedding:
    """Each action has one embedding; all of its dimensions together are one of M joint values.

    Attributes:
        codes: joint embedding of each action, in [0, M), ``[A]``.
    """

    codes: Ints

    @property
    def num_embeddings(self) -> int:
        """M."""
        return int(self.codes.max()) + 1

    def marginalize(self, policy: PolicyProbabilities) -> Any:
        """The policy's chance of each joint embedding, ``[N, M]``, in the form that the policy has."""
        matrix = sparse.csr_matrix(
            (np.ones(self.codes.size), (np.arange(self.codes.size), self.codes)),
            shape=(self.codes.size, self.num_embeddings),
        )
        form = policy.form
        if isinstance(form, IndexedRows):
            return IndexedRows(np.asarray(form.table @ matrix, dtype=form.table.dtype), form.index)
        if sparse.issparse(form):
            return (form @ matrix).tocsr().astype(form.dtype)
        return np.asarray(form @ matrix, dtype=form.dtype)


@dataclass(frozen=True)
class EmbeddingByChance:
    """Embeddings that an action has with some probability, and those that were logged.

    The dimensions are independent *given the action*, so the chance of a joint embedding is
    ``sum_a pi(a | x) prod_d p(e_d | a)``; it is not the product of the dimensions' own chances.

    Attributes:
        given_action: ``p(e_d | a)``, a table ``[A, values of d]`` for each dimension, or one table.
        logged: number of the value that was logged in each dimension, ``[N, d]``, or ``[N]``.
    """

    given_action: Sequence[Floats] | Floats
    logged: Ints

    @property
    def tables(self) -> list[Floats]:
        """One per dimension."""
        given = self.given_action
        if isinstance(given, np.ndarray) and given.ndim == 2:
            return [given]
        return [np.asarray(table) for table in given]

    def check(self, *, num_rows: int, num_actions: int) -> None:
        """Raises UserError where tables or logged values do not fit each other or the log."""
        values = self._values()
        if values.shape != (num_rows, len(self.tables)) or not np.issubdtype(values.dtype, np.integer):
            raise UserError(
                f"EmbeddingByChance has logged values {values.dtype} of shape {np.shape(self.logged)}; it "
                "needs a "
                f"whole number for each of the {num_rows} rows and {len(self.tables)} dimensions"
            )
        for place, table in enumerate(self.tables):
            if table.ndim != 2 or len(table) != num_actions:
                raise UserError(
                    f"given_action of dimension {place} has shape {table.shape}; it needs a row for each of "
                    "the "
                    f"{num_actions} actions and a column per value"
                )
            # Written so that a NaN fails too.
            if not ((table >= 0.0).all() and (np.abs(table.sum(axis=1) - 1.0) <= _SUM_TOLERANCE).all()):
                raise UserError(
                    f"given_action of dimension {place}: rows must be probabilities that sum to 1, one row "
                    "per action"
                )
            if values[:, place].min() < 0 or values[:, place].max() >= table.shape[1]:
                raise UserError(
                    f"logged values of dimension {place} go from {values[:, place].min()} to "
                    f"{values[:, place].max()}, and its table has {table.shape[1]} columns"
                )

    def likelihood(self, rows: slice) -> Floats:
        """``prod_d p(e_d | a)`` of the logged embeddings under every action, ``[n, A]``."""
        values = self._values()[rows]
        product = self.tables[0][:, values[:, 0]].T.astype(np.float64)
        for place, table in enumerate(self.tables[1:], start=1):
            product *= table[:, values[:, place]].T
        return product

    def chance_of_logged(self, policy: PolicyProbabilities) -> Floats:
        """The policy's chance of the logged joint embeddings, ``[N]``."""
        chance = np.empty(policy.num_rows)
        for rows in row_slices(policy.num_rows):
            form = policy.form
            table: Any = form.table[form.index[rows]] if isinstance(form, IndexedRows) else form[rows]
            likelihood = self.likelihood(rows)
            product = table.multiply(likelihood) if sparse.issparse(table) else table * likelihood
            chance[rows] = np.asarray(product.sum(axis=1)).ravel()
        return np.minimum(chance, 1.0)

    def _values(self) -> Ints:
        values = np.asarray(self.logged)
        return values[:, None] if values.ndim == 1 else values


def read_embeddings(given: Any, *, num_actions: int, labels: Sequence[object] | None) -> FixedEmbedding:
    """Joint embeddings of actions.

    Args:
        given: a value per action (``[A]``), or a row of values (``[A, d]``), array, series or data frame. One
            with an index is brought into the order of the labels.
        num_actions: A.
        labels: of the actions; None where they are numbered.

    Raises:
        UserError: an action has none, or a missing value.
    """
    if isinstance(given, pd.Series | pd.DataFrame):
        table = given.to_frame() if isinstance(given, pd.Series) else given
        if labels is not None:
            missing = [label for label in labels if label not in table.index]
            if missing or not table.index.is_unique:
                raise UserError(
                    f"embeddings need one row per action, with its label as index; missing: {missing[:10]}"
                )
            table = table.loc[list(labels)]
    else:
        values = np.asarray(given)
        table = pd.DataFrame(values[:, None] if values.ndim == 1 else values)
    if len(table) != num_actions or not table.shape[1]:
        raise UserError(
            f"embeddings have shape {table.shape}; they need a row for each of the {num_actions} actions"
        )
    if table.isna().any(axis=None):
        raise UserError("embeddings have missing values; give every action a value in every dimension")
    codes = table.groupby(list(table.columns), sort=False).ngroup().to_numpy()
    return FixedEmbedding(codes.astype(np.int64))


def cluster_actions(vectors: Floats, num_clusters: int, *, seed: int = 0) -> Ints:
    """Clusters of actions by k-means, for ``OffCEM``.

    Args:
        vectors: a description of each action in numbers of like size, ``[A, D]``.
        num_clusters: at least 1, at most A; fewer may come out.
        seed: of the starting points.

    Returns:
        Numbers from 0 without gaps, ``[A]``.
    """
    from scipy.cluster.vq import kmeans2

    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ValueError(f"vectors have shape {vectors.shape} or hold NaN; give finite numbers [actions, D]")
    if not 1 <= num_clusters <= len(vectors):
        raise ValueError(
            f"num_clusters is {num_clusters}; it must lie between 1 and the {len(vectors)} actions"
        )
    _, codes = kmeans2(vectors, num_clusters, minit="++", seed=np.random.default_rng(seed), missing="warn")
    return np.asarray(np.unique(codes, return_inverse=True)[1], dtype=np.int64)
