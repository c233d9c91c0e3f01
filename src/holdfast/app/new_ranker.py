"""The model of a plan with untrained weights."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.app.composition import Plan
from holdfast.core.errors import UserError
from holdfast.core.protocols import Head
from holdfast.data.encoder import Encoder
from holdfast.models.ranker import Ranker, build_ranker


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
    try:
        return build_ranker(
            encoder.schema,
            settings=plan.ranker,
            sequence=plan.sequence,
            interaction=plan.interaction,
            mixture=plan.mixture,
            heads=heads,
            seed=seed,
        )
    except ValueError as error:
        raise UserError(f"model: {error}") from error
