"""Frozen vision networks that transformers loads: the vision tower of any `AutoModel`.

`output` of the registry's entry says what is read:

``pooler``
    The model's own pooled output, of each frame.
``cls``
    The last hidden state of the class token, of each frame.
``mean_patch``
    The mean of the last hidden states of the patches, of each frame; class and register tokens are
    left out.
``tubelet``
    Of networks that see windows (V-JEPA 2, VideoMAE): the mean over the picture of the last hidden
    states of each tubelet. A tubelet covers two frames in turn, and its vector stands for both.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoImageProcessor, AutoModel, AutoVideoProcessor
from transformers.utils.logging import disable_progress_bar

from dashsearch.errors import InputError
from dashsearch.features.networks.base import Network
from dashsearch.features.networks.weights import digest_of, find_weights
from dashsearch.features.networks.windows_grid import frames_shown, step_of_frames
from dashsearch.features.registry import Backbone

PATTERNS = ("*.json", "*.safetensors")
# What a model of pictures and words calls the part that sees.
TOWERS = ("vision_tower", "vision_model")


def load(entry: Backbone, weights_dir: Path | None, device: str) -> Network:
    """Load the vision network of an entry with its own processor; see `networks.load`."""
    folder = find_weights(entry, weights_dir, PATTERNS)
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise InputError(
            f"backbone {entry.name}: {folder} holds no .safetensors file, and nothing else is "
            "loaded; fetch a revision that has one."
        )
    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, report = AutoModel.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        processors = AutoVideoProcessor if entry.takes == "windows" else AutoImageProcessor
        processor = processors.from_pretrained(folder)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(
            f"backbone {entry.name}: {folder} does not hold a model with its processor "
            f"({str(error).splitlines()[0][:160]}); fetch it again, or another revision."
        ) from None
    missing = sorted(name for name in report["missing_keys"] if not _is_idle(name, entry))
    if missing:
        raise InputError(
            f"backbone {entry.name}: {folder} lacks the weights {missing[0]} (and "
            f"{len(missing) - 1} more), which would stay random; fetch the model again."
        )
    if model.config.model_type == "siglip2":
        raise InputError(
            f"backbone {entry.name}: {entry.model} takes pictures of any shape (NaFlex), which is "
            "not supported; name a SigLIP 2 of fixed resolution, such as "
            "google/siglip2-base-patch16-224."
        )
    tower = next((getattr(model, name) for name in TOWERS if hasattr(model, name)), model)
    kind = WindowsNetwork if entry.takes == "windows" else FramesNetwork
    network: Network = kind(entry, tower, processor, digest_of(files))
    return network.to(device).eval().requires_grad_(False)


def _is_idle(name: str, entry: Backbone) -> bool:
    """Whether a weight plays no part in what is read."""
    return "pooler" in name and entry.output != "pooler"


class FramesNetwork(Network):
    """A network that sees one picture at a time."""

    takes = "frames"

    def __init__(self, entry: Backbone, tower: Any, processor: Any, weights_digest: str) -> None:
        super().__init__()
        self.dimension, self.input_size = entry.dimension, entry.input_size
        self.weights_digest = weights_digest
        self._tower, self._processor = tower, processor
        if entry.output not in READERS:
            raise InputError(
                f"backbone {entry.name}: output is {entry.output!r}; for a network of frames use "
                f"{', '.join(READERS)}."
            )
        self._read = READERS[entry.output]

    def preprocess(self, pixels: Tensor) -> Tensor:
        """Turn uint8 (B, H, W, 3) into what the model's own processor makes of it."""
        pictures = list(pixels.permute(0, 3, 1, 2))
        made: Tensor = self._processor(images=pictures, return_tensors="pt")["pixel_values"]
        if len(made) != len(pixels):  # a processor that cuts pictures into tiles
            raise InputError(
                f"the processor makes {len(made)} pictures of {len(pixels)}; set what cuts them "
                "(crop_to_patches, do_image_splitting) to false in its preprocessor_config.json."
            )
        return made.to(pixels.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Describe (B, 3, h, w) by (B, D)."""
        return self._read(self._tower(pixel_values=inputs), self._patches(inputs))

    def _patches(self, inputs: Tensor) -> int:
        """Count the patches of a picture."""
        size = self._tower.config.patch_size
        height, width = (size, size) if isinstance(size, int) else size
        return (inputs.shape[-2] // height) * (inputs.shape[-1] // width)


def _pooled(output: Any, patches: int) -> Tensor:
    pooled: Tensor = output.pooler_output
    return pooled


def _class_token(output: Any, patches: int) -> Tensor:
    states: Tensor = output.last_hidden_state
    return states[:, 0]


def _mean_patch(output: Any, patches: int) -> Tensor:
    states: Tensor = output.last_hidden_state
    # Class and register tokens stand in front of the patches.
    return states[:, states.shape[1] - patches :].mean(dim=1)


READERS: dict[str, Callable[[Any, int], Tensor]] = {
    "pooler": _pooled,
    "cls": _class_token,
    "mean_patch": _mean_patch,
}


class WindowsNetwork(Network):
    """A network that sees T frames together and describes tubelets of two frames.

    Where the network knows its number of frames only by learned positions (VideoMAE), the T frames
    are resampled to that number, each the nearest in time, and every frame of the window gets the
    tubelet that covers its place. Otherwise T may be anything; of an odd T the last frame is shown
    twice.
    """

    takes = "windows"

    def __init__(self, entry: Backbone, tower: Any, processor: Any, weights_digest: str) -> None:
        super().__init__()
        self.dimension, self.input_size = entry.dimension, entry.input_size
        self.weights_digest = weights_digest
        self._tower, self._processor = tower, processor
        if entry.output != "tubelet":
            raise InputError(
                f"backbone {entry.name}: output is {entry.output!r}; for a network of windows use "
                "tubelet."
            )
        config = tower.config
        self._tubelet = int(config.tubelet_size)
        rotary = hasattr(tower, "get_vision_features")
        self._fixed = None if rotary else int(config.num_frames)
        self._frames: int | None = None

    def preprocess(self, pixels: Tensor) -> Tensor:
        """Turn uint8 (B, T, H, W, 3) into what the model's own processor makes of the frames."""
        self._frames = pixels.shape[1]
        places = frames_shown(self._frames, self._fixed, self._tubelet)
        videos = list(pixels[:, places].permute(0, 1, 4, 2, 3))
        made = self._processor(videos=videos, return_tensors="pt", do_sample_frames=False)
        values: Tensor = next(made[name] for name in made if name.startswith("pixel_values"))
        return values.to(pixels.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Describe (B, frames, 3, h, w) by (B, T, D)."""
        see = getattr(self._tower, "get_vision_features", None)
        states = see(inputs) if see else self._tower(pixel_values=inputs).last_hidden_state
        tubelets = inputs.shape[1] // self._tubelet
        vectors: Tensor = states.unflatten(1, (tubelets, -1)).mean(dim=2)
        frames = self._frames or inputs.shape[1]
        # An odd T was filled up: its tubelets cover one frame more.
        covered = frames if self._fixed else inputs.shape[1]
        return vectors[:, step_of_frames(covered, tubelets)[:frames]]
