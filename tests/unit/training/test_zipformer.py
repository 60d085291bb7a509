"""Zipformer's parts against their formulas, the whole against a slow reference, in float64."""

import math

import numpy as np
import pytest
import torch

from dashsearch.training.encoders.zipformer import RATES, Downsample, Zipformer
from dashsearch.training.encoders.zipformer_modules import (
    AttentionMap,
    BiasNorm,
    Bypass,
    relative_positions,
    swoosh_l,
    swoosh_r,
)
from dashsearch.training.stacked.dropout import Dropout
from training.alone import Alone, arrays


def linear(p, name, x):
    return x @ p[f"{name}.weight"] + p.get(f"{name}.bias", 0.0)


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
        norm.bias.copy_(torch.tensor([[0.5, -0.2, 0.1, 0.0]]))
        norm.log_scale.fill_(0.3)
    x = torch.randn(3, 4, dtype=torch.float64)
    for ours, row in zip(Alone(norm)(x).tolist(), x.tolist(), strict=True):
        shifted = [v - b for v, b in zip(row, [0.5, -0.2, 0.1, 0.0], strict=True)]
        rms = math.sqrt(sum(v * v for v in shifted) / 4 + 1e-8)
        assert ours == pytest.approx([v / rms * math.exp(0.3) for v in row])
    assert torch.isfinite(BiasNorm(4)(torch.zeros(1, 1, 4))).all()


def test_a_bypass_starts_half_way_and_stays_in_its_range():
    bypass = Bypass(3)
    x, y = torch.zeros(1, 1, 3), torch.ones(1, 1, 3)
    assert bypass(x, y).flatten().tolist() == pytest.approx([0.5] * 3)
    with torch.no_grad():
        bypass.bypass.copy_(torch.tensor([[-50.0, 0.0, 50.0]]))
    assert bypass(x, y).flatten().tolist() == pytest.approx([0.2, 0.6, 1.0])


def test_distant_offsets_look_more_alike_than_near_ones():
    encoding = relative_positions(30, torch.float64, torch.device("cpu"))
    steps = (encoding[1:] - encoding[:-1]).norm(dim=1)
    assert encoding.shape == (59, 16)
    assert steps[29] > 3 * steps[57]


def reference_attention(module, x, mask):
    """Weights of one window, pair by pair: (heads, T, T)."""
    p = arrays(module)
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
                offset = (
                    p["position.weight"].T[4 * head : 4 * head + 4] @ encoding[i - j + steps - 1]
                )
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
    ours = Alone(module)(x, mask).detach().numpy()
    for window in range(2):
        expected = reference_attention(module, x[window].numpy(), mask[window].numpy())
        assert np.allclose(ours[window], expected, atol=1e-12)


def test_downsampling_is_a_weighted_mean_over_valid_frames():
    module = Downsample(2).double()
    with torch.no_grad():
        module.rate_bias.copy_(torch.tensor([[0.0, math.log(3.0)]]))
    x = torch.tensor([[[[4.0], [8.0], [5.0], [9.0], [7.0]]]], dtype=torch.float64)
    mask = torch.tensor([[[True, True, True, False, False]]])
    slow, slow_mask = module(x, mask)
    assert slow[0, 0, :2, 0].tolist() == pytest.approx([0.25 * 4 + 0.75 * 8, 5.0])
    assert slow_mask.tolist() == [[[True, True, False]]]


def reference_layer(layer, x, mask):
    p = arrays(layer)
    size = x.shape[1]

    def bypass(name, x, y):
        c = 0.2 + 0.8 * sigmoid(p[f"{name}.bypass"])
        return (1 - c) * x + c * y

    def feedforward(name, x):
        hidden = linear(p, f"{name}.expand", x)
        hidden = np.log1p(np.exp(hidden - 4)) - 0.08 * hidden - 0.035
        return linear(p, f"{name}.contract", hidden)

    def attention(name, x):
        value = linear(p, f"{name}.value", x).reshape(len(x), 4, size // 4)
        mixed = np.stack([weights[head] @ value[:, head] for head in range(4)], axis=1)
        return linear(p, f"{name}.output", mixed.reshape(len(x), size))

    def convolution(name, x):
        projected = linear(p, f"{name}.projections", x)
        gated = projected[:, :size] * sigmoid(projected[:, size:]) * mask[:, None]
        mixed = np.tile(p[f"{name}.depthwise_bias"], (len(x), 1))
        for t in range(len(x)):
            for tap in range(5):
                if 0 <= t + tap - 2 < len(x):
                    mixed[t] += p[f"{name}.depthwise_weight"][tap] * gated[t + tap - 2]
        mixed = np.log1p(np.exp(mixed - 1)) - 0.08 * mixed - 0.313261687
        return linear(p, f"{name}.output", mixed)

    weights = reference_attention(layer.attention_map, x, mask)
    original = x
    x = x + feedforward("first_feedforward", x)
    a, b, c = np.split(linear(p, "nonlinear_attention.projections", x), 3, axis=1)
    x = x + linear(p, "nonlinear_attention.output", a * (weights[0] @ (np.tanh(b) * c)))
    x = x + attention("first_attention", x)
    x = x + convolution("first_convolution", x)
    x = x + feedforward("second_feedforward", x)
    x = bypass("middle_bypass", original, x)
    x = x + attention("second_attention", x)
    x = x + convolution("second_convolution", x)
    x = x + feedforward("third_feedforward", x)
    rms = np.sqrt(((x - p["norm.bias"]) ** 2).mean(1, keepdims=True) + 1e-8)
    return bypass("bypass", original, x / rms * np.exp(p["norm.log_scale"]))


def at_rate(stack, x):
    """One slower stack on a window (T, H) without padding."""
    rate, p = stack.rate, arrays(stack)
    share = np.exp(p["downsample.rate_bias"])
    slow = []
    for start in range(0, len(x), rate):
        group, weight = x[start : start + rate], share[: len(x) - start]
        slow.append((group * weight[:, None]).sum(0) / weight.sum())
    slow = np.array(slow)
    for layer in stack.layers:
        slow = reference_layer(layer, slow, np.ones(len(slow), dtype=bool))
    repeated = np.repeat(slow, rate, axis=0)[: len(x)]
    c = 0.2 + 0.8 * sigmoid(p["combine.bypass"])
    return (1 - c) * x + c * repeated


@pytest.mark.parametrize("steps", [1, 6, 7])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_encoder_is_stacks_at_falling_rates_joined_by_bypasses(steps, layers):
    torch.manual_seed(1)
    net = Zipformer(8, layers, Dropout()).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x = torch.randn(1, steps, 8, dtype=torch.float64)
    ours = Alone(net)(x, torch.ones(1, steps, dtype=torch.bool))[0].detach().numpy()
    expected = x[0].numpy()
    for layer in net.full_rate:
        expected = reference_layer(layer, expected, np.ones(steps, dtype=bool))
    assert [stack.rate for stack in net.slower] == list(RATES[1:])
    for stack in net.slower:
        expected = at_rate(stack, expected)
    assert np.allclose(ours, expected, atol=1e-10)


def test_a_hidden_size_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="no multiple of 4"):
        AttentionMap(10)
