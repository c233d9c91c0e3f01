"""The evaluation policy's probabilities, in whatever form a user has them.

N rows, A actions, U distinct rows.
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
from holdfast.evaluation.off_policy.row_order import check_row_order, columns_in_order

SUM_TOLERANCE = {4: 1e-4, 8: 1e-6}
"""How far a row of probabilities may sum from 1, by bytes per number."""


@dataclass(frozen=True)
class IndexedRows:
    """A table of which many rows are the same: row n is ``table[index[n]]``.

    Attributes:
        table: ``[U, A]``.
        index: in [0, U), ``[N]``.
    """

    table: Floats
    index: Ints

    def __post_init__(self) -> None:
        if self.table.ndim != 2 or self.index.ndim != 1:
            raise UserError(
                f"IndexedRows needs a table [U, A] and an index [N]; got shapes {self.table.shape} "
                f"and {self.index.shape}"
            )
        if self.index.size and not (self.index.min() >= 0 and self.index.max() < len(self.table)):
            raise UserError(f"the index points outside the table of {len(self.table)} rows")


@dataclass(frozen=True)
class PolicyProbabilities:
    """Checked on the way out, block by block.

    Attributes:
        name: of the policy, in messages.
        form: ``[N, A]`` array, sparse matrix or ``IndexedRows``; or ``[N]``, of the logged actions only.
        num_actions: A; None where only the logged actions' probabilities are known.
    """

    name: str
    form: Any
    num_actions: int | None
    num_rows: int

    def block(self, rows: slice, actions: Ints, *, first_row: int = 0) -> ProbabilityBlock:
        """The probabilities of some rows, checked.

        Raises:
            UserError: a probability is missing or outside [0, 1], a row does not sum to 1, or a logged
                action is not among the A.
        """
        if self.num_actions is None:
            logged = np.asarray(self.form[rows], dtype=np.float64)
            self._refuse(~((logged >= 0.0) & (logged <= 1.0)), logged, rows, first_row)
            return ProbabilityBlock(logged, None)
        table = self._rows(rows)
        self._check_actions(actions, rows, first_row)
        totals = np.asarray(table.sum(axis=1, dtype=np.float64)).ravel()
        tolerance = SUM_TOLERANCE.get(table.dtype.itemsize, 1e-4)
        low = np.asarray(table.min(axis=1).todense() if sparse.issparse(table) else table.min(axis=1)).ravel()
        # Written so that a NaN anywhere in a row is caught by its sum.
        self._refuse(~((np.abs(totals - 1.0) <= tolerance) & (low >= 0.0)), totals, rows, first_row)
        logged = np.asarray(table[np.arange(len(actions)), actions], dtype=np.float64).ravel()
        return ProbabilityBlock(logged, table)

    def _rows(self, rows: slice) -> Any:
        if isinstance(self.form, IndexedRows):
            return self.form.table[self.form.index[rows]]
        return self.form[rows]

    def _check_actions(self, actions: Ints, rows: slice, first_row: int) -> None:
        bad = (actions < 0) | (actions >= (self.num_actions or 0))
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            raise UserError(
                f"{int(bad.sum())} logged actions are not among the {self.num_actions} actions of policy "
                f"{self.name!r}, the first in row {first_row + rows.start + first}; give the policy a column "
                "for each action that was logged, with probability 0 where it would never choose it"
            )

    def _refuse(self, bad: Any, shown: Floats, rows: slice, first_row: int) -> None:
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            what = (
                "probabilities are outside [0, 1]"
                if self.num_actions is None
                else ("rows of probabilities do not sum to 1, or hold a negative or missing one")
            )
            value = "value" if self.num_actions is None else "sum"
            raise UserError(
                f"policy {self.name!r}: {int(bad.sum())} {what}; the first is row "
                f"{first_row + rows.start + first}, {value} {float(shown[first])!r}. Normalise them, and "
                "check that the columns are actions"
            )


@dataclass(frozen=True)
class ProbabilityBlock:
    """Some rows of a policy.

    Attributes:
        logged: of the logged actions, ``[N]``.
        table: of all actions, ``[N, A]``, dense or sparse; None where unknown.
    """

    logged: Floats
    table: Any

    def expected(self, predictions: Floats) -> Floats:
        """The policy's average of the predictions ``[N, A]``, ``[N]``."""
        if sparse.issparse(self.table):
            return np.asarray(self.table.multiply(predictions).sum(axis=1), dtype=np.float64).ravel()
        return np.asarray(
            np.einsum("na,na->n", self.table, predictions, dtype=np.float64, casting="same_kind")
        )

    def mass(self) -> Floats:
        """How much the policy chooses each action, ``[A]``."""
        return np.asarray(self.table.sum(axis=0, dtype=np.float64)).ravel()


def read_policy(
    given: Any,
    *,
    name: str,
    num_rows: int,
    actions: Sequence[object] | None = None,
    index: pd.Index | None = None,
) -> PolicyProbabilities:
    """Wraps a user's probabilities.

    Args:
        given: array, data frame, sparse matrix or ``IndexedRows`` of ``[N, A]``, or array or series ``[N]``
            of the logged actions' probabilities.
        name: of the policy, in messages.
        num_rows: N.
        actions: labels of the A actions; the columns of a data frame are brought into their order.
        index: of the feedback, which a data frame or series must not have in another order.

    Raises:
        UserError: the shape or the order does not fit the feedback.
    """
    check_row_order(given, index, what=f"policy {name!r}")
    if isinstance(given, pd.DataFrame) and actions is not None:
        given = columns_in_order(given, actions, what=f"policy {name!r}")
    if isinstance(given, IndexedRows):
        rows, num_actions = given.index.size, given.table.shape[1]
    elif sparse.issparse(given):
        given = given.tocsr()
        rows, num_actions = given.shape
    else:
        given = given.to_numpy() if isinstance(given, pd.DataFrame | pd.Series) else np.asarray(given)
        if given.ndim not in (1, 2) or given.dtype.kind not in "biuf":
            raise UserError(
                f"policy {name!r}: probabilities must be numbers of shape [rows, actions] or [rows]; got "
                f"{given.dtype} of shape {given.shape}"
            )
        if not np.issubdtype(given.dtype, np.floating):
            given = given.astype(np.float64)
        rows, num_actions = len(given), given.shape[1] if given.ndim == 2 else None
    if rows != num_rows:
        raise UserError(
            f"policy {name!r} has {rows} rows of probabilities and the feedback {num_rows}; give one row of "
            "probabilities per row of feedback, in the same order"
        )
    return PolicyProbabilities(name, given, num_actions, num_rows)


def action_labels(given: Any) -> Sequence[object] | None:
    """Labels that a data frame of probabilities carries in its columns; None for every other form."""
    return list(given.columns) if isinstance(given, pd.DataFrame) else None
