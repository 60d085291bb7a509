"""The highway task: a vehicle ahead that ego reaches, or that only looks as if it would."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.synthetic.draws import Draws
from dashsearch.clips.synthetic.knobs import HighwayKnobs
from dashsearch.clips.synthetic.motion import (
    at,
    constant,
    distance_since_start,
    distance_while_braking,
    smooth_step,
    travel,
    wander,
)
from dashsearch.clips.synthetic.scene import (
    BUMPER_M,
    FRAMES,
    LANE_M,
    STEP_S,
    TIMES_S,
    Actor,
    Ego,
    Look,
    Track,
    Traffic,
    snapshot_at,
)

ENCOUNTERS = ("lead_brakes", "cut_in", "slow_traffic")
ESCAPES = ("settles", "pulls_away", "steady", "recovers", "passes")
FARTHEST_M = 90.0
TRIES = 40


@dataclass(frozen=True)
class Approach:
    """How the critical vehicle moves relative to ego: gap along the road and lane position."""

    maneuver: str
    gap_m: Track
    lateral_m: Track
    brake: NDArray[np.bool_]
    contact: bool


def plan_highway(
    label: int, event_time_s: float, draws: Draws, look: Look, knobs: HighwayKnobs
) -> Traffic:
    """Script ego and the critical vehicle; the others join in `surroundings`.

    A negative first draws its positive, from the same streams as the positive would have been,
    then replaces the motion by one that goes through the same gap at one instant.
    """
    approach = _encounter(draws.stream("encounter"), event_time_s, knobs)
    matched_s = None
    if label == 0:
        approach, matched_s = _escape(draws.stream("escape"), approach, event_time_s, knobs)
    ego = _ego(draws.stream("ego"), event_time_s, knobs)
    critical = _critical(draws.stream("lane_keeping"), approach, ego, look)
    lanes = _lanes(draws.stream("lanes"), approach.lateral_m)
    curve = draws.stream("road")
    return Traffic(
        label=label,
        maneuver=approach.maneuver,
        event_time_s=event_time_s,
        contact=approach.contact,
        snapshot=None if matched_s is None else snapshot_at(ego, critical, matched_s),
        ego=ego,
        actors=(critical,),
        lanes=lanes,
        curvature_per_m=curve.normal(0, 5e-4)
        + curve.normal(0, 3e-4) * np.sin(0.5 * TIMES_S + curve.uniform(0, 6)),
        junction_z_m=None,
    )


def _encounter(rng: np.random.Generator, event_time_s: float, knobs: HighwayKnobs) -> Approach:
    """Draw a positive: the gap falls to nothing, or to the width of a hand, at the event."""
    maneuver = ENCOUNTERS[rng.choice(len(ENCOUNTERS), p=knobs.encounter_mix)]
    left = event_time_s - TIMES_S
    lateral = constant(0.0)
    if maneuver == "lead_brakes":
        braking, lasting = rng.uniform(*knobs.braking_mps2), rng.uniform(*knobs.braking_s)
        drift = rng.normal(0.0, 0.4)
        at_onset = 0.5 * braking * lasting**2 + drift * lasting
        since = lasting - left
        gap = np.where(
            since < 0, at_onset - drift * since, at_onset - drift * since - 0.5 * braking * since**2
        )
        brake = since > 0
    elif maneuver == "cut_in":
        gap = rng.uniform(*knobs.closing_mps) * left
        lateral = _lane_change(rng, event_time_s - rng.uniform(2.2, 3.4))
        brake = left < rng.uniform(0.0, 1.5)
    else:
        gap = rng.uniform(*knobs.closing_mps) * knobs.slow_traffic_factor * left
        brake = np.full(FRAMES, rng.random() < 0.5)
    contact = bool(rng.random() >= knobs.near_miss_share)
    closest = 0.0 if contact else rng.uniform(*knobs.near_miss_m)
    gap = np.sqrt(np.maximum(gap, 0.0) ** 2 + closest**2)
    escape_speed = 0.0 if contact else 0.6
    gap = np.where(left < 0, closest - escape_speed * left, gap)
    return Approach(maneuver, np.minimum(gap, FARTHEST_M), lateral, brake, contact)


def _lane_change(rng: np.random.Generator, start_s: float) -> Track:
    side, lasting = rng.choice([-1, 1]), rng.uniform(1.4, 2.4)
    change: Track = side * LANE_M * (1 - smooth_step((TIMES_S - start_s) / lasting))
    return change


Motion = Callable[[np.random.Generator, float, HighwayKnobs], Track]


def _settling(rng: np.random.Generator, time_s: float, knobs: HighwayKnobs) -> Track:
    """Start far, then near and still: ego slows down in time, or the lead speeds up."""
    settled_s = time_s - rng.uniform(*knobs.settled_before_s)
    speed, braking = rng.uniform(*knobs.closing_mps), rng.uniform(*knobs.settling_s)
    return distance_while_braking(settled_s - TIMES_S, speed, braking) + wander(rng, 0.2, 0.985)


def _pulling_away(rng: np.random.Generator, time_s: float, knobs: HighwayKnobs) -> Track:
    """Start near and still, then far: the settling approach in reversed time."""
    start_s = time_s - rng.uniform(*knobs.opened_before_s)
    speed, ramp = rng.uniform(*knobs.opening_mps), rng.uniform(*knobs.settling_s)
    return distance_since_start(TIMES_S - start_s, speed, ramp) + wander(rng, 0.2, 0.985)


def _steady(rng: np.random.Generator, _time_s: float, _knobs: HighwayKnobs) -> Track:
    return wander(rng, 0.35, 0.985)


def _recovering(rng: np.random.Generator, time_s: float, knobs: HighwayKnobs) -> Track:
    """Shrink the gap a little and settle: the lead brakes, and so does ego."""
    onset_s, lasting = time_s - rng.uniform(0.3, 1.6), rng.uniform(1.6, 2.6)
    loss = rng.uniform(*knobs.residual_mps) * lasting * 0.5
    shrinking: Track = -loss * smooth_step((TIMES_S - onset_s) / lasting)
    return shrinking


def _passing(rng: np.random.Generator, time_s: float, knobs: HighwayKnobs) -> Track:
    """Overtake a slower vehicle that stays in its own lane."""
    passing: Track = -rng.uniform(*knobs.closing_mps) * (TIMES_S - time_s)
    return passing


_MOTIONS: dict[str, Motion] = {
    "settles": _settling,
    "pulls_away": _pulling_away,
    "steady": _steady,
    "recovers": _recovering,
    "passes": _passing,
}


def _escape(
    rng: np.random.Generator, positive: Approach, event_time_s: float, knobs: HighwayKnobs
) -> tuple[Approach, float]:
    """Give the positive's vehicle another motion through the same gap at one instant.

    Brake lights stay as they were drawn for the positive, so they tell nothing about the label.
    """
    maneuver = ESCAPES[rng.choice(len(ESCAPES), p=knobs.escape_mix)]
    lateral = positive.lateral_m
    if maneuver == "passes":
        lateral = rng.choice([-1, 1]) * LANE_M + wander(rng, 0.08, 0.97)
    for _ in range(TRIES):
        time_s = event_time_s - rng.uniform(*knobs.snapshot_s)
        gap_there = at(positive.gap_m, time_s)
        motion = _MOTIONS[maneuver](rng, time_s, knobs)
        gap = np.minimum(gap_there + motion - at(motion, time_s), FARTHEST_M)
        if maneuver == "passes" or gap.min() >= knobs.safe_gap_m:
            return Approach(maneuver, gap, lateral, positive.brake, contact=False), time_s
    raise RuntimeError(f"no way to {maneuver} fits this {positive.maneuver}; widen the knobs.")


def _ego(rng: np.random.Generator, event_time_s: float, knobs: HighwayKnobs) -> Ego:
    """Draw ego's speed, with or without a braking of its own, whatever the label."""
    speed = rng.uniform(*knobs.speed_mps) + wander(rng, 0.4, 0.97)
    if rng.random() < 0.5:
        start_s = event_time_s - rng.uniform(-0.2, 2.5)
        speed = speed - rng.uniform(1.0, 4.0) * np.clip(TIMES_S - start_s, 0.0, 1.5)
    sway = knobs.sway_m * rng.uniform(0.2, 1.0)
    swaying = sway * np.sin(TIMES_S * rng.uniform(0.3, 0.8) + rng.uniform(0, 6))
    return Ego(x_m=swaying, z_m=travel(np.maximum(speed, 3.0)))


def _lanes(rng: np.random.Generator, lateral_m: Track) -> tuple[int, ...]:
    """Draw the lanes of the road: two or three, always with the one the critical vehicle uses."""
    two = rng.random() < 0.3
    missing = int(rng.choice([-1, 1]))
    if (lateral_m * missing).max() > LANE_M / 4:
        missing = -missing
    return tuple(lane for lane in (-1, 0, 1) if not (two and lane == missing))


def _critical(rng: np.random.Generator, approach: Approach, ego: Ego, look: Look) -> Actor:
    """Place the critical vehicle so that its nearest face is the gap away from ego's bumper."""
    lateral = approach.lateral_m + wander(rng, 0.1, 0.97)
    yaw = np.arctan2(np.gradient(lateral, STEP_S), 20.0)
    shape = Actor(look, lateral, lateral, yaw, approach.brake)
    ahead = ego.z_m + BUMPER_M + approach.gap_m + shape.half_extent_m()[1]
    return Actor(look, lateral, ahead, yaw, approach.brake)
