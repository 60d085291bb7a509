"""Zipformer: attention, convolution and feed-forward layers in stacks at several frame rates.

A layer adds the outputs of its modules to its input one after the other; one attention map, made of
the layer's input, serves the non-linear attention and both self-attentions:

    x = x + feed-forward(x)            of inner width 3/4 F
    x = x + non-linear attention(x)
    x = x + self-attention(x)
    x = x + convolution(x)
    x = x + feed-forward(x)            of inner width F
    x = bypass(input, x)
    x = x + self-attention(x)
    x = x + convolution(x)
    x = x + feed-forward(x)            of inner width 5/4 F
    x = bypass(input, BiasNorm(x))

The first stack runs at the frame rate. Each later one lowers it by a learned weighted mean of
neighbouring frames, repeats its outputs, and joins the stack before it through a bypass.

Left out of the paper, for windows of some 20 frames and experiments of seconds: the embedding by
convolution (for spectrograms), stacks of other widths, rates below a quarter and back, the balancer
and whitener (constraints on gradients), ScaledAdam, and dropping whole modules. F is 2 H (about 3 H
there).

References
----------
Yao et al. (2024), *Zipformer: A Faster and Better Encoder for Automatic Speech Recognition*, ICLR,
arXiv 2310.11230, figures 1 and 2.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.encoders.layer_stack import silenced
from dashsearch.training.encoders.zipformer_modules import (
    AttentionMap,
    BiasNorm,
    Bypass,
    Convolution,
    FeedForward,
    NonLinearAttention,
    SelfAttention,
)
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import zeros

RATES = (1, 2, 4)
EXPANSION = 2


class ZipformerLayer(nn.Module):
    """One layer, in the order given at the top of this file."""

    def __init__(self, hidden_size: int, dropout: Dropout) -> None:
        super().__init__()
        inner = EXPANSION * hidden_size
        self.attention_map = AttentionMap(hidden_size)
        self.first_feedforward = FeedForward(hidden_size, 3 * inner // 4, dropout)
        self.nonlinear_attention = NonLinearAttention(hidden_size)
        self.first_attention = SelfAttention(hidden_size)
        self.first_convolution = Convolution(hidden_size, dropout)
        self.second_feedforward = FeedForward(hidden_size, inner, dropout)
        self.middle_bypass = Bypass(hidden_size)
        self.second_attention = SelfAttention(hidden_size)
        self.second_convolution = Convolution(hidden_size, dropout)
        self.third_feedforward = FeedForward(hidden_size, 5 * inner // 4, dropout)
        self.norm = BiasNorm(hidden_size)
        self.bypass = Bypass(hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        original = x
        attention = self.attention_map(x, mask)
        x = x + self.first_feedforward(x)
        x = x + self.nonlinear_attention(x, attention)
        x = x + self.first_attention(x, attention)
        x = x + self.first_convolution(x, mask)
        x = x + self.second_feedforward(x)
        x = self.middle_bypass(original, x)
        x = x + self.second_attention(x, attention)
        x = x + self.second_convolution(x, mask)
        x = x + self.third_feedforward(x)
        output: Tensor = self.bypass(original, self.norm(x))
        return output


class Downsample(nn.Module):
    """Weighted mean of `rate` neighbouring frames; the weights are a learned softmax.

    Weights of masked frames go to the valid frames of the same group.
    """

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.rate_bias = zeros(rate)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Shrink (E, B, T, H) and (E, B, T) to ceil(T / rate) frames."""
        rate, steps = self.rate_bias.shape[-1], x.shape[2]
        missing = -steps % rate
        shape = (*x.shape[:2], -1, rate)
        groups = functional.pad(x, (0, 0, 0, missing)).view(*shape, x.shape[-1])
        if mask is None and not missing:
            weight = self.rate_bias.softmax(dim=-1)[:, None, None, :, None]
            return (groups * weight).sum(dim=3), None
        if mask is None:
            mask = torch.ones(x.shape[:3], dtype=torch.bool, device=x.device)
        valid = functional.pad(mask, (0, missing)).view(shape)
        # Not -inf: a group without any valid frame would get NaN.
        bias = self.rate_bias[:, None, None]
        weight = bias.expand(valid.shape).masked_fill(~valid, -1e9).softmax(dim=-1)
        return (groups * weight.unsqueeze(-1)).sum(dim=3), valid.any(dim=3)


class LayersAtRate(nn.Module):
    """Layers at a share of the frame rate, joined to their input through a bypass."""

    def __init__(self, hidden_size: int, layers: int, rate: int, dropout: Dropout) -> None:
        super().__init__()
        self.downsample = Downsample(rate)
        self.layers = nn.ModuleList(ZipformerLayer(hidden_size, dropout) for _ in range(layers))
        self.combine = Bypass(hidden_size)
        self.rate = rate

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        slow, slow_mask = self.downsample(x, mask)
        for layer in self.layers:
            slow = layer(slow, slow_mask)
        repeated = slow.repeat_interleave(self.rate, dim=2)[:, :, : x.shape[2]]
        output: Tensor = self.combine(x, repeated)
        return output


class Zipformer(nn.Module):
    """A stack of layers at the frame rate, then one at a half and one at a quarter of it.

    Parameters
    ----------
    hidden_size
        H, a multiple of 4.
    layers
        Layers of each stack.
    dropout
        Of inner units of feed-forward and convolution modules.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        super().__init__()
        self.full_rate = nn.ModuleList(ZipformerLayer(hidden_size, dropout) for _ in range(layers))
        self.slower = nn.ModuleList(
            LayersAtRate(hidden_size, layers, rate, dropout) for rate in RATES[1:]
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        x = silenced(x, mask)
        for layer in self.full_rate:
            x = layer(x, mask)
        for stack in self.slower:
            # What layers leave at masked frames must not reach the mean of a group.
            x = stack(silenced(x, mask), mask)
        return x
