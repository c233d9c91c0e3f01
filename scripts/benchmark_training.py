#!/usr/bin/env python
"""How fast the default model trains, beside a bare PyTorch loop and as vocabularies grow.

    python scripts/benchmark_training.py [--quick] [--threads N]

Prints rows/s of `fit` (loading, Lightning, losses and progress included), rows/s of a bare loop of the same
network with the same optimisers, their ratio, and rows/s of `fit` as vocabularies grow.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

# Threads that spin while they wait steal the time of those that work where cores are shared. Before torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from holdfast.core.features import InputSchema
from holdfast.data.batches import TensorColumns
from holdfast.data.encoded import EncodedWindow
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.mixtures.mmoe import MMoE
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.fit import fit
from holdfast.training.optimizers import build_optimizers
from holdfast.training.settings import OptimizerSettings, TrainerSettings

NUM_CATEGORICAL, NUM_NUMERIC, BATCH_SIZE = 20, 10, 4096
LEAST_RATIO, MOST_GROWTH = 0.85, 1.5
NAMES = tuple(f"category_{index}" for index in range(NUM_CATEGORICAL))


def make_window(name: str, rows: int, vocabulary: int) -> EncodedWindow:
    """Rows whose ids are uniform over the vocabulary: no row of the table is more likely in a cache."""
    rng = np.random.default_rng(rows)
    click = rng.random(rows) < 0.2
    stay, content = np.exp(3.0 + rng.normal(size=rows)), rng.uniform(20.0, 90.0, rows)
    back = rng.geometric(0.3, rows)
    every, zeros = np.ones(rows, dtype=bool), np.zeros(rows, dtype=np.int64)
    return EncodedWindow(
        name=name,
        objectives=("click", "dwell", "retention"),
        categorical=rng.integers(0, vocabulary, (rows, NUM_CATEGORICAL), dtype=np.int32),
        numeric=rng.normal(size=(rows, NUM_NUMERIC)).astype(np.float32),
        lists=(),
        content_seconds=content.astype(np.float32),
        value=np.stack([click, np.minimum(stay, content), np.minimum(back, 7)], 1).astype(np.float32),
        event=np.stack([every, stay < content, back <= 7], 1),
        known=np.stack([every, click, every], 1),
        spread=np.ones((rows, 3), dtype=np.float32),
        propensity=rng.uniform(0.05, 1.0, rows),
        request=zeros,
        user=zeros,
        user_day=zeros,
        day=zeros,
        slot=zeros,
        follow_up_days=zeros,
        recency_days=zeros.astype(np.float32),
        active_days_7=zeros.astype(np.float32),
        policy=zeros,
        item=zeros,
    )


def make_ranker(vocabulary: int) -> Ranker:
    """The default model."""
    schema = InputSchema(
        categorical=NAMES,
        numeric=tuple(f"number_{index}" for index in range(NUM_NUMERIC)),
        vocabulary_of={name: name for name in NAMES},
        num_rows=dict.fromkeys(NAMES, vocabulary),
    )
    heads = {"click": Bernoulli(), "dwell": CensoredLogNormal(), "retention": DiscreteHazard()}
    return build_ranker(schema, settings=RankerSettings(), mixture=MMoE(), heads=heads, seed=0)


def rate_of_holdfast(vocabulary: int, rows: int) -> float:
    """Rows/s of one epoch of ``fit``."""
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            make_ranker(vocabulary),
            make_window("train", rows, vocabulary),
            make_window("validation", BATCH_SIZE, vocabulary),
            weighting=PropensityWeighting(),
            balance=StaticBalance(),
            optimizer=OptimizerSettings(),
            settings=TrainerSettings(max_epochs=1, batch_size=BATCH_SIZE, accelerator="cpu"),
            seed=0,
            folder=Path(folder),
        )
    return result.rows_per_second


def rate_of_bare_loop(vocabulary: int, rows: int) -> float:
    """Rows/s of one epoch of as little Python as will do."""
    ranker, settings = make_ranker(vocabulary), OptimizerSettings()
    columns = TensorColumns(make_window("train", rows, vocabulary))
    optimizers, dense = build_optimizers(ranker, settings), ranker.dense_parameters()
    clip = settings.gradient_clip or float("inf")

    def step(index: torch.Tensor) -> None:
        # A function, so that nothing of a step is still in memory when the next one starts.
        batch = columns.gather(index)
        parameters = ranker(batch.inputs)
        loss = torch.zeros(())
        for place, (objective, head) in enumerate(ranker.heads.items()):
            losses = head.negative_log_likelihood(parameters[objective], batch.outcome(place))
            loss = loss + (losses * batch.weight[:, place]).sum() / batch.known[:, place].sum()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(dense, clip)
        for optimizer in optimizers:
            optimizer.step()

    started = time.perf_counter()
    for index in torch.randperm(rows).split(BATCH_SIZE):
        step(index)
    return rows / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter rounds; the figures are noisier"
    )
    parser.add_argument("--threads", type=int, default=0, help="threads of torch; 0 for its own choice")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    batches, rounds = (12, 3) if options.quick else (40, 7)
    rows = batches * BATCH_SIZE
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores, "
        f"OMP_WAIT_POLICY={os.environ['OMP_WAIT_POLICY']}\n"
        f"{NUM_CATEGORICAL} categorical + {NUM_NUMERIC} numeric columns, ids uniform, batch {BATCH_SIZE}, "
        f"{batches} batches a round\n"
        f"default model: {RankerSettings()}, {MMoE()}, 3 heads; {OptimizerSettings()}",
        flush=True,
    )
    rate_of_holdfast(1000, 4 * BATCH_SIZE)  # imports, thread pools
    pairs = []
    for index in range(rounds):
        # In turn, and each first every other time: other users of the machine then hit both alike.
        if index % 2:
            bare, ours = rate_of_bare_loop(100_000, rows), rate_of_holdfast(100_000, rows)
        else:
            ours, bare = rate_of_holdfast(100_000, rows), rate_of_bare_loop(100_000, rows)
        pairs.append((ours, bare))
        print(f"  round {index + 1}: holdfast {ours:,.0f}, bare loop {bare:,.0f} rows/s", flush=True)
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    print(
        f"vocabulary 100,000, medians of {rounds} rounds, validation and checkpoints left out:\n"
        f"  holdfast  {statistics.median(ours for ours, _ in pairs):>9,.0f} rows/s\n"
        f"  bare loop {statistics.median(bare for _, bare in pairs):>9,.0f} rows/s\n"
        f"  ratio {ratio:.3f} (median over rounds; bar: at least {LEAST_RATIO}) "
        f"{'passed' if ratio >= LEAST_RATIO else 'FAILED'}",
        flush=True,
    )
    report_vocabularies(rows, rounds=2 if options.quick else 3)


def report_vocabularies(rows: int, *, rounds: int) -> None:
    """Rows/s of holdfast as vocabularies grow, in turn; medians."""
    rates: dict[int, list[float]] = {vocabulary: [] for vocabulary in (1_000, 100_000, 1_000_000)}
    for _ in range(rounds):
        for vocabulary, found in rates.items():
            found.append(rate_of_holdfast(vocabulary, rows))
    print(f"holdfast as vocabularies grow, medians of {rounds} rounds in turn:")
    medians = {vocabulary: statistics.median(found) for vocabulary, found in rates.items()}
    for vocabulary, rate in medians.items():
        print(f"  {vocabulary:>9,} values a column: {rate:>9,.0f} rows/s, {1e6 / rate:.1f} us a row")
    growth = medians[1_000] / medians[1_000_000]
    print(
        f"  a row costs {growth:.2f} times as much at 1,000,000 as at 1,000 (bar: below {MOST_GROWTH}) "
        f"{'passed' if growth < MOST_GROWTH else 'FAILED'}"
    )


if __name__ == "__main__":
    main()
