"""The model of a plan with untrained weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from holdfast.app.composition import Plan
from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.core.protocols import Head
from holdfast.core.random import derive_seed
from holdfast.data.encoder import Encoder
from holdfast.models.ranker import Ranker, build_ranker

_FEWEST_ROWS = 2
"""Of an embedding table: those of what is missing and of what is unknown."""


def new_ranker(plan: Plan, encoder: Encoder, heads: Mapping[str, Head], *, seed: int) -> Ranker:
    """The run's model with untrained weights.

    Args:
        plan: of the run.
        encoder: of the rows that the model is to read.
        heads: for the objectives that a log can teach, fitted where they need that.
        seed: of the weights.

    Raises:
        UserError: the parts of the model do not fit together.
    """
    return _built(plan, encoder.schema, heads, seed=seed)


def check_model(plan: Plan, schema: InputSchema, heads: Mapping[str, Head]) -> None:
    """Refuse a model whose parts do not fit the inputs or each other, at the cost of a small one.

    Whether they fit does not depend on how many values a vocabulary has, so it is built with the fewest.

    Raises:
        UserError: the parts of the model do not fit together.
    """
    _built(plan, replace(schema, num_rows=dict.fromkeys(schema.num_rows, _FEWEST_ROWS)), heads, seed=0)


def _built(plan: Plan, schema: InputSchema, heads: Mapping[str, Head], *, seed: int) -> Ranker:
    try:
        return build_ranker(
            schema,
            settings=plan.ranker,
            sequence=plan.sequence,
            interaction=plan.interaction,
            mixture=plan.mixture,
            heads=heads,
            seed=seed,
        )
    except ValueError as error:
        raise UserError(f"model: {error}") from error


def member_seed(seed: int, member: int) -> int:
    """The seed of a member of an ensemble; the first one's is the ensemble's."""
    return seed if member == 0 else derive_seed(seed, "member", member)
