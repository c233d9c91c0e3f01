from __future__ import annotations

import pytest
import torch

from holdfast.core.representation import EmbeddedFields, FieldsShape

NAMES = ("user", "item", "device")


@pytest.fixture
def shape() -> FieldsShape:
    return FieldsShape(fields=NAMES, embedding_dim=4, num_numeric=2)


@pytest.fixture
def fields() -> EmbeddedFields:
    generator = torch.Generator().manual_seed(5)
    return EmbeddedFields(
        torch.randn(6, 3, 4, generator=generator, dtype=torch.float64),
        torch.randn(6, 2, generator=generator, dtype=torch.float64),
    )
