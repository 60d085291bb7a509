"""Ego's view of a scene, frame by frame: painter's order, haze, light, rain and noise."""

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.synthetic.atmosphere import NOISE_FRAMES, Atmosphere, draw_atmosphere
from dashsearch.clips.synthetic.bodies import HEAD_LAMP, PAINTED, TAIL_LAMP, Body, body_of
from dashsearch.clips.synthetic.draws import Draws
from dashsearch.clips.synthetic.geometry import HEIGHT_PX, WIDTH_PX, Array, Image, View
from dashsearch.clips.synthetic.landscape import Landscape, draw_landscape
from dashsearch.clips.synthetic.scene import FRAMES, Scene

HORIZON = 0.46
"""Height of the horizon, as a share of the picture from the top."""
BONNET_PX = 9
ROAD_DEPTHS_M = np.array([0.5, 2, 4, 8, 14, 24, 40, 70, 120, 200.0])
FAR_M, BEHIND_M = 150.0, 6.0
RAIN_STREAKS = 26


def render(scene: Scene, draws: Draws) -> Iterator[Image]:
    """Yield the frames of a scene, uint8 of shape (HEIGHT_PX, WIDTH_PX, 3), RGB."""
    return _Renderer(scene, draws).frames()


class _Renderer:
    """One clip's world, turned into quads once and painted per frame."""

    def __init__(self, scene: Scene, draws: Draws) -> None:
        self.scene = scene
        self.atmosphere: Atmosphere = draw_atmosphere(
            draws.stream("atmosphere"), scene.light, scene.weather
        )
        self.landscape: Landscape = draw_landscape(
            draws.stream("landscape"), scene.traffic, self.atmosphere
        )
        self.sensor = draws.stream("sensor")
        self.focal_px = WIDTH_PX / 2 / np.tan(np.radians(scene.camera.field_of_view_deg) / 2)
        actors = scene.traffic.actors
        bodies = [body_of(actor.look) for actor in actors]
        self.body = _joined(bodies)
        self.owner = np.repeat(np.arange(len(actors)), [len(body.quads) for body in bodies])
        self.x = np.stack([actor.x_m for actor in actors])
        self.z = np.stack([actor.z_m for actor in actors])
        self.yaw = np.stack([actor.yaw_rad for actor in actors])
        self.brake = np.stack([actor.brake for actor in actors])
        self.shadows = np.stack([_shadow(a.look.width_m, a.look.length_m) for a in actors])

    def frames(self) -> Iterator[Image]:
        for frame in range(FRAMES):
            yield self._frame(frame)

    def _view(self, frame: int) -> View:
        camera, traffic = self.scene.camera, self.scene.traffic
        return View(
            x_m=float(traffic.ego.x_m[frame]),
            height_m=camera.height_m,
            z_m=float(traffic.ego.z_m[frame]),
            yaw_rad=float(camera.yaw_rad[frame]),
            curvature_per_m=float(traffic.curvature_per_m[frame]),
            focal_px=float(self.focal_px),
            horizon_px=float(HEIGHT_PX * HORIZON + self.focal_px * np.tan(camera.pitch_rad[frame])),
        )

    def _frame(self, frame: int) -> Image:
        view = self._view(frame)
        image: Image = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
        self._paint_background(image, view)
        self._paint_ground(image, view)
        near = (self.z[:, frame] > view.z_m - BEHIND_M) & (self.z[:, frame] < view.z_m + FAR_M)
        self._paint_shadows(image, view, frame, near)
        self._paint_upright(image, view, frame, near)
        return self._developed(image, frame)

    def _paint_background(self, image: Image, view: View) -> None:
        air = self.atmosphere
        horizon = int(np.clip(view.horizon_px, 4, HEIGHT_PX - 4))
        image[:horizon] = air.sky[2 * HEIGHT_PX - 2 * horizon :: 2][:horizon]
        rows = np.arange(horizon, HEIGHT_PX) + 0.5
        depth = view.focal_px * view.height_m / np.maximum(rows - view.horizon_px, 0.4)
        verge = np.broadcast_to(air.verge, (HEIGHT_PX - horizon, 3))
        image[horizon:] = air.hazed(verge, depth)[:, None]

    def _paint_ground(self, image: Image, view: View) -> None:
        air, land = self.atmosphere, self.landscape
        left, right = land.road_x_m
        ends = view.z_m + ROAD_DEPTHS_M
        road = [
            [[left, 0, start], [right, 0, start], [right, 0, end], [left, 0, end]]
            for start, end in pairwise(ends)
        ][::-1]
        if land.cross_street_z_m is not None:
            start, end = land.cross_street_z_m
            road.append([[-80, 0, start], [80, 0, start], [80, 0, end], [-80, 0, end]])
        quads = view.to_camera(np.array(road))
        view.paint(image, quads, air.hazed(np.tile(air.road, (len(quads), 1)), _depth(quads)))
        seen = (land.ground[:, 2, 2] > view.z_m) & (land.ground[:, 0, 2] < view.z_m + 85)
        quads = view.to_camera(land.ground[seen])
        view.paint(image, quads, air.hazed(land.ground_colors[seen], _depth(quads)))

    def _paint_shadows(self, image: Image, view: View, frame: int, near: NDArray[np.bool_]) -> None:
        who = np.flatnonzero(near)
        quads = view.to_camera(self._placed(self.shadows[who], who, frame))
        dark = np.tile(0.45 * self.atmosphere.road, (len(who), 1))
        view.paint(image, quads, self.atmosphere.hazed(dark, _depth(quads)))

    def _placed(self, quads: Array, owner: NDArray[np.int64], frame: int) -> Array:
        """Turn and move quads (N, 4, 3) of actors `owner` (N,) to where these are at a frame."""
        placed = _turned(quads, self.yaw[owner, frame][:, None])
        placed[..., 0] += self.x[owner, frame][:, None]
        placed[..., 2] += self.z[owner, frame][:, None]
        return placed

    def _paint_upright(self, image: Image, view: View, frame: int, near: NDArray[np.bool_]) -> None:
        """Paint landscape and actors together, far objects first, each in its own order."""
        land = self.landscape
        ahead = land.object_z_m - view.z_m
        seen = (ahead > -12) & (ahead < min(110.0, 2.5 * self.atmosphere.visibility_m))
        still = seen[land.upright_object]
        owner = land.upright_object[still]
        still_quads = view.to_camera(land.upright[still])
        still_far = np.hypot(land.object_x_m[owner], ahead[owner]) + 1.5

        placed = self._placed(self.body.quads, self.owner, frame)
        normals = _turned(self.body.normals, self.yaw[self.owner, frame])
        eye = np.array([view.x_m, view.height_m, view.z_m])
        facing_us = ((placed.mean(1) - eye) * normals).sum(1) < 0
        shown = near[self.owner] & facing_us
        actor = self.owner[shown]
        actor_quads = view.to_camera(placed[shown])
        actor_far = np.hypot(self.x[actor, frame] - view.x_m, self.z[actor, frame] - view.z_m)

        quads = np.concatenate([still_quads, actor_quads])
        colors = np.concatenate([land.upright_colors[still], self._lit(frame, actor_quads, shown)])
        order = np.concatenate([np.zeros(len(owner), np.int64), self.body.order[shown]])
        group = np.concatenate([owner, len(ahead) + actor])
        sequence = np.lexsort((order, group, -np.concatenate([still_far, actor_far])))
        colors = self.atmosphere.hazed(colors, _depth(quads))
        view.paint(image, quads[sequence], colors[sequence])

    def _lit(self, frame: int, quads: Array, shown: NDArray[np.bool_]) -> Array:
        """Colours of the shown actor quads: dimmed paint, lamps, and our headlights at night."""
        lamp, night = self.body.lamp[shown], self.atmosphere.light == "night"
        colors = self.body.colors[shown].copy()
        paint = lamp == PAINTED
        colors[paint] *= self.atmosphere.ambient
        if night:
            beam = np.clip(1.6 - _depth(quads[paint]) / 22, 1.0, 1.6)
            colors[paint] *= beam[:, None]
            colors[lamp == HEAD_LAMP] = (255, 250, 235)
        braking = self.brake[self.owner[shown], frame]
        colors[(lamp == TAIL_LAMP) & braking] = (255, 40, 40)
        dim = np.array([120.0, 20.0, 30.0]) * max(self.atmosphere.ambient, 0.75)
        colors[(lamp == TAIL_LAMP) & ~braking] = dim
        clipped: Array = np.clip(colors, 0, 255)
        return clipped

    def _developed(self, image: Image, frame: int) -> Image:
        """Add rain, exposure, sensor noise and ego's own bonnet."""
        if self.scene.weather == "rain":
            streak = (self.atmosphere.haze * 1.1 + 12).tolist()
            for _ in range(RAIN_STREAKS):
                x, y, length = (
                    int(self.sensor.integers(low, high))
                    for low, high in ((0, WIDTH_PX), (-10, HEIGHT_PX), (5, 14))
                )
                cv2.line(image, (x, y), (x - length // 4, y + length), streak, 1, cv2.LINE_AA)
        noise = self.atmosphere.noise[self.sensor.integers(NOISE_FRAMES)]
        start = WIDTH_PX - int(self.sensor.integers(WIDTH_PX))
        noise = noise[:, start : start + WIDTH_PX]
        exposed = image * np.float32(self.scene.camera.gain[frame])
        exposed += noise
        np.rint(exposed, out=exposed)
        np.clip(exposed, 0, 255, out=exposed)
        developed: Image = exposed.astype(np.uint8)
        developed[-BONNET_PX:] = (14, 12, 12)
        return developed


def _depth(quads: Array) -> Array:
    depth: Array = quads[..., 2].mean(1)
    return depth


def _turned(points: Array, yaw_rad: Array) -> Array:
    """Turn points (..., 3) about the vertical axis by headings that broadcast to (...)."""
    cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
    x = points[..., 0] * cosine + points[..., 2] * sine
    z = points[..., 2] * cosine - points[..., 0] * sine
    return np.stack([x, points[..., 1], z], -1)


def _shadow(width_m: float, length_m: float) -> Array:
    half_width, half_length = 0.55 * width_m, 0.55 * length_m
    return np.array(
        [
            [-half_width, 0, -half_length],
            [half_width, 0, -half_length],
            [half_width, 0, half_length],
            [-half_width, 0, half_length],
        ]
    )


def _joined(bodies: list[Body]) -> Body:
    return Body(
        quads=np.concatenate([body.quads for body in bodies]),
        normals=np.concatenate([body.normals for body in bodies]),
        colors=np.concatenate([body.colors for body in bodies]),
        order=np.concatenate([body.order for body in bodies]),
        lamp=np.concatenate([body.lamp for body in bodies]),
    )
