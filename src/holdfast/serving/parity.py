"""Holds a bundle against the PyTorch model that it was exported from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.core.protocols import Fusion
from holdfast.serving.bundle import load_bundle
from holdfast.serving.eager import eager_outputs
from holdfast.serving.probes import num_probes, probe_rows
from holdfast.serving.scorer import Scorer, outputs_frame
from holdfast.serving.verification import BATCH_SIZES, TOLERANCE, ParityReport, compare, verify_bundle

if TYPE_CHECKING:
    from holdfast.data.encoder import Encoder
    from holdfast.models.ranker import Ranker

__all__ = ["ParityReport", "check_parity", "verify_bundle"]

_PLAIN_ROWS = 100


def check_parity(
    folder: Path,
    model: Ranker,
    encoder: Encoder,
    fusion: Fusion,
    rows: pd.DataFrame,
    *,
    tolerance: float = TOLERANCE,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> ParityReport:
    """Compare a bundle, from raw rows to outputs, with the PyTorch model that it was exported from.

    The first rows are made worse (see ``probe_rows``): every feature is once missing and once unseen. PyTorch
    sees all rows at once, the bundle in calls of each batch size, so what depends on the batch shows.

    Args:
        folder: the bundle.
        model: the ranker that was exported.
        encoder: the encoder as it was fitted, not as the bundle stores it.
        fusion: the fusion that was exported.
        rows: raw rows, at least one, of which as many are used as the probes and 100 plain rows take.
        tolerance: the largest scaled difference allowed; see ``OutputDifference``.
        batch_sizes: rows a call; rows are repeated for a size above their number.

    Raises:
        UserError: the bundle is not what was exported.
        ValueError: there are no rows, or columns are missing.
    """
    scorer = Scorer(load_bundle(folder))
    probes = probe_rows(rows, encoder.features, num_rows=num_probes(encoder.features) + _PLAIN_ROWS)
    expected = outputs_frame(eager_outputs(model, fusion, encoder.transform(probes)))
    return compare(scorer, probes, expected, tolerance=tolerance, batch_sizes=batch_sizes)
