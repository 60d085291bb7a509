"""The parts of a Zipformer layer: activations, norm, bypass, attention map, convolution.

References
----------
Yao et al. (2024), *Zipformer: A Faster and Better Encoder for Automatic Speech Recognition*, ICLR,
arXiv 2310.11230, sections 3.2 to 3.4; positions as in the authors' published code (compact relative
encoding).
"""

import math
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from dashsearch.training.encoders.depthwise import depthwise_convolution
from dashsearch.training.encoders.layer_stack import silenced
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import Linear, over, uniform, zeros

HEADS = 4
POSITION_SIZE = 16
POSITION_HEAD_SIZE = 4
KERNEL = 5
LEAST_BYPASS = 0.2
SLOPE = 0.08


class _Swoosh(torch.autograd.Function):
    """log(1 + exp(x - offset)) - 0.08 x - constant, in fewer passes over memory than autograd's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, offset: float, constant: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.offset = offset
        y = torch.nn.functional.softplus(x - offset)
        return y.sub_(x, alpha=SLOPE).sub_(constant)

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
        self.bias = nn.Parameter(torch.empty(1, hidden_size).normal_(0.0, 1e-4))
        self.log_scale = zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (E, ..., H)."""
        mean_square = (x - over(self.bias, x)).square().mean(dim=-1, keepdim=True)
        return x * ((mean_square + self.EPSILON).rsqrt() * over(self.log_scale.exp(), x))


class Bypass(nn.Module):
    """(1 - c) x + c y with a learned c per channel, between LEAST_BYPASS and 1; it starts at 1/2.

    The paper clamps c; here a sigmoid keeps it in the same range, so that its gradient never dies.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        share = (0.5 - LEAST_BYPASS) / (1 - LEAST_BYPASS)
        self.bypass = nn.Parameter(torch.full((1, hidden_size), math.log(share / (1 - share))))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Go from x some way towards y, both (E, ..., H)."""
        c = LEAST_BYPASS + (1 - LEAST_BYPASS) * self.bypass.sigmoid()
        return torch.lerp(x, y, over(c, x))


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
        self.projections = Linear(hidden_size, sum(self.sizes))
        with torch.no_grad():
            # Stands in for the division of the scores by the root of the head's size.
            self.projections.weight.mul_((hidden_size // HEADS) ** -0.25)
        self.position = Linear(POSITION_SIZE, HEADS * POSITION_HEAD_SIZE, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Compare frames of (E, B, T, H): (E, B, HEADS, T, T), whose rows sum to 1."""
        experiments, batch, steps, _ = x.shape
        query, key, position = (
            part.view(*part.shape[:-1], HEADS, -1).transpose(2, 3)
            for part in torch.split(self.projections(x), self.sizes, dim=-1)
        )
        encoded = relative_positions(steps, x.dtype, x.device).expand(experiments, -1, -1)
        offsets = self.position(encoded).unflatten(-1, (HEADS, -1)).permute(0, 2, 3, 1)
        by_offset = position.transpose(1, 2).flatten(2, 3) @ offsets
        by_offset = by_offset.unflatten(2, (batch, steps)).transpose(1, 2)
        table = offset_table(steps, x.device).expand(experiments, batch, HEADS, steps, steps)
        scores = query @ key.transpose(-1, -2) + by_offset.gather(-1, table)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, :, None, None, :], -torch.inf)
        attention: Tensor = scores.softmax(dim=-1)
        return attention


class SelfAttention(nn.Module):
    """Sum of the values under the shared attention map."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.value = Linear(hidden_size, hidden_size)
        self.output = Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """Mix (E, B, T, H) over time by (E, B, HEADS, T, T)."""
        value = self.value(x).unflatten(-1, (HEADS, -1)).transpose(2, 3)
        output: Tensor = self.output((attention @ value).transpose(2, 3).flatten(3))
        return output


class NonLinearAttention(nn.Module):
    """W (a * sum under the map of (tanh(b) * c)), with a, b, c of 3/4 H; the map's first head."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        inner = 3 * hidden_size // 4
        self.projections = Linear(hidden_size, 3 * inner)
        self.output = Linear(inner, hidden_size)

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """Mix (E, B, T, H) over time by (E, B, HEADS, T, T)."""
        a, b, c = self.projections(x).chunk(3, dim=-1)
        mixed = attention[:, :, 0] @ (b.tanh() * c)
        output: Tensor = self.output(a * mixed)
        return output


class Convolution(nn.Module):
    """Gated linear unit, depthwise convolution over time, SwooshR, projection."""

    def __init__(self, hidden_size: int, dropout: Dropout) -> None:
        super().__init__()
        self.projections = Linear(hidden_size, 2 * hidden_size)
        self.depthwise_weight = uniform(KERNEL, KERNEL, hidden_size)
        self.depthwise_bias = zeros(hidden_size)
        self.dropout = dropout
        self.output = Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Mix (E, B, T, H) over neighbouring frames; masked ones count as zeros."""
        value, gate = self.projections(x).chunk(2, dim=-1)
        frames = silenced(value * gate.sigmoid(), mask).transpose(1, 2)
        kernel = self.depthwise_weight.transpose(0, 1)[:, :, None, None]
        bias = self.depthwise_bias[:, None, None]
        mixed = depthwise_convolution(frames, kernel, bias, KERNEL // 2).transpose(1, 2)
        output: Tensor = self.output(self.dropout(swoosh_r(mixed)))
        return output


class FeedForward(nn.Module):
    """W_2 SwooshL(W_1 x)."""

    def __init__(self, hidden_size: int, inner_size: int, dropout: Dropout) -> None:
        super().__init__()
        self.expand = Linear(hidden_size, inner_size)
        self.dropout = dropout
        self.contract = Linear(inner_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map every frame of (E, B, T, H)."""
        output: Tensor = self.contract(self.dropout(swoosh_l(self.expand(x))))
        return output
