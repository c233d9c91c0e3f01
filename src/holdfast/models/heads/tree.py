"""Seconds as a walk down a binary tree: is it above the middle, and then above the middle of that half?

B rows, M bins, K = log2(M) levels, G moments, N rows of the train window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from holdfast.core.arrays import Bools, Floats
from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population
from holdfast.models import binned
from holdfast.models.fitted import checked_training_rows, required, with_state


@dataclass(frozen=True, kw_only=True)
class Tree:
    r"""TPM: M ordered bins at the leaves of a full binary tree, with a classifier at each of M - 1 nodes.

    A bin's probability is the product of the answers on the way to it, and the loss of an event is that of
    its way, which is the cross-entropy of each question that was asked of it:

    .. math:: p_m = \prod_{n \in \text{way}(m)} \sigma(\pm x_n), \quad -\log p_{m(t)}

    *Censored rows*, which the authors have not, are only known to be at least at v: the loss is
    :math:`-\log P(T > v)`, all later bins and the part of v's own bin above v, within which time is taken as
    even. Beyond the start of the last bin no more is told apart: its rows count as having reached it.

    Expected seconds are :math:`\sum_m p_m \bar t_m`, with the content's length as a cap. The authors add the
    variance of the prediction and the squared error of the mean to the loss; both would pull the
    distribution away from the data, and are left out here.

    The bins hold equal shares of the dwells in the train window; the last one's middle is its rows' mean.

    Attributes:
        depth: K, from 1 to 8; there are :math:`2^K` bins.
        edges: fitted: edges of the bins in seconds, ``M + 1``.
        notes: fitted: what to know of the fit.

    Source: Lin et al. (2023) for the tree, its product of conditional classifiers and the expectation.
    """

    depth: int = 5
    edges: tuple[float, ...] | None = field(default=None, init=False)
    notes: tuple[str, ...] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 8:
            raise ValueError(f"depth is {self.depth}; it must be from 1 to 8, for 2 to 256 bins")

    @property
    def num_bins(self) -> int:
        """M."""
        return int(2**self.depth)

    @property
    def num_parameters(self) -> int:
        """One number a row and inner node: the log odds of the upper half."""
        return self.num_bins - 1

    @property
    def score(self) -> str:
        """The expected stay ranks."""
        return "dwell_seconds"

    @property
    def population(self) -> Population:
        """Defined where something was opened."""
        return "opened"

    def fitted(
        self, value: Floats, *, event: Bools, known: Bools, content_seconds: Floats, weight: Floats
    ) -> Tree:
        """The head with the edges of its bins; see ``core.protocols.FittedHead``."""
        seconds, _, _, counts = checked_training_rows(self, value, event, known, content_seconds, weight)
        levels = np.arange(1, self.num_bins) / self.num_bins
        edges, moved = binned.edges_at(seconds, levels, weight=counts)
        said = f"{moved} of {self.num_bins - 1} edges fell together and were set apart by a sliver"
        return with_state(self, edges=edges, notes=(said,) if moved else ())

    def log_probabilities(self, parameters: Tensor) -> Tensor:
        """Logarithm of each bin's probability, ``[B, M]``."""
        node_MK, sign_MK = _ways(self.depth)
        # log sigmoid(s x) = -softplus(-s x)
        answers_BMK = parameters[:, torch.tensor(node_MK.ravel(), device=parameters.device)]
        answers_BMK = answers_BMK.view(-1, self.num_bins, self.depth)
        signs = torch.tensor(sign_MK, dtype=parameters.dtype, device=parameters.device)
        return -softplus(-signs * answers_BMK).sum(2)

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known."""
        edges = self._edges(parameters)
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        log_p_BM = self.log_probabilities(parameters.masked_fill(~outcome.known[:, None], 0.0))
        seconds = outcome.value.masked_fill(~outcome.known, 0.0).to(log_p_BM.dtype)
        bin_B = torch.searchsorted(edges[1:-1], seconds.contiguous())
        of_event = -log_p_BM.gather(1, bin_B[:, None])[:, 0]
        above = ((edges[bin_B + 1] - seconds) / (edges[bin_B + 1] - edges[bin_B])).clamp(0.0, 1.0)
        above = torch.where(bin_B == self.num_bins - 1, torch.ones_like(above), above)
        place_M = torch.arange(self.num_bins, device=parameters.device)
        share_BM = torch.where(
            place_M == bin_B[:, None], above[:, None], (place_M > bin_B[:, None]).to(above)
        )
        # A share of 0 has a logarithm of -inf, whose gradient is not a number: left out of the sum instead.
        log_share_BM = share_BM.clamp(min=1e-30).log().masked_fill(share_BM == 0.0, -math.inf)
        of_censored = -torch.logsumexp(log_p_BM + log_share_BM, dim=1)
        return torch.where(outcome.event, of_event, of_censored).masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """``dwell_seconds``, the mean up to the content's length, ``[B]``; ``dwell_bin_probability``."""
        edges = self._edges(parameters)
        probability_BM = self.log_probabilities(parameters).exp()
        survival = self._survival_at_edges(probability_BM)
        cap = content_seconds.to(parameters.dtype).clamp(min=0.0)
        return {
            "dwell_seconds": binned.capped_mean(survival, edges, cap),
            "dwell_bin_probability": probability_BM,
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, without any cap, ``[B]``."""
        survival = self._survival_at_edges(self.log_probabilities(parameters).exp())
        return binned.quantile(survival, self._edges(parameters), level)

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds``, ``[B, G]``; the content's length plays no part."""
        survival = self._survival_at_edges(self.log_probabilities(parameters).exp())
        return binned.survival_at(survival, self._edges(parameters), seconds)

    def _edges(self, like: Tensor) -> Tensor:
        return torch.tensor(required(self, self.edges), dtype=like.dtype, device=like.device)

    def _survival_at_edges(self, probability_BM: Tensor) -> Tensor:
        # A sum over later bins, as a product with a constant, which ONNX has; rounding may go beyond 1.
        later = torch.ones(self.num_bins, self.num_bins + 1, dtype=probability_BM.dtype).tril()
        return (probability_BM @ later.to(probability_BM.device)).clamp(max=1.0)


def _ways(depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Node at each level on the way to each bin, and 1 for its upper half or -1, ``[M, K]`` each."""
    bins = np.arange(2**depth)
    node_MK = np.stack([2**level - 1 + (bins >> (depth - level)) for level in range(depth)], axis=1)
    upper_MK = np.stack([(bins >> (depth - level - 1)) & 1 for level in range(depth)], axis=1)
    return node_MK, 2 * upper_MK - 1
