"""The model of a plan with untrained weights."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.app.composition import Plan
from holdfast.core.errors import UserError
from holdfast.core.protocols import Head
from holdfast.data.encoder import Encoder
from holdfast.models.ranker import Ranker, build_ranker


def new_ranker(plan: Plan, encoder: Encoder, objectives: Sequence[str], *, seed: int) -> Ranker:
    """The run's model with untrained weights, for the objectives that a log can teach.

    Raises:
        UserError: the parts of the model do not fit together.
    """
    heads: dict[str, Head] = {name: plan.heads[name] for name in objectives}
    try:
        return build_ranker(
            encoder.schema, settings=plan.ranker, mixture=plan.mixture, heads=heads, seed=seed
        )
    except ValueError as error:
        raise UserError(f"model: {error}") from error
