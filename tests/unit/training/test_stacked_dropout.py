"""Dropout drops the stated share, keeps the mean, and depends on seed, step and site alone."""

import numpy as np
import pytest
import torch

from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.splitmix import random_bits

CPU = torch.device("cpu")


def dropout(seeds, probabilities, step=0):
    module = Dropout().train()
    module.begin_training(seeds, probabilities, CPU)
    module.begin_step(step)
    return module


def splitmix64(seed, count):
    """The published generator, in Python's integers."""
    state, found = seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        found.append(z ^ (z >> 31))
    return found


@pytest.mark.parametrize("seed", [0, 1, 1234567, 2**63 + 5])
def test_bits_are_splitmix64s(seed):
    key = torch.from_numpy(np.array([seed, 3], dtype=np.uint64).view(np.int64))
    bits = random_bits(key, 50).numpy().view(np.uint64)
    assert bits[0].tolist() == splitmix64(seed, 50)
    assert bits[1].tolist() == splitmix64(3, 50)


def test_the_stated_shares_are_dropped_and_the_means_are_kept():
    kept = dropout([1, 2, 3], [0.1, 0.3, 0.0])(torch.ones(3, 400, 501))
    for row, probability in zip(kept, (0.1, 0.3, 0.0), strict=True):
        deviation = (probability * (1 - probability) / 200_400) ** 0.5
        assert (row == 0).double().mean().item() == pytest.approx(probability, abs=4 * deviation)
        assert row.max().item() == pytest.approx(1 / (1 - probability), rel=1e-4)
        assert row.mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 64])
def test_neighbouring_units_are_dropped_independently(lag):
    kept = (dropout([5], [0.5])(torch.ones(1, 100_000))[0] > 0).double() - 0.5
    assert abs((kept[lag:] * kept[:-lag]).mean().item()) < 4 * 0.25 / 100_000**0.5


def masks(module, sites, size=4000):
    return [module(torch.ones(len(module._seeds), size)) > 0 for _ in range(sites)]


def test_sites_steps_and_seeds_are_independent_and_repeat():
    first = masks(dropout([1, 2], [0.5, 0.5], step=3), 2)
    again = masks(dropout([1, 2], [0.5, 0.5], step=3), 2)
    later = masks(dropout([1, 2], [0.5, 0.5], step=4), 2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    rows = [mask[row].double() - 0.5 for mask in (*first, *later) for row in (0, 1)]
    for place, one in enumerate(rows):
        for other in rows[:place]:
            assert abs((one * other).mean().item()) < 4 * 0.25 / 4000**0.5


def test_a_mask_is_the_same_alone_and_in_any_stack():
    (alone,) = masks(dropout([7], [0.3]), 1)
    (stack,) = masks(dropout([1, 7, 9], [0.1, 0.3, 0.5]), 1)
    assert torch.equal(alone[0], stack[1])
    module = dropout([1, 7, 9], [0.1, 0.3, 0.5])
    module.keep([1, 2])
    (rest,) = masks(module, 1)
    assert torch.equal(rest, stack[1:])


@pytest.mark.parametrize("shape", [(3, 1), (3, 5, 7), (3, 512), (3, 9, 171)])
def test_compiled_and_torchs_form_drop_the_same_units(shape):
    x = torch.randn(shape, requires_grad=True)
    compiled, torchs = dropout([1, 2, 3], [0.1, 0.0, 0.6]), dropout([1, 2, 3], [0.1, 0.0, 0.6])
    found, expected = compiled(x), torchs(x.double())
    assert "Compiled" in found.grad_fn.name()
    assert torch.equal(found != 0, expected != 0)
    assert torch.allclose(found, expected.float(), rtol=1e-6)
    outer = torch.randn(shape)
    (ours,) = torch.autograd.grad(found, x, outer)
    (theirs,) = torch.autograd.grad(expected, x, outer.double())
    assert torch.allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (2, 5, 7)])
def test_any_shape_is_kept(shape):
    assert dropout([1] * shape[0], [0.5] * shape[0])(torch.ones(shape)).shape == shape


def test_evaluation_and_zero_probability_change_nothing():
    x = torch.randn(2, 5)
    assert dropout([1, 2], [0.5, 0.5]).eval()(x) is x
    assert torch.equal(dropout([1, 2], [0.0, 0.0])(x), x)


def test_a_probability_of_one_is_refused():
    with pytest.raises(ValueError, match="not in"):
        dropout([1], [1.0])
