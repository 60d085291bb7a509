"""What every temporal encoder promises: shapes, masks, gradients, causality where it holds."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dashsearch.training.encoders import ENCODERS
from dashsearch.training.stacked.parameters import StackedParameters
from training.alone import build

CAUSAL = ("retnet", "hybrid", "tcn")
ORDERED = [name for name in ENCODERS if name != "mean_mlp"]


def test_the_registry_holds_the_levels_of_the_space_and_the_controls():
    assert list(ENCODERS)[:5] == ["zipformer", "retnet", "bimamba", "hybrid", "gru"]
    assert list(ENCODERS)[5:] == ["transformer", "tcn", "mean_mlp"]


@pytest.mark.parametrize("hidden_size", [16, 32, 48, 64])
@pytest.mark.parametrize("name", ENCODERS)
def test_every_hidden_size_of_the_space_keeps_the_shape(name, hidden_size):
    encoder = build(name, hidden_size)
    output = encoder(torch.randn(2, 5, hidden_size), torch.ones(2, 5, dtype=torch.bool))
    assert output.shape == (2, 5, hidden_size)
    assert output.dtype == torch.float32


@pytest.mark.parametrize("name", ENCODERS)
def test_gradients_of_input_and_parameters_are_right(name):
    encoder = build(name).double()
    x = torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert torch.autograd.gradcheck(lambda x: encoder(x, mask) * mask[..., None], x)
    names, values = zip(*encoder.named_parameters(), strict=True)
    smooth = torch.randn(2, 3, 8, dtype=torch.float64) * mask[..., None]
    directions = [torch.randn_like(value) for value in values]

    def along(step):
        moved = {
            n: v.detach() + step * d for n, v, d in zip(names, values, directions, strict=True)
        }
        return (torch.func.functional_call(encoder, moved, (x.detach(), mask)) * smooth).sum()

    gradients = torch.autograd.grad((encoder(x, mask) * smooth).sum(), values)
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True)).item()
    measured = ((along(1e-6) - along(-1e-6)) / 2e-6).item()
    assert slope == pytest.approx(measured, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ENCODERS)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 7), filler=st.floats(-50, 50))
@settings(max_examples=12, deadline=None)
def test_what_a_masked_frame_holds_never_matters(name, seed, steps, filler):
    encoder = build(name, seed=seed)
    x, mask = torch.randn(3, steps, 8), torch.rand(3, steps) < 0.6
    mask[torch.arange(3), torch.randint(steps, (3,))] = True
    changed = x.masked_fill(~mask.unsqueeze(-1), filler)
    assert torch.equal(encoder(x, mask)[mask], encoder(changed, mask)[mask])


@pytest.mark.parametrize("name", ENCODERS)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 6), padding=st.integers(1, 5))
@settings(max_examples=12, deadline=None)
def test_frames_appended_as_padding_never_matter(name, seed, steps, padding):
    encoder = build(name, seed=seed).double()
    x = torch.randn(2, steps + padding, 8, dtype=torch.float64)
    mask = torch.arange(steps + padding).expand(2, -1) < steps
    alone = encoder(x[:, :steps], mask[:, :steps])
    assert torch.allclose(encoder(x, mask)[:, :steps], alone, atol=1e-10)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_masked_nan_poisons_neither_result_nor_gradient(name):
    encoder = build(name)
    mask = torch.tensor([[True, True, True, False]])
    x = torch.randn(1, 4, 8).masked_fill(~mask.unsqueeze(-1), torch.nan)
    output = encoder(x, mask)[mask]
    output.sum().backward()
    assert torch.isfinite(output).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


@pytest.mark.parametrize("name", ENCODERS)
def test_windows_of_a_batch_do_not_see_each_other(name):
    encoder = build(name).double()
    x = torch.randn(4, 6, 8, dtype=torch.float64)
    mask = torch.ones(4, 6, dtype=torch.bool)
    alone = torch.cat([encoder(x[i : i + 1], mask[i : i + 1]) for i in range(4)])
    assert torch.allclose(encoder(x, mask), alone, atol=1e-12)


@pytest.mark.parametrize("name", ENCODERS)
def test_causal_encoders_look_back_only_and_the_others_both_ways(name):
    encoder = build(name).double()
    x = torch.randn(1, 6, 8, dtype=torch.float64)
    mask = torch.ones(1, 6, dtype=torch.bool)
    changed = x.clone()
    changed[:, 4] = -x[:, 4]
    difference = (encoder(x, mask) - encoder(changed, mask)).abs().amax(dim=(0, 2))
    assert difference[4] > 1e-6
    if name in CAUSAL:
        assert difference[:4].max() == 0
    else:
        assert difference[:4].max() > 1e-9


@pytest.mark.parametrize("name", ORDERED)
def test_order_of_frames_matters(name):
    encoder = build(name).double()
    x = torch.randn(1, 6, 8, dtype=torch.float64)
    mask = torch.ones(1, 6, dtype=torch.bool)
    forwards, backwards = encoder(x, mask).mean(1), encoder(x.flip(1), mask).mean(1)
    assert (forwards - backwards).abs().max() > 1e-4


@pytest.mark.parametrize("hidden_size", [16, 64])
@pytest.mark.parametrize("name", ENCODERS)
def test_numbers_of_parameters_follow_the_formulas(name, hidden_size):
    h, e, n, r = hidden_size, 2 * hidden_size, 8, -(-hidden_size // 16)
    linear = h * h + h
    norm = 2 * h
    retention = 4 * h * h + h * h + 2 * 2 * h + (h * 2 * h + 2 * h) + (2 * h * h + h)
    mamba = (
        h * 2 * e + 4 * e + e + e * (r + 2 * n) + r * e + e + n * e + e + e * h
    )  # projections, convolution, selection, steps, rates, skip, output
    attention_map = h * (2 * h + 16) + (2 * h + 16) + 16 * 16
    convolution = (h * 2 * h + 2 * h) + (5 * h + h) + linear
    widths = (3 * e // 4, e, 5 * e // 4)
    feedforwards = sum((h * width + width) + (width * h + h) for width in widths)
    nonlinear = (h * 9 * h // 4 + 9 * h // 4) + (3 * h // 4 * h + h)
    zipformer_layer = (
        attention_map + feedforwards + nonlinear + 4 * linear + 2 * convolution + (h + 1) + 2 * h
    )
    transformer_layer = 2 * norm + 4 * linear + (4 * h * h + 4 * h) + (4 * h * h + h)
    expected = {
        "gru": 2 * (h * 3 * h + 3 * h + h * 3 * h + h) + (2 * h * h + h),
        "retnet": 2 * retention + 2 * h,
        "bimamba": 2 * mamba + 2 * h + 2 * h,
        "hybrid": retention + mamba + 2 * h + 2 * h,
        "zipformer": 3 * zipformer_layer + (2 + h) + (4 + h),
        "transformer": 2 * transformer_layer + norm,
        "tcn": 2 * (2 * (3 * h * h + h) + 2 * norm),
        "mean_mlp": linear,
    }
    counted = sum(parameter.numel() for parameter in build(name, h).parameters())
    assert counted == expected[name]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", ENCODERS)
def test_layers_are_as_many_as_asked_for(name, layers):
    one, two, more = (build(name, 16, layers=each) for each in (1, 2, layers + 1))
    sizes = [sum(p.numel() for p in encoder.parameters()) for encoder in (one, two, more)]
    if name == "hybrid":  # a pair of layers is its unit, as one layer is of the others
        assert sizes[1] > sizes[0]
    assert sizes[2] - sizes[0] == layers * (sizes[1] - sizes[0])


@pytest.mark.parametrize("name", ENCODERS)
def test_experiments_of_a_stack_never_meet(name):
    encoders = [build(name, seed=seed) for seed in range(4)]
    models = [encoder.stacked for encoder in encoders]
    stacked = StackedParameters(models, copy.deepcopy(models[0]), torch.device("cpu"))
    x = torch.randn(4, 4, 6, 8)
    mask = torch.rand(4, 4, 6) < 0.7
    mask[..., 2] = True
    x[1] = torch.nan
    together = stacked.model(x, mask)
    gradients = torch.autograd.grad(together[mask].sum(), stacked.leaves())
    for row in (0, 2, 3):
        encoder = encoders[row]
        own = encoder(x[row], mask[row])
        assert torch.allclose(together[row][mask[row]], own[mask[row]], atol=1e-5)
        named = zip(stacked.named(), gradients, strict=True)
        leaves = dict(encoder.stacked.named_parameters())
        expected = torch.autograd.grad(own[mask[row]].sum(), list(leaves.values()))
        found = {key: gradient[row] for (key, _), gradient in named}
        for key, gradient in zip(leaves, expected, strict=True):
            assert torch.allclose(found[key], gradient[0], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("steps", [5, 8])
@pytest.mark.parametrize("name", ENCODERS)
def test_no_mask_gives_the_bits_of_a_mask_that_is_true_throughout(name, steps):
    encoder = build(name, 16).stacked
    x = torch.randn(1, 16, steps, 16)
    whole = torch.ones(1, 16, steps, dtype=torch.bool)
    assert torch.equal(encoder(x, None), encoder(x, whole))
