"""Zipformer: attention, convolution and feed-forward layers in stacks at two frame rates.

A layer adds the outputs of its modules to its input one after the other, and at its end

    x = x + feed-forward(x)
    x = x + self-attention(x)      (the attention map compares the layer's inputs)
    x = x + convolution(x)
    x = x + feed-forward(x)
    x = bypass(input, BiasNorm(x))

A first stack runs at the frame rate; a second one halves it by a learned weighted mean of two
neighbouring frames, repeats its outputs, and joins the first through a bypass.

Left out of the paper, for windows of some 20 frames and experiments of seconds: the second half of
a layer (self-attention, convolution and feed-forward once more under the same map) with the bypass
in its middle, the non-linear attention, the embedding by convolution (for spectrograms), stacks of
other widths and lower rates, the balancer and whitener (constraints on gradients) and ScaledAdam.

References
----------
Yao et al. (2024), *Zipformer: A Faster and Better Encoder for Automatic Speech Recognition*, ICLR,
arXiv 2310.11230; positions as in the authors' published code (compact relative encoding).
"""

import math
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.dropout import Dropout
from dashsearch.training.encoders.depthwise import depthwise_convolution

LAYERS = 1
HEADS = 4
POSITION_SIZE = 16
POSITION_HEAD_SIZE = 4
KERNEL = 5
RATE = 2
LEAST_BYPASS = 0.2
SLOPE = 0.08


class _Swoosh(torch.autograd.Function):
    """log(1 + exp(x - offset)) - 0.08 x - constant, in fewer passes over memory than autograd's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, offset: float, constant: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.offset = offset
        return functional.softplus(x - offset).sub_(x, alpha=SLOPE).sub_(constant)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return (x - ctx.offset).sigmoid_().sub_(SLOPE).mul_(gradients[0]), None, None


def swoosh_l(x: Tensor) -> Tensor:
    """SwooshL(x) = log(1 + exp(x - 4)) - 0.08 x - 0.035, for inputs that are usually off."""
    return cast("Tensor", _Swoosh.apply(x, 4.0, 0.035))  # type: ignore[no-untyped-call]


def swoosh_r(x: Tensor) -> Tensor:
    """SwooshR(x) = log(1 + exp(x - 1)) - 0.08 x - 0.313261687, which is 0 at 0."""
    return cast("Tensor", _Swoosh.apply(x, 1.0, 0.313261687))  # type: ignore[no-untyped-call]


class BiasNorm(nn.Module):
    """x / RMS(x - bias) * exp(log_scale): keeps some of a vector's length, unlike LayerNorm."""

    EPSILON = 1e-8  # of ours: frames of zeros (masked ones) have no length to divide by

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(hidden_size).normal_(0.0, 1e-4))
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (..., H)."""
        mean_square = (x - self.bias).square().mean(dim=-1, keepdim=True)
        return x * (mean_square + self.EPSILON).rsqrt() * self.log_scale.exp()


class Bypass(nn.Module):
    """(1 - c) x + c y with a learned c per channel, between LEAST_BYPASS and 1; it starts at 1/2.

    The paper clamps c; here a sigmoid keeps it in the same range, so that its gradient never dies.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        share = (0.5 - LEAST_BYPASS) / (1 - LEAST_BYPASS)
        self.bypass = nn.Parameter(torch.full((hidden_size,), math.log(share / (1 - share))))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Go from x some way towards y, both (B, T, H)."""
        c = LEAST_BYPASS + (1 - LEAST_BYPASS) * self.bypass.sigmoid()
        return torch.lerp(x, y, c)


@lru_cache(maxsize=64)
def relative_positions(steps: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Encode the offsets i - j = -(T - 1) ... T - 1, (2 T - 1, POSITION_SIZE).

    Offsets are compressed by a logarithm and bent to a finite range by the arc tangent, so that
    distant frames look alike and near ones do not; then cosines and sines of multiples of it.
    """
    offset = torch.arange(-(steps - 1), steps, dtype=torch.float64)
    length = math.sqrt(POSITION_SIZE)
    compressed = length * offset.sign() * ((offset.abs() + length).log() - math.log(length))
    angle = (compressed / (POSITION_SIZE / (2 * math.pi))).atan()[:, None]
    multiples = torch.arange(1, POSITION_SIZE // 2 + 1, dtype=torch.float64)
    encoding = torch.stack(((angle * multiples).cos(), (angle * multiples).sin()), dim=-1)
    encoding = encoding.flatten(1)
    encoding[:, -1] = 1.0  # a constant, for the bias
    return encoding.to(device, dtype)


@lru_cache(maxsize=64)
def offset_table(steps: int, device: torch.device) -> Tensor:
    """Row of `relative_positions` that holds the offset i - j, (T, T)."""
    step = torch.arange(steps, device=device)
    return step[:, None] - step[None, :] + steps - 1


class AttentionMap(nn.Module):
    """Who looks at whom: softmax over j of q_i . k_j + p_i . R_(i-j), for every head."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        if hidden_size % HEADS:
            raise ValueError(f"hidden_size {hidden_size} is no multiple of {HEADS}.")
        self.sizes = [hidden_size, hidden_size, HEADS * POSITION_HEAD_SIZE]
        self.projections = nn.Linear(hidden_size, sum(self.sizes))
        with torch.no_grad():
            # Stands in for the division of the scores by the root of the head's size.
            self.projections.weight.mul_((hidden_size // HEADS) ** -0.25)
        self.position = nn.Linear(POSITION_SIZE, HEADS * POSITION_HEAD_SIZE, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Compare all frames of (B, T, H): (B, HEADS, T, T), rows sum to 1 over valid frames."""
        batch, steps, _ = x.shape
        query, key, position = (
            part.view(batch, steps, HEADS, -1).transpose(1, 2)
            for part in torch.split(self.projections(x), self.sizes, dim=-1)
        )
        offsets = self.position(relative_positions(steps, x.dtype, x.device))
        offsets = offsets.view(-1, HEADS, POSITION_HEAD_SIZE).permute(1, 2, 0)
        table = offset_table(steps, x.device).expand(batch, HEADS, steps, steps)
        scores = query @ key.transpose(-1, -2) + (position @ offsets).gather(-1, table)
        attention: Tensor = scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(dim=-1)
        return attention


class SelfAttention(nn.Module):
    """Sum of the values under the shared attention map."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """Mix (B, T, H) over time by (B, HEADS, T, T)."""
        batch, steps, hidden_size = x.shape
        value = self.value(x).view(batch, steps, HEADS, -1).transpose(1, 2)
        mixed = (attention @ value).transpose(1, 2).reshape(batch, steps, hidden_size)
        output: Tensor = self.output(mixed)
        return output


class Convolution(nn.Module):
    """Gated linear unit, depthwise convolution over time, SwooshR, projection."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.projections = nn.Linear(hidden_size, 2 * hidden_size)
        bound = KERNEL**-0.5
        self.depthwise_weight = nn.Parameter(
            torch.empty(KERNEL, 1, 1, 1, hidden_size).uniform_(-bound, bound)
        )
        self.depthwise_bias = nn.Parameter(torch.zeros(1, 1, 1, hidden_size))
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix (B, T, H) over neighbouring frames; masked ones count as zeros."""
        gated = functional.glu(self.projections(x), dim=-1).masked_fill(~mask.unsqueeze(-1), 0.0)
        mixed = depthwise_convolution(
            gated.unsqueeze(2), self.depthwise_weight, self.depthwise_bias, KERNEL // 2
        )
        output: Tensor = self.output(self.dropout(swoosh_r(mixed.squeeze(2))))
        return output


class FeedForward(nn.Module):
    """W_2 SwooshL(W_1 x) of inner width H (the paper's is about 3 H)."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(hidden_size, hidden_size)
        self.dropout = Dropout(dropout)
        self.contract = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map every frame of (B, T, H)."""
        output: Tensor = self.contract(self.dropout(swoosh_l(self.expand(x))))
        return output


class ZipformerLayer(nn.Module):
    """One layer, in the order given at the top of this file."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.attention_map = AttentionMap(hidden_size)
        self.first_feedforward = FeedForward(hidden_size, dropout)
        self.attention = SelfAttention(hidden_size)
        self.convolution = Convolution(hidden_size, dropout)
        self.second_feedforward = FeedForward(hidden_size, dropout)
        self.norm = BiasNorm(hidden_size)
        self.bypass = Bypass(hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H)."""
        original = x
        attention = self.attention_map(x, mask)
        x = x + self.first_feedforward(x)
        x = x + self.attention(x, attention)
        x = x + self.convolution(x, mask)
        x = x + self.second_feedforward(x)
        output: Tensor = self.bypass(original, self.norm(x))
        return output


class Downsample(nn.Module):
    """Weighted mean of RATE neighbouring frames; the weights are a learned softmax.

    Weights of masked frames go to the valid frames of the same group.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rate_bias = nn.Parameter(torch.zeros(RATE))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Shrink (B, T, H) and (B, T) to ceil(T / RATE) frames."""
        batch, steps, hidden_size = x.shape
        missing = -steps % RATE
        groups = functional.pad(x, (0, 0, 0, missing)).view(batch, -1, RATE, hidden_size)
        valid = functional.pad(mask, (0, missing)).view(batch, -1, RATE)
        # Not -inf: a group without any valid frame would get NaN.
        weight = self.rate_bias.masked_fill(~valid, -1e9).softmax(dim=-1)
        return (groups * weight.unsqueeze(-1)).sum(dim=2), valid.any(dim=2)


class Zipformer(nn.Module):
    """A stack of layers at the frame rate, one at half of it, and a bypass around the second.

    Parameters
    ----------
    hidden_size
        H, a multiple of 4.
    dropout
        Probability of dropping an inner unit of a feed-forward or convolution module.
    """

    def __init__(self, hidden_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.full_rate = nn.ModuleList(ZipformerLayer(hidden_size, dropout) for _ in range(LAYERS))
        self.downsample = Downsample()
        self.half_rate = nn.ModuleList(ZipformerLayer(hidden_size, dropout) for _ in range(LAYERS))
        self.combine = Bypass(hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H)."""
        x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        for layer in self.full_rate:
            x = layer(x, mask)
        slow, slow_mask = self.downsample(x, mask)
        for layer in self.half_rate:
            slow = layer(slow, slow_mask)
        repeated = slow.repeat_interleave(RATE, dim=1)[:, : x.shape[1]]
        output: Tensor = self.combine(x, repeated)
        return output
