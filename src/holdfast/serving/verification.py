"""Whether a bundle says what the PyTorch model said.

B rows, H steps of an output that has more than one number a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.serving.bundle import load_bundle
from holdfast.serving.scorer import Scorer

TOLERANCE = 1e-5
BATCH_SIZES = (1, 7, 500)


@dataclass(frozen=True, kw_only=True)
class OutputDifference:
    """How far apart an output's values are at most.

    Attributes:
        absolute: ``|a - b|``, in the output's unit.
        scaled: ``|a - b| / max(1, |a|)``: absolute up to 1 (probabilities, logarithms), relative above it
            (seconds). This is what the tolerance is about: float32 keeps seven digits, so 300 seconds are not
            known to 1e-5 of a second in either engine.
    """

    absolute: float
    scaled: float


@dataclass(frozen=True, kw_only=True)
class ParityReport:
    """How far apart onnxruntime and PyTorch are; infinite where one of them says NaN or an output is absent.

    Attributes:
        tolerance: the largest ``scaled`` difference allowed.
        max_absolute_difference: over all outputs and batch sizes.
        max_scaled_difference: the same, scaled; see ``OutputDifference``.
        per_output: by column of ``Scorer.score``, over all batch sizes.
        per_batch_size: by rows in a call, over all outputs.
        num_rows: different rows compared.
    """

    tolerance: float
    max_absolute_difference: float
    max_scaled_difference: float
    per_output: Mapping[str, OutputDifference]
    per_batch_size: Mapping[int, OutputDifference]
    num_rows: int

    @property
    def passed(self) -> bool:
        """Whether no difference is above the tolerance."""
        return self.max_scaled_difference <= self.tolerance

    def summary(self) -> str:
        """One line for a person."""
        worst = max(self.per_output, key=lambda name: self.per_output[name].scaled)
        verdict = "agree" if self.passed else "DISAGREE"
        sizes = ", ".join(map(str, self.per_batch_size))
        return (
            f"onnxruntime and PyTorch {verdict} on {self.num_rows} rows at batch sizes {sizes}: "
            f"largest difference {self.max_absolute_difference:.1e} absolute, "
            f"{self.max_scaled_difference:.1e} scaled ({worst}); allowed {self.tolerance:.0e} scaled"
        )


def verify_bundle(
    folder: Path, *, tolerance: float = TOLERANCE, batch_sizes: Sequence[int] = BATCH_SIZES
) -> ParityReport:
    """Check a bundle with nothing but itself: every hash, then its sample against the expected outputs.

    Raises:
        UserError: the bundle is not what was exported.
    """
    bundle = load_bundle(folder)
    rows, expected = bundle.sample()
    return compare(Scorer(bundle), rows, expected, tolerance=tolerance, batch_sizes=batch_sizes)


def compare(
    scorer: Scorer,
    rows: pd.DataFrame,
    expected: pd.DataFrame,
    *,
    tolerance: float,
    batch_sizes: Sequence[int],
) -> ParityReport:
    """Score the rows in calls of each batch size, and hold them against what is expected.

    Rows are repeated where a batch size is larger than their number.

    Args:
        scorer: what is checked.
        rows: raw rows, at least one.
        expected: the outputs expected for them, with the columns of ``Scorer.score``.
        tolerance: the largest scaled difference allowed; see ``OutputDifference``.
        batch_sizes: rows a call; each at least 1.

    Raises:
        ValueError: there are no rows, or no batch sizes, or one is below 1.
    """
    if len(rows) == 0 or not batch_sizes or min(batch_sizes) < 1:
        raise ValueError(f"nothing to compare: {len(rows)} rows at batch sizes {list(batch_sizes)}")
    found: dict[tuple[int, str], OutputDifference] = {}
    for size in batch_sizes:
        take = np.arange(max(size, len(rows))) % len(rows)
        scored = _in_batches(scorer, rows.iloc[take], size=size)
        wanted = expected.iloc[take]
        for name in dict.fromkeys((*wanted.columns, *scored.columns)):
            both = name in wanted and name in scored
            found[size, name] = difference(
                wanted[name].to_numpy() if both else np.full(1, np.nan),
                scored[name].to_numpy() if both else np.full(1, np.nan),
            )
    names = dict.fromkeys(name for _, name in found)
    worst = _worst(list(found.values()))
    return ParityReport(
        tolerance=tolerance,
        max_absolute_difference=worst.absolute,
        max_scaled_difference=worst.scaled,
        per_output={name: _worst([found[size, name] for size in batch_sizes]) for name in names},
        per_batch_size={size: _worst([found[size, name] for name in names]) for size in batch_sizes},
        num_rows=len(rows),
    )


def difference(expected: Floats, actual: Floats) -> OutputDifference:
    """The largest difference between two arrays of one shape; infinite where either holds NaN."""
    expected, actual = expected.astype(np.float64), actual.astype(np.float64)
    same = expected == actual  # The same infinity is no difference.
    with np.errstate(invalid="ignore"):
        absolute = np.where(same, 0.0, np.abs(expected - actual))
        scaled = absolute / np.maximum(1.0, np.abs(expected))
    broken = ~same & ~(np.isfinite(expected) & np.isfinite(actual))
    return OutputDifference(
        absolute=float(np.where(broken, np.inf, absolute).max(initial=0.0)),
        scaled=float(np.where(broken, np.inf, scaled).max(initial=0.0)),
    )


def _in_batches(scorer: Scorer, rows: pd.DataFrame, *, size: int) -> pd.DataFrame:
    starts = range(0, len(rows), size)
    return pd.concat([scorer.score(rows.iloc[start : start + size]) for start in starts])


def _worst(differences: Sequence[OutputDifference]) -> OutputDifference:
    return OutputDifference(
        absolute=max(each.absolute for each in differences),
        scaled=max(each.scaled for each in differences),
    )
