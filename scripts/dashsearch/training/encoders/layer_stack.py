"""What pre-norm encoders share: layers one after the other and a norm behind the last."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from dashsearch.training.stacked.layers import LayerNorm


def silenced(x: Tensor, mask: Tensor | None) -> Tensor:
    """Set masked frames of (E, B, T, H) to zero: a weight of 0 would not silence NaN."""
    return x if mask is None else x.masked_fill(~mask.unsqueeze(-1), 0.0)


class _SumOverFrames(torch.autograd.Function):
    """Sum (E, B, T, H) over T; its gradient is laid out in full.

    Autograd's would repeat one frame T times without storing it, and what reduces such a gradient
    takes other paths, with other rounding, for other numbers of experiments.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return x.sum(dim=2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].unsqueeze(2).expand(ctx.shape).contiguous()


def mean_frame(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean over the valid frames of (E, B, T, H), (E, B, H)."""
    valid = torch.tensor(x.shape[2]) if mask is None else mask.sum(dim=2, keepdim=True)
    total = cast("Tensor", _SumOverFrames.apply(silenced(x, mask)))  # type: ignore[no-untyped-call]
    return total / valid.to(x)


class LayerStack(nn.Module):
    """Layers that map (E, B, T, H) and a mask to (E, B, T, H), and a final norm."""

    def __init__(self, hidden_size: int, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = LayerNorm(hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        x = silenced(x, mask)
        for layer in self.layers:
            x = layer(x, mask)
        output: Tensor = self.norm(x)
        return output
