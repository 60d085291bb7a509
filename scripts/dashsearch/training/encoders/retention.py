"""RetNet: retention layers in their parallel form.

Retention of one head with queries Q, keys K, values V in (T, d) and a decay gamma:

    O = (Q K^T / sqrt(d) * D) V,    D_ij = gamma^(i - j) for i >= j, else 0

which equals the recurrence S_t = gamma S_(t-1) + k_t^T v_t, o_t = q_t S_t / sqrt(d). Queries and
keys are rotated by their position (the complex factor e^(i n theta) of the paper), so that their
product also depends on i - j; head h decays by gamma_h = 1 - 2^-(5 + h).

References
----------
Sun et al. (2023), *Retentive Network: A Successor to Transformer for Large Language Models*,
arXiv 2307.08621: equations 5 (parallel form), 6 (recurrent form), 8 (multi-scale) and 9 (layer).
"""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.encoders.layer_stack import LayerStack
from dashsearch.training.encoders.weighted_sums import retain
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import LayerNorm, Linear, gated, norm_then_map

HEADS = 4


def head_decays(heads: int) -> Tensor:
    """Return gamma_h = 1 - 2^-(5 + h) of every head, (heads,) float64."""
    return 1 - 2.0 ** -(5 + torch.arange(heads, dtype=torch.float64))


@lru_cache(maxsize=64)
def decay_matrix(heads: int, steps: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return D of every head, (heads, T, T), lower triangular."""
    step = torch.arange(steps, dtype=torch.float64)
    distance = step[:, None] - step[None, :]
    decay = head_decays(heads)[:, None, None] ** distance.clamp(min=0)
    return (decay * (distance >= 0)).to(device, dtype)


@lru_cache(maxsize=64)
def rotations(steps: int, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return e^(i n theta) of every frame n and each of `size` / 2 angles, (T, 1, size / 2)."""
    theta = 10_000.0 ** -torch.linspace(0, 1, size // 2, dtype=torch.float64)
    angle = torch.arange(steps, dtype=torch.float64)[:, None, None] * theta
    return torch.polar(torch.ones_like(angle), angle).to(device, dtype.to_complex())


def rotate(x: Tensor) -> Tensor:
    """Turn each pair of columns of (..., T, heads, d), a complex number, by its frame's angle."""
    *_, steps, _, size = x.shape
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    turned = pairs * rotations(steps, size, x.dtype, x.device)
    return torch.view_as_real(turned).flatten(-2)


class MultiScaleRetention(nn.Module):
    """Retention with one decay a head, a group norm over each head, and a gate.

    Scores are masked, so a masked frame is never looked at. The scores' own normalisation (the
    paper's three scale factors) is left to the group norm, which undoes any of them.

    Parameters
    ----------
    hidden_size
        H; every head has H / heads dimensions, which must be even.
    heads
        Number of heads.
    """

    def __init__(self, hidden_size: int, heads: int = HEADS) -> None:
        super().__init__()
        if hidden_size % (2 * heads):
            raise ValueError(f"hidden_size {hidden_size} is no multiple of {2 * heads}.")
        self.heads = heads
        self.head_size = hidden_size // heads
        self.projections = Linear(hidden_size, 4 * hidden_size, bias=False)
        self.output = Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None, norm: LayerNorm | None = None) -> Tensor:
        """Mix (E, B, T, H), normalised if there is a `norm`, over time; t sees frames <= t."""
        experiments, batch, steps, _ = x.shape
        windows = experiments * batch
        mapped = norm_then_map(norm, self.projections, x) if norm else self.projections(x)
        projected = mapped.view(windows, steps, 4, self.heads, self.head_size)
        turning, value, gate = torch.split(projected, [2, 1, 1], dim=2)
        # Queries and keys are rotated as one tensor of twice the heads.
        rotated = rotate(turning.flatten(2, 3)).view(turning.shape)
        parts = torch.cat((rotated, value), dim=2)
        decay = decay_matrix(self.heads, steps, x.dtype, x.device)
        if mask is not None:
            decay = decay * mask.view(windows, 1, 1, steps)
        retained = retain(parts, decay.view(-1, *decay.shape[-3:]))
        normal = functional.layer_norm(retained, retained.shape[-1:])
        output: Tensor = self.output(gated(normal.reshape(x.shape), gate.reshape(x.shape)))
        return output


class RetentionLayer(nn.Module):
    """Y = X + MSR(LN(X)); output Y + FFN(LN(Y)), with FFN(x) = gelu(x W_1) W_2 of width 2 H."""

    def __init__(self, hidden_size: int, dropout: Dropout) -> None:
        super().__init__()
        self.retention_norm = LayerNorm(hidden_size)
        self.retention = MultiScaleRetention(hidden_size)
        self.feedforward_norm = LayerNorm(hidden_size)
        self.expand = Linear(hidden_size, 2 * hidden_size)
        self.contract = Linear(2 * hidden_size, hidden_size)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        x = x + self.dropout(self.retention(x, mask, self.retention_norm))
        hidden = functional.gelu(norm_then_map(self.feedforward_norm, self.expand, x))
        output: Tensor = x + self.dropout(self.contract(hidden))
        return output


class RetNet(LayerStack):
    """A stack of retention layers with a final norm; causal.

    Parameters
    ----------
    hidden_size
        H, a multiple of 8.
    layers
        Retention layers.
    dropout
        Of units at the end of each sub-layer.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        super().__init__(hidden_size, [RetentionLayer(hidden_size, dropout) for _ in range(layers)])
