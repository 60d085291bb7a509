"""Poolings see valid frames only, and give what their names say."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dashsearch.training.pooling import POOLINGS

X = torch.tensor([[[[1.0, 8.0], [2.0, 7.0], [6.0, 3.0], [99.0, 99.0]]]])
MASK = torch.tensor([[[True, True, True, False]]])


@pytest.mark.parametrize(
    ("name", "expected"), [("mean", [3.0, 6.0]), ("last", [6.0, 3.0]), ("max", [6.0, 8.0])]
)
def test_poolings_without_weights_give_known_values(name, expected):
    assert POOLINGS[name](2)(X, MASK).tolist() == [[expected]]


def test_attention_pooling_follows_its_formula():
    torch.manual_seed(0)
    pooling = POOLINGS["attention"](2).double()
    weight, bias = (p.detach().numpy()[0] for p in (pooling.key.weight, pooling.key.bias))
    vector = pooling.score.weight.detach().numpy()[0, :, 0]
    frames = X[0, 0, :3].double().numpy()
    score = np.array([vector @ np.tanh(frame @ weight + bias[0]) for frame in frames])
    share = np.exp(score) / np.exp(score).sum()
    expected = sum(s * frame for s, frame in zip(share, frames, strict=True))
    assert np.allclose(pooling(X.double(), MASK).detach().numpy()[0, 0], expected, atol=1e-12)


@given(name=st.sampled_from(sorted(POOLINGS)), seed=st.integers(0, 99), filler=st.floats(-9, 9))
@settings(max_examples=60, deadline=None)
def test_masked_frames_never_matter(name, seed, filler):
    torch.manual_seed(seed)
    pooling = POOLINGS[name](4)
    x, mask = torch.randn(1, 3, 5, 4), torch.rand(1, 3, 5) < 0.6
    mask[0, torch.arange(3), torch.randint(5, (3,))] = True
    changed = x.masked_fill(~mask.unsqueeze(-1), filler)
    assert torch.equal(pooling(x, mask), pooling(changed, mask))
    poisoned = x.masked_fill(~mask.unsqueeze(-1), torch.nan)
    assert torch.isfinite(pooling(poisoned, mask)).all()


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_of_poolings_are_right(name):
    torch.manual_seed(1)
    pooling = POOLINGS[name](4).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[[True, True, True, False], [False, True, True, True]]])
    assert torch.autograd.gradcheck(lambda x: pooling(x, mask), x)


@pytest.mark.parametrize("name", POOLINGS)
def test_no_mask_gives_the_bits_of_a_mask_that_is_true_throughout(name):
    torch.manual_seed(2)
    pooling, x = POOLINGS[name](16), torch.randn(1, 16, 7, 16)
    assert torch.equal(pooling(x, None), pooling(x, torch.ones(1, 16, 7, dtype=torch.bool)))
