"""The crossing task: somebody crosses ego's road and is there when ego arrives, or is not."""

from dataclasses import dataclass, replace

import numpy as np

from dashsearch.clips.synthetic.draws import Draws
from dashsearch.clips.synthetic.knobs import CrossingKnobs
from dashsearch.clips.synthetic.motion import (
    at,
    constant,
    distance_since_start,
    distance_while_braking,
    travel,
    wander,
)
from dashsearch.clips.synthetic.scene import (
    BUMPER_M,
    FRAMES,
    TIMES_S,
    Actor,
    Ego,
    Kind,
    Look,
    Snapshot,
    Track,
    Traffic,
    clearance_m,
    snapshot_at,
)

ACTORS: tuple[Kind, ...] = ("car", "cyclist", "pedestrian")
ESCAPES = ("yields", "stands", "leaves", "along", "waits")
RAMP_S = {"car": 2.4, "truck": 2.4, "cyclist": 1.2, "pedestrian": 0.5}
"""How long an actor takes from a standstill to its speed."""
TRIES = 40
ONCOMING_M = (-4.6, -2.8)
"""Where the centre of an oncoming car may be."""
CROSSWALK_M = 6.6
"""From the centre of the cross street to the middle of a crosswalk."""
WALKABLE_M = 6.2
"""How far from the middle of ego's lane the pavements reach."""


@dataclass(frozen=True)
class Course:
    """Tracks of ego and the critical actor in one variant of an encounter."""

    maneuver: str
    ego_z_m: Track
    x_m: Track
    z_m: Track
    yaw_rad: Track


@dataclass(frozen=True)
class Encounter:
    """A drawn positive, and what its escapes need to know of it."""

    course: Course
    event_time_s: float
    contact: bool
    kind: Kind
    side: int
    speed_mps: float
    unhindered_x_m: Track
    cruise_mps: Track
    distance_m: Track


def plan_crossing(
    label: int, event_time_s: float, draws: Draws, look: Look, knobs: CrossingKnobs
) -> Traffic:
    """Script ego and the critical actor; the others join in `surroundings`.

    A negative first draws its positive, from the same streams as the positive would have been,
    then replaces the motion by one that goes through the same place at one instant.
    """
    sway = draws.stream("sway")
    ego_x = 0.15 * np.sin(TIMES_S * sway.uniform(0.3, 0.8) + sway.uniform(0, 6))
    encounter = _encounter(draws, event_time_s, look, knobs)
    course, snapshot = encounter.course, None
    if label == 0:
        course, snapshot = _escape(draws.stream("escape"), encounter, look, ego_x, knobs)
    return Traffic(
        label=label,
        maneuver=course.maneuver,
        event_time_s=event_time_s,
        contact=encounter.contact and label == 1,
        snapshot=snapshot,
        ego=Ego(x_m=ego_x, z_m=course.ego_z_m),
        actors=(_actor(look, course),),
        lanes=(-1, 0),
        curvature_per_m=constant(0.0),
        junction_z_m=_junction(draws.stream("junction"), encounter.kind, course, event_time_s),
    )


def draw_actor_kind(draws: Draws, knobs: CrossingKnobs) -> Kind:
    """Draw who crosses; needed before its look and its motion."""
    return ACTORS[draws.stream("actor_kind").choice(len(ACTORS), p=knobs.actor_mix)]


def _actor(look: Look, course: Course) -> Actor:
    return Actor(look, course.x_m, course.z_m, course.yaw_rad, np.zeros(FRAMES, bool))


def _encounter(draws: Draws, event_time_s: float, look: Look, knobs: CrossingKnobs) -> Encounter:
    """Draw a positive: at the event ego's bumper is at the side of the actor, in ego's path."""
    rng, motion = draws.stream("encounter"), draws.stream("ego")
    cruise = np.maximum(motion.uniform(*knobs.speed_mps) + wander(motion, 0.25, 0.97), 2.0)
    side = 1 if rng.random() < knobs.from_right_share else -1
    offset, speed = _crossing_motion(rng, event_time_s, look.kind, knobs)
    x = side * offset + rng.uniform(-0.7, 0.7)
    contact = bool(rng.random() >= knobs.near_miss_share)
    spare, braking = rng.uniform(*knobs.near_miss_m), rng.uniform(4.0, 7.0)
    if contact:
        after = event_time_s < TIMES_S
        x_seen = np.where(after, at(x, event_time_s), x)
        ego_z = travel(np.where(after, 0.15 * cruise, cruise))
        distance = BUMPER_M + look.width_m / 2
    else:
        x_seen = x
        ego_z = travel(_stopping(cruise, event_time_s, braking))
        distance = BUMPER_M + look.width_m / 2 + spare
    where = at(ego_z, event_time_s) + distance
    z = np.maximum(where, ego_z + BUMPER_M + look.width_m / 2)
    course = Course("crosses", ego_z, x_seen, z, constant(-side * np.pi / 2))
    return Encounter(course, event_time_s, contact, look.kind, side, speed, x, cruise, z - ego_z)


def _crossing_motion(
    rng: np.random.Generator, event_time_s: float, kind: Kind, knobs: CrossingKnobs
) -> tuple[Track, float]:
    """Distance still to cross, 0 at the event, and the speed: constant, or from a standstill."""
    speeds = {"cyclist": knobs.cyclist_mps, "pedestrian": knobs.pedestrian_mps}
    speed = rng.uniform(*speeds.get(kind, knobs.car_mps))
    start_s = event_time_s - rng.uniform(*knobs.start_s)
    if rng.random() < knobs.from_standstill_share:
        covered = distance_since_start(TIMES_S - start_s, speed, RAMP_S[kind])
        return at(covered, event_time_s) - covered, speed
    return speed * (event_time_s - TIMES_S), speed


def _stopping(cruise_mps: Track, stop_s: float, braking_mps2: float) -> Track:
    """Ego's speed when it brakes evenly to stand still at `stop_s`."""
    return np.minimum(cruise_mps, braking_mps2 * np.maximum(stop_s - TIMES_S, 0.0))


def _escape(
    rng: np.random.Generator,
    encounter: Encounter,
    look: Look,
    ego_x_m: Track,
    knobs: CrossingKnobs,
) -> tuple[Course, Snapshot]:
    """Give the positive's actor, or ego, another motion through the same place at one instant.

    A drawn escape that would touch ego, or leave the road, is drawn again at another instant; if
    it never fits this encounter, another takes its place.
    """
    drawn = ESCAPES[rng.choice(len(ESCAPES), p=knobs.escape_mix)]
    for maneuver in (drawn, "waits", "leaves", "yields"):
        late = maneuver in ("leaves", "waits")
        before_s = knobs.late_snapshot_s if late else knobs.snapshot_s
        for _ in range(TRIES):
            time_s = encounter.event_time_s - rng.uniform(*before_s)
            course = _variant(rng, maneuver, encounter, time_s, knobs)
            if course is None:
                continue
            ego, actor = Ego(ego_x_m, course.ego_z_m), _actor(look, course)
            if clearance_m(ego, actor).min() >= knobs.margin_m:
                return course, snapshot_at(ego, actor, time_s)
    raise RuntimeError(f"no escape fits the {encounter.kind} of this clip; widen the knobs.")


def _variant(
    rng: np.random.Generator,
    maneuver: str,
    encounter: Encounter,
    time_s: float,
    knobs: CrossingKnobs,
) -> Course | None:
    """One escape through the positive's place at `time_s`, or None where it makes no sense."""
    x_there = at(encounter.course.x_m, time_s)
    ego_z = travel(encounter.cruise_mps)
    speed, toward = encounter.speed_mps, encounter.course.yaw_rad
    x, yaw, along = constant(x_there), toward, constant(0.0)
    if maneuver == "yields":
        stop_s = time_s - rng.uniform(*knobs.yielded_before_s)
        to_go = distance_while_braking(stop_s - TIMES_S, speed, rng.uniform(0.8, 1.6))
        x = x_there + encounter.side * (to_go - at(to_go, time_s))
    elif maneuver == "stands":
        shifting = wander(rng, 0.03, 0.98)
        x = x_there + shifting - at(shifting, time_s)
    elif maneuver == "leaves":
        outward = 1.0 if x_there >= 0 else -1.0
        x, yaw = x_there + outward * speed * (TIMES_S - time_s), constant(outward * np.pi / 2)
    elif maneuver == "along":
        ahead = 1.0 if rng.random() < 0.5 else -1.0
        if encounter.kind in ("car", "truck"):
            ahead = -1.0
            if not ONCOMING_M[0] < x_there < ONCOMING_M[1]:
                return None
        elif abs(x_there) > WALKABLE_M:
            return None
        along = ahead * speed * (TIMES_S - time_s)
        yaw = constant(0.0 if ahead > 0 else np.pi)
    else:
        stop_s, braking = time_s - rng.uniform(*knobs.stopped_before_s), rng.uniform(2.2, 4.5)
        ego_z = travel(_stopping(encounter.cruise_mps, stop_s, braking))
        x = encounter.unhindered_x_m
    where = at(ego_z, time_s) + at(encounter.distance_m, time_s)
    return replace(
        encounter.course, maneuver=maneuver, ego_z_m=ego_z, x_m=x, z_m=where + along, yaw_rad=yaw
    )


def _junction(rng: np.random.Generator, kind: Kind, course: Course, event_time_s: float) -> float:
    """Centre of the cross street: under a car or a cyclist, beside a pedestrian's crosswalk."""
    where = at(course.z_m, event_time_s)
    if kind == "pedestrian":
        return where + float(rng.choice([-1, 1])) * CROSSWALK_M
    return where + rng.uniform(-1.5, 1.5)
