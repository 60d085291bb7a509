"""Light and weather: the colours of sky and ground, haze, and the sensor's noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.synthetic.geometry import HEIGHT_PX, WIDTH_PX, Array
from dashsearch.clips.synthetic.scene import Color, Light, Weather

NOISE_FRAMES = 4


@dataclass(frozen=True)
class Palette:
    """What a light does to the colours; `noise_sd` in gray levels."""

    zenith: Color
    horizon: Color
    verge: Color
    road: Color
    ambient: float
    noise_sd: float


PALETTES: dict[Light, Palette] = {
    "day": Palette((110, 170, 225), (190, 220, 240), (90, 120, 70), (105, 105, 105), 1.0, 1.5),
    "dusk": Palette((90, 90, 130), (210, 150, 120), (62, 70, 50), (72, 70, 72), 0.66, 2.2),
    "night": Palette((14, 18, 28), (34, 40, 52), (26, 30, 24), (46, 46, 48), 0.5, 3.0),
}
VISIBILITY_M: dict[Weather, float] = {"clear": 400.0, "rain": 130.0, "fog": 90.0}


@dataclass(frozen=True)
class Atmosphere:
    """One clip's light and weather, ready to paint with.

    `sky` has shape (2 * HEIGHT_PX, WIDTH_PX, 3) from zenith to horizon, `noise` (NOISE_FRAMES,
    HEIGHT_PX, 2 * WIDTH_PX, 1): every row twice, so that any shift is a slice.
    """

    light: Light
    weather: Weather
    ambient: float
    visibility_m: float
    verge: Array
    road: Array
    haze: Array
    sky: Array
    noise: NDArray[np.float32]

    def hazed(self, colors: Array, distance_m: Array) -> Array:
        """Fade colours (N, 3) into the haze over their distances (N,)."""
        kept = np.exp(-np.maximum(distance_m, 0) / self.visibility_m)[:, None]
        faded: Array = colors * kept + self.haze * (1 - kept)
        return faded


def draw_atmosphere(rng: np.random.Generator, light: Light, weather: Weather) -> Atmosphere:
    """Draw tints, visibility and noise around what light and weather set."""
    palette = PALETTES[light]
    tint = rng.uniform(0.85, 1.15, 3)

    def tinted(color: Color) -> Array:
        colored: Array = np.clip(np.asarray(color) * tint * rng.uniform(0.92, 1.08), 0, 255)
        return colored

    verge, road = tinted(palette.verge), tinted(palette.road)
    zenith, horizon = tinted(palette.zenith), tinted(palette.horizon)
    if weather != "clear":
        gray = horizon.mean() * (0.9 if weather == "rain" else 1.0)
        zenith, horizon = 0.35 * zenith + 0.65 * gray, 0.3 * horizon + 0.7 * gray
    visibility = VISIBILITY_M[weather] * rng.uniform(0.8, 1.25) * (0.8 if light == "night" else 1)
    height = np.linspace(0, 1, 2 * HEIGHT_PX)[:, None]
    column = zenith * (1 - height) + horizon * height
    noise_sd = palette.noise_sd * (1.3 if weather == "rain" else 1.0)
    noise = rng.normal(0, noise_sd, (NOISE_FRAMES, HEIGHT_PX, WIDTH_PX, 1))
    return Atmosphere(
        light=light,
        weather=weather,
        ambient=palette.ambient,
        visibility_m=visibility,
        verge=verge,
        road=road,
        haze=horizon,
        sky=np.repeat(column[:, None, :], WIDTH_PX, axis=1),
        noise=np.tile(noise.astype(np.float32), (1, 1, 2, 1)),
    )
