"""What does not move: road markings, rails, pavements, buildings, trees."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.synthetic.atmosphere import Atmosphere
from dashsearch.clips.synthetic.geometry import Array, box, facing, flat, sideways
from dashsearch.clips.synthetic.scene import LANE_M, Light, Traffic

BEYOND_M = 160.0
"""The landscape goes on this far past the place where ego ends."""
MARKING = np.array([195.0, 195.0, 190.0])


@dataclass(frozen=True)
class Landscape:
    """Quads on the ground, and upright quads grouped into objects for the painter's order.

    Ground quads have shape (G, 4, 3); upright quads (U, 4, 3) with the index of their object (U,);
    each object has its distance from ego's axis and its depth for sorting (K,).
    """

    road_x_m: tuple[float, float]
    cross_street_z_m: tuple[float, float] | None
    ground: Array
    ground_colors: Array
    upright: Array
    upright_colors: Array
    upright_object: NDArray[np.int64]
    object_x_m: Array
    object_z_m: Array


class _Site:
    """Collects the parts of a landscape."""

    def __init__(self, atmosphere: Atmosphere, end_m: float) -> None:
        self.ambient = atmosphere.ambient
        self.end_m = end_m
        self._ground: list[tuple[Array, Array]] = []
        self._upright: list[tuple[Array, Array, int]] = []
        self._objects: list[tuple[float, float]] = []

    def lay(self, quad: Array, color: Array) -> None:
        self._ground.append((quad, color))

    def raise_(self, quads: Iterable[Array], colors: Iterable[Array]) -> None:
        parts = list(zip(quads, colors, strict=True))
        points = np.concatenate([quad for quad, _ in parts])
        depth = (points[:, 2].min() + points[:, 2].mean()) / 2
        for quad, color in parts:
            self._upright.append((quad, np.clip(color, 0, 255), len(self._objects)))
        self._objects.append((float(np.abs(points[:, 0]).min()), float(depth)))

    def finish(
        self, road_x_m: tuple[float, float], cross_street_z_m: tuple[float, float] | None
    ) -> Landscape:
        ground, ground_colors = zip(*self._ground, strict=True)
        upright, upright_colors, owner = zip(*self._upright, strict=True)
        across, depth = zip(*self._objects, strict=True)
        return Landscape(
            road_x_m,
            cross_street_z_m,
            np.array(ground),
            np.array(ground_colors),
            np.array(upright),
            np.array(upright_colors),
            np.array(owner),
            np.array(across),
            np.array(depth),
        )


def draw_landscape(rng: np.random.Generator, traffic: Traffic, atmosphere: Atmosphere) -> Landscape:
    """Draw the surroundings of a highway, or of a street with a junction."""
    site = _Site(atmosphere, float(traffic.ego.z_m[-1]) + BEYOND_M)
    if traffic.junction_z_m is None:
        return _highway(rng, site, traffic.lanes, atmosphere)
    return _street(rng, site, traffic.junction_z_m, atmosphere)


def _highway(
    rng: np.random.Generator, site: _Site, lanes: tuple[int, ...], atmosphere: Atmosphere
) -> Landscape:
    left = (min(lanes) - 0.5) * LANE_M - 1.2
    right = (max(lanes) + 0.5) * LANE_M + 1.8
    for boundary in range(min(lanes), max(lanes) + 2):
        x = (boundary - 0.5) * LANE_M
        edge = boundary in (min(lanes), max(lanes) + 1)
        spacing, length = (20.0, 20.5) if edge else (12.0, 4.0)
        for z in np.arange(-12, site.end_m, spacing):
            site.lay(flat(x - 0.09, x + 0.09, z, z + length), MARKING * site.ambient)
    for z in np.arange(0, site.end_m, 40.0):
        for x in (left - 2.2, right + 2.2):
            post = box(0.18, 0.18, 6.5, x_m=x, z_m=z + rng.uniform(-1, 1))[:3]
            site.raise_(post, [np.array([75.0, 72.0, 70.0]) * site.ambient] * 3)
    for x in (left - 0.6, right + 0.6):
        for z in np.arange(-8, site.end_m, 16.0):
            rail = sideways(x, 0.45, 0.75, z, z + 16)
            site.raise_([rail], [np.full(3, 150.0) * site.ambient])
    _patch_road(rng, site, (left, right), atmosphere.road, every_m=6.0)
    for _ in range(int(site.end_m / 5)):
        x, z = rng.choice([-1, 1]) * rng.uniform(9, 45), rng.uniform(-10, site.end_m)
        width, length = rng.uniform(1, 7), rng.uniform(1, 8)
        tone = atmosphere.verge * rng.uniform(0.75, 1.25)
        if not left < x - width < right and not left < x < right:
            site.lay(flat(x - width, x, z, z + length), tone)
    for _ in range(int(site.end_m / 9)):
        x = rng.choice([-1, 1]) * rng.uniform(11, 40)
        _plant_tree(rng, site, x, rng.uniform(0, site.end_m), width=1.0)
    return site.finish((left, right), None)


ROAD_X_M = (-7.6, 4.2)
PAVEMENTS_X_M = ((4.2, 6.4), (-9.6, -7.6))
FRONTS_X_M = (6.6, -9.8)
BUILDING_SETBACK_M = 5.0


def _street(
    rng: np.random.Generator, site: _Site, junction_z_m: float, atmosphere: Atmosphere
) -> Landscape:
    half_street = rng.uniform(4.0, 5.5)
    near, far = junction_z_m - half_street, junction_z_m + half_street
    white = MARKING * site.ambient
    for z in np.arange(-6, site.end_m, 5.0):
        if not near - 5 < z < far + 3.5:
            site.lay(flat(-1.82, -1.7, z, z + 2.4), white * np.array([1.0, 1.0, 0.8]))
    for z in (near - 3.2, far + 0.7):
        for x in np.arange(ROAD_X_M[0] + 0.3, ROAD_X_M[1] - 0.5, 0.95):
            site.lay(flat(x, x + 0.5, z, z + 2.5), white)
    for start, end in ((-10.0, near - 1), (far + 1, site.end_m)):
        for x0, x1 in PAVEMENTS_X_M:
            for z in np.arange(start, end, 6.0):
                slab = np.array([132.0, 130.0, 128.0]) * site.ambient * rng.uniform(0.93, 1.07)
                site.lay(flat(x0, x1, z, min(z + 5.85, end)), slab)
    for side in (-1, 1):
        _build_row(rng, site, side, (near - BUILDING_SETBACK_M, -10.0), atmosphere.light)
        _build_row(rng, site, side, (far + BUILDING_SETBACK_M, site.end_m), atmosphere.light)
    _patch_road(rng, site, ROAD_X_M, atmosphere.road, every_m=30.0)
    for _ in range(int(site.end_m / 22)):
        x, z = float(rng.choice([5.4, -8.6])), rng.uniform(0, site.end_m)
        if abs(z - junction_z_m) > 12:
            _plant_tree(rng, site, x, z, width=0.6)
    return site.finish(ROAD_X_M, (near, far))


def _build_row(
    rng: np.random.Generator, site: _Site, side: int, z_m: tuple[float, float], light: Light
) -> None:
    """Put house after house along one side of the street, away from the junction."""
    z, end_m = z_m
    direction = 1.0 if end_m > z else -1.0
    front = FRONTS_X_M[0] if side > 0 else FRONTS_X_M[1]
    while (end_m - z) * direction > 0:
        length, height, depth = rng.uniform(7, 15), rng.uniform(5, 14), rng.uniform(6, 10)
        middle = z + direction * length / 2
        tone = (rng.uniform(95, 165) + rng.uniform(-28, 28, 3)) * site.ambient * 0.8
        faces = box(depth, 0.97 * length, height, x_m=front + side * depth / 2, z_m=middle)
        quads, colors = [faces[0] if side > 0 else faces[1], faces[2]], [tone, 0.8 * tone]
        for along in np.arange(-length / 2 + 1.2, length / 2 - 1.5, 3.2):
            for sill in np.arange(1.4, height - 1.6, 3.0):
                lit = light == "night" and rng.random() < 0.3
                edge = middle + along
                quads.append(sideways(front - 0.02 * side, sill, sill + 1.4, edge, edge + 1.5))
                colors.append(np.array([220.0, 190.0, 120.0]) if lit else 0.5 * tone)
        site.raise_(quads, colors)
        z += direction * length


def _patch_road(
    rng: np.random.Generator,
    site: _Site,
    road_x_m: tuple[float, float],
    road: Array,
    every_m: float,
) -> None:
    """Lay tar patches and stains, which give the road a texture that flows."""
    for _ in range(int((site.end_m + 20) / every_m)):
        width, length = rng.uniform(0.2, 1.4), rng.uniform(0.6, 5)
        x, z = rng.uniform(road_x_m[0] + width, road_x_m[1]), rng.uniform(-10, site.end_m)
        site.lay(flat(x - width, x, z, z + length), road * rng.uniform(0.78, 1.14))


def _plant_tree(rng: np.random.Generator, site: _Site, x: float, z: float, width: float) -> None:
    height, crown = rng.uniform(3.5, 8), rng.uniform(1.6, 4) * width
    green = np.array([55.0, rng.uniform(70, 120), 45.0]) * site.ambient
    leaves = facing(x - crown / 2, x + crown / 2, 0.35 * height, height, z)
    leaves[2:, 0] = x + 0.3 * crown, x - 0.3 * crown
    trunk = facing(x - 0.15, x + 0.15, 0, 0.45 * height, z)
    site.raise_([trunk, leaves], [0.5 * green, green])
