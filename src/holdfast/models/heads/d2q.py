"""How long somebody stays compared with others on content of the same length.

B rows, D buckets of duration, L + 1 levels of a quantile table, G moments, N rows of the train window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.core.arrays import Bools, Floats
from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population
from holdfast.models import binned
from holdfast.models.duration_buckets import duration_edges, tables_of
from holdfast.models.fitted import checked_training_rows, required, with_state

NUM_LEVELS = 100


@dataclass(frozen=True, kw_only=True)
class D2Q:
    r"""D2Q: the quantile of a stay among the stays on content of about the same length, and back to seconds.

    :math:`u = F_d(t)`, with :math:`F_d` the distribution of dwell in the bucket d of the content's length, is
    predicted as :math:`m = \sigma(x)` with the squared error of an event; a stay is normal around it with the
    spread s of ``residual_scale``, in quantiles, and what falls outside [0, 1] is at its ends:

    .. math:: \frac{(u - m)^2}{2 s^2} + \log(s \sqrt{2\pi}) \quad \text{or, cut off at } u\text{:} \quad
              -\log \Phi\!\left(\frac{m - u}{s}\right)

    *Censored rows*: the authors take a dwell that the end cut off for a whole one, in the distribution and in
    the loss. Here :math:`F_d` is Kaplan and Meier's, and a cut row says that its quantile is at least u.

    ``dwell_seconds`` is the mean of that distribution up to the content's length. The authors' prediction
    :math:`F_d^{-1}(m)`, which is the median, is ``dwell_median_seconds``.

    Attributes:
        num_buckets: buckets of about equally many rows, >= 1; with 1, duration plays no part.
        min_bucket_rows: stays that were seen to end that a bucket needs; smaller ones join a neighbour. >= 2.
        residual_scale: s, > 0. Quantiles that nothing explains have 0.29.
        duration_edges: fitted: content's lengths between buckets, in seconds, ``D - 1``.
        tables: fitted: dwell at each level 0, 1 / L, ..., 1 in each bucket, in seconds, ``[D, L + 1]``.
        notes: fitted: what to know of the fit.

    Source: Zhan et al. (2022) for buckets, quantiles and the way back; Tobin (1958) for the cut rows.
    """

    num_buckets: int = 20
    min_bucket_rows: int = 50
    residual_scale: float = 0.25
    duration_edges: tuple[float, ...] | None = field(default=None, init=False)
    tables: tuple[tuple[float, ...], ...] | None = field(default=None, init=False)
    notes: tuple[str, ...] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.num_buckets < 1:
            raise ValueError(f"num_buckets is {self.num_buckets}; it must be at least 1")
        if self.min_bucket_rows < 2:
            raise ValueError(f"min_bucket_rows is {self.min_bucket_rows}; it must be at least 2")
        if not 0.0 < self.residual_scale <= 1.0:
            raise ValueError(f"residual_scale is {self.residual_scale}; it must be in (0, 1]")

    @property
    def num_parameters(self) -> int:
        """One number a row, the log odds of the quantile."""
        return 1

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
    ) -> D2Q:
        """The head with its buckets and tables; see ``core.protocols.FittedHead``."""
        seconds, ends, content, counts = checked_training_rows(
            self, value, event, known, content_seconds, weight
        )
        edges = duration_edges(
            content, ends, num_buckets=self.num_buckets, min_rows=self.min_bucket_rows, weight=counts
        )
        tables, beyond = tables_of(seconds, ends, content, edges=edges, num_levels=NUM_LEVELS, weight=counts)
        notes = []
        if len(edges) + 1 < self.num_buckets:
            notes.append(f"{len(edges) + 1} buckets of duration instead of {self.num_buckets}: rows are few")
        if beyond:
            notes.append(
                f"in {beyond} of {len(tables)} buckets the longest stays were all cut off: quantiles beyond "
                "what was seen are taken as the longest seen"
            )
        return with_state(self, duration_edges=edges, tables=tables, notes=tuple(notes))

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known. Without content's lengths, none is taken to end."""
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        middle = _middle(parameters[:, 0].masked_fill(~outcome.known, 0.0))
        seconds = outcome.value.masked_fill(~outcome.known, 0.0).to(middle.dtype)
        level = self._level(self._tables(middle, outcome.content_seconds), seconds[:, None])[:, 0]
        z = (level - middle) / self.residual_scale
        of_event = 0.5 * z.square() + math.log(self.residual_scale * math.sqrt(2.0 * math.pi))
        of_censored = -torch.special.log_ndtr(-z)
        return torch.where(outcome.event, of_event, of_censored).masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """Mean and median of the seconds up to the content's length, and the quantile, ``[B]`` each."""
        middle = _middle(parameters[:, 0])
        tables_BL = self._tables(middle, content_seconds)
        cap = content_seconds.to(middle.dtype).clamp(min=0.0)
        place_B1 = middle[:, None] * NUM_LEVELS
        below_B1 = place_B1.floor().clamp(0, NUM_LEVELS - 1)
        index_B1 = below_B1.to(torch.int64)
        median = _between(tables_BL, index_B1, place_B1 - below_B1)
        return {
            "dwell_seconds": binned.capped_mean(self._survival_at_levels(middle), tables_BL, cap),
            "dwell_median_seconds": torch.minimum(median, cap),
            "dwell_quantile_in_bucket": middle,
        }

    def quantile(self, parameters: Tensor, level: float, content_seconds: Tensor | None = None) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, ``[B]``.

        Among stays on content of the given length ``[B]``; on content without end where None.
        """
        middle = _middle(parameters[:, 0])
        z = torch.special.ndtri(torch.tensor(level, dtype=middle.dtype, device=middle.device))
        place_B1 = ((middle + self.residual_scale * z).clamp(0.0, 1.0) * NUM_LEVELS)[:, None]
        index_B1 = place_B1.floor().clamp(0, NUM_LEVELS - 1).to(torch.int64)
        tables_BL = self._tables(middle, content_seconds)
        return _between(tables_BL, index_B1, place_B1 - index_B1)

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds`` on content of this length, ``[B, G]``."""
        middle = _middle(parameters[:, 0])
        tables_BL = self._tables(middle, content_seconds)
        level_BG = self._level(tables_BL, seconds)
        stays: Tensor = torch.special.ndtr((middle[:, None] - level_BG) / self.residual_scale)
        return stays.masked_fill(seconds >= tables_BL[:, -1:], 0.0)

    def _tables(self, like: Tensor, content_seconds: Tensor | None) -> Tensor:
        """Dwell at each level in the bucket of each row, ``[B, L + 1]``."""
        tables = torch.tensor(required(self, self.tables), dtype=like.dtype, device=like.device)
        edges = torch.tensor(required(self, self.duration_edges), dtype=torch.float32, device=like.device)
        if content_seconds is None:
            content_seconds = torch.full_like(like, math.inf)
        bucket_B = (content_seconds.to(torch.float32)[:, None] > edges).to(torch.int64).sum(1)
        return tables[bucket_B]

    def _level(self, tables_BL: Tensor, seconds: Tensor) -> Tensor:
        """Quantile of ``seconds`` ``[B, G]`` in the row's bucket, in [0, 1], ``[B, G]``."""
        falling = torch.linspace(1.0, 0.0, NUM_LEVELS + 1, dtype=seconds.dtype, device=seconds.device)
        return 1.0 - binned.survival_at(falling.expand(seconds.shape[0], -1), tables_BL, seconds)

    def _survival_at_levels(self, middle: Tensor) -> Tensor:
        """Chance of more than the dwell of each level, ``[B, L + 1]``; out of operations that ONNX has."""
        level = torch.linspace(0.0, 1.0, NUM_LEVELS + 1, dtype=middle.dtype, device=middle.device)
        return 0.5 * (1.0 + torch.erf((middle[:, None] - level) / (self.residual_scale * math.sqrt(2.0))))


def _between(tables_BL: Tensor, index_B1: Tensor, share_B1: Tensor) -> Tensor:
    """Dwell between the level at ``index_B1`` and the next, ``[B]``."""
    low, high = tables_BL.gather(1, index_B1), tables_BL.gather(1, index_B1 + 1)
    return (low + (high - low) * share_B1)[:, 0]


def _middle(logit: Tensor) -> Tensor:
    """The sigmoid, spelled out: onnxruntime's own is off by 1e-7, which a long tail makes much of."""
    return 1.0 / (1.0 + torch.exp(-logit.clamp(-80.0, 80.0)))
