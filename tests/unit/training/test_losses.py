"""Losses against their closed forms."""

import math

import pytest
import torch

from dashsearch.training.losses import LOSSES, bce, focal, focal_many_class, label_smoothing

LOGIT = torch.tensor([-3.0, -0.5, 0.0, 0.7, 4.0], dtype=torch.float64)
LABEL = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)


def truth_probabilities():
    for logit, label in zip(LOGIT.tolist(), LABEL.tolist(), strict=True):
        probability = 1 / (1 + math.exp(-logit))
        yield label, probability if label else 1 - probability


def mean(terms):
    terms = list(terms)
    return sum(terms) / len(terms)


def test_the_space_has_three_losses():
    assert set(LOSSES) == {"focal", "bce", "label_smoothing"}


def test_bce_is_the_mean_negative_log_likelihood():
    expected = mean(-math.log(p) for _, p in truth_probabilities())
    assert bce(LOGIT, LABEL).item() == pytest.approx(expected, rel=1e-12)


def test_focal_follows_its_formula():
    expected = mean(
        -(0.25 if label else 0.75) * (1 - p) ** 2 * math.log(p)
        for label, p in truth_probabilities()
    )
    assert focal(LOGIT, LABEL).item() == pytest.approx(expected, rel=1e-12)


def test_focal_without_focus_and_weights_is_bce():
    ours = focal(LOGIT, LABEL, gamma=0.0, alpha=None)
    assert ours.item() == pytest.approx(bce(LOGIT, LABEL).item(), rel=1e-12)


def test_label_smoothing_is_lowest_at_the_smoothed_label():
    logit = torch.tensor([math.log(0.95 / 0.05)], dtype=torch.float64, requires_grad=True)
    loss = label_smoothing(logit, torch.ones(1, dtype=torch.float64))
    loss.backward()
    assert loss.item() == pytest.approx(-0.95 * math.log(0.95) - 0.05 * math.log(0.05))
    assert logit.grad.item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_right_and_finite_far_out(name):
    logit = LOGIT.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: LOSSES[name].binary(x, LABEL), logit)
    extreme = torch.tensor([-200.0, 200.0], requires_grad=True)
    loss = LOSSES[name].binary(extreme, torch.tensor([1.0, 0.0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(extreme.grad).all()


@pytest.mark.parametrize("name", ["bce", "label_smoothing"])
def test_two_classes_by_softmax_are_the_binary_form(name):
    pair = torch.stack([torch.zeros_like(LOGIT), LOGIT], dim=1)
    many, binary = LOSSES[name].many_class(pair, LABEL.long()), LOSSES[name].binary(LOGIT, LABEL)
    assert many.item() == pytest.approx(binary.item(), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_two_classes_by_softmax_are_focal_without_weights(gamma):
    pair = torch.stack([torch.zeros_like(LOGIT), LOGIT], dim=1)
    binary = focal(LOGIT, LABEL, gamma=gamma, alpha=None)
    assert focal_many_class(pair, LABEL.long(), gamma).item() == pytest.approx(binary.item())


def test_many_class_focal_follows_its_formula():
    logit = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], dtype=torch.float64)
    label = torch.tensor([0, 2])
    p = logit.softmax(dim=1)[torch.arange(2), label]
    expected = ((1 - p) ** 2 * -p.log()).mean().item()
    assert focal_many_class(logit, label).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_many_classes_are_right_and_finite_far_out(name):
    logit = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0, 1, 2, 1])
    assert torch.autograd.gradcheck(lambda x: LOSSES[name].many_class(x, label), logit)
    extreme = torch.tensor([[200.0, -200.0, 0.0], [0.0, 200.0, -200.0]], requires_grad=True)
    loss = LOSSES[name].many_class(extreme, torch.tensor([1, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(extreme.grad).all()
