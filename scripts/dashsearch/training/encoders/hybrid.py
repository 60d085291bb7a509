"""Retention and selective state space layers in turn: decays that are fixed, then chosen.

Both layers look back only, so the hybrid is causal, as RetNet is and bidirectional Mamba is not.
"""

from dashsearch.training.encoders.bimamba import MambaLayer
from dashsearch.training.encoders.layer_stack import LayerStack
from dashsearch.training.encoders.retention import RetentionLayer
from dashsearch.training.stacked.dropout import Dropout


class Hybrid(LayerStack):
    """Pairs of a retention layer and a forward Mamba layer, with a final norm.

    Parameters
    ----------
    hidden_size
        H, a multiple of 8.
    layers
        Pairs.
    dropout
        Of units at the end of each sub-layer.
    """

    def __init__(self, hidden_size: int, layers: int, dropout: Dropout) -> None:
        pairs = (
            (RetentionLayer(hidden_size, dropout), MambaLayer(hidden_size, dropout, directions=1))
            for _ in range(layers)
        )
        super().__init__(hidden_size, [layer for pair in pairs for layer in pair])
