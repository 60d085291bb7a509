"""The settings of the two tasks: every number that decides how hard they are."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class CameraKnobs:
    """How the camera is mounted and how it shakes.

    `field_of_view_deg` is horizontal; `shake_rad` and `yaw_rad` are standard deviations of the
    pitch and yaw noise; `flicker` that of the relative exposure.
    """

    field_of_view_deg: Range
    shake_rad: float
    yaw_rad: float
    flicker: float


@dataclass(frozen=True)
class HighwayKnobs:
    """The highway task.

    Mixes are probabilities: `encounter_mix` of (lead brakes, cut-in, slow traffic ahead) and
    `escape_mix` of (settles, pulls away, steady, recovers, passes in its own lane).
    """

    camera: CameraKnobs
    speed_mps: Range = (16.0, 31.0)
    closing_mps: Range = (6.0, 12.0)
    slow_traffic_factor: float = 1.2
    braking_mps2: Range = (3.5, 6.0)
    braking_s: Range = (2.4, 3.4)
    encounter_mix: tuple[float, float, float] = (0.25, 0.27, 0.48)
    escape_mix: tuple[float, float, float, float, float] = (0.50, 0.24, 0.08, 0.08, 0.10)
    near_miss_share: float = 0.3
    near_miss_m: Range = (0.7, 1.6)
    snapshot_s: Range = (0.4, 1.6)
    settling_s: Range = (1.2, 2.2)
    settled_before_s: Range = (-0.1, 0.9)
    opening_mps: Range = (3.0, 9.0)
    opened_before_s: Range = (-0.3, 2.0)
    residual_mps: Range = (0.3, 1.2)
    safe_gap_m: float = 2.2
    traffic: int = 3
    sway_m: float = 0.3


@dataclass(frozen=True)
class CrossingKnobs:
    """The crossing task.

    Mixes are probabilities: `actor_mix` of (car, cyclist, pedestrian) and `escape_mix` of (actor
    yields, stands, has crossed and leaves, moves along the road, crosses while ego waits).
    """

    camera: CameraKnobs
    speed_mps: Range = (4.0, 7.5)
    car_mps: Range = (4.0, 7.5)
    cyclist_mps: Range = (2.8, 5.5)
    pedestrian_mps: Range = (1.3, 2.8)
    start_s: Range = (2.0, 3.0)
    from_standstill_share: float = 0.35
    actor_mix: tuple[float, float, float] = (0.55, 0.20, 0.25)
    escape_mix: tuple[float, float, float, float, float] = (0.28, 0.20, 0.28, 0.12, 0.12)
    near_miss_share: float = 0.15
    near_miss_m: Range = (0.6, 1.4)
    snapshot_s: Range = (0.4, 1.6)
    late_snapshot_s: Range = (0.3, 0.9)
    yielded_before_s: Range = (0.2, 1.6)
    stopped_before_s: Range = (-0.4, 0.9)
    margin_m: float = 0.6
    from_right_share: float = 0.9
    bystanders: int = 1
    parked: int = 1
    cross_traffic: int = 1
    oncoming_share: float = 0.3


EVENT_TIME_S: Range = (6.2, 7.1)
"""Positives' event times; early enough to end inside the clip, late enough for a whole window."""

ALERT_LEAD_S: Range = (0.9, 2.2)

HIGHWAY = HighwayKnobs(
    camera=CameraKnobs(field_of_view_deg=(48.0, 62.0), shake_rad=0.008, yaw_rad=0.006, flicker=0.06)
)
CROSSING = CrossingKnobs(
    camera=CameraKnobs(field_of_view_deg=(80.0, 96.0), shake_rad=0.003, yaw_rad=0.003, flicker=0.04)
)
