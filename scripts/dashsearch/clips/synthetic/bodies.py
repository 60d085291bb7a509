"""The shapes of actors: coloured quadrilaterals around their own centre, heading along +z."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.synthetic.geometry import FACE_NORMALS, Array, box, facing, sideways
from dashsearch.clips.synthetic.scene import Color, Look

PAINTED, TAIL_LAMP, HEAD_LAMP = 0, 1, 2
_FACE_LIGHT = np.array([0.78, 0.70, 0.72, 0.92, 1.08])
_SKIN: Color = (195, 150, 120)
_BACK, _FRONT, _LEFT, _RIGHT = (0, 0, -1), (0, 0, 1), (-1, 0, 0), (1, 0, 0)


@dataclass(frozen=True)
class Body:
    """Quads (N, 4, 3), outward normals (N, 3), colours (N, 3), paint order (N,), lamp kind (N,)."""

    quads: Array
    normals: Array
    colors: Array
    order: NDArray[np.int64]
    lamp: NDArray[np.int64]


class _Shape:
    """Collects the parts of a body."""

    def __init__(self) -> None:
        self.parts: list[tuple[Array, Sequence[float], Array, int, int]] = []

    def solid(self, faces: Array, color: Array, order: int) -> None:
        for face, normal, light in zip(faces, FACE_NORMALS, _FACE_LIGHT, strict=True):
            self.parts.append((face, normal.tolist(), np.clip(color * light, 0, 255), order, 0))

    def plate(
        self, quad: Array, normal: Sequence[float], color: Color, order: int, lamp: int = PAINTED
    ) -> None:
        self.parts.append((quad, normal, np.asarray(color, float), order, lamp))

    def body(self) -> Body:
        quads, normals, colors, order, lamp = zip(*self.parts, strict=True)
        return Body(
            np.array(quads),
            np.array(normals, float),
            np.array(colors),
            np.array(order),
            np.array(lamp),
        )


def body_of(look: Look) -> Body:
    """Build the shape of an actor from its look."""
    shape = _Shape()
    if look.kind == "car":
        _car(shape, look)
    elif look.kind == "truck":
        _truck(shape, look)
    elif look.kind == "cyclist":
        _cyclist(shape, look)
    else:
        _pedestrian(shape, look)
    return shape.body()


def _car(shape: _Shape, look: Look) -> None:
    width, length, height = look.width_m, look.length_m, look.height_m
    paint = np.asarray(look.color)
    cabin = box(
        0.86 * width, 0.52 * length, 0.42 * height, y_m=0.22 + 0.5 * height, z_m=-0.05 * length
    )
    shape.solid(box(width, length, 0.52 * height, y_m=0.22), paint, 1)
    shape.solid(cabin, 0.45 * paint + np.array([20.0, 24.0, 28.0]), 2)
    window = facing(
        -0.38 * width,
        0.38 * width,
        0.25 + 0.53 * height,
        0.18 + 0.88 * height,
        -0.31 * length - 0.01,
    )
    shape.plate(window, _BACK, (50, 60, 70), 3)
    _lamps_and_wheels(shape, look, 0.22 + 0.36 * height)


def _truck(shape: _Shape, look: Look) -> None:
    width, length, height = look.width_m, look.length_m, look.height_m
    paint = np.asarray(look.color)
    shape.solid(box(width, 0.98 * length, 0.86 * height, y_m=0.4), paint, 1)
    red, green, blue = (float(channel) for channel in 0.6 * paint)
    door = facing(-0.44 * width, 0.44 * width, 0.7, 0.8 * height, -length / 2 - 0.01)
    shape.plate(door, _BACK, (red, green, blue), 3)
    _lamps_and_wheels(shape, look, 0.62)


def _lamps_and_wheels(shape: _Shape, look: Look, lamp_m: float) -> None:
    width, half_length = look.width_m, look.length_m / 2
    for side, normal in ((-1, _LEFT), (1, _RIGHT)):
        tail, head = (
            sorted((0.47 * side * width, side * (0.47 * width - 0.32))),
            sorted((0.45 * side * width, side * (0.45 * width - 0.28))),
        )
        shape.plate(
            facing(tail[0], tail[1], lamp_m - 0.1, lamp_m + 0.12, -half_length - 0.02),
            _BACK,
            (170, 20, 30),
            4,
            TAIL_LAMP,
        )
        shape.plate(
            facing(head[0], head[1], lamp_m - 0.12, lamp_m + 0.08, half_length + 0.02),
            _FRONT,
            (240, 235, 215),
            4,
            HEAD_LAMP,
        )
        for axle in (-0.3 * look.length_m, 0.3 * look.length_m):
            wheel = sideways(side * (width / 2 + 0.01), 0.0, 0.62, axle - 0.32, axle + 0.32)
            shape.plate(wheel, normal, (22, 22, 22), 2)
    bumper = facing(-0.46 * width, 0.46 * width, 0.02, 0.24, -half_length + 0.02)
    shape.plate(bumper, _BACK, (18, 18, 18), 0)


def _cyclist(shape: _Shape, look: Look) -> None:
    shape.solid(box(0.08, look.length_m, 0.62, y_m=0.05), np.array([45.0, 40.0, 40.0]), 0)
    shape.solid(box(0.45, 0.4, 0.65, y_m=0.75), np.asarray(look.color), 1)
    shape.solid(box(0.22, 0.22, 0.24, y_m=1.42), np.asarray(_SKIN), 2)


def _pedestrian(shape: _Shape, look: Look) -> None:
    height = look.height_m
    for step, gray in ((-0.11, 50.0), (0.11, 60.0)):
        trousers = np.array([gray - 4, gray, gray + 8])
        shape.solid(box(0.16, 0.18, 0.47 * height, z_m=step), trousers, 0)
    shape.solid(box(0.5, 0.28, 0.36 * height, y_m=0.46 * height), np.asarray(look.color), 1)
    shape.solid(box(0.22, 0.22, 0.14 * height, y_m=0.84 * height), np.asarray(_SKIN), 2)
