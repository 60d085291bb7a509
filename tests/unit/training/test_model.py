"""The temporal model: its seed is all that its weights depend on, and masks go all the way."""

import pytest
import torch

from dashsearch.training.encoders import ENCODERS
from dashsearch.training.model import build_model
from dashsearch.training.pooling import POOLINGS
from dashsearch.training.recipe import Architecture

GRU = Architecture("gru", "mean", 16, 1)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_any_encoder_and_pooling_give_one_logit_a_window(encoder, pooling):
    model = build_model(Architecture(encoder, pooling, 16, 1), 6, seed=1).eval()
    x, mask = torch.randn(1, 3, 7, 6), torch.ones(1, 3, 7, dtype=torch.bool)
    assert model(x, mask).shape == (1, 3)
    for padding in (slice(5, None), slice(0, 3)):
        mask = torch.ones(1, 3, 7, dtype=torch.bool)
        mask[:, :, padding] = False
        changed = x.masked_fill(~mask.unsqueeze(-1), 7.0)
        assert torch.equal(model(x, mask), model(changed, mask))


def test_many_classes_have_one_logit_each():
    x, mask = torch.randn(1, 3, 7, 6), torch.ones(1, 3, 7, dtype=torch.bool)
    assert build_model(GRU, 6, seed=1, classes=5).eval()(x, mask).shape == (1, 3, 5)


def test_weights_depend_on_the_seed_and_nothing_else():
    torch.manual_seed(0)
    first = build_model(GRU, 6, seed=1).state_dict()
    torch.manual_seed(123)
    state = torch.get_rng_state()
    second = build_model(GRU, 6, seed=1).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), state)
    other = build_model(GRU, 6, seed=2).state_dict()
    assert not torch.equal(first["projection.weight"], other["projection.weight"])
