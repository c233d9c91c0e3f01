"""Can a surrogate index stand for the long-term outcome? What of its assumptions the log lets us test.

N rows whose long-term outcome has matured, W treatments, K columns of the index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.surrogate_index import SurrogateIndex

LEVEL = 0.01
"""A test warns below this p-value: one sound log in a hundred is warned of in vain."""


@dataclass(frozen=True)
class AssumptionTest:
    """One assumption, held against the log.

    Attributes:
        assumption: ``surrogacy`` or ``comparability``.
        effect: what is left of the outcome that the index does not explain: for each treatment, or late
            against early; in units of the outcome. Empty where it cannot be tested.
        standard_error: of each effect, robust to rows of a user going together.
        p_value: of no effect at all; None where it cannot be tested.
        num_rows: rows that the test saw.
        warning: what a reader must know, in a sentence; empty where the test is passed.
    """

    assumption: str
    effect: tuple[float, ...]
    standard_error: tuple[float, ...]
    p_value: float | None
    num_rows: int
    warning: str

    @property
    def passed(self) -> bool | None:
        """None where it could not be tested."""
        return None if self.p_value is None else self.p_value >= LEVEL


def surrogacy_test(
    residual: ArrayLike,
    treatment: Mapping[str, ArrayLike],
    *,
    columns: Mapping[str, ArrayLike],
    users: ArrayLike,
    strata: ArrayLike | None = None,
) -> AssumptionTest:
    r"""Whether the treatment reaches the long-term outcome past the surrogates.

    If Y is independent of the treatment W given S and X, then the residual :math:`r = Y - g(S, X)` goes with
    none. With :math:`\tilde W` the part of W that S, X, their squares and the strata do not explain linearly,

    .. math:: \hat\theta = (\tilde W^\top \tilde W)^{-1} \tilde W^\top r

    is the effect past the surrogates, and :math:`\hat\theta^\top \hat V^{-1} \hat\theta` with the
    cluster-robust :math:`\hat V` about chi-square. It also fails where the form of the index is wrong in a
    way that goes with the treatment; either way the index would mislead about this treatment. It says nothing
    of treatments that the log does not hold.

    Args:
        residual: Y minus the index, ``[N]``.
        treatment: what was done, by name, such as the share of a user's day that a policy served, ``[N]``
            each. As good as random within strata, or the test is of an association only.
        columns: those of the index, ``[N]`` each.
        users: integer code of each row's user, ``[N]``.
        strata: integer code within which rows are compared, such as the day, ``[N]``; None for one.

    Returns:
        Without effects, and with a warning that surrogacy is only assumed, where no treatment varies.
    """
    names = tuple(treatment)
    (left, *arrays) = checks.finite_columns(residual=residual, **treatment)
    user = checks.codes(users, name="users", num_rows=left.size)
    if not names or left.size == 0:
        return _untestable("surrogacy", left.size, "the log treats everybody alike")
    stratum: Ints = np.zeros(left.size, dtype=np.int64)
    if strata is not None:
        stratum = checks.codes(strata, name="strata", num_rows=left.size)
    known = [np.asarray(each, dtype=np.float64) for each in columns.values()]
    controls = _centered(np.column_stack([*known, *(each**2 for each in known)]), stratum)
    given = _centered(np.column_stack(arrays), stratum)
    unexplained = given - controls @ np.linalg.lstsq(controls, given, rcond=None)[0]
    varies = unexplained.std(axis=0) > 1e-6 * (1e-12 + np.column_stack(arrays).std(axis=0))
    varies &= np.column_stack(arrays).std(axis=0) > 0.0
    if not varies.any():
        return _untestable("surrogacy", left.size, "no two treatments were given side by side")
    effect, covariance = _clustered(unexplained[:, varies], _centered(left[:, None], stratum)[:, 0], user)
    p_value = _wald(effect, covariance)
    kept = [name for name, each in zip(names, varies, strict=True) if each]
    warning = ""
    if p_value < LEVEL:
        warning = (
            f"surrogacy fails (p = {p_value:.2g}): given the short-term outcomes, the long-term one still "
            f"depends on {', '.join(kept)}; the index misleads about it"
        )
    errors = np.sqrt(np.diag(covariance))
    return AssumptionTest(
        "surrogacy", tuple(effect.tolist()), tuple(errors.tolist()), p_value, left.size, warning
    )


def comparability_test(
    columns: Mapping[str, ArrayLike],
    outcome: ArrayLike,
    *,
    late: ArrayLike,
    users: ArrayLike,
    weight: ArrayLike | None = None,
    ridge: float = 1.0,
) -> AssumptionTest:
    r"""Whether an index of early rows is right about late ones, by their mean residual.

    What happens to rows that have not matured cannot be looked at; what happened to the latest that have is
    the nearest thing.

    Args:
        columns: those of the index, ``[N]`` each.
        outcome: Y, in [0, 1], ``[N]``.
        late: True for rows to predict, False for rows to fit on, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.
        ridge: as in ``SurrogateIndex.fit``.

    Returns:
        Untested, with a warning, where either side is empty or the early outcomes are all alike.
    """
    target = checks.probabilities(outcome, name="outcome")
    is_late = np.asarray(late, dtype=bool)
    user = checks.codes(users, name="users", num_rows=target.size)
    weights = checks.row_weights(weight, num_rows=target.size)
    taken = {name: np.asarray(each, dtype=np.float64) for name, each in columns.items()}
    try:
        index = SurrogateIndex.fit(
            _rows(taken, ~is_late), target[~is_late], weight=weights[~is_late], ridge=ridge
        )
    except ValueError as error:
        return _untestable("comparability", target.size, str(error))
    if np.unique(user[is_late]).size < 2:
        return _untestable("comparability", target.size, "fewer than two users have late rows")
    residual = target[is_late] - index.expected(_rows(taken, is_late))
    effect, covariance = _clustered(np.ones((residual.size, 1)), residual, user[is_late], weights[is_late])
    p_value, error_of = _wald(effect, covariance), float(np.sqrt(covariance[0, 0]))
    warning = ""
    if p_value < LEVEL:
        warning = (
            f"comparability fails (p = {p_value:.2g}): an index of the earlier rows is off by "
            f"{effect[0]:+.3f} on the later ones"
        )
    return AssumptionTest("comparability", (float(effect[0]),), (error_of,), p_value, residual.size, warning)


def index_effect(expected: ArrayLike, treated: ArrayLike, *, users: ArrayLike) -> tuple[float, float]:
    """Mean index of the treated minus that of the others, and its standard error, robust within users.

    The effect on the long-term outcome if the assumptions of ``SurrogateIndex`` hold; test them first. The
    index is taken as given: its own error is not in the standard error.

    Args:
        expected: of each row, matured or not, ``[N]``.
        treated: bool ``[N]``.
        users: integer code of each row's user, ``[N]``.

    Raises:
        ValueError: nobody is treated, or everybody.
    """
    (values,) = checks.finite_columns(expected=expected)
    group: Bools = checks.binary_labels(treated, name="treated")
    user = checks.codes(users, name="users", num_rows=values.size)
    if group.all() or not group.any():
        raise ValueError("treated holds one group only; an effect compares two")
    design = np.column_stack([np.ones(values.size), group])
    effect, covariance = _clustered(design, values, user)
    return float(effect[1]), float(np.sqrt(covariance[1, 1]))


def _clustered(
    design: Floats, outcome: Floats, user: Ints, weight: Floats | None = None
) -> tuple[Floats, Floats]:
    """Least squares, with a covariance robust to what rows of a user share; ``[W]`` and ``[W, W]``."""
    weighted = design if weight is None else design * weight[:, None]
    bread = np.linalg.pinv(design.T @ weighted)
    effect = bread @ weighted.T @ outcome
    left = weighted * (outcome - design @ effect)[:, None]
    _, cluster = np.unique(user, return_inverse=True)
    sums = np.stack([np.bincount(cluster, each) for each in left.T], axis=1)
    count = sums.shape[0]
    return effect, bread @ (sums.T @ sums) @ bread * (count / max(count - 1, 1))


def _wald(effect: Floats, covariance: Floats) -> float:
    """p-value of no effect at all."""
    rank = int(np.linalg.matrix_rank(covariance))
    if rank == 0:
        # An effect without any spread is either nothing at all or certain.
        return float(np.allclose(effect, 0.0))
    return float(chi2.sf(effect @ np.linalg.pinv(covariance) @ effect, rank))


def _centered(matrix: Floats, stratum: Ints) -> Floats:
    """The matrix less the mean of each stratum, ``[N, ...]``."""
    _, code = np.unique(stratum, return_inverse=True)
    counts = np.bincount(code)
    means = np.stack([np.bincount(code, each) / counts for each in matrix.T], axis=1)
    return np.asarray(matrix - means[code])


def _rows(columns: Mapping[str, Floats], where: Bools) -> dict[str, Floats]:
    return {name: each[where] for name, each in columns.items()}


def _untestable(assumption: str, num_rows: int, why: str) -> AssumptionTest:
    return AssumptionTest(assumption, (), (), None, num_rows, f"{assumption} is assumed, not tested: {why}")
