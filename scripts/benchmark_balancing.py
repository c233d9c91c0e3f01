#!/usr/bin/env python
"""What a training step costs under each way to balance objectives, beside a plain one.

    python scripts/benchmark_balancing.py [--rounds N] [--steps N] [--mixture NAME]

One thread, sparse embeddings of 1,000,000 x 16, three objectives, batches of 2,048 rows with four ids each.
A step is the forward pass, the weights, the pass back, clipping and both optimisers; loading and Lightning,
which cost all of them the same, are left out. All take turns in every round; CPU time; medians over rounds of
the ratio within a round. The bar: at most 2.0 times the plain step for every method.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch

import numpy as np
import torch
import yaml

from holdfast.app.schema import TARGET, component_class
from holdfast.core.batch import Batch
from holdfast.core.features import InputSchema
from holdfast.core.shipped import shipped_folder
from holdfast.data.batches import TensorColumns
from holdfast.data.encoded import EncodedWindow
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.ranker import RankerSettings, build_ranker
from holdfast.objectives.estimators.rows import ALONE
from holdfast.training.module import RankingModule
from holdfast.training.settings import OptimizerSettings

ROWS, IDS, TABLE, BATCHES = 2048, 4, 1_000_000, 8
MOST_RATIO = 2.0
NAMES = tuple(f"category_{index}" for index in range(IDS))


def component(group: str, name: str) -> object:
    """An option of a group as it is shipped."""
    values = yaml.safe_load((shipped_folder("configs") / group / f"{name}.yaml").read_text())
    return component_class(values.pop(TARGET))(**values)


def make_batches() -> list[Batch]:
    """Ids uniform over the table, so that no row is more likely in a cache."""
    rng = np.random.default_rng(0)
    rows = ROWS * BATCHES
    click = rng.random(rows) < 0.3
    stay, content = np.exp(3.0 + rng.normal(size=rows)), rng.uniform(20.0, 90.0, rows)
    back = rng.geometric(0.3, rows)
    every, zeros = np.ones(rows, dtype=bool), np.zeros(rows, dtype=np.int64)
    window = EncodedWindow(
        name="train",
        objectives=("click", "dwell", "retention"),
        categorical=rng.integers(0, TABLE // IDS, (rows, IDS), dtype=np.int32),
        numeric=np.zeros((rows, 0), dtype=np.float32),
        lists=(),
        content_seconds=content.astype(np.float32),
        value=np.stack([click, np.minimum(stay, content), np.minimum(back, 7)], 1).astype(np.float32),
        event=np.stack([every, stay < content, back <= 7], 1),
        known=np.stack([every, click, every], 1),
        spread=np.ones((rows, 3), dtype=np.float32),
        propensity=np.ones(rows),
        **dict.fromkeys(("request", "user", "user_day", "day", "slot", "follow_up_days"), zeros),
        recency_days=zeros.astype(np.float32),
        active_days_7=zeros.astype(np.float32),
        policy=zeros,
        item=zeros,
    )
    columns = TensorColumns(window, np.ones((rows, 3), dtype=np.float32))
    return [columns.slice(start, start + ROWS) for start in range(0, rows, ROWS)]


class Stepper:
    """A model and its optimisers under one balance."""

    def __init__(self, balance: str, mixture: str) -> None:
        schema = InputSchema(
            categorical=NAMES,
            numeric=(),
            vocabulary_of={name: name for name in NAMES},
            num_rows=dict.fromkeys(NAMES, TABLE // IDS),
        )
        heads = {"click": Bernoulli(), "dwell": CensoredLogNormal(), "retention": DiscreteHazard()}
        ranker = build_ranker(
            schema,
            settings=RankerSettings(embedding_dim=16),
            mixture=component("model/mixture", mixture),
            heads=heads,
            seed=0,
        ).train()
        made = component("objective/balance", balance)
        self.module = RankingModule(ranker, balance=made, optimizer=OptimizerSettings(), seed=0)
        self.optimizers = self.module.configure_optimizers()

    def step(self, batch: Batch, index: int) -> None:
        """One step, as a training makes it."""
        module, weighing = self.module, self.module.weighing
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss, weighed_by = weighing.loss(module._forward(batch, ALONE), ALONE, seed=index)
        loss.backward(**weighing.backward_arguments(module))
        module._clip()
        for optimizer in self.optimizers[: module.num_model_optimizers]:
            optimizer.step()
        if weighing.balancer is None:
            return
        if weighing.balancer.looks_back:
            with torch.no_grad():
                weighing.look_back(weighed_by, module._forward(batch, ALONE), ALONE)
        for optimizer in self.optimizers[module.num_model_optimizers :]:
            optimizer.step()
        weighing.balancer.moved()

    def milliseconds(self, batches: list[Batch], steps: int) -> float:
        """CPU time of a step, mean over so many."""
        started = time.process_time()
        for index in range(steps):
            self.step(batches[index % len(batches)], index)
        return 1e3 * (time.process_time() - started) / steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=16, help="of each balance in a round")
    parser.add_argument("--mixture", default="mmoe", help="an option of model/mixture")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = shipped_folder("configs") / "objective" / "balance"
    names = ["static", *sorted({path.stem for path in folder.glob("*.yaml")} - {"static"})]
    batches, steppers = make_batches(), {name: Stepper(name, options.mixture) for name in names}
    first = steppers["static"].module
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} thread of {os.cpu_count()} cores; "
        f"{TABLE:,} x 16 sparse, {ROWS} rows x {IDS} ids, {len(first.ranker.objectives)} objectives; "
        f"{options.mixture}, {sum(each.numel() for each in first.ranker.dense_parameters()):,} dense weights",
        flush=True,
    )
    for stepper in steppers.values():
        stepper.milliseconds(batches, len(batches))  # every table is touched before it counts
    found: dict[str, list[float]] = {name: [] for name in names}
    for index in range(options.rounds):
        # Each is first, last and in between in turn: what else runs on the machine hits all alike.
        turn = index % len(names)
        for name in (*names[turn:], *names[:turn]):
            found[name].append(steppers[name].milliseconds(batches, options.steps))
    worst = 0.0
    for name in names:
        ratio = statistics.median(
            mine / plain for mine, plain in zip(found[name], found["static"], strict=True)
        )
        balancer = steppers[name].module.weighing.balancer
        compares = balancer is not None and balancer.gradients_at is not None
        kind = "gradients" if compares else "losses" if balancer is not None else "plain"
        worst = max(worst, ratio)
        print(f"  {name:<12} {kind:<10} {statistics.median(found[name]):6.2f} ms  {ratio:5.2f}x")
    verdict = "passed" if worst <= MOST_RATIO else "FAILED"
    print(
        f"at most {worst:.2f}x a plain step, median of {options.rounds} rounds; bar {MOST_RATIO}x: {verdict}"
    )


if __name__ == "__main__":
    main()
