"""Temporal encoders by name.

Each is built with (hidden_size, layers, dropout) and maps (E, B, T, H) float and a mask (E, B, T),
True where a frame is valid, to (E, B, T, H), for E experiments that never meet. What a masked frame
holds never changes the result at a valid one, and what comes out at a masked frame means nothing.
Every row of the mask needs at least one valid frame; no mask (None) says that all frames are valid,
and gives the same bits as a mask that is True throughout.
"""

from collections.abc import Callable

from torch import nn

from dashsearch.training.encoders.bimamba import BiMamba
from dashsearch.training.encoders.gru import BiGRU
from dashsearch.training.encoders.hybrid import Hybrid
from dashsearch.training.encoders.mean_mlp import MeanMLP
from dashsearch.training.encoders.retention import RetNet
from dashsearch.training.encoders.tcn import TCN
from dashsearch.training.encoders.transformer import Transformer
from dashsearch.training.encoders.zipformer import Zipformer
from dashsearch.training.stacked.dropout import Dropout

ENCODERS: dict[str, Callable[[int, int, Dropout], nn.Module]] = {
    "zipformer": Zipformer,
    "retnet": RetNet,
    "bimamba": BiMamba,
    "hybrid": Hybrid,
    "gru": BiGRU,
    "transformer": Transformer,
    "tcn": TCN,
    "mean_mlp": MeanMLP,
}

__all__ = ["ENCODERS"]
