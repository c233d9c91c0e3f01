"""Means of what several rankers predict."""

from __future__ import annotations

import pytest
import torch

from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.core.protocols import Head
from holdfast.models.ensemble import EnsembleSettings, RankerEnsemble, members_of
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker

SCHEMA = InputSchema(categorical=(), numeric=("one", "two"))
HEADS: dict[str, Head] = {"click": Bernoulli(), "retention": DiscreteHazard(horizon_days=3)}


def ranker(seed: int, heads: dict[str, Head] | None = None) -> Ranker:
    return build_ranker(
        SCHEMA,
        settings=RankerSettings(tower_widths=[4]),
        mixture=SharedBottom(widths=[4]),
        heads=HEADS if heads is None else heads,
        seed=seed,
    )


def inputs(rows: int) -> Inputs:
    numeric = torch.randn(rows, 2, generator=torch.Generator().manual_seed(0))
    none = torch.zeros(rows, 0, dtype=torch.int32)
    return Inputs(none, numeric, (), torch.full((rows,), torch.inf))


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_outputs_are_means_on_their_own_scale(rows: int) -> None:
    members = [ranker(seed) for seed in range(3)]
    ensemble = RankerEnsemble(members)
    rows_of = inputs(rows)
    found = ensemble.predict(rows_of)
    for name, values in found.items():
        expected = sum(member.predict(rows_of)[name] for member in members) / 3.0
        torch.testing.assert_close(values, expected)
    assert ensemble.objectives == ("click", "retention")
    assert ensemble.scores(rows_of).keys() == {"click", "retention"}
    assert sum(each.numel() for each in ensemble.parameters()) == 3 * sum(
        each.numel() for each in members[0].parameters()
    )


def test_one_member_is_itself() -> None:
    alone = ranker(0)
    for name, values in RankerEnsemble([alone]).predict(inputs(5)).items():
        torch.testing.assert_close(values, alone.predict(inputs(5))[name])
    assert members_of(alone) == [alone]
    assert members_of(RankerEnsemble([alone])) == [alone]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        RankerEnsemble([])
    with pytest.raises(ValueError, match="different objectives"):
        RankerEnsemble([ranker(0), ranker(0, {"click": Bernoulli()})])
    with pytest.raises(ValueError, match="members is 0"):
        EnsembleSettings(members=0)
    with pytest.raises(TypeError, match="ask each of its members"):
        RankerEnsemble([ranker(0)])(inputs(2))
