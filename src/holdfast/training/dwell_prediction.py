"""Scores of a trained ranker's whole distribution of dwell, row by row.

N rows of a window, B rows of a slice, G moments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Bools, Floats
from holdfast.core.protocols import DensityHead, DwellHead, device_of
from holdfast.data.batches import TensorColumns
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.crps import censored_log_score, crps_moments
from holdfast.models.ensemble import members_of
from holdfast.models.ranker import Ranker


@dataclass(frozen=True)
class DwellScores:
    """Scores of each row; those of rows whose outcome is not known mean nothing.

    Attributes:
        crps_if_opened: CRPS in seconds of the stay if opened, ``[N]``.
        crps_of_row: CRPS in seconds of the row's dwell, where not opened is 0 seconds; None where nothing
            says how likely an opening is.
        log_score_if_opened: censored log score in nats, ``[N]``; None where the head has no density.
    """

    crps_if_opened: Floats
    crps_of_row: Floats | None
    log_score_if_opened: Floats | None


def dwell_scores(
    ranker: Ranker,
    window: EncodedWindow,
    *,
    seconds: Floats,
    cut: Bools,
    open_probability: Floats | None,
    limit_seconds: float,
    batch_size: int = 4096,
) -> DwellScores | None:
    """Score the dwell head's distribution on every row; None where the head has none.

    Args:
        ranker: trained; left in the mode in which it was.
        window: encoded rows.
        seconds: seen, >= 0, 0 where not opened, finite, ``[N]``.
        cut: whether the content's end cut the dwell off, ``[N]``.
        open_probability: chance to be opened, ``[N]``; None where nothing predicts it.
        limit_seconds: time beyond which nothing counts, where content is longer; > 0.
        batch_size: rows at a time.
    """
    head = ranker.heads["dwell"]
    if not isinstance(head, DwellHead):
        return None
    columns, device, was_training = TensorColumns(window), device_of(ranker), ranker.training
    content = np.asarray(window.content_seconds, dtype=np.float64)
    # Content of no length is a fault of the log; it must not divide by 0 here.
    limit = np.clip(content, 1e-3, limit_seconds)
    opened, of_row, log_score = [], [], []
    ranker.eval()
    try:
        with torch.inference_mode():
            for start in range(0, max(len(columns), 1), batch_size):
                rows = slice(start, min(start + batch_size, len(columns)))
                inputs = columns.slice(rows.start, rows.stop).inputs.to(device)
                # Of each member of an ensemble, which predicts the mixture of their distributions.
                parameters = [each(inputs)["dwell"] for each in members_of(ranker)]
                moments = crps_moments(seconds[rows], limit[rows])
                stays = _survival(head, parameters, moments.seconds, inputs.content_seconds)
                opened.append(moments.score(stays))
                if open_probability is not None:
                    of_row.append(moments.score(stays * open_probability[rows, None]))
                if isinstance(head, DensityHead):
                    log_score.append(
                        _log_score(
                            head,
                            parameters,
                            inputs.content_seconds,
                            np.minimum(seconds[rows], limit[rows]),
                            cut[rows] | (seconds[rows] >= limit[rows]),
                        )
                    )
    finally:
        ranker.train(was_training)
    return DwellScores(
        crps_if_opened=np.concatenate(opened),
        crps_of_row=np.concatenate(of_row) if of_row else None,
        log_score_if_opened=np.concatenate(log_score) if log_score else None,
    )


def _survival(head: DwellHead, parameters: Sequence[Tensor], seconds: Floats, content: Tensor) -> Floats:
    moments = torch.from_numpy(seconds).to(parameters[0])
    stays = [head.survival(each, moments, content).double() for each in parameters]
    return np.asarray(torch.stack(stays).mean(0).cpu().numpy())


def _log_score(
    head: DensityHead, parameters: Sequence[Tensor], content: Tensor, seconds: Floats, cut: Bools
) -> Floats:
    moments = torch.from_numpy(seconds[:, None]).to(parameters[0])
    densities = [head.log_density(each, moments, content)[:, 0].double() for each in parameters]
    density = (torch.stack(densities).logsumexp(0) - math.log(len(densities))).cpu().numpy()
    return censored_log_score(density, _survival(head, parameters, seconds[:, None], content)[:, 0], cut)
