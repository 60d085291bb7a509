"""Retention and selective state space layers in turn: decays that are fixed, then chosen.

Both layers look back only, so the hybrid is causal, as RetNet is and bidirectional Mamba is not.
"""

from torch import Tensor, nn

from dashsearch.training.encoders.bimamba import MambaLayer
from dashsearch.training.encoders.retention import RetentionLayer

PAIRS = 1


class Hybrid(nn.Module):
    """Pairs of a retention layer and a forward Mamba layer, with a final norm.

    Parameters
    ----------
    hidden_size
        H, a multiple of 8.
    dropout
        Probability of dropping a unit at the end of each sub-layer.
    """

    def __init__(self, hidden_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            layer
            for _ in range(PAIRS)
            for layer in (
                RetentionLayer(hidden_size, dropout),
                MambaLayer(hidden_size, dropout, directions=1),
            )
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H) to (B, T, H); frame t sees frames <= t."""
        x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        for layer in self.layers:
            x = layer(x, mask)
        output: Tensor = self.norm(x)
        return output
