"""The others on the road: alike in both classes, and never in the way of ego."""

from dataclasses import replace

import numpy as np

from dashsearch.clips.synthetic.actors import draw_pedestrian, draw_vehicle, standing
from dashsearch.clips.synthetic.knobs import CrossingKnobs, HighwayKnobs
from dashsearch.clips.synthetic.motion import at, constant, travel, wander
from dashsearch.clips.synthetic.scene import (
    BUMPER_M,
    FRAMES,
    LANE_M,
    STEP_S,
    TIMES_S,
    Actor,
    Ego,
    Traffic,
    clearance_m,
    separation_m,
)

SPACING_M = 1.0
JUNCTION_REACH_M = 11.0
"""Nobody parks closer than this to the centre of the cross street."""


def with_highway_traffic(
    traffic: Traffic, rng: np.random.Generator, knobs: HighwayKnobs
) -> Traffic:
    """Add other vehicles, each keeping to its lane; one that would collide is left out."""
    speed = float(np.gradient(traffic.ego.z_m, STEP_S)[0])
    critical = traffic.critical
    others: list[Actor] = []
    for _ in range(knobs.traffic):
        lane = int(rng.choice(traffic.lanes))
        look = draw_vehicle(rng, truck_share=0.2)
        ahead = rng.uniform(48, 95) if lane == 0 else rng.uniform(-25, 75)
        difference = 0.0 if lane == 0 else rng.normal(0, 2.5) - 0.8 * lane
        z = traffic.ego.z_m[0] + BUMPER_M + ahead
        z = z + travel(np.maximum(speed + difference + wander(rng, 0.3, 0.95), 5.0))
        if lane == 0:
            z = np.maximum(z, critical.z_m + (critical.look.length_m + look.length_m) / 2 + 10.0)
        x = lane * LANE_M + wander(rng, 0.1, 0.97)
        brake = np.full(FRAMES, rng.random() < 0.3)
        others.append(Actor(look, x, z, constant(0.0), brake))
    return _joined(traffic, others)


def with_street_life(traffic: Traffic, rng: np.random.Generator, knobs: CrossingKnobs) -> Traffic:
    """Add bystanders, parked cars, harmless cross traffic and an oncoming car."""
    if traffic.junction_z_m is None:
        raise ValueError("a street without a junction has no street life; plan a crossing.")
    junction = traffic.junction_z_m
    here = at(traffic.critical.z_m, traffic.event_time_s)
    others = [_bystander(rng, here) for _ in range(rng.integers(0, knobs.bystanders + 1))]
    for _ in range(rng.integers(0, knobs.parked + 1)):
        look, z = draw_vehicle(rng, truck_share=0.2), here + rng.uniform(-30, 45)
        right = bool(rng.random() < 0.5)
        if abs(z - junction) > JUNCTION_REACH_M + look.length_m / 2:
            x, yaw = (3.1, 0.0) if right else (-6.4, np.pi)
            others.append(standing(look, x, z, yaw))
    crossing = int(rng.integers(0, knobs.cross_traffic + 1))
    others += [_cross_traffic(rng, junction) for _ in range(crossing)]
    oncoming, behind, speed = draw_vehicle(rng, 0.2), rng.uniform(5, 70), rng.uniform(4, 9)
    if rng.random() < knobs.oncoming_share:
        car = standing(oncoming, -3.5, here + behind, np.pi)
        others.append(replace(car, z_m=car.z_m - speed * TIMES_S))
    return _joined(traffic, others)


def _bystander(rng: np.random.Generator, here_z_m: float) -> Actor:
    """Put somebody on a pavement, walking along it or waiting at its edge."""
    right = bool(rng.random() < 0.5)
    x = rng.uniform(4.7, 6.0) if right else -rng.uniform(7.9, 9.2)
    direction = float(rng.choice([0.0, 0.0, 1.0, -1.0]))
    walking = direction * rng.uniform(0.7, 1.6)
    yaw = (0.0 if walking > 0 else np.pi) if walking else float(rng.choice([-1, 1])) * np.pi / 2
    person = standing(draw_pedestrian(rng), x, here_z_m + rng.uniform(-22, 30), yaw)
    return replace(person, z_m=person.z_m + walking * TIMES_S)


def _cross_traffic(rng: np.random.Generator, junction_z_m: float) -> Actor:
    """Let a car drive through a street farther on, in either direction."""
    direction = float(rng.choice([-1, 1]))
    z = junction_z_m + 30.0 + rng.uniform(0, 12)
    car = standing(draw_vehicle(rng, 0.2), 0.0, z, direction * np.pi / 2)
    return replace(car, x_m=direction * (rng.uniform(4, 9) * TIMES_S - rng.uniform(10, 45)))


def _joined(traffic: Traffic, others: list[Actor]) -> Traffic:
    """Add those who keep their distance from ego and from everybody who came before."""
    actors = list(traffic.actors)
    for other in others:
        free = min(separation_m(other, actor) for actor in actors) >= SPACING_M
        if free and _never_meets(traffic.ego, other):
            actors.append(other)
    return replace(traffic, actors=tuple(actors))


def _never_meets(ego: Ego, other: Actor) -> bool:
    return bool(clearance_m(ego, other).min() >= SPACING_M / 2)
