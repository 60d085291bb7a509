"""The controls against torch's own modules and plain loops, in float64."""

import numpy as np
import pytest
import torch

from dashsearch.training.encoders.mean_mlp import MeanMLP
from dashsearch.training.encoders.tcn import TCN
from dashsearch.training.encoders.transformer import Transformer, positions
from dashsearch.training.encoders.weighted_sums import attend, retain
from dashsearch.training.stacked.dropout import Dropout
from training.alone import Alone, arrays


def test_the_transformer_is_torchs_with_positions():
    torch.manual_seed(0)
    size, steps = 8, 6
    ours = Transformer(size, 2, Dropout()).double()
    layer = torch.nn.TransformerEncoderLayer(
        size, 4, 4 * size, 0.0, "gelu", batch_first=True, norm_first=True
    )
    theirs = torch.nn.TransformerEncoder(
        layer, 2, torch.nn.LayerNorm(size), enable_nested_tensor=False
    ).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for own, target in zip(ours.layers, theirs.layers, strict=True):
            p = {name: torch.from_numpy(value) for name, value in arrays(own).items()}
            for name, module in (
                ("expand", target.linear1),
                ("contract", target.linear2),
                ("attention.output", target.self_attn.out_proj),
            ):
                module.weight.copy_(p[f"{name}.weight"].T)
                module.bias.copy_(p[f"{name}.bias"][0])
            target.self_attn.in_proj_weight.copy_(p["attention.projections.weight"].T)
            target.self_attn.in_proj_bias.copy_(p["attention.projections.bias"][0])
            for name, module in (
                ("attention_norm", target.norm1),
                ("feedforward_norm", target.norm2),
            ):
                module.weight.copy_(p[f"{name}.scale"])
                module.bias.copy_(p[f"{name}.shift"])
        theirs.norm.weight.copy_(ours.norm.scale[0])
        theirs.norm.bias.copy_(ours.norm.shift[0])
    x = torch.randn(3, steps, size, dtype=torch.float64)
    mask = torch.arange(steps) < torch.tensor([6, 4, 1])[:, None]
    placed = x * mask[..., None] + positions(steps, size, x.dtype, x.device) * mask[..., None]
    expected = theirs.eval()(placed, src_key_padding_mask=~mask)
    assert torch.allclose(Alone(ours)(x, mask)[mask], expected[mask], atol=1e-10)


def test_positions_are_sines_and_cosines_of_falling_frequencies():
    encoding = positions(5, 4, torch.float64, torch.device("cpu"))
    for place, row in enumerate(encoding.tolist()):
        slow = place / 100
        assert row == pytest.approx([np.sin(place), np.cos(place), np.sin(slow), np.cos(slow)])


@pytest.mark.parametrize("layers", [1, 3])
def test_the_tcn_is_causal_dilated_convolutions_with_residuals(layers):
    torch.manual_seed(1)
    net = TCN(6, layers, Dropout()).double()
    x = torch.randn(1, 9, 6, dtype=torch.float64)

    def convolved(convolution, x):
        p, dilation = arrays(convolution), convolution.dilation
        taps = p["taps.weight"].reshape(3, 6, 6)
        rows = []
        for t in range(len(x)):
            row = p["taps.bias"][0].copy()
            for k in range(3):
                if t - k * dilation >= 0:
                    row += x[t - k * dilation] @ taps[k]
            rows.append(row)
        return np.array(rows)

    def normed(norm, x):
        scaled = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return scaled * arrays(norm)["scale"] + arrays(norm)["shift"]

    expected = x[0].numpy()
    for number, block in enumerate(net.blocks):
        assert block.first.dilation == 2**number
        hidden = np.maximum(normed(block.first_norm, convolved(block.first, expected)), 0)
        hidden = np.maximum(normed(block.second_norm, convolved(block.second, hidden)), 0)
        expected = np.maximum(expected + hidden, 0)
    ours = Alone(net)(x, torch.ones(1, 9, dtype=torch.bool))[0].detach().numpy()
    assert np.allclose(ours, expected, atol=1e-10)


def test_the_mean_mlp_sees_the_mean_and_nothing_else():
    torch.manual_seed(2)
    net = Alone(MeanMLP(8, 2, Dropout()).double())
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    mask = torch.tensor([[True] * 6, [True, False, True, True, False, True]])
    order = torch.randperm(6)
    shuffled = net(x[:, order], mask[:, order])
    assert torch.allclose(net(x, mask), shuffled, atol=1e-12)
    mean = x[1, mask[1]].mean(0)
    assert torch.allclose(net(mean.expand(1, 1, 8), mask[:1, :1])[0, 0], net(x, mask)[1, 0])


def test_written_out_attention_and_its_gradient_are_torchs():
    torch.manual_seed(3)
    projected = torch.randn(3, 5, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    blocked = torch.zeros(3, 5, dtype=torch.bool)
    blocked[0, :2], blocked[1, 4] = True, True
    query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=~blocked[:, None, None]
    )
    expected = expected.transpose(1, 2).flatten(2)
    assert torch.allclose(attend(projected, blocked), expected, atol=1e-12)
    assert torch.autograd.gradcheck(lambda x: attend(x, blocked), projected)


def test_written_out_retention_and_its_gradient_are_right():
    torch.manual_seed(4)
    projected = torch.randn(2, 5, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    decay = torch.rand(2, 2, 5, 5, dtype=torch.float64)
    query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)
    expected = ((query @ key.transpose(-1, -2) / 2 * decay) @ value).transpose(1, 2)
    assert torch.allclose(retain(projected, decay), expected, atol=1e-12)
    assert torch.autograd.gradcheck(lambda x: retain(x, decay), projected)
