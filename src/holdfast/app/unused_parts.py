"""Parts of a model that were chosen and have nothing to do on a log."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from holdfast.app.composition import Plan
from holdfast.core.features import InputSchema
from holdfast.models.mixtures.aitm import AITM
from holdfast.models.sequences.mean_pooling import MeanPooling


def unused_parts(plan: Plan, schema: InputSchema, objectives: Collection[str]) -> Iterator[str]:
    """What of the model is the same as without it, in words; nothing where all of it is of use.

    Args:
        plan: of the run.
        schema: of the inputs that the log gave.
        objectives: that the run trains.
    """
    if not isinstance(plan.sequence, MeanPooling) and not any(each.ordered for each in schema.lists):
        yield (
            f"the sequence encoder {type(plan.sequence).__name__} reads nothing: no feature of the log is of "
            "kind sequence. history.recent_items=20 makes one of what users clicked last, if that is wanted"
        )
    if isinstance(plan.mixture, AITM):
        trained = [name for name in plan.mixture.chain if name in objectives]
        if len(trained) < 2:
            yield (
                f"AITM passes nothing on: of its chain {list(plan.mixture.chain)} this run trains "
                f"{trained or 'none'}, and a link needs two. The model is that of mixture single_task on "
                "shared embeddings; name two trained objectives in model.mixture.chain, or choose another "
                "model/mixture"
            )
