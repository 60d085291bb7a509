"""Temporal convolutional network: a control outside the 108,000 cells.

Residual blocks of two causal dilated convolutions over time; the dilation doubles with each block.

References
----------
Bai, Kolter & Koltun (2018), *An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling*, arXiv 1803.01271, section 3; layer norm instead of weight norm.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.encoders.layer_stack import silenced
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import LayerNorm, Linear

KERNEL = 3


class CausalConvolution(nn.Module):
    """y_t = b + sum over k of x_(t - k d) W_k, with zeros before the window."""

    def __init__(self, hidden_size: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.taps = Linear(KERNEL * hidden_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (E, B, T, H) over time."""
        steps, lead = x.shape[2], (KERNEL - 1) * self.dilation
        padded = functional.pad(x, (0, 0, lead, 0))
        starts = range(lead, -1, -self.dilation)
        gathered = torch.cat([padded[:, :, start : start + steps] for start in starts], dim=-1)
        return cast("Tensor", self.taps(gathered))


class Block(nn.Module):
    """Two of dropout(relu(LN(convolution))), beside a bypass; masked frames count as zeros."""

    def __init__(self, hidden_size: int, dilation: int, dropout: Dropout) -> None:
        super().__init__()
        self.first = CausalConvolution(hidden_size, dilation)
        self.first_norm = LayerNorm(hidden_size)
        self.second = CausalConvolution(hidden_size, dilation)
        self.second_norm = LayerNorm(hidden_size)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H); `x` is zero at masked frames."""
        hidden = silenced(self.dropout(self.first_norm(self.first(x)).relu()), mask)
        hidden = self.dropout(self.second_norm(self.second(hidden)).relu())
        return silenced((x + hidden).relu(), mask)


class TCN(nn.Module):
    """Blocks with dilations 1, 2, 4, ...; causal.

    Parameters
    ----------
    hidden_size
        H.
    layers
        Blocks.
    dropout
        Of units behind each convolution.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(hidden_size, 2**n, dropout) for n in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H); frame t sees frames <= t."""
        x = silenced(x, mask)
        for block in self.blocks:
            x = block(x, mask)
        return x
