"""Stacked training is training alone: the same bits for any stack, and torch's AdamW underneath."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dashsearch.training import trainer
from dashsearch.training.encoders import ENCODERS
from dashsearch.training.metrics import mean_average_precision
from dashsearch.training.model import build_model, joined
from dashsearch.training.pooling import POOLINGS
from dashsearch.training.prepare import prepare
from dashsearch.training.recipe import LOSSES, Architecture, resolve
from dashsearch.training.resident import put_on
from dashsearch.training.settings import TrainerSettings
from dashsearch.training.stack import EpochOrder, Member, Stack, learning_rates, schedule
from dashsearch.training.stacked.optimizer import StackedAdamW, clip, gradient_norm
from dashsearch.training.stacked.parameters import ALIGNED, StackedParameters, decays
from dashsearch.training.trainer import train_members

CPU = torch.device("cpu")
QUICK = TrainerSettings(epochs=2, batch_size=10, components=None)


@pytest.fixture
def resident(make_world):
    return put_on(prepare(*make_world(clips=(24, 10, 10)), None), CPU)


def members_of(cell, resident, count, settings=QUICK, **changes):
    """Experiments that differ in all that a stack may mix."""
    varied = [
        {
            **cell,
            "loss": list(LOSSES)[n % 3],
            "dropout": (0.0, 0.1, 0.3)[n % 3],
            "feature_dropout": (0.0, 0.2)[n % 2],
            "learning_rate": (1e-2, 1e-3, 3e-3)[n % 3],
            "weight_decay": (0.0, 0.1)[n % 2],
            "schedule": ("cosine", "linear", "constant")[n % 3],
            "beta2": (0.999, 0.95)[n % 2],
            **changes,
        }
        for n in range(count)
    ]
    return [Member(resolve(each, settings), n, resident) for n, each in enumerate(varied)]


def compared(outcome):
    return (
        outcome.status,
        outcome.validation,
        outcome.test,
        outcome.train_loss,
        outcome.validation_probability.tolist(),
        outcome.test_probability.tolist(),
    )


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_alone_or_stacked_every_architecture_gives_the_same_bits(cell, resident, encoder, pooling):
    members = members_of(cell, resident, 3, encoder=encoder, pooling=pooling)
    stacked = [compared(outcome) for outcome in train_members(members, QUICK)]
    alone = [compared(train_members([member], QUICK)[0]) for member in members]
    assert stacked == alone


@pytest.mark.parametrize("encoder", ENCODERS)
def test_poolings_share_a_stack_and_every_experiment_keeps_its_own_weights(cell, resident, encoder):
    names = ["attention", "last", "last", "attention", "mean"]
    members = [
        members_of(cell, resident, place + 1, encoder=encoder, pooling=name)[place]
        for place, name in enumerate(names)
    ]
    stacked = train_members(members, QUICK, "cpu", 5)
    for member, outcome in zip(members, stacked, strict=True):
        (alone,) = train_members([member], QUICK, "cpu", 1)
        assert compared(outcome) == compared(alone)
        assert outcome.weights.keys() == alone.weights.keys()
        assert all(np.array_equal(outcome.weights[n], w) for n, w in alone.weights.items())
        pools = [name for name in outcome.weights if name.startswith("pooling")]
        assert len(pools) == (3 if member.recipe.architecture.pooling == "attention" else 0)


@given(
    encoder=st.sampled_from(sorted(ENCODERS)),
    places=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True),
    cut=st.integers(1, 6),
    poolings=st.lists(st.sampled_from(sorted(POOLINGS)), min_size=7, max_size=7),
    size=st.sampled_from([(8, 1), (24, 1), (8, 2), (24, 2)]),
)
@settings(max_examples=25, deadline=None)
def test_any_size_and_order_of_stacks_gives_the_same_scores(  # noqa: PLR0917
    world_of_stacks, encoder, places, cut, poolings, size
):
    cell, resident = world_of_stacks
    changes = {"encoder": encoder, "hidden_size": size[0], "layers": size[1]}
    members = [
        members_of(cell, resident, 7, pooling=pooling, **changes)[place]
        for place, pooling in enumerate(poolings)
    ]
    whole = [compared(outcome) for outcome in train_members(members, QUICK)]
    chosen = [members[place] for place in places]
    parts = [chosen[:cut], chosen[cut:]]
    found = [compared(o) for part in parts if part for o in train_members(part, QUICK)]
    assert found == [whole[place] for place in places]


@pytest.fixture(scope="module")
def world_of_stacks():
    generator = np.random.default_rng(5)
    from dashsearch.training.data import (  # noqa: PLC0415
        PreparedData,
        ScoredWindows,
        TrainingClips,
    )

    def label(count):
        return np.arange(count) % 2

    def windows(*shape):
        mask = generator.random(shape) < 0.8
        mask[..., -1] = True
        values = generator.normal(size=(*shape, 6)).astype(np.float32)
        return values * mask[..., None], mask

    def scored(count):
        ids = np.array([f"c{n // 2}" for n in range(count)])
        return ScoredWindows(
            *windows(count, 8), label(count // 2).repeat(2), np.tile([0.5, 1.0], count // 2), ids
        )

    train = TrainingClips(
        *windows(23, 2, 8), label(23), np.array([0.5, 1.0]), np.array([str(n) for n in range(23)])
    )
    data = PreparedData("flow", ("no", "yes"), train, scored(16), scored(16), "d")
    cell = {
        "encoder": "gru",
        "pooling": "mean",
        "loss": "bce",
        "hidden_size": 16,
        "dropout": 0.1,
        "learning_rate": 1e-2,
        "weight_decay": 1e-2,
    }
    return cell, put_on(data, CPU)


def test_who_diverges_frees_the_slot_and_disturbs_nobody(cell, resident):
    calm = members_of(cell, resident, 3)
    wild = replace(calm[1], recipe=replace(calm[1].recipe, learning_rate=1e30))
    alone = [compared(train_members([member], QUICK)[0]) for member in (calm[0], calm[2])]
    mixed = train_members([calm[0], wild, calm[2]], QUICK)
    assert [outcome.status for outcome in mixed] == ["ok", "diverged", "ok"]
    assert [compared(mixed[0]), compared(mixed[2])] == alone
    assert mixed[1].reason.endswith("in epoch 1 of 2; lower the learning rate.")
    stack = Stack([calm[0], wild, calm[2]], QUICK, CPU)
    stack.train_epoch(0)
    assert stack.trained_rows == [0, 2]
    assert len(stack.parameters.values) == 2


def test_a_stack_without_survivors_ends(cell, resident):
    wild = members_of(cell, resident, 2, learning_rate=1e30)
    assert [o.status for o in train_members(wild, QUICK)] == ["diverged", "diverged"]


def test_curves_are_the_validation_map_after_their_epochs(cell, resident):
    watched = replace(QUICK, epochs=3, schedule="constant", warmup_fraction=0.0)
    watched = replace(watched, curve_epochs=(1, 3))
    members = members_of(cell, resident, 3, watched, schedule="constant")
    outcomes = train_members(members, watched)
    for member, outcome in zip(members, outcomes, strict=True):
        assert list(outcome.curve) == [1, 3]
        assert outcome.curve[3] == outcome.validation.map
        short = replace(member, recipe=replace(member.recipe, epochs=1))
        assert train_members([short], QUICK)[0].validation.map == outcome.curve[1]


def test_patience_ends_who_no_longer_improves_and_nobody_else(cell, resident):
    patient = replace(QUICK, epochs=12, patience=2)
    members = members_of(cell, resident, 6, patient)
    outcomes = train_members(members, patient)
    assert min(outcome.epochs for outcome in outcomes) < 12
    for member, outcome in zip(members, outcomes, strict=True):
        assert compared(train_members([member], patient)[0]) == compared(outcome)
        full = train_members([member], replace(patient, patience=None, curve_epochs=range(1, 13)))
        curve = full[0].curve
        best = max(range(1, outcome.epochs + 1), key=lambda epoch, curve=curve: curve[epoch])
        assert outcome.epochs == min(12, best + 2)


def test_a_stack_that_does_not_fit_is_halved(cell, resident, monkeypatch, caplog):
    members = members_of(cell, resident, 5)
    whole = [compared(outcome) for outcome in train_members(members, QUICK)]
    sizes = []

    class Small(Stack):
        def __init__(self, members, *args):
            sizes.append(len(members))
            if len(members) > 2:
                raise torch.OutOfMemoryError("no room")
            super().__init__(members, *args)

    monkeypatch.setattr(trainer, "Stack", Small)
    assert [compared(outcome) for outcome in train_members(members, QUICK)] == whole
    assert sizes == [5, 2, 3, 1, 2]
    assert "a stack of 5 failed (OutOfMemoryError: no room); trying 2 and 3" in caplog.text


def test_one_who_breaks_its_stack_fails_alone(cell, resident, monkeypatch, caplog):
    members = members_of(cell, resident, 4)

    class Broken(Stack):
        def __init__(self, members, *args):
            if any(member.seed == 2 for member in members):
                raise KeyError("x" * 500)
            super().__init__(members, *args)

    monkeypatch.setattr(trainer, "Stack", Broken)
    outcomes = train_members(members, QUICK)
    assert [outcome.status for outcome in outcomes] == ["ok", "ok", "failed", "ok"]
    assert outcomes[2].reason.startswith("KeyError: ")
    assert len(outcomes[2].reason) <= 200
    assert "an experiment with seed 2 failed" in caplog.text


def test_weights_are_returned_of_the_best_only(cell, resident):
    outcomes = train_members(members_of(cell, resident, 4), QUICK, "cpu", 2)
    kept = [outcome.validation.map for outcome in outcomes if outcome.weights]
    assert sorted(kept) == sorted(o.validation.map for o in outcomes)[2:]
    assert mean_average_precision([0, 1], [0.1, 0.9], [0.5, 0.5]) == 1.0


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_bfloat16_is_close_and_declared(cell, resident, precision, encoder):
    declared = replace(QUICK, precision=precision)
    members = members_of(cell, resident, 2, encoder=encoder)
    outcome, exact = (train_members(members, each)[0] for each in (declared, QUICK))
    difference = np.abs(outcome.test_probability - exact.test_probability).max()
    assert (difference > 0) == (precision == "bfloat16")
    assert difference < 0.1
    assert (declared.identity == QUICK.identity) == (precision == "float32")


# What a stack is made of.


def test_every_row_of_the_optimiser_is_torchs_adamw():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 32, generator=generator)
    rates, weight_decay = torch.tensor([1e-2, 1e-3, 0.3]), torch.tensor([0.0, 0.1, 0.5])
    beta2 = torch.tensor([0.999, 0.95, 0.9])
    reference = [torch.nn.Parameter(row.clone()) for row in values]
    optimizers = []
    for row, parameter in enumerate(reference):
        decayed, free = (torch.nn.Parameter(part.clone()) for part in parameter.data.split(16))
        groups = [
            {"params": [decayed], "weight_decay": weight_decay[row].item()},
            {"params": [free], "weight_decay": 0.0},
        ]
        betas = (0.9, beta2[row].item())
        optimizers.append((torch.optim.AdamW(groups, rates[row].item(), betas), decayed, free))
    ours = StackedAdamW(values, 16, weight_decay, beta2)
    for _ in range(20):
        gradient = torch.randn(3, 32, generator=generator)
        for row, (optimizer, decayed, free) in enumerate(optimizers):
            decayed.grad, free.grad = gradient[row, :16].clone(), gradient[row, 16:].clone()
            optimizer.step()
        ours.step(values, gradient, rates)
    expected = torch.stack([torch.cat((d.data, f.data)) for _, d, f in optimizers])
    assert torch.allclose(values, expected, atol=1e-5, rtol=1e-5)


def test_clipping_is_torchs_row_by_row():
    gradient = torch.randn(4, 64) * torch.tensor([[0.01], [1.0], [10.0], [0.0]])
    largest = torch.tensor([1.0, 1.0, 0.5, 1.0])
    expected = []
    for row, limit in zip(gradient, largest, strict=True):
        parameter = torch.nn.Parameter(torch.zeros(64))
        parameter.grad = row.clone()
        torch.nn.utils.clip_grad_norm_([parameter], limit.item())
        expected.append(parameter.grad)
    clip(gradient, gradient_norm(gradient), largest)
    assert torch.allclose(gradient, torch.stack(expected), rtol=1e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_only_matrices_and_kernels_decay(encoder):
    model = build_model(Architecture(encoder, "attention", 16, 1), 6, seed=1)
    named = dict(model.named_parameters())
    decayed = {name for name, parameter in named.items() if decays(name, parameter)}
    spared = ("bias", "norm", "scale", "shift", "bypass", "rate", "skip")
    assert not [n for n in decayed if any(word in n.rpartition(".")[2] for word in spared)]
    assert not [n for n in named.keys() - decayed if "weight" in n.rpartition(".")[2]]


def test_parameters_are_aligned_views_and_survive_a_choice():
    models = [build_model(Architecture("gru", "attention", 8, 1), 5, seed) for seed in range(4)]
    stacked = StackedParameters(models, joined(models), CPU)
    for row, model in enumerate(models):
        for name, parameter in model.named_parameters():
            assert torch.equal(dict(stacked.of(row))[name], parameter)
    pointers = [parameter.data_ptr() % (4 * ALIGNED) for parameter in stacked.leaves()]
    assert set(pointers) == {stacked.values.data_ptr() % (4 * ALIGNED)}
    assert stacked.values.shape[1] % ALIGNED == 0
    stacked.keep(torch.tensor([3, 1]))
    stacked.values.add_(1)
    assert torch.equal(stacked.model.head.bias.data[0], models[3].head.bias.data[0] + 1)


def test_an_epoch_visits_every_clip_once_and_fills_up_without_weight(resident):
    order = EpochOrder([1, 2], 0, resident, 10)
    assert order.clips.shape == (2, 3, 16)
    assert order.weights.sum() == resident.train_clips == 24
    for row in order.clips:
        assert sorted(row[order.weights.bool()].tolist()) == list(range(24))
    assert order.windows.max() == resident.train_windows - 1
    again, later = (EpochOrder([2], epoch, resident, 10) for epoch in (0, 1))
    assert torch.equal(again.clips[0], order.clips[1])
    assert not torch.equal(later.clips, again.clips)


def test_the_schedule_rises_to_one_and_falls():
    factors = [schedule("cosine", step, 100, 0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert all(late < early for early, late in pairwise(factors[10:]))
    assert 0 < factors[99] < 0.001
    assert schedule("cosine", 0, 5, 0.0) == 1.0
    assert schedule("cosine", 4, 5, 1.0) == 1.0
    assert schedule("linear", 55, 100, 0.1) == pytest.approx(0.5)
    assert schedule("constant", 99, 100, 0.1) == 1.0


def test_rates_are_the_schedule_times_the_learning_rate(cell, resident):
    (member,) = members_of(cell, resident, 1)
    assert learning_rates(member.recipe, 6).tolist() == pytest.approx(
        [0.01 * schedule("cosine", step, 6, 0.1) for step in range(6)]
    )
