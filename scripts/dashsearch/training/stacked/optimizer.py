"""AdamW for a stack: one matrix of parameters, every experiment with its own rates and clipping."""

import torch
from torch import Tensor

BETA1 = 0.9
EPSILON = 1e-8


class StackedAdamW:
    """AdamW with bias correction and decoupled weight decay on (E, P) parameters.

    Parameters
    ----------
    values
        (E, P) float32, changed in place.
    decayed
        Columns, from the first on, that weight decay applies to.
    weight_decay
        (E,) float32.
    beta2
        (E,) float32, the decay of the second moment.

    References
    ----------
    Loshchilov & Hutter (2019), *Decoupled Weight Decay Regularization*, ICLR, algorithm 2, with the
    decay scaled by the learning rate as in `torch.optim.AdamW`.
    """

    def __init__(self, values: Tensor, decayed: int, weight_decay: Tensor, beta2: Tensor) -> None:
        self._decayed, self._weight_decay = decayed, weight_decay[:, None]
        self._beta2 = beta2[:, None]
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._room = torch.empty_like(values)
        self._steps = 0

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the experiments, by their places."""
        self._weight_decay, self._beta2 = self._weight_decay[rows], self._beta2[rows]
        self._mean, self._square = self._mean[rows], self._square[rows]
        self._room = torch.empty_like(self._mean)

    @torch.no_grad()
    def step(self, values: Tensor, gradient: Tensor, learning_rate: Tensor) -> None:
        """Change `values` by one step along (E, P) gradients, which are overwritten.

        Parameters
        ----------
        learning_rate
            (E,) of this step; 0 leaves an experiment as it is.
        """
        self._steps += 1
        rate, beta1 = learning_rate[:, None], BETA1
        correction = 1 - self._beta2.double() ** self._steps
        self._mean.lerp_(gradient, 1 - beta1)
        self._square.mul_(self._beta2)
        self._square.addcmul_(gradient.square_(), 1 - self._beta2)
        root = torch.sqrt(self._square, out=self._room)
        root.div_(correction.sqrt().to(root.dtype)).add_(EPSILON)
        values[:, : self._decayed].mul_(1 - rate * self._weight_decay)
        update = torch.div(self._mean, root, out=gradient)
        values.addcmul_(update, rate / -(1 - beta1**self._steps))


def gradient_norm(gradient: Tensor, shared: slice = slice(None)) -> Tensor:
    """Return the Euclidean norm of every experiment's gradient, (E, P) to (E,).

    Parameters
    ----------
    shared
        Columns that are summed apart from those before and behind them, so that columns of zeros
        there, or none, leave a row's norm as it is, to the bit.
    """
    start, stop, _ = shared.indices(gradient.shape[1])
    parts = (gradient[:, :start], gradient[:, start:stop], gradient[:, stop:])
    norms = [torch.linalg.vector_norm(part, dim=1) for part in parts]
    norm: Tensor = (norms[0].square() + norms[1].square() + norms[2].square()).sqrt()
    return norm


def clip(gradient: Tensor, norm: Tensor, largest: Tensor) -> None:
    """Shrink (E, P) gradients in place to norms of at most `largest` (E,), as torch does."""
    gradient.mul_((largest / (norm + 1e-6)).clamp(max=1.0)[:, None])
