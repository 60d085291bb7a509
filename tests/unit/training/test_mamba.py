"""Mamba: the scan and the whole mixer against loops over single numbers, in float64."""

import math

import numpy as np
import pytest
import torch

from dashsearch.training.encoders.bimamba import MambaMixer
from dashsearch.training.encoders.depthwise import depthwise_convolution
from dashsearch.training.encoders.selective_scan import selective_scan
from dashsearch.training.kernels.compiled import compiled, exp_of_negative
from training.alone import Alone, arrays


@compiled
def exponentials(x):
    """exp of an array, by the kernels' function."""
    y = np.empty_like(x)
    for place in range(len(x)):
        y[place] = exp_of_negative(x[place])
    return y


def scan_inputs(groups=2, steps=5, batch=2, channels=3, states=4):
    torch.manual_seed(0)
    shape = (groups, steps, batch, channels)
    delta = torch.rand(shape, dtype=torch.float64)
    u = torch.randn(shape, dtype=torch.float64)
    a = -torch.rand(groups, states, channels, dtype=torch.float64) * 3
    b, c = torch.randn(2, groups, steps, batch, states, dtype=torch.float64)
    return tuple(x.requires_grad_() for x in (delta, u, a, b.clone(), c.clone()))


def test_the_scan_is_the_recurrence_number_by_number():
    delta, u, a, b, c = (x.detach().numpy() for x in scan_inputs())
    groups, steps, batch, channels = delta.shape
    expected = np.zeros_like(delta)
    for g in range(groups):
        for w in range(batch):
            for e in range(channels):
                h = [0.0] * a.shape[1]
                for t in range(steps):
                    for n in range(a.shape[1]):
                        decay = math.exp(delta[g, t, w, e] * a[g, n, e])
                        h[n] = decay * h[n] + u[g, t, w, e] * b[g, t, w, n]
                        expected[g, t, w, e] += c[g, t, w, n] * h[n]
    ours = selective_scan(*scan_inputs()).detach().numpy()
    assert np.allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("channels", [3, 16, 61])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_compiled_loops_are_the_same_scan_and_gradient(steps, channels):
    exact = scan_inputs(steps=steps, channels=channels)
    single = [x.detach().float().requires_grad_() for x in exact]
    outer = torch.randn(exact[0].shape, dtype=torch.float64)
    expected, found = selective_scan(*exact), selective_scan(*single)
    assert "CompiledScan" in found.grad_fn.name()
    assert torch.allclose(found.double(), expected, atol=1e-5, rtol=1e-5)
    gradients = torch.autograd.grad(found, single, outer.float())
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, exact, outer), strict=True):
        assert torch.allclose(ours.double(), theirs, atol=1e-4, rtol=1e-5)


def test_numbers_that_are_not_finite_stay_visible():
    inputs = [x.detach().float() for x in scan_inputs()]
    inputs[0][0, 2, 0, 1] = torch.nan
    found = selective_scan(*inputs)
    assert found[0, 2:, 0, 1].isnan().all()
    assert found[0, :, 0, 1].isnan().sum() == found.isnan().sum() == 3


def test_the_exponential_of_kernels_is_the_librarys():
    x = np.concatenate((-np.geomspace(1e-8, 87, 2000), [0.0, -1e3])).astype(np.float32)
    found = exponentials(x)
    assert np.allclose(found[:-1], np.exp(x[:-1].astype(np.float64)), rtol=2e-7, atol=0)
    assert 0 < found[-1] < 1e-37
    assert np.isnan(exponentials(np.array([np.nan], np.float32)))[0]


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_the_written_out_gradient_of_the_scan_is_right(steps):
    assert torch.autograd.gradcheck(selective_scan, scan_inputs(steps=steps))


def test_a_graph_may_be_walked_twice():
    inputs = scan_inputs()
    total = selective_scan(*inputs).sum()
    first = torch.autograd.grad(total, inputs, retain_graph=True)
    second = torch.autograd.grad(total, inputs)
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


def test_the_depthwise_convolution_is_torchs():
    torch.manual_seed(2)
    x = torch.randn(3, 6, 1, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 1, 1, 1, 4, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(1, 1, 1, 4, dtype=torch.float64, requires_grad=True)
    expected = torch.nn.functional.conv1d(
        x[:, :, 0].transpose(1, 2),
        weight[:, 0, 0, 0].t().unsqueeze(1),
        bias.flatten(),
        padding=2,
        groups=4,
    )
    ours = depthwise_convolution(x, weight, bias, 2)
    assert torch.allclose(ours[:, :, 0].transpose(1, 2), expected, atol=1e-12)
    assert torch.autograd.gradcheck(lambda *a: depthwise_convolution(*a, 2), (x, weight, bias))
    assert torch.autograd.gradcheck(lambda *a: depthwise_convolution(*a, 4), (x, weight, bias))


def one_direction(mixer, g, x):
    """Mamba's block for one window (T, H) in plain loops over time."""
    p = arrays(mixer)
    inner, rank = mixer.inner_size, mixer.rank
    projected = x @ p["input_weight"][g]
    raw, gate = projected[:, :inner], projected[:, inner:]
    rate = -np.exp(p["log_rate"][g])
    h = np.zeros_like(rate)
    output = []
    for t in range(len(x)):
        u = p["convolution_bias"][g].copy()
        for tap in range(4):
            if t - 3 + tap >= 0:
                u += p["convolution_weight"][g, tap] * raw[t - 3 + tap]
        u = u / (1 + np.exp(-u))
        selected = u @ p["select_weight"][g]
        low, b, c = selected[:rank], selected[rank : rank + 8], selected[rank + 8 :]
        delta = np.log1p(np.exp(low @ p["step_weight"][g] + p["step_bias"][g, 0]))
        h = np.exp(delta * rate) * h + np.outer(b, delta * u)
        y = c @ h + p["skip"][g] * u
        output.append((y * gate[t] / (1 + np.exp(-gate[t]))) @ p["output_weight"][g])
    return np.array(output)


@pytest.mark.parametrize("directions", [1, 2])
def test_the_mixer_is_the_block_in_each_direction_averaged(directions):
    torch.manual_seed(3)
    mixer = MambaMixer(20, directions).double()
    x = torch.randn(2, 6, 20, dtype=torch.float64)
    ours = Alone(mixer)(x, torch.ones(2, 6, dtype=torch.bool)).detach().numpy()
    for window, frames in enumerate(x.numpy()):
        expected = one_direction(mixer, 0, frames)
        if directions == 2:
            expected = (expected + one_direction(mixer, 1, frames[::-1])[::-1]) / 2
        assert np.allclose(ours[window], expected, atol=1e-12)


def test_one_direction_looks_back_only():
    torch.manual_seed(4)
    mixer = Alone(MambaMixer(8, 1).double())
    x = torch.randn(1, 7, 8, dtype=torch.float64)
    mask = torch.ones(1, 7, dtype=torch.bool)
    changed = x.clone()
    changed[:, 5:] = 0
    assert torch.equal(mixer(x, mask)[:, :5], mixer(changed, mask)[:, :5])


def test_step_sizes_start_inside_their_range():
    torch.manual_seed(5)
    mixer = MambaMixer(16, 2)
    step = torch.nn.functional.softplus(mixer.step_bias)
    assert step.min() > 0.02 - 1e-6
    assert step.max() < 0.5 + 1e-6
