"""Quadrilaterals in the world and their picture: boxes, the camera's view, anti-aliased filling."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX = 256, 144
NEAR_M = 0.6
"""Nothing nearer than this to the camera's plane is drawn; polygons are cut there."""
SMALLEST_PX = 0.35
_FRACTION_BITS = 4

_CORNERS_OF_FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [1, 5, 7, 3]])
FACE_NORMALS: Array = np.array([[-1.0, 0, 0], [1.0, 0, 0], [0, 0, -1.0], [0, 0, 1.0], [0, 1.0, 0]])
"""Outward normals of a box's faces in the order of `box`: left, right, rear, front, top."""


def box(
    width_m: float,
    length_m: float,
    height_m: float,
    *,
    x_m: float = 0.0,
    y_m: float = 0.0,
    z_m: float = 0.0,
) -> Array:
    """Faces of an upright box on height `y_m`: left, right, rear, front, top; shape (5, 4, 3)."""
    corners = np.array(
        [
            (x_m + x, y_m + y, z_m + z)
            for x in (-width_m / 2, width_m / 2)
            for z in (-length_m / 2, length_m / 2)
            for y in (0.0, height_m)
        ]
    )
    faces: Array = corners[_CORNERS_OF_FACES]
    return faces


def flat(x0: float, x1: float, z0: float, z1: float) -> Array:
    """Return a rectangle on the ground, shape (4, 3)."""
    return np.array([[x0, 0.0, z0], [x1, 0.0, z0], [x1, 0.0, z1], [x0, 0.0, z1]])


def facing(x0: float, x1: float, y0: float, y1: float, z: float) -> Array:
    """Return an upright rectangle across the road, shape (4, 3)."""
    return np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]])


def sideways(x: float, y0: float, y1: float, z0: float, z1: float) -> Array:
    """Return an upright rectangle along the road, shape (4, 3)."""
    return np.array([[x, y0, z0], [x, y0, z1], [x, y1, z1], [x, y1, z0]])


@dataclass(frozen=True)
class View:
    """The camera at one frame: where it is, where it looks, and its projection onto pixels."""

    x_m: float
    height_m: float
    z_m: float
    yaw_rad: float
    curvature_per_m: float
    focal_px: float
    horizon_px: float

    def to_camera(self, points: Array) -> Array:
        """World to camera coordinates, shape (..., 3); the road's curvature bends x with depth."""
        x, y, z = (
            points[..., 0] - self.x_m,
            points[..., 1] - self.height_m,
            points[..., 2] - self.z_m,
        )
        cosine, sine = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        depth = sine * x + cosine * z
        across = cosine * x - sine * z + 0.5 * self.curvature_per_m * depth * np.abs(depth)
        return np.stack([across, y, depth], -1)

    def to_pixels(self, points: Array) -> Array:
        """Camera coordinates in front of the near plane to pixels, shape (..., 2)."""
        scale = self.focal_px / points[..., 2]
        return np.stack(
            [WIDTH_PX / 2 + scale * points[..., 0], self.horizon_px - scale * points[..., 1]], -1
        )

    def paint(self, image: Image, quads: Array, colors: Array) -> None:
        """Fill quads of camera coordinates (N, 4, 3) in the given order with colours (N, 3)."""
        quads, colors = self._in_sight(quads, colors)
        in_front = quads[..., 2].min(1) >= NEAR_M
        clamped = quads.copy()
        np.maximum(quads[..., 2], NEAR_M, out=clamped[..., 2])
        pixels = self.to_pixels(clamped)
        low, high = pixels.min(1), pixels.max(1)
        on_screen = (
            (high[:, 0] > 0)
            & (low[:, 0] < WIDTH_PX)
            & (high[:, 1] > 0)
            & (low[:, 1] < HEIGHT_PX)
            & ((high - low).max(1) > SMALLEST_PX)
        )
        visible = ~in_front | on_screen
        fixed_point = _fixed_point(pixels)
        palette = colors.tolist()
        for index in np.flatnonzero(visible):
            if in_front[index]:
                polygon = fixed_point[index]
            else:
                polygon = _fixed_point(self.to_pixels(_cut_at_near_plane(quads[index])))
            if len(polygon) > 2:
                cv2.fillConvexPoly(image, polygon, palette[index], cv2.LINE_AA, _FRACTION_BITS)

    def _in_sight(self, quads: Array, colors: Array) -> tuple[Array, Array]:
        """Drop quads behind the near plane, and those wholly to the left or right of the view."""
        edge = 1.05 * WIDTH_PX / 2 / self.focal_px * quads[..., 2]
        beside = (quads[..., 0] < -edge).all(1) | (quads[..., 0] > edge).all(1)
        seen = ~beside & (quads[..., 2].max(1) > NEAR_M)
        return quads[seen], colors[seen]


def _fixed_point(pixels: Array) -> NDArray[np.int32]:
    scaled = np.round(np.clip(pixels, -900, 1200) * (1 << _FRACTION_BITS))
    return scaled.astype(np.int32)


def _cut_at_near_plane(quad: Array) -> Array:
    """Keep the part of a polygon in front of the near plane (Sutherland-Hodgman), shape (K, 3)."""
    kept = []
    for start, end in zip(quad, np.roll(quad, -1, axis=0), strict=True):
        starts_in, ends_in = start[2] >= NEAR_M, end[2] >= NEAR_M
        if starts_in:
            kept.append(start)
        if starts_in != ends_in:
            kept.append(start + (NEAR_M - start[2]) / (end[2] - start[2]) * (end - start))
    return np.array(kept).reshape(-1, 3)
