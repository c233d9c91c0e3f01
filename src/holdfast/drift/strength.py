"""How strong a drift came out, in units that all drifts share.

N rows, D columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.features import Feature
from holdfast.core.random import generator
from holdfast.data.encoder import EncodedInputs
from holdfast.data.scaling import as_numbers
from holdfast.drift.additive_classifier import AdditiveClassifier
from holdfast.drift.columns import deviation_of
from holdfast.drift.units import codes_of

NUM_FOLDS = 2


def domain_auc(
    clean: EncodedInputs, drifted: EncodedInputs, *, source: Ints, seed: int = 0, max_rows: int = 5000
) -> float:
    """How well clean and drifted rows are told apart by what a model sees, in about [1/2, 1].

    The area under the ROC curve of a classifier that is additive in binned columns (it sees the distribution
    of each column, and not how columns go together), cross-fitted over two folds. A row and what became of it
    are in one fold, so that nothing is learned by heart: without drift the area is 1/2 up to chance, and
    exactly 1/2 where the two are the same rows.

    Args:
        clean: ``[N]``.
        drifted: encoded by the same encoder, ``[M]``.
        source: row of ``clean`` that each drifted row came from, ``[M]``.
        seed: of the folds and of the rows that are looked at.
        max_rows: most rows of ``clean`` that are looked at, with all that became of them.

    Raises:
        ValueError: there are fewer than four rows of either.
    """
    draws = generator(seed, "drift", "domain auc")
    looked_at = draws.permutation(len(clean))[:max_rows]
    fold = np.full(len(clean), -1, dtype=np.int64)
    fold[looked_at] = np.arange(len(looked_at)) % NUM_FOLDS
    of_clean, of_drifted = np.flatnonzero(fold >= 0), np.flatnonzero(fold[source] >= 0)
    if min(len(of_clean), len(of_drifted)) < 2 * NUM_FOLDS:
        raise ValueError(
            f"there are {len(of_clean)} clean and {len(of_drifted)} drifted rows; it takes "
            f"{2 * NUM_FOLDS} of each to tell them apart"
        )
    columns = np.concatenate([_columns(clean, of_clean), _columns(drifted, of_drifted)])
    label = np.arange(len(columns)) >= len(of_clean)
    folds = np.concatenate([fold[of_clean], fold[source[of_drifted]]])
    areas = [_area_of_fold(columns, label, held_out=folds == each) for each in range(NUM_FOLDS)]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else 0.5


def column_changes(before: pd.DataFrame, after: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """How far the distribution of each feature moved.

    Args:
        before: clean raw rows, ``[N]``.
        after: drifted ones, ``[M]``.
        features: columns of both.

    Returns:
        A row a feature: ``feature``; ``mean_shift`` in clean standard deviations, of numbers that vary;
        ``total_variation`` in [0, 1], of categories, a missing one among them; ``missing_change``, of the
        share of the missing. NaN where a measure does not apply, as in lists, or one side has no rows.
    """
    rows = [_column_change(before[each.name], after[each.name], each) for each in features]
    return pd.DataFrame(rows, columns=["feature", "mean_shift", "total_variation", "missing_change"])


def outcome_change(
    score: Floats, outcome: Floats, *, new_score: Floats, new_outcome: Floats, num_bins: int = 10
) -> pd.DataFrame:
    """How p(outcome | score) changed, by bins of the score: drift of the concept, not of who came.

    Where the truth is known, as in a world, outcomes may be probabilities; then the change is free of noise.

    Args:
        score: a model's, or any function of the features, on clean rows, ``[N]``.
        outcome: 0 or 1, or a number, NaN where not known, ``[N]``.
        new_score: by the same function on the drifted rows, ``[M]``.
        new_outcome: of the drifted rows, ``[M]``.
        num_bins: of equally many clean rows, at least 1; ties stay together.

    Returns:
        A row a bin that has known outcomes before: ``lowest_score``, ``rows``, ``new_rows``, ``rate``,
        ``new_rate`` (NaN where there are no new rows) and ``change``.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins is {num_bins}; it must be at least 1")
    known, new_known = np.isfinite(outcome), np.isfinite(new_outcome)
    if not known.any():
        return pd.DataFrame(columns=["lowest_score", "rows", "new_rows", "rate", "new_rate", "change"])
    in_order = np.sort(score[known])
    cuts = np.unique(in_order[np.arange(num_bins) * len(in_order) // num_bins])
    rows, rate = _rates(score[known], outcome[known], cuts)
    new_rows, new_rate = _rates(new_score[new_known], new_outcome[new_known], cuts)
    return pd.DataFrame(
        {
            "lowest_score": cuts,
            "rows": rows,
            "new_rows": new_rows,
            "rate": rate,
            "new_rate": new_rate,
            "change": new_rate - rate,
        }
    )


def mean_change(table: pd.DataFrame) -> float | None:
    """Mean absolute change of an ``outcome_change``, a bin counting as its clean rows; None if undefined."""
    both = table[table["change"].notna()]
    if not len(both):
        return None
    return float(np.average(both["change"].abs().to_numpy(), weights=both["rows"].to_numpy()))


def _rates(score: Floats, outcome: Floats, cuts: Floats) -> tuple[Ints, Floats]:
    """Rows and mean outcome of each bin; below the first cut belongs to the first bin."""
    place = np.maximum(np.searchsorted(cuts, score, side="right") - 1, 0)
    rows = np.bincount(place, minlength=len(cuts))
    total = np.bincount(place, outcome, minlength=len(cuts))
    return rows, np.divide(total, rows, out=np.full(len(cuts), np.nan), where=rows > 0)


def _columns(inputs: EncodedInputs, index: Ints) -> Floats:
    """Everything a model sees as numbers, ``[len(index), D]``; of a list how many values and unknown ones."""
    lists = [
        np.stack([(ids > 0).sum(axis=1), (ids == 1).sum(axis=1)], axis=1)
        for ids in (each[index] for each in inputs.lists)
    ]
    parts = [inputs.categorical[index], inputs.numeric[index], *lists]
    return np.concatenate([part.astype(np.float64) for part in parts], axis=1)


def _area_of_fold(columns: Floats, label: Bools, *, held_out: Bools) -> float | None:
    """None where a side of the fold has only one kind of rows."""
    for side in (held_out, ~held_out):
        if not label[side].any() or label[side].all():
            return None
    scores = AdditiveClassifier.fit(columns[~held_out], label[~held_out]).scores(columns[held_out])
    return area_under_curve(scores, label[held_out])


def area_under_curve(scores: Floats, label: Bools) -> float:
    """Chance that a true one has the higher score, ties one half; both kinds have to be there."""
    positives = int(label.sum())
    rank = rankdata(scores)[label].sum() - positives * (positives + 1) / 2.0
    return float(rank / (positives * (len(label) - positives)))


def _column_change(before: pd.Series, after: pd.Series, feature: Feature) -> tuple[str, float, float, float]:
    if not len(before) or not len(after):
        return feature.name, np.nan, np.nan, np.nan
    shift = variation = np.nan
    if feature.kind == "numeric":
        old, new = as_numbers(before), as_numbers(after)
        deviation = deviation_of(old)
        if deviation > 0.0 and np.isfinite(new).any():
            shift = float((new[np.isfinite(new)].mean() - old[np.isfinite(old)].mean()) / deviation)
    elif feature.kind == "categorical":
        codes = codes_of(pd.concat([before, after], ignore_index=True))
        size = int(codes.max()) + 1
        shares = [
            np.bincount(part, minlength=size) / len(part)
            for part in (codes[: len(before)], codes[len(before) :])
        ]
        variation = float(np.abs(shares[0] - shares[1]).sum() / 2.0)
    missing = float(after.isna().mean() - before.isna().mean())
    return feature.name, shift, variation, missing
