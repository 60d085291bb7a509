"""A loss that the user wrote trains at once, with the same scores alone or in a mixed stack."""

import pytest
import torch

from dashsearch.errors import InputError
from dashsearch.training.losses import StackedLoss
from dashsearch.training.prepare import prepare
from dashsearch.training.recipe import LossConstants, resolve
from dashsearch.training.resident import put_on
from dashsearch.training.settings import TrainerSettings
from dashsearch.training.stack import Member
from dashsearch.training.trainer import train_members

SOURCE = """
import torch
from torch.nn import functional

def entropy(logit, label):
    if logit.ndim == 1:
        return functional.binary_cross_entropy_with_logits(logit, label.double(), reduction="none")
    return functional.cross_entropy(logit, label, reduction="none")

def mean(logit, label):
    return entropy(logit, label).mean()

def number(logit, label):
    return 0.0
"""
CPU = torch.device("cpu")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return lambda name="entropy": f"{path}:{name}"


@pytest.mark.parametrize("classes", [2, 3])
def test_it_takes_the_formulas_place_in_its_own_rows_only(source, classes):
    generator = torch.Generator().manual_seed(1)
    shape = (3, 8) if classes == 2 else (3, 8, classes)
    logit = torch.randn(shape, generator=generator)
    label = torch.randint(0, classes, (3, 8), generator=generator)
    own, plain, focal = LossConstants(source=source()), LossConstants(), LossConstants(gamma=2.0)
    mixed = StackedLoss([own, plain, focal], CPU)
    found, formula = mixed(logit, label), StackedLoss([plain, plain, focal], CPU)(logit, label)
    assert found[0].tolist() == pytest.approx(formula[0].tolist(), abs=1e-12)
    assert torch.equal(found[1:], formula[1:])
    mixed.keep(torch.tensor([2, 0]))
    kept = mixed(logit[[2, 0]], label[[2, 0]])
    assert torch.equal(kept, found[[2, 0]])


def test_alone_or_stacked_it_gives_the_same_bits(make_world, cell, source):
    settings = TrainerSettings(
        batch_size=10, components=None, epochs=2, losses=(("mine", source(), "digest"),)
    )
    resident = put_on(prepare(*make_world(), None), CPU)
    cells = [{**cell, "loss": loss, "learning_rate": 3e-3} for loss in ("mine", "focal", "mine")]
    members = [Member(resolve(each, settings), n, resident) for n, each in enumerate(cells)]
    stacked = train_members(members, settings)
    for member, outcome in zip(members, stacked, strict=True):
        assert outcome.status == "ok"
        (alone,) = train_members([member], settings)
        assert alone.test_probability.tolist() == outcome.test_probability.tolist()


@pytest.mark.parametrize("name", ["mean", "number"])
def test_what_is_no_loss_a_window_is_a_sentence(source, name):
    loss = StackedLoss([LossConstants(source=source(name))], CPU)
    with pytest.raises(InputError, match="has to return a tensor of one loss a window"):
        loss(torch.zeros(1, 4), torch.zeros(1, 4, dtype=torch.int64))


def test_it_is_part_of_the_identity_and_none_leaves_that_as_it_was(source):
    plain = TrainerSettings()
    own = TrainerSettings(losses=(("mine", source(), "digest"),))
    changed = TrainerSettings(losses=(("mine", source(), "another"),))
    assert "losses" not in plain.facts()
    assert len({plain.identity, own.identity, changed.identity}) == 3
