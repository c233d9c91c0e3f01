"""Drift in the rows that a run's model is trained on, and nowhere else."""

from __future__ import annotations

import pandas as pd

from holdfast.app.composition import Plan
from holdfast.data.card import DatasetCard
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.drift.augmentation import augmented_window
from holdfast.drift.rows import drift_rows


def augmented(
    plan: Plan,
    window: EncodedWindow,
    rows: pd.DataFrame,
    *,
    encoder: Encoder,
    card: DatasetCard,
    as_of: pd.Timestamp,
    seed: int,
) -> EncodedWindow:
    """The train window as the plan wants it to be learned from; the same object where it wants nothing.

    Args:
        plan: of the run.
        window: the clean train window, encoded.
        rows: the same rows as the encoder reads them.
        encoder: fitted on them.
        card: of the log.
        as_of: the moment as of which the window's outcomes are known.
        seed: decides which requests drift.

    Raises:
        UserError: a drift does not fit the rows.
    """
    settings = plan.robust.augmentation
    if settings.changes_nothing:
        return window
    clean = drift_rows(rows, features=encoder.features, card=card, observed_until=as_of)
    return augmented_window(settings, clean, window, encoder, seed=seed)
