"""Poolings of the space: from one vector a frame to one a window, blind to masked frames.

Each maps (B, T, H) and a mask (B, T), True where a frame is valid, to (B, H). Every row of the mask
needs at least one valid frame.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class AttentionPooling(nn.Module):
    """Weighted mean with learned weights: softmax over frames of v . tanh(W x_t + b).

    References
    ----------
    Bahdanau et al. (2015), *Neural Machine Translation by Jointly Learning to Align and
    Translate*, ICLR; here without a query.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(hidden_size, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool (B, T, H) to (B, H)."""
        score = self.score(torch.tanh(self.key(x))).squeeze(-1)
        weight = score.masked_fill(~mask, -torch.inf).softmax(dim=1)
        # A masked frame may hold anything, even NaN, which a weight of 0 would not silence.
        return torch.bmm(weight.unsqueeze(1), _silenced(x, mask)).squeeze(1)


class MeanPooling(nn.Module):
    """Mean over the valid frames."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool (B, T, H) to (B, H)."""
        return _silenced(x, mask).sum(dim=1) / mask.sum(dim=1, keepdim=True)


class LastPooling(nn.Module):
    """The last valid frame: the one closest to the event."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool (B, T, H) to (B, H)."""
        steps = torch.arange(mask.shape[1], device=mask.device)
        last = (steps * mask).argmax(dim=1)
        return x[torch.arange(len(x), device=x.device), last]


class MaxPooling(nn.Module):
    """Largest value of each dimension over the valid frames."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool (B, T, H) to (B, H)."""
        return x.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)


def _silenced(x: Tensor, mask: Tensor) -> Tensor:
    """Set masked frames to zero."""
    return x.masked_fill(~mask.unsqueeze(-1), 0.0)


POOLINGS: dict[str, Callable[[int], nn.Module]] = {
    "attention": AttentionPooling,
    "mean": lambda hidden_size: MeanPooling(),
    "last": lambda hidden_size: LastPooling(),
    "max": lambda hidden_size: MaxPooling(),
}
