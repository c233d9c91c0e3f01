"""One table for all vocabularies, and the fields that it feeds.

B rows, F fields, D numeric inputs, L values of a list input, X ids of a row, W embedding width.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn

from holdfast.core.batch import Inputs
from holdfast.core.features import MISSING_ROW, InputSchema, ListField
from holdfast.core.protocols import SequenceEncoder
from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.sequences.mean_pooling import MeanPooling, mean_of_present


class InputEmbedding(nn.Module):
    """Turns encoded inputs into one vector a field, ``[B, F, W]``, beside the numeric inputs as they are.

    Every vocabulary owns a stretch of rows in one table, so that a step makes one look-up and one sparse
    gradient whatever the number of features. Inputs that name the same vocabulary share its rows.

    A categorical input contributes its row; the missing row is a value like any other and is trained. A set
    of values contributes their mean, a list in order of time what the sequence encoder makes of it; padding
    counts for nothing, and an empty list is all zeros.

    With several sets of embeddings, a row of the table holds one vector a set, side by side: still one
    look-up, whatever the number of sets. Sequence encoders are not shared between sets.

    Args:
        schema: the encoded inputs.
        embedding_dim: W.
        scale: standard deviation of a fresh row, the same for every vocabulary.
        sparse: whether the gradient holds only the rows that a batch touched.
        sequence: reads lists in order of time; by default like sets, by their mean.
        num_sets: sets of embeddings, at least 1.
    """

    offsets: Tensor

    def __init__(
        self,
        schema: InputSchema,
        *,
        embedding_dim: int,
        scale: float,
        sparse: bool,
        sequence: SequenceEncoder | None = None,
        num_sets: int = 1,
    ) -> None:
        super().__init__()
        names = (*schema.categorical, *(each.name for each in schema.lists))
        used = sorted({schema.vocabulary_of[name] for name in names})
        starts = [0, *accumulate(schema.num_rows[vocabulary] for vocabulary in used)]
        start_of = dict(zip(used, starts, strict=False))
        self.categorical = schema.categorical
        self.lists = schema.lists
        self.gaps_of = {each.gap_of: index for index, each in enumerate(schema.lists) if each.gap_of}
        self.shape = FieldsShape(
            fields=schema.fields, embedding_dim=embedding_dim, num_numeric=len(schema.numeric)
        )
        self.num_sets = num_sets
        widths = [1] * len(schema.categorical) + [each.max_length for each in schema.lists]
        offsets = [
            start_of[schema.vocabulary_of[name]]
            for name, width in zip(names, widths, strict=True)
            for _ in range(width)
        ]
        # Not in the checkpoint: the schema says it, and a schema that changed must not be overruled by it.
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.int64), persistent=False)
        self.table: nn.Embedding | None = None
        if names:
            self.table = nn.Embedding(starts[-1], num_sets * embedding_dim, sparse=sparse)
            nn.init.normal_(self.table.weight, std=scale)
        encoder = MeanPooling() if sequence is None else sequence
        self.encoders = nn.ModuleList(
            nn.ModuleList(
                encoder.build(each.max_length, embedding_dim)
                for each in schema.lists
                if each.ordered and not each.gap_of
            )
            for _ in range(num_sets)
        )

    def forward(self, inputs: Inputs) -> tuple[EmbeddedFields, ...]:
        """The fields of each row in each set of embeddings."""
        if self.table is None:
            none = inputs.numeric.new_zeros((inputs.numeric.shape[0], 0, self.shape.embedding_dim))
            return (EmbeddedFields(none, inputs.numeric),) * self.num_sets
        ids_BX = torch.cat([inputs.categorical.long(), *(each.long() for each in inputs.lists)], dim=1)
        rows_BXW = self.table(ids_BX + self.offsets)
        present = [ids != MISSING_ROW for ids in inputs.lists]
        # Not cut where there is nothing to cut: that would copy the gradient of every row.
        sets = (rows_BXW,) if self.num_sets == 1 else rows_BXW.chunk(self.num_sets, dim=2)
        return tuple(
            EmbeddedFields(self._fields(part_BXW, present, encoders), inputs.numeric)
            for part_BXW, encoders in zip(sets, self.encoders, strict=True)
        )

    def _fields(self, rows_BXW: Tensor, present: list[Tensor], encoders: nn.Module) -> Tensor:
        """One vector a field out of one a value, ``[B, F, W]``."""
        widths = [len(self.categorical), *(each.max_length for each in self.lists)]
        own_BFW, *lists = torch.split(rows_BXW, widths, dim=1)
        modules = iter(encoders.children())
        pooled = []
        for index, field in enumerate(self.lists):
            if field.gap_of:
                continue
            if not field.ordered:
                pooled.append(mean_of_present(lists[index], present[index]))
                continue
            gaps = lists[self.gaps_of[field.name]] if field.name in self.gaps_of else None
            encoder = next(modules)
            pooled.append(encoder(lists[index], present[index], self._target(own_BFW, field), gaps))
        return torch.cat([own_BFW, *(each.unsqueeze(1) for each in pooled)], dim=1)

    def _target(self, own_BFW: Tensor, field: ListField) -> Tensor:
        if not field.target:
            return own_BFW.new_zeros((own_BFW.shape[0], self.shape.embedding_dim))
        return own_BFW[:, self.categorical.index(field.target)]
