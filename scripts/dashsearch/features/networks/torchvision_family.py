"""Video networks that torchvision builds, trained on Kinetics-400: R(2+1)D, Swin3D, MViTv2.

What is read is the last feature map before pooling, averaged over the picture: a vector for each of
T' steps in time. Every frame of a window gets one step:

Swin3D-T
    A step for each two frames in turn; of an odd T the network itself pads the last pair with
    zeros. Frame t gets step t // 2.
R(2+1)D-18
    T' is T / 8, rounded up. Every step sees all frames of a window of usual length, those of its
    own part of the window most: the window is divided into T' equal parts.
MViTv2-S
    Always 8 steps, of 16 frames shown: the window is divided into 8 equal parts.

References
----------
Tran et al. (2018), CVPR (R(2+1)D); Liu et al. (2022), CVPR (Video Swin); Li et al. (2022), CVPR
(MViTv2).
"""

import pickle
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from dashsearch.errors import InputError
from dashsearch.features.networks.base import Network
from dashsearch.features.networks.weights import digest_of
from dashsearch.features.networks.windows_grid import frames_shown, step_of_frames
from dashsearch.features.registry import Backbone


def load(entry: Backbone, weights_dir: Path | None, device: str) -> Network:
    """Load a video network with the transforms that belong to its weights; see `networks.load`.

    Weights are a state dict: <weights_dir>/<model>.pth, or torchvision's own download.
    """
    if entry.model not in READERS or entry.takes != "windows":
        raise InputError(
            f"backbone {entry.name}: model is {entry.model!r} and takes {entry.takes!r}; "
            f"torchvision's are {', '.join(READERS)}, which take windows."
        )
    weights = get_model_weights(entry.model).DEFAULT
    if weights_dir is None:
        path = _fetch(entry, weights.url)
    else:
        path = weights_dir / f"{entry.model}.pth"
        if not path.is_file():
            raise InputError(
                f"backbone {entry.name}: there is no file {path}; fetch it with "
                f"`{_command(path, weights.url)}`."
            )
    network = get_model(entry.model, weights=None)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, EOFError, RuntimeError, TypeError, AttributeError) as error:
        raise InputError(
            f"backbone {entry.name}: {path} is no state dict of {entry.model} ({_reason(error)}); "
            f"fetch it with `{_command(path, weights.url)}`."
        ) from None
    made = VideoNetwork(entry, network, weights.transforms(), digest_of([path]))
    return made.to(device).eval().requires_grad_(False)


def _command(path: Path, url: str) -> str:
    return f"curl -fL --create-dirs -o {path} {url}"


def _reason(error: Exception) -> str:
    """Say in a few words why a file was refused."""
    if isinstance(error, pickle.UnpicklingError):
        return "it holds other things than tensors, such as a pickled module, or is another format"
    return next(iter(str(error).splitlines()), type(error).__name__)[:120].rstrip(".:")


def _fetch(entry: Backbone, url: str) -> Path:
    """Download a state dict into torch's cache, where it stays."""
    target = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # The end of the file's name is the beginning of its SHA-256.
            prefix = Path(url).stem.rpartition("-")[2]
            torch.hub.download_url_to_file(url, str(target), prefix, progress=False)
        except (OSError, HTTPException, RuntimeError) as error:
            # A RuntimeError is a wrong digest.
            raise InputError(
                f"backbone {entry.name}: {url} could not be fetched ({_reason(error)}); check the "
                "network, or set features.weights_dir to a folder and fill it where there is one "
                f"with `{_command(Path(f'{entry.model}.pth'), url)}`."
            ) from None
    return target


class VideoNetwork(Network):
    """A torchvision network that sees T frames together.

    MViTv2 knows time by learned positions of 16 frames, so it is shown 16 of a window's, each the
    nearest in time; the others are shown all T.
    """

    takes = "windows"

    def __init__(
        self, entry: Backbone, network: nn.Module, transforms: Any, weights_digest: str
    ) -> None:
        super().__init__()
        self.dimension, self.input_size = entry.dimension, entry.input_size
        self.weights_digest = weights_digest
        self._network, self._transforms = network, transforms
        self._reader = READERS[entry.model]
        self._frames: int | None = None

    def preprocess(self, pixels: Tensor) -> Tensor:
        """Turn uint8 (B, T, H, W, 3) into (B, 3, frames, h, w) as the weights were trained."""
        self._frames = pixels.shape[1]
        shown = pixels[:, frames_shown(self._frames, self._reader.fixed, 1)]
        made: Tensor = self._transforms(shown.permute(0, 1, 4, 2, 3))
        return made

    def forward(self, inputs: Tensor) -> Tensor:
        """Describe (B, 3, frames, h, w) by (B, T, D)."""
        steps = self._reader.read(self._network, inputs)
        count, frames = steps.shape[1], inputs.shape[2]
        if self._reader.fixed and self._frames:
            frames = self._frames
        covered = count * self._reader.tubelet if self._reader.tubelet else frames
        return steps[:, step_of_frames(covered, count)[:frames]]


def _r2plus1d(network: Any, inputs: Tensor) -> Tensor:
    x = network.stem(inputs)
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = layer(x)
    steps: Tensor = x.mean(dim=(3, 4)).transpose(1, 2)
    return steps


def _swin3d(network: Any, inputs: Tensor) -> Tensor:
    x = network.norm(network.features(network.pos_drop(network.patch_embed(inputs))))
    steps: Tensor = x.mean(dim=(2, 3))
    return steps


def _mvit(network: Any, inputs: Tensor) -> Tensor:
    x = network.pos_encoding(network.conv_proj(inputs).flatten(2).transpose(1, 2))
    grid = (network.pos_encoding.temporal_size, *network.pos_encoding.spatial_size)
    for block in network.blocks:
        x, grid = block(x, grid)
    # The first token is the class's.
    steps: Tensor = network.norm(x)[:, 1:].unflatten(1, (grid[0], -1)).mean(dim=2)
    return steps


class Reader(NamedTuple):
    """How a network is read: `read` gives (B, T', D).

    `fixed` is how many frames it has to be shown, if it is not free; `tubelet` how many frames a
    step covers, if the network fills up the last one itself.
    """

    read: Callable[[Any, Tensor], Tensor]
    fixed: int | None = None
    tubelet: int | None = None


READERS = {
    "r2plus1d_18": Reader(_r2plus1d),
    "swin3d_t": Reader(_swin3d, tubelet=2),
    "mvit_v2_s": Reader(_mvit, fixed=16),
}
