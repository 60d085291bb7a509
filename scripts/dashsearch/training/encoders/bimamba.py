"""Bidirectional Mamba: a selective state space model forwards and backwards, averaged.

One direction of one layer, on (B, T, H) with inner size E = 2 H:

    u, gate      = split(x W_in)
    u            = silu(causal depthwise convolution of u over 4 frames)
    low, B, C    = split(u W_select)
    delta        = softplus(low W_step + b_step)
    h_t          = exp(delta_t A) h_(t-1) + delta_t u_t B_t
    y_t          = C_t h_t + D u_t
    output       = (y * silu(gate)) W_out

Both directions have their own weights and run stacked along a leading axis, in one loop over time.

References
----------
Gu & Dao (2023), *Mamba: Linear-Time Sequence Modeling with Selective State Spaces*,
arXiv 2312.00752: figure 3 (block), algorithm 2 (selection), section 3.6 (initialisation).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.dropout import Dropout
from dashsearch.training.encoders.depthwise import depthwise_convolution
from dashsearch.training.encoders.selective_scan import selective_scan

LAYERS = 1
EXPANSION = 2
STATE_SIZE = 8
KERNEL = 4
# The paper starts at 1e-3 ... 1e-1, memories of up to 1,000 steps; windows have some 20 frames.
STEP_RANGE = (2e-2, 5e-1)


class MambaMixer(nn.Module):
    """Selective SSM blocks in one or two directions; the directions' outputs are averaged.

    Parameters
    ----------
    hidden_size
        H.
    directions
        1: forwards only, so causal; 2: also on the reversed window.
    """

    def __init__(self, hidden_size: int, directions: int) -> None:
        super().__init__()
        self.directions = directions
        self.inner_size = EXPANSION * hidden_size
        self.rank = math.ceil(hidden_size / 16)

        def uniform(fan_in: int, *shape: int) -> nn.Parameter:
            bound = fan_in**-0.5
            return nn.Parameter(torch.empty(directions, *shape).uniform_(-bound, bound))

        inner, selected = self.inner_size, self.rank + 2 * STATE_SIZE
        self.input_weight = uniform(hidden_size, hidden_size, 2 * inner)
        bound = KERNEL**-0.5
        self.convolution_weight = nn.Parameter(
            torch.empty(KERNEL, directions, 1, 1, inner).uniform_(-bound, bound)
        )
        self.convolution_bias = uniform(KERNEL, 1, 1, inner)
        self.select_weight = uniform(inner, inner, selected)
        self.step_weight = uniform(self.rank, self.rank, inner)
        # Steps start log-uniform in STEP_RANGE; the bias is their inverse softplus.
        low, high = (math.log(step) for step in STEP_RANGE)
        step = torch.empty(directions, 1, inner).uniform_(low, high).exp()
        self.step_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))
        # A = -(1, ..., N) in every channel (S4D-real).
        rate = torch.arange(1, STATE_SIZE + 1, dtype=torch.get_default_dtype())
        self.log_rate = nn.Parameter(rate.log()[:, None].repeat(directions, 1, inner))
        self.skip = nn.Parameter(torch.ones(directions, 1, 1, inner))
        self.output_weight = uniform(inner, inner, hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix (B, T, H) over time to (B, T, H)."""
        batch, steps, hidden_size = x.shape
        valid = mask.t().unsqueeze(-1)
        x = x.transpose(0, 1).masked_fill(~valid, 0.0)
        x, valid = self._both_ways(x), self._both_ways(valid)
        rows, inner = (self.directions, steps * batch), self.inner_size
        frames = (self.directions, steps, batch)

        projected = torch.bmm(x.reshape(*rows, hidden_size), self.input_weight)
        u, gate = torch.split(projected.view(*frames, 2 * inner), inner, dim=-1)
        u = depthwise_convolution(u, self.convolution_weight, self.convolution_bias, KERNEL - 1)
        u = functional.silu(u)
        selected = torch.bmm(u.view(*rows, inner), self.select_weight)
        low, write, read = torch.split(selected, [self.rank, STATE_SIZE, STATE_SIZE], dim=-1)
        delta = functional.softplus(torch.baddbmm(self.step_bias, low, self.step_weight))
        # A step of size 0 leaves the state as it is: masked frames are stepped over.
        delta = delta.view(*frames, inner) * valid
        y = selective_scan(
            delta,
            delta * u,
            -self.log_rate.exp(),
            write.view(*frames, STATE_SIZE),
            read.view(*frames, STATE_SIZE),
        )
        y = torch.addcmul(y, u, self.skip) * functional.silu(gate)
        output = torch.bmm(y.view(*rows, inner), self.output_weight).view(*frames, hidden_size)
        if self.directions == 1:
            return output[0].transpose(0, 1)
        return ((output[0] + output[1].flip(0)) / 2).transpose(0, 1)

    def _both_ways(self, x: Tensor) -> Tensor:
        """Stack (T, ...) and its reverse along a new leading axis."""
        return x.unsqueeze(0) if self.directions == 1 else torch.stack((x, x.flip(0)))


class MambaLayer(nn.Module):
    """X + Mamba(LN(X))."""

    def __init__(self, hidden_size: int, dropout: float = 0.0, directions: int = 2) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden_size)
        self.mixer = MambaMixer(hidden_size, directions)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H)."""
        output: Tensor = x + self.dropout(self.mixer(self.norm(x), mask))
        return output


class BiMamba(nn.Module):
    """Bidirectional Mamba layers with a final norm.

    Parameters
    ----------
    hidden_size
        H.
    dropout
        Probability of dropping a unit at the end of each layer.
    """

    def __init__(self, hidden_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MambaLayer(hidden_size, dropout) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H)."""
        x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        for layer in self.layers:
            x = layer(x, mask)
        output: Tensor = self.norm(x)
        return output
