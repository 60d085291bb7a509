"""Retention: parallel form against the recurrent one, the layer against a slow reference."""

import math

import numpy as np
import pytest
import torch

from dashsearch.training.encoders.retention import (
    MultiScaleRetention,
    RetNet,
    decay_matrix,
    head_decays,
    rotate,
)
from dashsearch.training.stacked.dropout import Dropout
from training.alone import Alone, arrays


def test_decays_are_those_of_the_paper():
    assert head_decays(3).tolist() == [1 - 1 / 32, 1 - 1 / 64, 1 - 1 / 128]


def test_the_decay_matrix_is_a_power_of_the_distance_below_the_diagonal():
    decay = decay_matrix(2, 4, torch.float64, torch.device("cpu"))
    for head, gamma in enumerate((31 / 32, 63 / 64)):
        for i in range(4):
            for j in range(4):
                expected = gamma ** (i - j) if i >= j else 0.0
                assert decay[head, i, j].item() == pytest.approx(expected, abs=1e-15)


def test_rotated_products_depend_on_the_distance_only():
    query, key = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)
    q = rotate(query.double().expand(1, 7, 1, 8).contiguous())[0, :, 0]
    k = rotate(key.double().expand(1, 7, 1, 8).contiguous())[0, :, 0]
    products = q @ k.t()
    assert torch.allclose(products[2, 0], products[6, 4], atol=1e-12)
    assert not torch.allclose(products[2, 0], products[3, 0], atol=1e-6)


def recurrent_retention(layer, x, mask):
    """S_t = gamma S + k^T v; o = q S / sqrt(d), frame by frame and head by head (equation 6)."""
    heads, d = layer.heads, layer.head_size
    p = arrays(layer)
    query, key, value, gate = np.split(x @ p["projections.weight"], 4, axis=1)
    theta = 10_000.0 ** -np.linspace(0, 1, d // 2)
    output = np.zeros_like(x)
    for head in range(heads):
        columns = slice(head * d, (head + 1) * d)
        state = np.zeros((d // 2, d), dtype=complex)
        gamma = 1 - 2.0 ** -(5 + head)
        for t in range(len(x)):
            turn = np.exp(1j * t * theta)
            q = (query[t, columns][::2] + 1j * query[t, columns][1::2]) * turn
            k = (key[t, columns][::2] + 1j * key[t, columns][1::2]) * turn
            state = gamma * state + np.outer(np.conj(k), value[t, columns]) * mask[t]
            retained = np.real(q @ state) / math.sqrt(d)
            centred = retained - retained.mean()
            output[t, columns] = centred / math.sqrt(retained.var() + 1e-5)
    swish = gate / (1 + np.exp(-gate))
    return (output * swish) @ p["output.weight"]


@pytest.mark.parametrize("hidden_size", [8, 16, 48])
def test_the_parallel_form_is_the_recurrence(hidden_size):
    torch.manual_seed(0)
    layer = MultiScaleRetention(hidden_size).double()
    x = torch.randn(2, 7, hidden_size, dtype=torch.float64)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 5:] = False
    ours = Alone(layer)(x, mask).detach().numpy()
    for window in range(2):
        expected = recurrent_retention(layer, x[window].numpy(), mask[window].numpy())
        valid = mask[window].numpy()
        assert np.allclose(ours[window][valid], expected[valid], atol=1e-10)


def test_the_layer_is_retention_and_feed_forward_with_residuals():
    torch.manual_seed(1)
    net = RetNet(8, 2, Dropout()).double()
    x = torch.randn(1, 5, 8, dtype=torch.float64)
    mask = torch.ones(1, 5, dtype=torch.bool)

    def norm(module, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return scaled * arrays(module)["scale"] + arrays(module)["shift"]

    expected = x[0].numpy()
    for layer in net.layers:
        inner = norm(layer.retention_norm, expected)
        expected = expected + recurrent_retention(layer.retention, inner, mask[0].numpy())
        inner = norm(layer.feedforward_norm, expected)
        p = arrays(layer)
        hidden = inner @ p["expand.weight"] + p["expand.bias"]
        cumulative = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in hidden.ravel()])
        hidden = hidden * cumulative.reshape(hidden.shape)
        expected = expected + hidden @ p["contract.weight"] + p["contract.bias"]
    assert np.allclose(
        Alone(net)(x, mask)[0].detach().numpy(), norm(net.norm, expected), atol=1e-10
    )


def test_a_hidden_size_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="no multiple of 8"):
        MultiScaleRetention(12)
