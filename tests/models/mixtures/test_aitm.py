from __future__ import annotations

import pytest
import torch

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.aitm import AITM, InformationTransfer

SHAPE = RepresentationShape(fields=(), embedding_dim=1, num_numeric=6, width=6)
ROWS = Representation(
    torch.randn(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3)),
    None,
    torch.zeros(7, 0, 1, dtype=torch.float64),
)


def built(objectives: list[str], **settings: list[str]) -> InformationTransfer:
    torch.manual_seed(0)
    module = AITM(widths=[5, 16], **settings).build(SHAPE, objectives)  # type: ignore[arg-type]
    assert isinstance(module, InformationTransfer)
    return module.double()


@torch.no_grad()
def test_attention_by_hand() -> None:
    """The first objective as it is; each later one attends to the message and to itself, row by row."""
    module = built(["click", "dwell", "retention"])
    vectors = list(module.trunks(ROWS.shared).detach())
    shares = []
    for index, link in enumerate(module.links, start=1):
        message = torch.relu(vectors[index - 1] @ link.message.weight.T + link.message.bias)
        attended, taken = [], []
        for row in range(7):
            pair = [message[row], vectors[index][row]]
            scores = [float((link.key.weight @ u) @ (link.query.weight @ u)) / 4.0 for u in pair]
            share = torch.tensor([1.0 / (1.0 + torch.tensor(scores[1] - scores[0]).double().exp())])
            attended.append(
                share * (link.value.weight @ pair[0]) + (1 - share) * (link.value.weight @ pair[1])
            )
            taken.append(share)
        vectors[index] = torch.stack(attended)
        shares.append(torch.cat(taken))
    torch.testing.assert_close(module(ROWS), torch.stack(vectors))
    weights = module.gate_weights(ROWS)
    assert module.gate_experts == {
        "dwell": ("from_click", "dwell"),
        "retention": ("from_dwell", "retention"),
    }
    torch.testing.assert_close(weights["dwell"][:, 0], shares[0], check_dtype=False)
    torch.testing.assert_close(weights["retention"][:, 0], shares[1], check_dtype=False)


def depends_on(module: InformationTransfer) -> list[list[bool]]:
    """Whether each objective's vector depends on each trunk."""
    found = []
    for vector in module(ROWS):
        (gradient,) = torch.autograd.grad(vector.sum(), module.trunks[0].weight, retain_graph=True)
        found.append([bool((each != 0).any()) for each in gradient])
    return found


def test_information_passes_along_the_chain_and_never_back() -> None:
    assert depends_on(built(["click", "dwell", "retention"])) == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_the_chain_and_not_the_order_of_the_heads_decides() -> None:
    module = built(["click", "dwell", "retention"], chain=["retention", "click"])
    assert depends_on(module) == [[True, False, True], [False, True, False], [False, False, True]]


def test_objectives_that_are_not_trained_are_passed_over() -> None:
    assert built(["click", "retention"]).gate_experts == {"retention": ("from_click", "retention")}
    alone = built(["dwell"])
    assert alone.gate_experts == {}
    assert alone.gate_weights(ROWS) == {}
    torch.testing.assert_close(alone(ROWS), alone.trunks(ROWS.shared))


def test_a_chain_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"chain is \['click'\]; name at least two"):
        AITM(chain=["click"])
    with pytest.raises(ValueError, match="each once"):
        AITM(chain=["click", "dwell", "click"])
    with pytest.raises(ValueError, match=r"chain names \['clicks'\].* has \['click', 'dwell'\]"):
        AITM(chain=["clicks", "dwell"]).build(SHAPE, ["click", "dwell"])
    with pytest.raises(ValueError, match=r"widths is \[\]"):
        AITM(widths=[])
