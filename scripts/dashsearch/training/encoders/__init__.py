"""Temporal encoders by name.

Each maps (B, T, H) float and a mask (B, T), True where a frame is valid, to (B, T, H). What a
masked frame holds never changes the result at a valid one, and what comes out at a masked frame
means nothing. Every row of the mask needs at least one valid frame.
"""

from collections.abc import Callable

from torch import nn

from dashsearch.training.encoders.bimamba import BiMamba
from dashsearch.training.encoders.gru import BiGRU
from dashsearch.training.encoders.hybrid import Hybrid
from dashsearch.training.encoders.retention import RetNet
from dashsearch.training.encoders.zipformer import Zipformer

ENCODERS: dict[str, Callable[[int, float], nn.Module]] = {
    "zipformer": Zipformer,
    "retnet": RetNet,
    "bimamba": BiMamba,
    "hybrid": Hybrid,
    "gru": BiGRU,
}

__all__ = ["ENCODERS", "BiGRU", "BiMamba", "Hybrid", "RetNet", "Zipformer"]
