"""Bidirectional gated recurrent unit: both directions advance in one loop over time.

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

from dashsearch.training.dropout import Dropout

DIRECTIONS = 2
# Added to the update gate of a masked frame: sigmoid gives exactly 1, so the state is kept as is.
KEEP = 1e4


class BiGRU(nn.Module):
    """One bidirectional layer with H units a direction, projected from 2 H back to H.

    Parameters
    ----------
    hidden_size
        H, size of input, state and output.
    dropout
        Probability of dropping a unit of the two directions' states before the projection.
    """

    def __init__(self, hidden_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        bound = hidden_size**-0.5

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(DIRECTIONS, *shape).uniform_(-bound, bound))

        # Columns: reset, update, new.
        self.input_weight = parameter(hidden_size, 3 * hidden_size)
        self.input_bias = parameter(1, 3 * hidden_size)
        self.gates_weight = parameter(hidden_size, 2 * hidden_size)
        self.new_weight = parameter(hidden_size, hidden_size)
        self.new_bias = parameter(1, hidden_size)
        self.dropout = Dropout(dropout)
        self.projection = nn.Linear(DIRECTIONS * hidden_size, hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H)."""
        batch, steps, size = x.shape
        x = x.masked_fill(~mask.unsqueeze(-1), 0.0).transpose(0, 1)
        both = torch.stack((x, x.flip(0))).view(DIRECTIONS, steps * batch, size)
        projected = torch.baddbmm(self.input_bias, both, self.input_weight)
        projected = projected.view(DIRECTIONS, steps, batch, 3 * size)
        reset, update, new = torch.split(projected, size, dim=-1)
        hold = (~mask).to(x.dtype).mul(KEEP).t().unsqueeze(-1)
        update = update + torch.stack((hold, hold.flip(0)))
        gates = torch.cat((reset, update), dim=-1).unbind(1)

        state = x.new_zeros(DIRECTIONS, batch, size)
        states = []
        for gates_t, new_t in zip(gates, new.unbind(1), strict=True):
            gate = torch.baddbmm(gates_t, state, self.gates_weight).sigmoid()
            reset_t, update_t = gate.chunk(2, dim=-1)
            recurrent = torch.baddbmm(self.new_bias, state, self.new_weight)
            candidate = torch.addcmul(new_t, reset_t, recurrent).tanh()
            state = torch.lerp(candidate, state, update_t)
            states.append(state)

        forward, backward = torch.stack(states, dim=2).unbind(0)
        output: Tensor = self.projection(
            self.dropout(torch.cat((forward, backward.flip(1)), dim=-1))
        )
        return output
