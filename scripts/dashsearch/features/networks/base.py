"""What every frozen network is to the extraction: pixels in, one vector a frame out."""

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """A frozen network with the preprocessing that it was trained with.

    Attributes
    ----------
    takes
        ``"frames"``: it describes each frame by itself; ``"windows"``: all T frames of a window
        together.
    dimension
        D, length of a frame's feature vector.
    input_size
        Side in pixels of the square picture that `preprocess` has to make; 0: any.
    weights_digest
        SHA-256 over the files of the weights, which names them whatever they are called.
    """

    takes: Literal["frames", "windows"]
    dimension: int
    input_size: int
    weights_digest: str

    @abstractmethod
    def preprocess(self, pixels: Tensor) -> Tensor:
        """Turn pixels into the network's input, on the device where they are.

        Parameters
        ----------
        pixels
            uint8 RGB: (B, H, W, 3) frames, or (B, T, H, W, 3) windows.

        Returns
        -------
        Tensor
            float32, in the shape that `forward` takes.
        """

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Describe preprocessed frames by (B, D), or windows by (B, T, D) features."""
