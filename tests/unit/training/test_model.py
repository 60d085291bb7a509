"""The temporal model: its seed is all that its weights depend on, and masks go all the way."""

import pytest
import torch

from dashsearch.errors import InputError
from dashsearch.training.encoders import ENCODERS
from dashsearch.training.model import build_model
from dashsearch.training.pooling import POOLINGS


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_any_encoder_and_pooling_give_one_logit_a_window(cell, encoder, pooling):
    model = build_model({**cell, "encoder": encoder, "pooling": pooling}, 6, seed=1).eval()
    x, mask = torch.randn(3, 7, 6), torch.ones(3, 7, dtype=torch.bool)
    assert model(x, mask).shape == (3,)
    for padding in (slice(5, None), slice(0, 3)):
        mask = torch.ones(3, 7, dtype=torch.bool)
        mask[:, padding] = False
        changed = x.masked_fill(~mask.unsqueeze(-1), 7.0)
        assert torch.equal(model(x, mask), model(changed, mask))


def test_many_classes_have_one_logit_each(cell):
    x, mask = torch.randn(3, 7, 6), torch.ones(3, 7, dtype=torch.bool)
    assert build_model(cell, 6, seed=1, classes=5).eval()(x, mask).shape == (3, 5)


def test_weights_depend_on_the_seed_and_nothing_else(cell):
    torch.manual_seed(0)
    first = build_model(cell, 6, seed=1).state_dict()
    torch.manual_seed(123)
    state = torch.get_rng_state()
    second = build_model(cell, 6, seed=1).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), state)
    other = build_model(cell, 6, seed=2).state_dict()
    assert not torch.equal(first["projection.weight"], other["projection.weight"])


@pytest.mark.parametrize("factor", ["encoder", "pooling"])
def test_an_unknown_level_is_named(cell, factor):
    with pytest.raises(InputError, match=f"{factor} 'lstm' is not one that the trainer knows"):
        build_model({**cell, factor: "lstm"}, 6, seed=1)
