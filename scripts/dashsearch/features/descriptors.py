"""The classical descriptors: one vector for a frame, or for a frame and the one before it.

All take RGB frames, uint8 (H, W, 3), and give float32 (D,). Sizes are fixed, so every picture is
brought to the descriptor's own size first. What each measured on the embedded tasks is in
docs/data.md.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog as skimage_hog

Frame = NDArray[np.uint8]
Vector = NDArray[np.float32]

COLOR_BINS = 16
HOG_SIZE = 64
DIFFERENCE_GRID = (12, 12)
FLOW_SIZE = 112
FLOW_GRID = (8, 12)  # rows, columns
FLOW_LIMIT_PX = 16.0
CENTRE = (slice(38, 86), slice(32, 80))  # of a 112x112 flow field: the road ahead
CENTRE_GRID = (6, 6)


def color(frame: Frame) -> Vector:
    """Square roots of the histograms of hue, saturation and value (48).

    The root makes the Euclidean distance of two vectors the Hellinger distance of the histograms.
    """
    hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV).reshape(-1, 3)
    limits = (180, 256, 256)  # OpenCV halves the degrees of the hue
    histograms = [
        # Bytes have few values: counting those first is several times faster than binning pixels.
        np.bincount(
            np.arange(limit) * COLOR_BINS // limit,
            np.bincount(hsv[:, channel], minlength=limit),
            COLOR_BINS,
        )
        for channel, limit in enumerate(limits)
    ]
    return np.sqrt(np.concatenate(histograms) / len(hsv)).astype(np.float32)


def hog(frame: Frame) -> Vector:
    """Histograms of oriented gradients (1764): 7 x 7 blocks of 2 x 2 cells with 9 bins.

    Dalal & Triggs (2005), "Histograms of Oriented Gradients for Human Detection", CVPR.
    """
    gray = _gray(frame, HOG_SIZE)
    vector: Vector = skimage_hog(
        gray,
        orientations=9,
        pixels_per_cell=(8, 8),
        cells_per_block=(2, 2),
        block_norm="L2-Hys",
    ).astype(np.float32)
    return vector


def frame_difference(frame: Frame, previous: Frame) -> Vector:
    """Absolute and signed difference on a 12 x 12 grid, in units of the frame's contrast (288)."""
    now, before = (
        cv2.GaussianBlur(_gray(picture, FLOW_SIZE), (0, 0), 1.0).astype(np.float32)
        for picture in (frame, previous)
    )
    difference = (now - before) / (now.std() + 5.0)
    return np.concatenate([_grid(np.abs(difference)), _grid(difference)])


def flow(frame: Frame, previous: Frame) -> Vector:
    """Statistics of the dense optical flow from `previous` to `frame` (420), root-compressed.

    Kroeger et al. (2016), "Fast Optical Flow using Dense Inverse Search", ECCV.
    """
    after, before = (_equalised(picture) for picture in (frame, previous))
    if np.array_equal(after, before):
        field = np.zeros((*after.shape, 2), np.float32)
    else:
        field = _dense_flow().calc(before, after, None)
    field = np.clip(field, -FLOW_LIMIT_PX, FLOW_LIMIT_PX)
    u, v = field[..., 0], field[..., 1]
    relative_speed = np.hypot(u - np.median(u), v - np.median(v))
    smooth_u, smooth_v = (cv2.GaussianBlur(part, (0, 0), 1.5) for part in (u, v))
    divergence = np.gradient(smooth_u, axis=1) + np.gradient(smooth_v, axis=0)
    divergence = np.clip(divergence, -0.6, 0.6) * 10.0
    parts = [_grid(part, FLOW_GRID) for part in (u, v, relative_speed, divergence)]
    parts.append(_grid(divergence[CENTRE], CENTRE_GRID))
    vector = np.concatenate(parts)
    return np.sign(vector) * np.sqrt(np.abs(vector))


def _gray(frame: Frame, size: int) -> NDArray[np.uint8]:
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _equalised(frame: Frame) -> NDArray[np.uint8]:
    """Blur the noise away and lift the contrast of dark pictures."""
    blurred = cv2.GaussianBlur(_gray(frame, FLOW_SIZE), (0, 0), 0.9)
    return np.asarray(cv2.createCLAHE(2.0, (4, 4)).apply(blurred), np.uint8)


def _grid(picture: NDArray[Any], shape: tuple[int, int] = DIFFERENCE_GRID) -> Vector:
    """Area means of `picture` on a grid of (rows, columns), flattened."""
    rows, columns = shape
    picture = np.ascontiguousarray(picture, np.float32)
    means = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32).ravel()


@cache
def _dense_flow() -> Any:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)


FRAME_DESCRIPTORS = {"color": color, "hog": hog}
MOTION_DESCRIPTORS = {"flow": flow, "frame_difference": frame_difference}
