"""The losses of the space, as functions of logits and labels.

A binary task has one logit a window, the log odds of its second class; a task of C > 2 classes has
C. Each loss has both forms, and the second one with logits (0, z) is the first one with z (focal
loss: without its weight of positives, which has no counterpart in many classes).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Loss:
    """One loss in its two forms.

    Attributes
    ----------
    binary
        Of (B,) logits and (B,) float labels, 0 or 1.
    many_class
        Of (B, C) logits and (B,) int64 labels, 0 to C - 1.
    """

    binary: Callable[[Tensor, Tensor], Tensor]
    many_class: Callable[[Tensor, Tensor], Tensor]


def bce(logit: Tensor, label: Tensor) -> Tensor:
    """Mean binary cross-entropy of (B,) logits against (B,) labels in [0, 1], in nats."""
    return functional.binary_cross_entropy_with_logits(logit, label)


def cross_entropy(logit: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy of (B, C) logits against (B,) labels, in nats."""
    return functional.cross_entropy(logit, label)


def focal(logit: Tensor, label: Tensor, gamma: float = 2.0, alpha: float | None = 0.25) -> Tensor:
    """Mean focal loss: alpha_t (1 - p_t)^gamma (-log p_t), p_t the probability of the true label.

    Parameters
    ----------
    logit, label
        (B,) logits and labels, 0 or 1.
    gamma
        How strongly easy windows are discounted; 0 gives weighted cross-entropy.
    alpha
        Weight of positives, 1 - alpha that of negatives; None weighs both 1.

    References
    ----------
    Lin et al. (2017), *Focal Loss for Dense Object Detection*, ICCV, equation 5.
    """
    # With signed = logit for positives and -logit for negatives, p_t = sigmoid(signed).
    signed = logit * (2 * label - 1)
    loss = -functional.logsigmoid(signed) * torch.sigmoid(-signed).pow(gamma)
    if alpha is not None:
        loss = loss * (alpha * label + (1 - alpha) * (1 - label))
    return loss.mean()


def focal_many_class(logit: Tensor, label: Tensor, gamma: float = 2.0) -> Tensor:
    """Mean focal loss of (B, C) logits against (B,) labels, every class weighing 1."""
    log_true = functional.log_softmax(logit, dim=1).gather(1, label.unsqueeze(1)).squeeze(1)
    # 1 - p_t as a sum of the others' probabilities: no cancellation where p_t is almost 1.
    others = functional.softmax(logit, dim=1).scatter(1, label.unsqueeze(1), 0.0).sum(dim=1)
    return (-log_true * others.pow(gamma)).mean()


def label_smoothing(logit: Tensor, label: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean cross-entropy against labels pulled towards 1/2: y' = (1 - smoothing) y + smoothing / 2.

    References
    ----------
    Szegedy et al. (2016), *Rethinking the Inception Architecture*, CVPR, section 7.
    """
    return functional.binary_cross_entropy_with_logits(
        logit, (1 - smoothing) * label + smoothing / 2
    )


def label_smoothing_many_class(logit: Tensor, label: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean cross-entropy of (B, C) logits against labels pulled towards 1 / C."""
    return functional.cross_entropy(logit, label, label_smoothing=smoothing)


LOSSES: dict[str, Loss] = {
    "focal": Loss(focal, focal_many_class),
    "bce": Loss(bce, cross_entropy),
    "label_smoothing": Loss(label_smoothing, label_smoothing_many_class),
}
