"""The trainer says before the first job which spaces it can train."""

from dataclasses import replace
from pathlib import Path

import pytest

from dashsearch.errors import InputError
from dashsearch.space.files import load_space
from dashsearch.space.space import Factor, Space
from dashsearch.training.encoders import ENCODERS
from dashsearch.training.levels import NAMES, check_space
from dashsearch.training.pooling import POOLINGS
from dashsearch.training.recipe import LOSSES

EMBEDDED = load_space(Path(__file__).parents[3] / "resources/spaces/embedded.yaml")


def test_the_names_are_those_of_the_registries():
    assert set(NAMES["encoder"]) == set(ENCODERS)
    assert set(NAMES["pooling"]) == set(POOLINGS)
    assert set(NAMES["loss"]) == set(LOSSES)


def test_the_embedded_space_can_be_trained():
    check_space(EMBEDDED)


def with_levels(name, *levels):
    factors = tuple(
        replace(factor, levels=levels) if factor.name == name else factor
        for factor in EMBEDDED.factors
    )
    return Space("mine", factors)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (with_levels("encoder", "gru", "lstm"), "'lstm', which the trainer does not know; use zip"),
        (with_levels("loss", "hinge"), "use focal, bce, label_smoothing"),
        (with_levels("hidden_size", 16, 20), "level 20, .* use a positive multiple of 8"),
        (with_levels("dropout", 1.0), "use a number from 0 to 0.9"),
        (with_levels("learning_rate", "1e-4"), "use a positive number .*write 1.0e-4"),
        (with_levels("learning_rate", float("inf")), "use a positive number"),
        (with_levels("weight_decay", -0.1), "use a number of at least 0"),
        (
            Space("mine", (replace(EMBEDDED.factors[0], group="training"), *EMBEDDED.factors[1:])),
            "factor backbone has the group training; write architecture",
        ),
        (Space("mine", EMBEDDED.factors[1:]), "lacks the factor backbone"),
        (
            Space("mine", (*EMBEDDED.factors, Factor("colour", "training", (1,)))),
            "has the factor colour; the trainer needs backbone.* and knows schedule",
        ),
    ],
)
def test_a_space_that_the_trainer_cannot_train_is_named(space, sentence):
    with pytest.raises(InputError, match=sentence):
        check_space(space)
