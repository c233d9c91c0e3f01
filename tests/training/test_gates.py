from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import holdfast.training.gates as gates_module
from holdfast.core.gates import gate_use
from holdfast.core.protocols import Mixture
from holdfast.data.batches import TensorColumns
from holdfast.models.mixtures.aitm import AITM
from holdfast.models.mixtures.mmoe import GatedExperts, MMoE
from holdfast.models.mixtures.ple import PLE
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker


def ranker_with(toy: Any, mixture: Mixture) -> Ranker:
    return build_ranker(
        toy.schema,
        settings=RankerSettings(embedding_dim=4, tower_widths=[8]),
        mixture=mixture,
        heads=toy.heads,
        seed=0,
    )


def test_every_epoch_logs_the_mean_weights_and_entropy_of_the_validation_window(
    toy: Any, tmp_path: Path
) -> None:
    ranker = toy.ranker()
    result = toy.fit(tmp_path, ranker=ranker, max_epochs=2)
    assert isinstance(ranker.mixture, GatedExperts)
    inputs = TensorColumns(toy.window(120, 1, "validation")).slice(0, 120).inputs
    with torch.no_grad():
        logits = ranker.mixture.gates(ranker.embed(inputs).shared).view(120, 3, 2).double()
    shares = torch.softmax(logits, -1).numpy()
    entropy = -(shares * np.log(shares)).sum(-1) / math.log(2.0)
    best = result.epochs.set_index("epoch").loc[result.best_epoch]
    for index, objective in enumerate(("click", "dwell", "retention")):
        for expert in range(2):
            expected = shares[:, index, expert].mean()
            assert best[f"gates/{objective}/expert_{expert}"] == pytest.approx(expected, rel=1e-5)
        assert best[f"gates/{objective}/entropy"] == pytest.approx(entropy[:, index].mean(), rel=1e-5)
    assert result.unused_experts == ()


def test_a_large_window_is_sampled_evenly(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = toy.fit(tmp_path / "whole", max_epochs=1).epochs
    monkeypatch.setattr(gates_module, "MOST_ROWS", 50)
    seen: list[int] = []
    every = gates_module._every

    def counted(inputs: Any, step: int) -> Any:
        found = every(inputs, step)
        seen.append(len(found))
        assert torch.equal(found.numeric, inputs.numeric[::3])
        return found

    monkeypatch.setattr(gates_module, "_every", counted)
    sampled = toy.fit(tmp_path / "sampled", max_epochs=1).epochs
    assert seen == [40]
    others = [name for name in whole.columns if not name.startswith("gates/")]
    assert whole[others].equals(sampled[others])
    assert not whole.equals(sampled)
    assert float(sampled["gates/click/expert_0"].iloc[0]) == pytest.approx(
        float(whole["gates/click/expert_0"].iloc[0]), abs=0.1
    )


def test_every_level_has_its_own_gates(toy: Any, tmp_path: Path) -> None:
    mixture = PLE(num_levels=2, num_task_experts=1, num_shared_experts=1, expert_widths=[8])
    epochs = toy.fit(tmp_path, ranker=ranker_with(toy, mixture), max_epochs=1).epochs
    use = gate_use(epochs.drop(columns="epoch").iloc[0].to_dict())
    assert set(use["level_1/shared"]) == {"click_0", "dwell_0", "retention_0", "shared_0", "entropy"}
    assert set(use["level_2/dwell"]) == {"dwell_0", "shared_0", "entropy"}
    for each in use.values():
        assert sum(weight for name, weight in each.items() if name != "entropy") == pytest.approx(1.0)
        assert 0.0 <= each["entropy"] <= 1.0


@pytest.mark.parametrize("mixture", [SharedBottom(widths=[8])], ids=["no gates"])
def test_a_model_without_gates_logs_none(toy: Any, tmp_path: Path, mixture: Mixture) -> None:
    result = toy.fit(tmp_path, ranker=ranker_with(toy, mixture), max_epochs=1)
    assert not [name for name in result.epochs.columns if name.startswith("gates/")]
    assert result.unused_experts == ()


def test_a_chain_with_nothing_to_pass_logs_none(toy: Any, tmp_path: Path) -> None:
    mixture = AITM(widths=[8])
    ranker = build_ranker(
        toy.schema,
        settings=RankerSettings(embedding_dim=4, tower_widths=[8]),
        mixture=mixture,
        heads={"click": toy.heads["click"]},
        seed=0,
    )
    epochs = toy.fit(tmp_path, ranker=ranker, max_epochs=1).epochs
    assert not [name for name in epochs.columns if name.startswith("gates/")]


def test_a_resumed_run_keeps_the_gates_of_the_epochs_before(toy: Any, tmp_path: Path) -> None:
    whole = toy.fit(tmp_path / "whole", max_epochs=3, patience=3).epochs
    toy.fit(tmp_path / "parts", max_epochs=2, patience=3)
    parts = toy.fit(tmp_path / "parts", max_epochs=3, patience=3, resume=True).epochs
    assert parts.equals(whole)


def test_an_expert_that_every_gate_shuts_out_is_told(toy: Any, tmp_path: Path) -> None:
    ranker = ranker_with(toy, MMoE(num_experts=3, expert_widths=[8]))
    assert isinstance(ranker.mixture, GatedExperts)
    with torch.no_grad():
        ranker.mixture.gates.bias.view(3, 3)[:, 1] -= 30.0
    result = toy.fit(tmp_path, ranker=ranker, max_epochs=1)
    assert result.unused_experts == ("expert_1",)
