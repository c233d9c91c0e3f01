"""Any interaction goes with any sequence encoder, mixture, heads and balance.

Every pair of members of two families is in at least one case, which is built and trained. What takes longer
is done with fewer cases: every member of every family goes on after an interruption, and every member of the
smaller families is exported; each member of the larger ones is, by the suite of its own family.
HOLDFAST_ALL_PAIRS=1 lets every pair do everything, in some twenty minutes.
"""

from __future__ import annotations

import functools
import math
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from holdfast.app.composition import Plan, plan
from holdfast.app.head_fitting import dwell_population, fit_heads
from holdfast.app.hydra_entry import compose
from holdfast.app.new_ranker import new_ranker
from holdfast.app.schema import build
from holdfast.core.batch import Batch, Inputs
from holdfast.core.protocols import Head
from holdfast.core.shipped import shipped_folder
from holdfast.data.encoded import EncodedWindow
from holdfast.data.preparation import Prepared, prepare_windows
from holdfast.models.ranker import Ranker
from holdfast.serving.export_onnx import export_onnx, input_names
from holdfast.serving.verification import TOLERANCE
from holdfast.training.checkpoints import load_best
from holdfast.training.fit import fit
from holdfast.training.module import RankingModule

FAMILIES = (
    "model/interaction",
    "model/sequence",
    "model/mixture",
    "model/heads/click",
    "model/heads/dwell",
    "model/heads/retention",
    "objective/balance",
)
NOT_IN_A_BUNDLE = ("objective/balance",)
EXPORTED_ELSEWHERE = ("model/mixture", "model/heads/dwell")
OWN_EMBEDDINGS = ("model/mixture", "stem")
"""Its own suite exports it without the embeddings that it brings along; here it comes with them."""
TINY = (
    "data.num_users=60",
    "data.num_items=60",
    "data.num_topics=4",
    "data.num_days=24",
    "split.validation_days=2",
    "split.test_days=2",
    "history.recent_items=4",
    "model.ranker.embedding_dim=4",
    "model.ranker.tower_widths=[4]",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.checkpoint_every_batches=1",
)
Case = Mapping[str, str]
Pair = tuple[tuple[str, str], tuple[str, str]]


def members() -> dict[str, list[str]]:
    """The options of each family, by listing its folder."""
    configs = shipped_folder("configs")
    return {family: sorted(path.stem for path in (configs / family).glob("*.yaml")) for family in FAMILIES}


def pairs_of(case: Case) -> set[Pair]:
    return set(combinations(sorted(case.items()), 2))


def all_pairs(options: Mapping[str, list[str]]) -> set[Pair]:
    everything = [[(family, option) for option in found] for family, found in sorted(options.items())]
    return {pair for one, other in combinations(everything, 2) for pair in product(one, other)}


def covering(options: Mapping[str, list[str]]) -> list[dict[str, str]]:
    """Cases that hold every pair: the first pair still missing, then always what covers most of the rest.

    Of options that cover as much, the one that was used least.
    """
    missing, cases = all_pairs(options), []
    uses: Counter[tuple[str, str]] = Counter()
    while missing:
        case = dict(min(missing))
        for family in sorted(set(options) - set(case), key=lambda name: (-len(options[name]), name)):
            items = [(family, option) for option in options[family]]
            new = {item: sum(tuple(sorted((item, old))) in missing for old in case.items()) for item in items}
            case[family] = max(items, key=lambda item: (new[item], -uses[item]))[1]
        missing -= pairs_of(case)
        uses.update(case.items())
        cases.append(case)
    return cases


def enough(
    cases: list[dict[str, str]],
    *,
    size: int,
    leave_out: tuple[str, ...] = (),
    but: tuple[tuple[str, str], ...] = (),
) -> list[int]:
    """Places of few cases that hold every member (``size`` 1), or every pair (2), of the other families.

    Of those that hold as many, the one that is exported fastest. Members ``but`` are held too.
    """
    held = [
        set(combinations(sorted(i for i in case.items() if i[0] not in leave_out or i in but), size))
        for case in cases
    ]
    missing, chosen = set().union(*held), []
    while missing:
        best = max(range(len(cases)), key=lambda place: (len(held[place] & missing), -tracing(cases[place])))
        chosen.append(best)
        missing -= held[best]
    return sorted(chosen)


def tracing(case: Case) -> int:
    """What an export takes, about: most of it goes into sequence encoders, one for each set of embeddings."""
    encoder = {"mean_pooling": 1, "target_attention": 2}.get(case["model/sequence"], 4)
    return encoder * (4 if OWN_EMBEDDINGS in case.items() else 1)


OPTIONS = members()
CASES = covering(OPTIONS)
EVERY = os.environ.get("HOLDFAST_ALL_PAIRS") == "1"
RESUMED = list(range(len(CASES))) if EVERY else enough(CASES, size=1)
EXPORTED = (
    enough(CASES, size=2, leave_out=NOT_IN_A_BUNDLE)
    if EVERY
    else enough(CASES, size=1, leave_out=(*NOT_IN_A_BUNDLE, *EXPORTED_ELSEWHERE), but=(OWN_EMBEDDINGS,))
)


def name_of(place: int) -> str:
    return "-".join(CASES[place][family] for family in FAMILIES)


@functools.cache
def default_config() -> DictConfig:
    GlobalHydra.instance().clear()
    config = compose(list(TINY))
    GlobalHydra.instance().clear()
    return config


@functools.cache
def default_plan() -> Plan:
    return plan(default_config())


def configured(case: Case) -> Plan:
    """What composing with these options and checking everything gives, in a tenth of the time."""
    config = OmegaConf.create({"horizon_days": default_config().horizon_days})
    for family, option in case.items():
        node = OmegaConf.load(shipped_folder("configs") / family / f"{option}.yaml")
        OmegaConf.update(config, family.replace("/", "."), node)
    made = {family.split("/")[-1]: build(config, family.replace("/", ".")) for family in case}
    heads = {name: made.pop(name) for name in default_plan().heads}
    return replace(default_plan(), heads=heads, **made)


@functools.cache
def prepared(population: str) -> Prepared:
    """The tiny world's windows; what a dwell head learns from decides the labels."""
    made = default_plan()
    return prepare_windows(
        made.source.read(),
        split=made.split,
        history=made.history,
        encoder=made.encoder,
        objectives=tuple(made.heads),
        horizon_days=made.settings.horizon_days,
        dwell_population=population,
    )


def made_of(made: Plan) -> tuple[Prepared, dict[str, Head]]:
    windows = prepared(dwell_population(made.heads))
    return windows, fit_heads(made.heads, windows.windows["train"])


def train(made: Plan, folder: Path, *, resume: bool = False) -> tuple[Ranker, dict[str, torch.Tensor]]:
    """Two batches of half of the window each; the trained model, and the weights in its checkpoint."""
    windows, heads = made_of(made)
    ranker = new_ranker(made, windows.encoder, heads, seed=0)
    window = windows.windows["train"]
    fit(
        ranker,
        window,
        windows.windows["validation"],
        weighting=made.weighting,
        balance=made.balance,
        optimizer=made.optimizer,
        settings=replace(made.trainer, batch_size=(len(window) + 1) // 2),
        seed=0,
        folder=folder,
        source=made.propensity,
        estimator=made.estimator,
        resume=resume,
    )
    return ranker, load_best(folder)


@functools.cache
def trained(place: int) -> tuple[Ranker, dict[str, torch.Tensor]]:
    """What training a case gives; tests that only look at it share it."""
    with tempfile.TemporaryDirectory() as folder:
        return train(configured(CASES[place]), Path(folder))


class StoppedError(Exception):
    """Stands for whatever ends a run before its time."""


def counted_steps(patch: pytest.MonkeyPatch, *, stop_after: int | None = None) -> list[int]:
    """Fills with the numbers of the batches that are trained on from now on, at most so many."""
    step, seen = RankingModule.training_step, []

    def counting(module: RankingModule, batch: Batch, batch_idx: int) -> None:
        if len(seen) == stop_after:
            raise StoppedError
        seen.append(batch_idx)
        step(module, batch, batch_idx)

    patch.setattr(RankingModule, "training_step", counting)
    return seen


def first_rows(window: EncodedWindow, number: int) -> Inputs:
    return Inputs(
        torch.from_numpy(window.categorical[:number]),
        torch.from_numpy(window.numeric[:number]),
        tuple(torch.from_numpy(each[:number]) for each in window.lists),
        torch.from_numpy(window.content_seconds[:number]),
    )


def test_every_pair_is_in_a_case():
    assert all(len(found) >= 2 for found in OPTIONS.values())
    covered = set().union(*map(pairs_of, CASES))
    assert covered == all_pairs(OPTIONS)
    counts = [len(found) for found in OPTIONS.values()]
    assert len(covered) == (sum(counts) ** 2 - sum(count**2 for count in counts)) // 2
    # No fewer cases can hold the pairs of the two largest families.
    fewest = math.prod(sorted(counts)[-2:])
    assert fewest <= len(CASES) <= 1.25 * fewest
    print(
        f"{len(CASES)} cases hold all {len(covered)} pairs of {sum(counts)} members of {len(FAMILIES)} "
        f"families ({math.prod(counts):,} combinations); {len(RESUMED)} are resumed, {len(EXPORTED)} exported"
    )


def test_the_chosen_cases_hold_every_member():
    wanted = {(family, option) for family, found in OPTIONS.items() for option in found}
    assert {item for place in RESUMED for item in CASES[place].items()} == wanted
    exported = {item for place in EXPORTED for item in CASES[place].items()}
    small = {item for item in wanted if item[0] not in (*NOT_IN_A_BUNDLE, *EXPORTED_ELSEWHERE)}
    assert small | {OWN_EMBEDDINGS} <= exported


def test_a_case_is_what_composing_gives():
    GlobalHydra.instance().clear()
    composed = plan(compose([*TINY, *(f"{family}={option}" for family, option in CASES[-1].items())]))
    GlobalHydra.instance().clear()
    assert composed == configured(CASES[-1])


def part_of(name: str) -> str:
    """The part of a model to which a weight belongs: ``embedding.table``, ``towers.click``, ..."""
    return ".".join(name.split(".")[:2])


@pytest.mark.parametrize("place", range(len(CASES)), ids=name_of)
def test_a_case_trains(place):
    made = configured(CASES[place])
    windows, heads = made_of(made)
    fresh = new_ranker(made, windows.encoder, heads, seed=0).state_dict()
    # Only what is looked at again is kept.
    _, weights = (trained if place in {*RESUMED, *EXPORTED} else trained.__wrapped__)(place)
    assert weights.keys() == fresh.keys()
    assert all(bool(torch.isfinite(values).all()) for values in weights.values())
    moved = {part_of(name) for name, values in weights.items() if not torch.equal(values, fresh[name])}
    assert moved == {part_of(name) for name in fresh}, "a part learned nothing"


@pytest.mark.parametrize("place", RESUMED, ids=name_of)
def test_a_case_goes_on_to_the_same_bits(place, tmp_path, monkeypatch):
    made = configured(CASES[place])
    _, weights = trained(place)
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        counted_steps(patch, stop_after=1)
        train(made, tmp_path / "stopped")
    with monkeypatch.context() as patch:
        done = counted_steps(patch)
        _, resumed = train(made, tmp_path / "stopped", resume=True)
    assert done == [1], "it did not go on with the second batch"
    assert resumed.keys() == weights.keys()
    for name, values in weights.items():
        assert torch.equal(values, resumed[name]), name


@pytest.mark.parametrize("place", EXPORTED, ids=name_of)
def test_a_case_exports_with_parity(place, tmp_path):
    made = configured(CASES[place])
    windows, _ = made_of(made)
    ranker, _ = trained(place)
    schema = windows.encoder.schema
    export_onnx(ranker.eval(), made.fusion, schema, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for number in (1, 50):
        inputs = first_rows(windows.windows["test"], number)
        tensors = (inputs.categorical, inputs.numeric, *inputs.lists, inputs.content_seconds)
        fed = {name: each.numpy() for name, each in zip(input_names(schema), tensors, strict=True)}
        with torch.no_grad():
            expected = ranker.predict(inputs)
        given = dict(zip([each.name for each in session.get_outputs()], session.run(None, fed), strict=True))
        assert set(expected) < set(given)
        for name, values in expected.items():
            scale = np.maximum(1.0, np.abs(values.numpy()))
            assert float((np.abs(given[name] - values.numpy()) / scale).max()) <= TOLERANCE, name
