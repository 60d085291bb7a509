"""One experiment: it learns what can be learnt, ends as it says, and is the same every time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dashsearch.errors import InputError
from dashsearch.training.encoders import ENCODERS
from dashsearch.training.metrics import score_split
from dashsearch.training.prepare import prepare
from dashsearch.training.recipe import LOSSES
from dashsearch.training.settings import TrainerSettings
from dashsearch.training.trainer import train_experiment

LEARNING = TrainerSettings(epochs=20, batch_size=16)
QUICK = TrainerSettings(epochs=2, batch_size=8, components=None)


@pytest.fixture
def ordered(make_world):
    return prepare(*make_world(clips=(64, 32, 32), steps=10, slope=1.5), None)


def same(first, second):
    return (
        first.validation == second.validation
        and first.test == second.test
        and first.train_loss == second.train_loss
        and np.array_equal(first.test_probability, second.test_probability)
    )


@pytest.mark.parametrize("pooling", ["attention", "mean", "max"])
@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name != "mean_mlp"])
def test_every_encoder_learns_the_order_of_frames(ordered, cell, encoder, pooling):
    outcome = train_experiment(
        {**cell, "encoder": encoder, "pooling": pooling}, 1, ordered, LEARNING
    )
    assert outcome.status == "ok"
    assert outcome.validation.ap > 0.95


def test_the_control_that_sees_no_order_learns_none(ordered, cell):
    outcome = train_experiment({**cell, "encoder": "mean_mlp"}, 1, ordered, LEARNING)
    assert outcome.validation.ap < 0.7


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_with_the_last_frame_too(ordered, cell, loss):
    outcome = train_experiment({**cell, "loss": loss, "pooling": "last"}, 1, ordered, LEARNING)
    assert outcome.test.map > 0.95


def test_labels_that_features_say_nothing_about_stay_near_chance(make_world, cell):
    noise = prepare(*make_world(clips=(64, 100, 100), slope=0.0), None)
    scores = [
        train_experiment({**cell, "encoder": e}, 1, noise, TrainerSettings(epochs=6)).test.ap
        for e in ENCODERS
    ]
    # 100 clips with three windows each: AP has a standard deviation of about 0.05 around 0.5.
    assert np.mean(scores) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_experiment_alone_is_the_same_after_another(ordered, cell, encoder):
    one = {**cell, "encoder": encoder}
    alone = train_experiment(one, 7, ordered, QUICK)
    torch.manual_seed(99)
    np.random.seed(3)  # noqa: NPY002 - the point is that the old global state is never read
    train_experiment({**cell, "encoder": "retnet", "hidden_size": 32}, 8, ordered, QUICK)
    assert same(alone, train_experiment(one, 7, ordered, QUICK))


def test_the_number_of_threads_changes_nothing(ordered, cell):
    alone = train_experiment(cell, 7, ordered, QUICK)
    try:
        torch.set_num_threads(2)
        assert same(alone, train_experiment(cell, 7, ordered, QUICK))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_global_random_states_are_left_as_they_were(ordered, cell):
    before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    train_experiment(cell, 7, ordered, QUICK)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002


def test_another_seed_is_another_experiment(ordered, cell):
    first, second = (train_experiment(cell, seed, ordered, QUICK) for seed in (1, 2))
    assert not np.array_equal(first.test_probability, second.test_probability)


def test_test_labels_and_features_never_touch_training(ordered, cell):
    windows = ordered.test
    other = replace(windows, values=windows.values * 3, label=1 - windows.label)
    first = train_experiment(cell, 1, ordered, QUICK)
    second = train_experiment(cell, 1, replace(ordered, test=other), QUICK)
    assert first.validation == second.validation
    assert first.train_loss == second.train_loss


def test_scores_are_those_of_the_returned_probabilities(ordered, cell):
    outcome = train_experiment(cell, 1, ordered, QUICK)
    windows = ordered.validation
    expected = score_split(
        windows.label, outcome.validation_probability, windows.tte_s, windows.clip_id
    )
    assert outcome.validation == expected
    assert list(outcome.test.ap_at) == [0.5, 1.0, 1.5]


def test_divergence_is_a_status_with_a_sentence(ordered, cell):
    outcome = train_experiment({**cell, "learning_rate": 1e30}, 1, ordered, QUICK)
    assert outcome.status == "diverged"
    assert outcome.reason.endswith("lower the learning rate.")
    assert outcome.validation is outcome.test is outcome.train_loss is None


def test_a_machine_that_cannot_is_a_failure_with_a_capped_reason(ordered, cell):
    outcome = train_experiment({**cell, "hidden_size": 2**40}, 1, ordered, QUICK)
    assert outcome.status == "failed"
    assert outcome.reason.startswith("RuntimeError: ")
    assert len(outcome.reason) <= 200


def test_an_unknown_loss_is_named(ordered, cell):
    with pytest.raises(InputError, match="loss 'hinge' is not one that the trainer knows"):
        train_experiment({**cell, "loss": "hinge"}, 1, ordered, QUICK)


def test_weight_decay_pulls_weights_towards_zero(ordered, cell):
    def size(weight_decay):
        settings = TrainerSettings(epochs=10)
        decayed = {**cell, "weight_decay": weight_decay, "dropout": 0.0}
        return np.abs(train_experiment(decayed, 1, ordered, settings).test_probability - 0.5).mean()

    assert size(20.0) < size(0.0)


@pytest.fixture
def actions(make_world):
    """Three classes: rising, falling, and falling with the first two dimensions exchanged."""
    features, splits = make_world(clips=(90, 60, 60), steps=10, slope=1.5)
    number = np.array([int(clip[4:]) for clip in features.clip_id])
    values = features.values.copy()
    third = number % 3 == 2
    noise = np.random.default_rng(9).normal(size=values.shape).astype(np.float16)
    values[third] = noise[third]
    values[third, :, 0] += 3
    label = np.where(third, 2, features.label)
    return replace(features, values=values, label=label, classes=("a", "b", "c")), splits


def test_many_classes_are_learnt_and_shuffled_ones_are_not(actions, cell):
    features, splits = actions
    outcome = train_experiment(cell, 1, prepare(features, splits, None), LEARNING)
    assert outcome.status == "ok"
    assert outcome.test_probability.shape == (180, 3)
    assert outcome.test_probability.sum(axis=1) == pytest.approx(1.0)
    assert outcome.test.map > 0.9
    assert outcome.test.accuracy > 0.85
    clips = np.array([int(clip[4:]) for clip in features.clip_id])
    shuffled = np.random.default_rng(3).integers(0, 3, clips.max() + 1)[clips]
    chance = replace(features, label=shuffled)
    outcome = train_experiment(cell, 1, prepare(chance, splits, None), LEARNING)
    assert outcome.test.map < 0.5


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_many_classes(actions, cell, loss):
    data = prepare(*actions, None)
    assert train_experiment({**cell, "loss": loss}, 1, data, LEARNING).test.map > 0.8


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_stands_in_padding_changes_no_score(make_world, cell, encoder):
    features, splits = make_world(clips=(24, 12, 12), steps=8)
    mask = features.mask.copy()
    mask[::3, :3] = False
    data = prepare(replace(features, mask=mask), splits, None)
    filled = replace(
        data,
        train=replace(
            data.train, values=np.where(data.train.mask[..., None], data.train.values, 9)
        ),
        test=replace(data.test, values=np.where(data.test.mask[..., None], data.test.values, 9)),
    )
    cell = {**cell, "encoder": encoder}
    assert same(train_experiment(cell, 1, data, QUICK), train_experiment(cell, 1, filled, QUICK))
