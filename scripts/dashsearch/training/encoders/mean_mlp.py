"""Mean-MLP: the mean of the valid frames through a feed-forward net, at every frame alike.

A control outside the 108,000 cells: it sees what was in a window and nothing of when.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dashsearch.training.encoders.layer_stack import mean_frame
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import Linear


class MeanMLP(nn.Module):
    """Layers of gelu(W x) on the mean over time, repeated for every frame.

    Parameters
    ----------
    hidden_size
        H.
    layers
        Layers of the net.
    dropout
        Of units behind each layer.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(hidden_size, hidden_size) for _ in range(layers))
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        mean = mean_frame(x, mask)
        for layer in self.layers:
            mean = self.dropout(functional.gelu(layer(mean)))
        # A product and no view: gradients then arrive in one layout, and are summed in one order,
        # whatever pooling they come from.
        return mean.unsqueeze(2) * torch.ones_like(x)
