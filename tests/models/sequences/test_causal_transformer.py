"""The transformer against PyTorch's own, and what an event may see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from holdfast.models.sequences.causal_transformer import CausalTransformer, CausalTransformerModule

LENGTH, WIDTH = 6, 8


def built(**settings) -> CausalTransformerModule:
    torch.manual_seed(0)
    module = CausalTransformer(**{"num_heads": 2, "feedforward_width": 12, **settings}).build(LENGTH, WIDTH)
    assert isinstance(module, CausalTransformerModule)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def torch_encoder(module: CausalTransformerModule) -> nn.TransformerEncoder:
    """PyTorch's transformer with the same weights."""
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 12, dropout=0.0, norm_first=True, batch_first=True)
    theirs = nn.TransformerEncoder(
        layer, len(module.layers), norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False
    )
    names = {
        "norm_attention": "norm1",
        "query_key_value": "self_attn.in_proj_",
        "attended": "self_attn.out_proj",
        "norm_feedforward": "norm2",
        "feedforward.0": "linear1",
        "feedforward.2": "linear2",
    }
    state = {f"norm.{kind}": getattr(module.norm, kind) for kind in ("weight", "bias")}
    for place, own in enumerate(module.layers):
        for ours, name in names.items():
            for kind in ("weight", "bias"):
                key = name + kind if name.endswith("_") else f"{name}.{kind}"
                state[f"layers.{place}.{key}"] = getattr(own.get_submodule(ours), kind)
    theirs.load_state_dict(state)
    return theirs


def inputs(*, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    events = torch.randn(4, LENGTH, WIDTH, generator=generator)
    gaps = torch.randn(4, LENGTH, WIDTH, generator=generator)
    lengths = torch.tensor([6, 4, 1, 2])
    return events, torch.arange(LENGTH) < lengths.unsqueeze(1), gaps


@pytest.mark.parametrize("num_layers", [1, 3])
def test_it_is_the_transformer_of_pytorch(num_layers):
    module = built(num_layers=num_layers)
    events, present, gaps = inputs()
    position = torch.zeros_like(events)
    for row, length in enumerate([6, 4, 1, 2]):
        for place in range(length):
            position[row, place] = module.positions.weight[length - 1 - place]
    later = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
    expected = torch_encoder(module)(events + gaps + position, mask=later, src_key_padding_mask=~present)
    found = module.encode(events, present, gaps)
    torch.testing.assert_close(found[present], expected[present])
    read_out = torch.stack([expected[row, length - 1] for row, length in enumerate([6, 4, 1, 2])])
    torch.testing.assert_close(module(events, present, events[:, 0], gaps), read_out)


def test_no_event_sees_a_later_one():
    module = built()
    events, _, gaps = inputs()
    present = torch.ones(4, LENGTH, dtype=torch.bool)
    before = module.encode(events, present, gaps)
    for place in range(LENGTH):
        other_events, other_gaps = events.clone(), gaps.clone()
        other_events[:, place + 1 :] = 100.0 * torch.randn(4, LENGTH - place - 1, WIDTH)
        other_gaps[:, place + 1 :] += 7.0
        after = module.encode(other_events, present, other_gaps)
        assert torch.equal(after[:, : place + 1], before[:, : place + 1])
        assert place == LENGTH - 1 or not torch.allclose(after[:, place + 1 :], before[:, place + 1 :])


def test_each_earlier_event_and_gap_is_seen():
    module = built()
    events, present, gaps = inputs()
    events.requires_grad_()
    gaps.requires_grad_()
    module(events, present, events[:, 0].detach(), gaps).square().sum().backward()
    assert events.grad is not None and gaps.grad is not None
    assert (events.grad.abs().sum(2) > 0).equal(present)
    assert (gaps.grad.abs().sum(2) > 0).equal(present)


def test_order_and_time_count():
    module = built()
    events, _, gaps = inputs()
    present = torch.ones(4, LENGTH, dtype=torch.bool)
    found = module(events, present, events[:, 0], gaps)
    swapped = events[:, [1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(module(swapped, present, events[:, 0], gaps), found, atol=1e-4)
    assert not torch.allclose(module(events, present, events[:, 0], None), found, atol=1e-4)


def test_settings_are_checked():
    for name in ("num_layers", "num_heads", "feedforward_width"):
        with pytest.raises(ValueError, match=rf"{name} is 0; it must be at least 1"):
            CausalTransformer(**{name: 0})
    with pytest.raises(ValueError, match=r"dropout is 1\.0"):
        CausalTransformer(dropout=1.0)
    with pytest.raises(ValueError, match=r"num_heads of the sequence encoder is 3, .* embedding_dim, 8"):
        CausalTransformer(num_heads=3).build(LENGTH, WIDTH)
