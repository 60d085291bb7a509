"""Zipformer as usual torch modules: one experiment, no leading axis; see `plain_encoders.py`."""

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS = 4
POSITION_SIZE = 16
POSITION_HEAD_SIZE = 4
KERNEL = 5
LEAST_BYPASS = 0.2
RATES = (1, 2, 4)


def silenced(x: Tensor, mask: Tensor) -> Tensor:
    """Set masked frames of (B, T, H) to zero."""
    return x.masked_fill(~mask.unsqueeze(-1), 0.0)


def swoosh_l(x: Tensor) -> Tensor:
    """log(1 + exp(x - 4)) - 0.08 x - 0.035."""
    return functional.softplus(x - 4.0) - 0.08 * x - 0.035


def swoosh_r(x: Tensor) -> Tensor:
    """log(1 + exp(x - 1)) - 0.08 x - 0.313261687."""
    return functional.softplus(x - 1.0) - 0.08 * x - 0.313261687


class BiasNorm(nn.Module):
    """x / RMS(x - bias) * exp(log_scale)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(hidden_size).normal_(0.0, 1e-4))
        self.log_scale = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, T, H)."""
        mean_square = (x - self.bias).square().mean(dim=-1, keepdim=True)
        return x * ((mean_square + 1e-8).rsqrt() * self.log_scale.exp())


class Bypass(nn.Module):
    """(1 - c) x + c y with a learned c per channel, between LEAST_BYPASS and 1."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        share = (0.5 - LEAST_BYPASS) / (1 - LEAST_BYPASS)
        self.bypass = nn.Parameter(torch.full((hidden_size,), math.log(share / (1 - share))))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Go from x some way towards y."""
        return torch.lerp(x, y, LEAST_BYPASS + (1 - LEAST_BYPASS) * self.bypass.sigmoid())


@lru_cache(maxsize=64)
def relative_positions(steps: int) -> Tensor:
    """Encode the offsets -(T - 1) ... T - 1, (2 T - 1, POSITION_SIZE)."""
    offset = torch.arange(-(steps - 1), steps, dtype=torch.float64)
    length = math.sqrt(POSITION_SIZE)
    compressed = length * offset.sign() * ((offset.abs() + length).log() - math.log(length))
    angle = (compressed / (POSITION_SIZE / (2 * math.pi))).atan()[:, None]
    multiples = torch.arange(1, POSITION_SIZE // 2 + 1, dtype=torch.float64)
    encoding = torch.stack(((angle * multiples).cos(), (angle * multiples).sin()), dim=-1)
    encoding = encoding.flatten(1)
    encoding[:, -1] = 1.0
    return encoding.float()


@lru_cache(maxsize=64)
def offset_table(steps: int) -> Tensor:
    """Row of `relative_positions` that holds the offset i - j, (T, T)."""
    step = torch.arange(steps)
    return step[:, None] - step + steps - 1


class AttentionMap(nn.Module):
    """Softmax over j of q_i . k_j + p_i . R_(i-j), for every head."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.sizes = [hidden_size, hidden_size, HEADS * POSITION_HEAD_SIZE]
        self.projections = nn.Linear(hidden_size, sum(self.sizes))
        with torch.no_grad():
            self.projections.weight.mul_((hidden_size // HEADS) ** -0.25)
        self.position = nn.Linear(POSITION_SIZE, HEADS * POSITION_HEAD_SIZE, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Compare frames of (B, T, H): (B, HEADS, T, T)."""
        batch, steps, _ = x.shape
        query, key, position = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in self.projections(x).split(self.sizes, dim=-1)
        )
        offsets = self.position(relative_positions(steps)).unflatten(-1, (HEADS, -1))
        by_offset = position @ offsets.permute(1, 2, 0)
        table = offset_table(steps).expand(batch, HEADS, steps, steps)
        scores = query @ key.transpose(-1, -2) + by_offset.gather(-1, table)
        return scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(dim=-1)


class SelfAttention(nn.Module):
    """Sum of the values under the shared attention map."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """Mix (B, T, H) over time by (B, HEADS, T, T)."""
        value = self.value(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        output: Tensor = self.output((attention @ value).transpose(1, 2).flatten(2))
        return output


class NonLinearAttention(nn.Module):
    """W (a * sum under the map's first head of (tanh(b) * c)), with a, b, c of 3/4 H."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        inner = 3 * hidden_size // 4
        self.projections = nn.Linear(hidden_size, 3 * inner)
        self.output = nn.Linear(inner, hidden_size)

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """Mix (B, T, H) over time by (B, HEADS, T, T)."""
        a, b, c = self.projections(x).chunk(3, dim=-1)
        output: Tensor = self.output(a * (attention[:, 0] @ (b.tanh() * c)))
        return output


class Convolution(nn.Module):
    """Gated linear unit, depthwise convolution over time, SwooshR, projection."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.projections = nn.Linear(hidden_size, 2 * hidden_size)
        self.depthwise = nn.Conv1d(
            hidden_size, hidden_size, KERNEL, groups=hidden_size, padding=KERNEL // 2
        )
        nn.init.zeros_(self.depthwise.bias)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix (B, T, H) over neighbouring frames."""
        frames = silenced(functional.glu(self.projections(x), dim=-1), mask)
        mixed = self.depthwise(frames.transpose(1, 2)).transpose(1, 2)
        output: Tensor = self.output(self.dropout(swoosh_r(mixed)))
        return output


class FeedForward(nn.Module):
    """W_2 SwooshL(W_1 x)."""

    def __init__(self, hidden_size: int, inner_size: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(hidden_size, inner_size)
        self.dropout = nn.Dropout(dropout)
        self.contract = nn.Linear(inner_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map every frame of (B, T, H)."""
        output: Tensor = self.contract(self.dropout(swoosh_l(self.expand(x))))
        return output


class ZipformerLayer(nn.Module):
    """One layer, in the order of `dashsearch.training.encoders.zipformer`."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        inner = 2 * hidden_size
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

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
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
    """Weighted mean of `rate` neighbouring valid frames; the weights are a learned softmax."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.rate_bias = nn.Parameter(torch.zeros(rate))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Shrink (B, T, H) and (B, T) to ceil(T / rate) frames."""
        rate = len(self.rate_bias)
        missing = -x.shape[1] % rate
        groups = functional.pad(x, (0, 0, 0, missing)).unflatten(1, (-1, rate))
        valid = functional.pad(mask, (0, missing)).unflatten(1, (-1, rate))
        bias = self.rate_bias.expand(valid.shape)
        weight = bias.masked_fill(~valid, -1e9).softmax(dim=-1)
        return (groups * weight.unsqueeze(-1)).sum(dim=2), valid.any(dim=2)


class LayersAtRate(nn.Module):
    """Layers at a share of the frame rate, joined to their input through a bypass."""

    def __init__(self, hidden_size: int, layers: int, rate: int, dropout: float) -> None:
        super().__init__()
        self.downsample = Downsample(rate)
        self.layers = nn.ModuleList(ZipformerLayer(hidden_size, dropout) for _ in range(layers))
        self.combine = Bypass(hidden_size)
        self.rate = rate

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        slow, slow_mask = self.downsample(x, mask)
        for layer in self.layers:
            slow = layer(slow, slow_mask)
        repeated = slow.repeat_interleave(self.rate, dim=1)[:, : x.shape[1]]
        output: Tensor = self.combine(x, repeated)
        return output


class Zipformer(nn.Module):
    """A stack of layers at the frame rate, then one at a half and one at a quarter of it."""

    def __init__(self, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.full_rate = nn.ModuleList(ZipformerLayer(hidden_size, dropout) for _ in range(layers))
        self.slower = nn.ModuleList(
            LayersAtRate(hidden_size, layers, rate, dropout) for rate in RATES[1:]
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        x = silenced(x, mask)
        for layer in self.full_rate:
            x = layer(x, mask)
        for stack in self.slower:
            x = stack(silenced(x, mask), mask)
        return x
