"""The losses of the space for a stack: one formula whose constants differ by experiment.

    loss = weight(y) (1 - p_y)^gamma CE(z, (1 - smoothing) y + smoothing / C)

with p_y the probability of the true class y. Focal loss has a gamma and weighs positives by alpha
and negatives by 1 - alpha, label smoothing has a smoothing, and binary cross-entropy has neither; a
positive weight w multiplies the loss of positives. A task of two classes has one logit, the log
odds of its second class; tasks of more have one a class, and no class weights.

A loss that the user wrote takes the place of the formula in the rows of its experiments: a function
of one experiment's logits, (B,) or (B, C) float64, and labels, (B,) int64, that returns (B,).

References
----------
Lin et al. (2017), *Focal Loss for Dense Object Detection*, ICCV, equation 5; Szegedy et al. (2016),
*Rethinking the Inception Architecture*, CVPR, section 7.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dashsearch.errors import InputError
from dashsearch.own_code import load_callable
from dashsearch.training.recipe import LossConstants


class StackedLoss:
    """The loss of every window of every experiment.

    Parameters
    ----------
    constants
        One for each of E experiments.
    """

    def __init__(self, constants: Sequence[LossConstants], device: torch.device) -> None:
        numbers = [(each.gamma, each.positive, each.negative, each.smoothing) for each in constants]
        self._table = torch.tensor(numbers, dtype=torch.float64, device=device)
        self._sources = [each.source for each in constants]

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the experiments, by their places."""
        self._table = self._table[rows]
        self._sources = [self._sources[row] for row in rows.tolist()]

    def __call__(self, logit: Tensor, label: Tensor) -> Tensor:
        """Return losses (E, B) in nats, float64.

        Parameters
        ----------
        logit
            (E, B), or (E, B, C) for C > 2 classes.
        label
            (E, B) int64, 0 to C - 1.
        """
        # In float64 a handful of numbers cost nothing, and rounding never depends on the stack.
        logit = logit.double()
        if not any(self._sources):
            return self._formula(logit, label)
        losses = self._formula(logit, label).unbind()
        return torch.stack(
            [
                _own_loss(source, logit[row].clone(), label[row].clone()) if source else losses[row]
                for row, source in enumerate(self._sources)
            ]
        )

    def _formula(self, logit: Tensor, label: Tensor) -> Tensor:
        gamma, positive, negative, smoothing = self._table.T.unsqueeze(-1)
        if logit.ndim == 2:
            truth = label.double()
            target = (1 - smoothing) * truth + smoothing / 2
            entropy = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
            weight = positive * truth + negative * (1 - truth)
            wrong = torch.sigmoid(logit * (1 - 2 * truth))
            weighted: Tensor = weight * wrong.pow(gamma) * entropy
            return weighted
        log_share = functional.log_softmax(logit, dim=-1)
        log_true = log_share.gather(-1, label.unsqueeze(-1)).squeeze(-1)
        entropy = -(1 - smoothing) * log_true - smoothing * log_share.mean(dim=-1)
        # 1 - p_y as the sum of the others' probabilities: no cancellation where p_y is almost 1.
        others = log_share.exp().scatter(-1, label.unsqueeze(-1), 0.0).sum(dim=-1)
        discounted: Tensor = others.pow(gamma) * entropy
        return discounted


def _own_loss(source: str, logit: Tensor, label: Tensor) -> Tensor:
    """Ask a user's loss about one experiment; InputError if it gives no loss a window."""
    loss = load_callable("training.losses", source)(logit, label)
    if not isinstance(loss, Tensor) or loss.shape != label.shape:
        raise InputError(
            f"config: training.losses: {source} has to return a tensor of one loss a window, "
            f"{tuple(label.shape)}, but it returned {getattr(loss, 'shape', type(loss).__name__)}; "
            "correct it."
        )
    return loss.double()
