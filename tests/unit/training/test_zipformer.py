"""Zipformer's parts against their formulas, the whole against a slow reference, in float64."""

import math

import numpy as np
import pytest
import torch

from dashsearch.training.encoders.zipformer import (
    AttentionMap,
    BiasNorm,
    Bypass,
    Downsample,
    Zipformer,
    relative_positions,
    swoosh_l,
    swoosh_r,
)


def parameters(module):
    return {name: value.detach().numpy() for name, value in module.named_parameters()}


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p.get(f"{name}.bias", 0.0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_swooshes_follow_their_formulas():
    x = torch.linspace(-30, 30, 61, dtype=torch.float64)
    left = [math.log(1 + math.exp(v - 4)) - 0.08 * v - 0.035 for v in x.tolist()]
    right = [math.log(1 + math.exp(v - 1)) - 0.08 * v - 0.313261687 for v in x.tolist()]
    assert np.allclose(swoosh_l(x), left, atol=1e-9)
    assert np.allclose(swoosh_r(x), right, atol=1e-9)
    assert swoosh_r(torch.zeros(1)).item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("swoosh", [swoosh_l, swoosh_r])
def test_written_out_gradients_of_swooshes_are_right(swoosh):
    x = torch.linspace(-8, 8, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(swoosh, x)


def test_bias_norm_follows_its_formula_and_survives_zeros():
    norm = BiasNorm(4).double()
    with torch.no_grad():
        norm.bias.copy_(torch.tensor([0.5, -0.2, 0.1, 0.0]))
        norm.log_scale.fill_(0.3)
    x = torch.randn(3, 4, dtype=torch.float64)
    for ours, row in zip(norm(x).tolist(), x.tolist(), strict=True):
        shifted = [v - b for v, b in zip(row, [0.5, -0.2, 0.1, 0.0], strict=True)]
        rms = math.sqrt(sum(v * v for v in shifted) / 4 + 1e-8)
        assert ours == pytest.approx([v / rms * math.exp(0.3) for v in row])
    assert torch.isfinite(BiasNorm(4)(torch.zeros(1, 4))).all()


def test_a_bypass_starts_half_way_and_stays_in_its_range():
    bypass = Bypass(3)
    x, y = torch.zeros(1, 1, 3), torch.ones(1, 1, 3)
    assert bypass(x, y).flatten().tolist() == pytest.approx([0.5] * 3)
    with torch.no_grad():
        bypass.bypass.copy_(torch.tensor([-50.0, 0.0, 50.0]))
    assert bypass(x, y).flatten().tolist() == pytest.approx([0.2, 0.6, 1.0])


def test_distant_offsets_look_more_alike_than_near_ones():
    encoding = relative_positions(30, torch.float64, torch.device("cpu"))
    steps = (encoding[1:] - encoding[:-1]).norm(dim=1)
    assert encoding.shape == (59, 16)
    assert steps[29] > 3 * steps[57]


def reference_attention(module, x, mask):
    """Weights of one window, pair by pair: (heads, T, T)."""
    p = parameters(module)
    steps, size = x.shape
    projected = linear(p, "projections", x)
    encoding = relative_positions(steps, torch.float64, torch.device("cpu")).numpy()
    weights = np.zeros((4, steps, steps))
    d = size // 4
    for head in range(4):
        for i in range(steps):
            score = np.full(steps, -np.inf)
            for j in range(steps):
                q = projected[i, head * d : (head + 1) * d]
                k = projected[j, size + head * d : size + (head + 1) * d]
                position = projected[i, 2 * size + 4 * head : 2 * size + 4 * head + 4]
                offset = p["position.weight"][4 * head : 4 * head + 4] @ encoding[i - j + steps - 1]
                if mask[j]:
                    score[j] = q @ k + position @ offset
            weight = np.exp(score - score.max())
            weights[head, i] = weight / weight.sum()
    return weights


def test_attention_weights_are_those_of_the_formula():
    torch.manual_seed(0)
    module = AttentionMap(8).double()
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    ours = module(x, mask).detach().numpy()
    for window in range(2):
        expected = reference_attention(module, x[window].numpy(), mask[window].numpy())
        assert np.allclose(ours[window], expected, atol=1e-12)


def test_downsampling_is_a_weighted_mean_over_valid_frames():
    module = Downsample().double()
    with torch.no_grad():
        module.rate_bias.copy_(torch.tensor([0.0, math.log(3.0)]))
    x = torch.tensor([[[4.0], [8.0], [5.0], [9.0], [7.0]]], dtype=torch.float64)
    mask = torch.tensor([[True, True, True, False, False]])
    slow, slow_mask = module(x, mask)
    assert slow[0, :2, 0].tolist() == pytest.approx([0.25 * 4 + 0.75 * 8, 5.0])
    assert slow_mask.tolist() == [[True, True, False]]


def reference_layer(layer, x, mask):
    p = parameters(layer)
    size = x.shape[1]

    def bypass(name, x, y):
        c = 0.2 + 0.8 * sigmoid(p[f"{name}.bypass"])
        return (1 - c) * x + c * y

    def feedforward(name, x):
        hidden = linear(p, f"{name}.expand", x)
        hidden = np.log1p(np.exp(hidden - 4)) - 0.08 * hidden - 0.035
        return linear(p, f"{name}.contract", hidden)

    weights = reference_attention(layer.attention_map, x, mask)
    original = x
    x = x + feedforward("first_feedforward", x)
    value = linear(p, "attention.value", x).reshape(len(x), 4, size // 4)
    mixed = np.stack([weights[head] @ value[:, head] for head in range(4)], axis=1)
    x = x + linear(p, "attention.output", mixed.reshape(len(x), size))
    projected = linear(p, "convolution.projections", x)
    gated = projected[:, :size] * sigmoid(projected[:, size:]) * mask[:, None]
    mixed = np.tile(p["convolution.depthwise_bias"].ravel(), (len(x), 1))
    for t in range(len(x)):
        for tap in range(5):
            if 0 <= t + tap - 2 < len(x):
                kernel = p["convolution.depthwise_weight"][tap].ravel()
                mixed[t] += kernel * gated[t + tap - 2]
    mixed = np.log1p(np.exp(mixed - 1)) - 0.08 * mixed - 0.313261687
    x = x + linear(p, "convolution.output", mixed)
    x = x + feedforward("second_feedforward", x)
    rms = np.sqrt(((x - p["norm.bias"]) ** 2).mean(1, keepdims=True) + 1e-8)
    return bypass("bypass", original, x / rms * np.exp(p["norm.log_scale"]))


@pytest.mark.parametrize("steps", [1, 6, 7])
def test_the_encoder_is_two_stacks_and_a_bypass(steps):
    torch.manual_seed(1)
    net = Zipformer(8).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x = torch.randn(1, steps, 8, dtype=torch.float64)
    ours = net(x, torch.ones(1, steps, dtype=torch.bool))[0].detach().numpy()

    full = reference_layer(net.full_rate[0], x[0].numpy(), np.ones(steps, dtype=bool))
    bias = np.exp(net.downsample.rate_bias.detach().numpy())
    slow = []
    for start in range(0, steps, 2):
        group, weight = full[start : start + 2], bias[: steps - start]
        slow.append((group * weight[:, None]).sum(0) / weight[: len(group)].sum())
    slow = reference_layer(net.half_rate[0], np.array(slow), np.ones(len(slow), dtype=bool))
    repeated = np.repeat(slow, 2, axis=0)[:steps]
    c = 0.2 + 0.8 * sigmoid(net.combine.bypass.detach().numpy())
    assert np.allclose(ours, (1 - c) * full + c * repeated, atol=1e-10)


def test_a_hidden_size_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="no multiple of 4"):
        AttentionMap(10)
