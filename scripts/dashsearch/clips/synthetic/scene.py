"""What a scene is: tracks of ego and actors over the frames of a clip, and how close they come.

World frame: z forward along ego's road, x to the right, y up; metres, seconds, radians.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FRAME_RATE_HZ = 15
DURATION_S = 8.0
FRAMES = int(FRAME_RATE_HZ * DURATION_S)
STEP_S = 1.0 / FRAME_RATE_HZ
TIMES_S: NDArray[np.float64] = np.arange(FRAMES) / FRAME_RATE_HZ
TIMES_S.setflags(write=False)

LANE_M = 3.6
BUMPER_M = 1.9
"""From the camera to ego's front bumper."""
EGO_WIDTH_M = 1.8
EGO_LENGTH_M = 4.4

Track = NDArray[np.float64]
Color = tuple[float, float, float]
"""Red, green, blue in [0, 255]."""
TaskName = Literal["highway", "crossing"]
Kind = Literal["car", "truck", "cyclist", "pedestrian"]
Light = Literal["day", "dusk", "night"]
Weather = Literal["clear", "rain", "fog"]


@dataclass(frozen=True)
class Look:
    """Kind, size and colour of an actor; drawn without knowing the label."""

    kind: Kind
    width_m: float
    length_m: float
    height_m: float
    color: Color


@dataclass(frozen=True)
class Actor:
    """Somebody on the road: the centre of its footprint, its heading and its brake lights.

    A heading of 0 looks along ego's road, pi / 2 to the right. Tracks have shape (FRAMES,).
    """

    look: Look
    x_m: Track
    z_m: Track
    yaw_rad: Track
    brake: NDArray[np.bool_]

    def half_extent_m(self) -> tuple[Track, Track]:
        """Half of the footprint's bounding box along x and z, per frame."""
        cosine, sine = np.abs(np.cos(self.yaw_rad)), np.abs(np.sin(self.yaw_rad))
        half_width, half_length = self.look.width_m / 2, self.look.length_m / 2
        return half_width * cosine + half_length * sine, half_width * sine + half_length * cosine


@dataclass(frozen=True)
class Ego:
    """The camera's own track; `z_m` is the camera, the bumper is `BUMPER_M` ahead of it."""

    x_m: Track
    z_m: Track


@dataclass(frozen=True)
class Snapshot:
    """Where the critical actor is, relative to ego, at one instant.

    `ahead_m` runs along the road from the camera to the actor's centre, `lateral_m` across it.
    """

    time_s: float
    ahead_m: float
    lateral_m: float


@dataclass(frozen=True)
class Traffic:
    """A scripted encounter before it is filmed: ego, the critical actor and the others.

    `event_time_s` is the time of the collision or of the closest approach; for a negative it is
    that of the positive it was matched to, and is never written to disk. `contact` tells the
    collisions from the near misses. `snapshot` is the instant at which a negative agrees with its
    positive, None for positives.
    """

    label: int
    maneuver: str
    event_time_s: float
    contact: bool
    snapshot: Snapshot | None
    ego: Ego
    actors: tuple[Actor, ...]
    lanes: tuple[int, ...]
    curvature_per_m: Track
    junction_z_m: float | None

    @property
    def critical(self) -> Actor:
        """The actor that the label is about."""
        return self.actors[0]


@dataclass(frozen=True)
class Camera:
    """Mounting and shaking of the camera; tracks have shape (FRAMES,)."""

    height_m: float
    field_of_view_deg: float
    pitch_rad: Track
    yaw_rad: Track
    gain: Track


@dataclass(frozen=True)
class Scene:
    """Everything the renderer needs besides its own random streams."""

    task: TaskName
    traffic: Traffic
    camera: Camera
    light: Light
    weather: Weather


def snapshot_at(ego: Ego, actor: Actor, time_s: float) -> Snapshot:
    """Where an actor is relative to ego at a time between frames."""
    ahead, lateral = (
        float(np.interp(time_s, TIMES_S, track)) for track in (actor.z_m - ego.z_m, actor.x_m)
    )
    return Snapshot(time_s, ahead, lateral)


def gap_m(ego: Ego, actor: Actor) -> Track:
    """Distance along the road from ego's bumper to the actor's nearest face, shape (FRAMES,)."""
    return actor.z_m - actor.half_extent_m()[1] - ego.z_m - BUMPER_M


def clearance_m(ego: Ego, actor: Actor) -> Track:
    """Distance between the footprints of ego and an actor, 0 where they touch, shape (FRAMES,)."""
    half_x, half_z = actor.half_extent_m()
    across = np.abs(actor.x_m - ego.x_m) - half_x - EGO_WIDTH_M / 2
    middle = ego.z_m + BUMPER_M - EGO_LENGTH_M / 2
    along = np.abs(actor.z_m - middle) - half_z - EGO_LENGTH_M / 2
    distance: Track = np.hypot(np.maximum(across, 0), np.maximum(along, 0))
    return distance


def separation_m(one: Actor, other: Actor) -> float:
    """Smallest distance between the footprints of two actors over the clip."""
    (one_x, one_z), (other_x, other_z) = one.half_extent_m(), other.half_extent_m()
    across = np.maximum(np.abs(one.x_m - other.x_m) - one_x - other_x, 0)
    along = np.maximum(np.abs(one.z_m - other.z_m) - one_z - other_z, 0)
    return float(np.hypot(across, along).min())
