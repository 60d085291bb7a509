"""How actors look: sizes and colours, drawn from one stream that never sees the label."""

import numpy as np

from dashsearch.clips.synthetic.motion import constant
from dashsearch.clips.synthetic.scene import FRAMES, Actor, Color, Look

PAINTS: tuple[Color, ...] = (
    (42, 40, 40),
    (202, 200, 200),
    (125, 122, 120),
    (150, 44, 40),
    (40, 60, 150),
    (60, 100, 70),
    (190, 150, 90),
    (160, 90, 30),
    (235, 235, 235),
    (110, 140, 160),
)
CLOTHES: tuple[Color, ...] = (
    (150, 60, 60),
    (50, 80, 150),
    (60, 120, 40),
    (55, 50, 50),
    (180, 180, 180),
    (200, 160, 60),
)


def _shade(rng: np.random.Generator, palette: tuple[Color, ...], low: float) -> Color:
    color = np.asarray(palette[rng.integers(len(palette))]) * rng.uniform(low, 1.1)
    red, green, blue = (float(channel) for channel in np.clip(color, 0, 255))
    return red, green, blue


def draw_vehicle(rng: np.random.Generator, truck_share: float) -> Look:
    """Draw a car, or with probability `truck_share` a truck."""
    if rng.random() < truck_share:
        width, length, height = rng.uniform(2.2, 2.5), rng.uniform(6, 9), rng.uniform(2.6, 3.3)
        return Look("truck", width, length, height, _shade(rng, PAINTS, 0.85))
    width, length, height = rng.uniform(1.7, 1.95), rng.uniform(3.9, 4.8), rng.uniform(1.4, 1.75)
    return Look("car", width, length, height, _shade(rng, PAINTS, 0.85))


def draw_pedestrian(rng: np.random.Generator) -> Look:
    """Draw somebody on foot."""
    return Look("pedestrian", 0.5, 0.45, rng.uniform(1.55, 1.85), _shade(rng, CLOTHES, 0.8))


def draw_cyclist(rng: np.random.Generator) -> Look:
    """Draw somebody on a bicycle."""
    return Look("cyclist", 0.5, 1.7, rng.uniform(1.6, 1.8), _shade(rng, CLOTHES, 0.8))


def standing(look: Look, x_m: float, z_m: float, yaw_rad: float) -> Actor:
    """Place an actor that does not move."""
    return Actor(look, constant(x_m), constant(z_m), constant(yaw_rad), np.zeros(FRAMES, bool))
