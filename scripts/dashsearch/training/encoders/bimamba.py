"""Bidirectional Mamba: a selective state space model forwards and backwards, averaged.

One direction of one layer, on (B, T, H) with inner size C = 2 H:

    u, gate      = split(x W_in)
    u            = silu(causal depthwise convolution of u over 4 frames)
    low, B, C    = split(u W_select)
    delta        = softplus(low W_step + b_step)
    h_t          = exp(delta_t A) h_(t-1) + delta_t u_t B_t
    y_t          = C_t h_t + D u_t
    output       = (y * silu(gate)) W_out

Both directions have their own weights; those of all experiments run stacked in one loop over time.

References
----------
Gu & Dao (2023), *Mamba: Linear-Time Sequence Modeling with Selective State Spaces*,
arXiv 2312.00752: figure 3 (block), algorithm 2 (selection), section 3.6 (initialisation).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.encoders.depthwise import depthwise_convolution
from dashsearch.training.encoders.layer_stack import LayerStack, silenced
from dashsearch.training.encoders.selective_scan import selective_scan
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import LayerNorm, gated, ones, uniform

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
        self.inner_size = inner = EXPANSION * hidden_size
        self.rank = math.ceil(hidden_size / 16)
        selected = self.rank + 2 * STATE_SIZE

        self.input_weight = uniform(hidden_size, directions, hidden_size, 2 * inner)
        self.convolution_weight = uniform(KERNEL, directions, KERNEL, inner)
        self.convolution_bias = uniform(KERNEL, directions, inner)
        self.select_weight = uniform(inner, directions, inner, selected)
        self.step_weight = uniform(self.rank, directions, self.rank, inner)
        # Steps start log-uniform in STEP_RANGE; the bias is their inverse softplus.
        low, high = (math.log(step) for step in STEP_RANGE)
        step = torch.empty(1, directions, 1, inner).uniform_(low, high).exp()
        self.step_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))
        # A = -(1, ..., N) in every channel (S4D-real).
        rate = torch.arange(1, STATE_SIZE + 1, dtype=torch.get_default_dtype())
        self.log_rate = nn.Parameter(rate.log()[:, None].repeat(1, directions, 1, inner))
        self.skip = ones(directions, inner)
        self.output_weight = uniform(inner, directions, inner, hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Mix (E, B, T, H) over time to (E, B, T, H)."""
        experiments, batch, steps, hidden_size = x.shape
        frames = self._both_ways(silenced(x, mask).transpose(1, 2))
        groups, inner = experiments * self.directions, self.inner_size
        rows, shape = (groups, steps * batch), (groups, steps, batch)

        projected = torch.bmm(frames.reshape(*rows, hidden_size), self.input_weight.flatten(0, 1))
        u, gate = torch.split(projected.view(*shape, 2 * inner), inner, dim=-1)
        kernel = self.convolution_weight.flatten(0, 1).transpose(0, 1)[:, :, None, None]
        bias = self.convolution_bias.reshape(groups, 1, 1, inner)
        u = functional.silu(depthwise_convolution(u, kernel, bias, KERNEL - 1))
        selected = torch.bmm(u.view(*rows, inner), self.select_weight.flatten(0, 1))
        low, write, read = torch.split(selected, [self.rank, STATE_SIZE, STATE_SIZE], dim=-1)
        delta = functional.softplus(
            torch.baddbmm(self.step_bias.flatten(0, 1), low, self.step_weight.flatten(0, 1))
        )
        delta = delta.view(*shape, inner)
        if mask is not None:
            # A step of size 0 leaves the state as it is: masked frames are stepped over.
            valid = self._both_ways(mask.transpose(1, 2).unsqueeze(-1))
            delta = delta * valid.flatten(0, 1)
        y = selective_scan(
            delta,
            delta * u,
            -self.log_rate.flatten(0, 1).exp(),
            write.view(*shape, STATE_SIZE),
            read.view(*shape, STATE_SIZE),
        )
        y = gated(torch.addcmul(y, u, self.skip.reshape(groups, 1, 1, inner)), gate)
        output = torch.bmm(y.view(*rows, inner), self.output_weight.flatten(0, 1))
        ways = output.view(experiments, self.directions, *shape[1:], hidden_size).unbind(1)
        mixed = ways[0] if self.directions == 1 else (ways[0] + ways[1].flip(1)) / 2
        return mixed.transpose(1, 2)

    def _both_ways(self, x: Tensor) -> Tensor:
        """Stack (E, T, ...) and its reverse along a new second axis."""
        return x.unsqueeze(1) if self.directions == 1 else torch.stack((x, x.flip(1)), dim=1)


class MambaLayer(nn.Module):
    """X + Mamba(LN(X))."""

    def __init__(self, hidden_size: int, dropout: Dropout, directions: int = 2) -> None:
        super().__init__()
        self.norm = LayerNorm(hidden_size)
        self.mixer = MambaMixer(hidden_size, directions)
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        output: Tensor = x + self.dropout(self.mixer(self.norm(x), mask))
        return output


class BiMamba(LayerStack):
    """Bidirectional Mamba layers with a final norm.

    Parameters
    ----------
    hidden_size
        H.
    layers
        Mamba layers.
    dropout
        Of units at the end of each layer.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        super().__init__(hidden_size, [MambaLayer(hidden_size, dropout) for _ in range(layers)])
