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

from dashsearch.training.dropout import Dropout

LAYERS = 2
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
    """Turn every pair of columns of (B, T, heads, d), as a complex number, by its frame's angle."""
    _, steps, _, size = x.shape
    pairs = torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))
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
        self.projections = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.group_norm = nn.LayerNorm(self.head_size, elementwise_affine=False)
        self.output = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix (B, T, H) over time to (B, T, H); frame t sees frames <= t."""
        batch, steps, hidden_size = x.shape
        # Queries and keys are rotated as one tensor of twice the heads.
        sizes = [2 * hidden_size, hidden_size, hidden_size]
        query_key, value, gate = torch.split(self.projections(x), sizes, dim=-1)
        query_key = rotate(query_key.view(batch, steps, 2 * self.heads, self.head_size))
        query, key = query_key.transpose(1, 2).chunk(2, dim=1)
        value = value.view(batch, steps, self.heads, self.head_size).transpose(1, 2)

        decay = decay_matrix(self.heads, steps, x.dtype, x.device) * self.head_size**-0.5
        scores = query @ key.transpose(-1, -2) * (decay * mask[:, None, None, :])
        retained = (scores @ value).transpose(1, 2)
        normalised = self.group_norm(retained).reshape(batch, steps, hidden_size)
        output: Tensor = self.output(normalised * functional.silu(gate))
        return output


class RetentionLayer(nn.Module):
    """Y = X + MSR(LN(X)); output Y + FFN(LN(Y)), with FFN(x) = gelu(x W_1) W_2 of width 2 H."""

    def __init__(self, hidden_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.retention_norm = nn.LayerNorm(hidden_size)
        self.retention = MultiScaleRetention(hidden_size)
        self.feedforward_norm = nn.LayerNorm(hidden_size)
        self.expand = nn.Linear(hidden_size, 2 * hidden_size)
        self.contract = nn.Linear(2 * hidden_size, hidden_size)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H)."""
        x = x + self.dropout(self.retention(self.retention_norm(x), mask))
        hidden = functional.gelu(self.expand(self.feedforward_norm(x)))
        output: Tensor = x + self.dropout(self.contract(hidden))
        return output


class RetNet(nn.Module):
    """A stack of retention layers with a final norm; causal.

    Parameters
    ----------
    hidden_size
        H, a multiple of 8.
    dropout
        Probability of dropping a unit at the end of each sub-layer.
    """

    def __init__(self, hidden_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(RetentionLayer(hidden_size, dropout) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H); frame t sees frames <= t."""
        # Values at masked frames meet scores of 0, which NaN or infinity would survive.
        x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        for layer in self.layers:
            x = layer(x, mask)
        output: Tensor = self.norm(x)
        return output
