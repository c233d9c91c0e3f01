"""One model of one seed, trained and judged."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components import Components
from windows import EncodedBenchmark

from holdfast.core.errors import UserError
from holdfast.core.protocols import Mixture
from holdfast.evaluation.discrimination import roc_auc
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.ranker import build_ranker
from holdfast.objectives.balancing.static import StaticBalance
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.fit import fit
from holdfast.training.prediction import predict


def trained_and_judged(
    data: EncodedBenchmark, mixture: Mixture, *, components: Components, seed: int
) -> Mapping[str, Any]:
    """AUC of each task on the test window, and how training went, by name.

    Raises:
        UserError: the mixture does not fit the inputs or the tasks, or training diverged.
    """
    started = time.perf_counter()
    heads = {task: Bernoulli(output=f"{task}_probability") for task in data.tasks}
    try:
        ranker = build_ranker(
            data.schema, settings=components.ranker, mixture=mixture, heads=heads, seed=seed
        )
    except ValueError as error:
        raise UserError(
            f"{type(mixture).__name__} does not fit this benchmark: {error}; see settings/*.yaml, mixtures"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            ranker,
            data.train,
            data.validation,
            weighting=PropensityWeighting(kind="none"),
            # The mean over tasks, as in the published code.
            balance=StaticBalance(weights=dict.fromkeys(data.tasks, 1.0 / len(data.tasks))),
            optimizer=components.optimizer,
            settings=components.trainer,
            seed=seed,
            folder=Path(folder),
        )
    outputs = predict(ranker, data.test, fusion=None)
    aucs = {
        task: roc_auc(outputs[head.output], data.test.value[:, data.test.index_of(task)])
        for task, head in heads.items()
    }
    return {
        **aucs,
        "epochs": len(result.epochs),
        "best_epoch": result.best_epoch,
        "validation_loss": result.best_value,
        "parameters": sum(weights.numel() for weights in ranker.parameters()),
        "seconds": time.perf_counter() - started,
    }
