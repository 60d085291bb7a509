"""Bidirectional gated recurrent unit: both directions of all experiments in one loop over time.

For every frame, in each direction (with its own weights):

    r = sigmoid(W_r x + U_r h + b_r)              reset gate
    z = sigmoid(W_z x + U_z h + b_z)              update gate
    n = tanh(W_n x + b_n + r * (U_n h + c_n))     new state
    h = (1 - z) * n + z * h

References
----------
Cho et al. (2014), *Learning Phrase Representations using RNN Encoder-Decoder*, EMNLP, in the
variant of `torch.nn.GRU` (the reset gate acts after the product with U_n).
"""

import torch
from torch import Tensor, nn

from dashsearch.training.encoders.gated_recurrence import gated_recurrence
from dashsearch.training.encoders.layer_stack import silenced
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import Linear, uniform

DIRECTIONS = 2
# Added to the update gate of a masked frame: sigmoid gives exactly 1, so the state is kept as is.
KEEP = 1e4


class BiGRULayer(nn.Module):
    """One bidirectional layer with H units a direction, projected from 2 H back to H."""

    def __init__(self, hidden_size: int, dropout: Dropout) -> None:
        super().__init__()
        # Columns: update, reset, new.
        self.input_weight = uniform(hidden_size, DIRECTIONS, hidden_size, 3 * hidden_size)
        self.input_bias = uniform(hidden_size, DIRECTIONS, 1, 3 * hidden_size)
        self.state_weight = uniform(hidden_size, DIRECTIONS, hidden_size, 3 * hidden_size)
        self.new_bias = uniform(hidden_size, DIRECTIONS, 1, hidden_size)
        self.dropout = dropout
        self.projection = Linear(DIRECTIONS * hidden_size, hidden_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H); `x` is finite at masked frames."""
        experiments, batch, steps, size = x.shape
        frames = x.transpose(1, 2)
        both = torch.stack((frames, frames.flip(1)), dim=1)
        groups = experiments * DIRECTIONS
        projected = torch.baddbmm(
            self.input_bias.flatten(0, 1),
            both.view(groups, steps * batch, size),
            self.input_weight.flatten(0, 1),
        )
        holds = x.new_zeros(1, 1, 1, 1)
        if mask is not None:
            hold = (~mask).to(x.dtype).mul_(KEEP).transpose(1, 2).unsqueeze(-1)
            holds = torch.stack((hold, hold.flip(1)), dim=1).flatten(0, 1)
        states = gated_recurrence(
            projected.view(groups, steps, batch, 3 * size),
            holds,
            self.state_weight.flatten(0, 1),
            self.new_bias.flatten(0, 1),
        )
        forward, backward = states.view(experiments, DIRECTIONS, steps, batch, size).unbind(1)
        joined = torch.cat((forward, backward.flip(1)), dim=-1).transpose(1, 2)
        output: Tensor = self.projection(self.dropout(joined))
        return output


class BiGRU(nn.Module):
    """Bidirectional layers, each on the outputs of the one before.

    Parameters
    ----------
    hidden_size
        H, size of input, state and output.
    layers
        Bidirectional layers.
    dropout
        Of the two directions' states before each projection.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        super().__init__()
        self.layers = nn.ModuleList(BiGRULayer(hidden_size, dropout) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        x = silenced(x, mask)
        for layer in self.layers:
            x = layer(x, mask)
        return x
