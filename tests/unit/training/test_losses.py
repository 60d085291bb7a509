"""Losses against their closed forms, each row of a stack with its own constants."""

import math

import pytest
import torch

from dashsearch.training.losses import StackedLoss
from dashsearch.training.recipe import LOSSES, LossConstants
from dashsearch.training.settings import TrainerSettings

CPU = torch.device("cpu")
LOGIT = torch.tensor([-3.0, -0.5, 0.0, 0.7, 4.0], dtype=torch.float64)
LABEL = torch.tensor([0, 1, 1, 0, 1])
SPACE = [constants(TrainerSettings()) for constants in LOSSES.values()]


def losses(constants, logit=LOGIT, label=LABEL):
    """Loss of each window under one experiment's constants."""
    return StackedLoss([constants], CPU)(logit[None], label[None])[0]


def truth_probabilities():
    for logit, label in zip(LOGIT.tolist(), LABEL.tolist(), strict=True):
        probability = 1 / (1 + math.exp(-logit))
        yield label, probability if label else 1 - probability


def test_bce_is_the_negative_log_likelihood():
    expected = [-math.log(p) for _, p in truth_probabilities()]
    bce = LOSSES["bce"](TrainerSettings())
    assert losses(bce).tolist() == pytest.approx(expected, rel=1e-12)


def test_a_positive_weight_multiplies_positives():
    weighted = losses(LOSSES["bce"](TrainerSettings(positive_weight=3.0)))
    ratio = weighted / losses(LossConstants())
    assert ratio.tolist() == pytest.approx([1, 3, 3, 1, 3])


def test_focal_follows_its_formula():
    expected = [
        -(0.25 if label else 0.75) * (1 - p) ** 2 * math.log(p)
        for label, p in truth_probabilities()
    ]
    focal = LOSSES["focal"](TrainerSettings())
    assert losses(focal).tolist() == pytest.approx(expected, rel=1e-12)


def test_label_smoothing_is_lowest_at_the_smoothed_label():
    logit = torch.tensor([math.log(0.95 / 0.05)], dtype=torch.float64, requires_grad=True)
    smoothing = LOSSES["label_smoothing"](TrainerSettings(smoothing=0.1))
    loss = losses(smoothing, logit, torch.tensor([1])).sum()
    loss.backward()
    assert loss.item() == pytest.approx(-0.95 * math.log(0.95) - 0.05 * math.log(0.05))
    assert logit.grad.item() == pytest.approx(0.0, abs=1e-12)


def test_a_stack_gives_every_row_its_own_loss():
    stack = StackedLoss(SPACE, CPU)
    found = stack(LOGIT.expand(3, -1), LABEL.expand(3, -1))
    for row, constants in zip(found, SPACE, strict=True):
        assert torch.equal(row, losses(constants))
    stack.keep(torch.tensor([2, 0]))
    assert torch.equal(stack(LOGIT.expand(2, -1), LABEL.expand(2, -1)), found[[2, 0]])


@pytest.mark.parametrize("constants", SPACE)
def test_gradients_are_right_and_finite_far_out(constants):
    logit = LOGIT.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: losses(constants, x), logit)
    extreme = torch.tensor([-200.0, 200.0], requires_grad=True)
    loss = losses(constants, extreme, torch.tensor([1, 0])).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(extreme.grad).all()


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_two_classes_by_softmax_are_the_binary_form(gamma, smoothing):
    pair = torch.stack([torch.zeros_like(LOGIT), LOGIT], dim=1)
    constants = LossConstants(gamma=gamma, smoothing=smoothing)
    many = losses(constants, pair)
    assert many.tolist() == pytest.approx(losses(constants).tolist(), rel=1e-12)


def test_many_class_focal_follows_its_formula():
    logit = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], dtype=torch.float64)
    label = torch.tensor([0, 2])
    p = logit.softmax(dim=1)[torch.arange(2), label]
    expected = ((1 - p) ** 2 * -p.log()).tolist()
    assert losses(LossConstants(gamma=2.0), logit, label).tolist() == pytest.approx(expected)


def test_many_class_smoothing_is_torchs():
    logit = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    label = torch.tensor([0, 1, 2, 3, 3, 0])
    expected = torch.nn.functional.cross_entropy(
        logit, label, label_smoothing=0.2, reduction="none"
    )
    assert losses(LossConstants(smoothing=0.2), logit, label).tolist() == pytest.approx(
        expected.tolist(), rel=1e-12
    )


@pytest.mark.parametrize("constants", SPACE)
def test_gradients_of_many_classes_are_right_and_finite_far_out(constants):
    logit = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0, 1, 2, 1])
    assert torch.autograd.gradcheck(lambda x: losses(constants, x, label), logit)
    extreme = torch.tensor([[200.0, -200.0, 0.0], [0.0, 200.0, -200.0]], requires_grad=True)
    loss = losses(constants, extreme, torch.tensor([1, 1])).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(extreme.grad).all()
