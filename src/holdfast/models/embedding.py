"""One table for all vocabularies, and the representation that it feeds.

B rows, F categorical inputs, D numeric inputs, L values of a list input, W embedding width.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn

from holdfast.core.batch import Inputs
from holdfast.core.features import MISSING_ROW, InputSchema


class InputEmbedding(nn.Module):
    """Turns encoded inputs into one vector a row, ``[B, output_width]``.

    Every vocabulary owns a stretch of rows in one table, so that a step makes one look-up and one sparse
    gradient whatever the number of features. Inputs that name the same vocabulary share its rows.

    A categorical input contributes its row; the missing row is a value like any other and is trained. A list
    contributes the mean of its values; padding counts for nothing, and an empty list is all zeros. Numeric
    inputs follow as they are.

    Args:
        schema: the encoded inputs.
        embedding_dim: W.
        scale: standard deviation of a fresh row, the same for every vocabulary.
        sparse: whether the gradient holds only the rows that a batch touched.
    """

    offsets: Tensor

    def __init__(self, schema: InputSchema, *, embedding_dim: int, scale: float, sparse: bool) -> None:
        super().__init__()
        names = (*schema.categorical, *(each.name for each in schema.lists))
        used = sorted({schema.vocabulary_of[name] for name in names})
        starts = [0, *accumulate(schema.num_rows[vocabulary] for vocabulary in used)]
        start_of = dict(zip(used, starts, strict=False))
        self.num_categorical = len(schema.categorical)
        self.list_lengths = tuple(each.max_length for each in schema.lists)
        widths = [1] * self.num_categorical + list(self.list_lengths)
        offsets = [
            start_of[schema.vocabulary_of[name]]
            for name, width in zip(names, widths, strict=True)
            for _ in range(width)
        ]
        # Not in the checkpoint: the schema says it, and a schema that changed must not be overruled by it.
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.int64), persistent=False)
        self.table: nn.Embedding | None = None
        if names:
            self.table = nn.Embedding(starts[-1], embedding_dim, sparse=sparse)
            nn.init.normal_(self.table.weight, std=scale)
        self.output_width = len(names) * embedding_dim + len(schema.numeric)

    def forward(self, inputs: Inputs) -> Tensor:
        """The representation of each row, ``[B, output_width]``."""
        if self.table is None:
            return inputs.numeric
        ids_BX = torch.cat([inputs.categorical.long(), *(each.long() for each in inputs.lists)], dim=1)
        rows_BXW = self.table(ids_BX + self.offsets)
        parts = [rows_BXW[:, : self.num_categorical].flatten(1)]
        start = self.num_categorical
        for ids, length in zip(inputs.lists, self.list_lengths, strict=True):
            present = (ids != MISSING_ROW).unsqueeze(-1).to(rows_BXW.dtype)
            total = (rows_BXW[:, start : start + length] * present).sum(1)
            parts.append(total / present.sum(1).clamp(min=1.0))
            start += length
        return torch.cat([*parts, inputs.numeric], dim=1)
