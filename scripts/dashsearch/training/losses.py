"""The losses of the space, as functions of logits and binary labels."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]


def bce(logit: Tensor, label: Tensor) -> Tensor:
    """Mean binary cross-entropy of (B,) logits against (B,) labels in [0, 1], in nats."""
    return functional.binary_cross_entropy_with_logits(logit, label)


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


def label_smoothing(logit: Tensor, label: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean cross-entropy against labels pulled towards 1/2: y' = (1 - smoothing) y + smoothing / 2.

    References
    ----------
    Szegedy et al. (2016), *Rethinking the Inception Architecture*, CVPR, section 7.
    """
    return functional.binary_cross_entropy_with_logits(
        logit, (1 - smoothing) * label + smoothing / 2
    )


LOSSES: dict[str, Loss] = {"focal": focal, "bce": bce, "label_smoothing": label_smoothing}
