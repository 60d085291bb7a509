"""Transformer encoder with pre-norm layers: a control outside the 108,000 cells.

    x = x + attention(LN(x))
    x = x + W_2 gelu(W_1 LN(x))

with sinusoidal positions added to the input; masked frames are never attended to.

References
----------
Vaswani et al. (2017), *Attention Is All You Need*, NeurIPS, sections 3.2 and 3.5; Xiong et al.
(2020), *On Layer Normalization in the Transformer Architecture*, ICML (pre-norm).
"""

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.encoders.layer_stack import LayerStack
from dashsearch.training.encoders.weighted_sums import attend
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import LayerNorm, Linear, norm_then_map

HEADS = 4
EXPANSION = 4
PERIOD = 10_000.0


@lru_cache(maxsize=64)
def positions(steps: int, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return sines and cosines of every frame's place in turn, (T, size)."""
    place = torch.arange(steps, dtype=torch.float64)[:, None]
    rate = (torch.arange(0, size, 2, dtype=torch.float64) * (-math.log(PERIOD) / size)).exp()
    encoding = torch.stack(((place * rate).sin(), (place * rate).cos()), dim=-1).flatten(1)
    return encoding.to(device, dtype)


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention over the valid frames."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        if hidden_size % HEADS:
            raise ValueError(f"hidden_size {hidden_size} is no multiple of {HEADS}.")
        self.projections = Linear(hidden_size, 3 * hidden_size)
        self.output = Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None, norm: LayerNorm) -> Tensor:
        """Mix (E, B, T, H), normalised by `norm`, over time."""
        experiments, batch, steps, hidden_size = x.shape
        windows = experiments * batch
        parts = norm_then_map(norm, self.projections, x).view(
            windows, steps, 3, HEADS, hidden_size // HEADS
        )
        blocked = None if mask is None else ~mask.view(windows, steps)
        output: Tensor = self.output(attend(parts, blocked).view(x.shape))
        return output


class TransformerLayer(nn.Module):
    """Attention, then a feed-forward of width 4 H; both behind a norm and beside a bypass."""

    def __init__(self, hidden_size: int, dropout: Dropout) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(hidden_size)
        self.attention = SelfAttention(hidden_size)
        self.feedforward_norm = LayerNorm(hidden_size)
        self.expand = Linear(hidden_size, EXPANSION * hidden_size)
        self.contract = Linear(EXPANSION * hidden_size, hidden_size)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        x = x + self.dropout(self.attention(x, mask, self.attention_norm))
        hidden = functional.gelu(norm_then_map(self.feedforward_norm, self.expand, x))
        output: Tensor = x + self.dropout(self.contract(hidden))
        return output


class Transformer(LayerStack):
    """A stack of pre-norm transformer layers with a final norm.

    Parameters
    ----------
    hidden_size
        H, a multiple of 4.
    layers
        Transformer layers.
    dropout
        Of units at the end of each sub-layer.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        super().__init__(
            hidden_size, [TransformerLayer(hidden_size, dropout) for _ in range(layers)]
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        return super().forward(x + positions(*x.shape[-2:], x.dtype, x.device), mask)
