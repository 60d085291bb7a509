"""Small kinematic building blocks shared by both tasks."""

import numpy as np

from dashsearch.clips.synthetic.scene import FRAMES, STEP_S, TIMES_S, Track


def smooth_step(progress: Track) -> Track:
    """Rise from 0 to 1 with zero slope at both ends (cubic Hermite), clamped outside [0, 1]."""
    u = np.clip(progress, 0.0, 1.0)
    step: Track = u * u * (3.0 - 2.0 * u)
    return step


def wander(rng: np.random.Generator, sd: float, memory: float) -> Track:
    """Stationary first-order autoregressive noise of standard deviation `sd`, shape (FRAMES,)."""
    track = np.empty(FRAMES)
    value = rng.normal(0.0, sd)
    shocks = rng.normal(0.0, sd * np.sqrt(1.0 - memory * memory), FRAMES)
    for frame, shock in enumerate(shocks):
        value = memory * value + shock
        track[frame] = value
    return track


def at(track: Track, time_s: float) -> float:
    """Value of a track at a time between frames, by linear interpolation."""
    return float(np.interp(time_s, TIMES_S, track))


def travel(speed_mps: Track) -> Track:
    """Distance travelled since the first frame at the given speeds, shape (FRAMES,)."""
    distance: Track = np.cumsum(speed_mps) * STEP_S
    return distance


def constant(value: float) -> Track:
    """Return a track that does not change."""
    return np.full(FRAMES, float(value))


def distance_while_braking(time_left_s: Track, speed_mps: float, braking_s: float) -> Track:
    """Distance still to go when a body will have stopped in `time_left_s`.

    It moves at `speed_mps` until `braking_s` before its stop, then slows down evenly; shape
    (FRAMES,).
    """
    left = np.maximum(time_left_s, 0.0)
    braking = 0.5 * speed_mps / braking_s * left**2
    cruising = 0.5 * speed_mps * braking_s + speed_mps * (left - braking_s)
    return np.where(left < braking_s, braking, cruising)


def distance_since_start(time_moving_s: Track, speed_mps: float, ramp_s: float) -> Track:
    """Distance covered by a body that stood, then reached `speed_mps` evenly within `ramp_s`."""
    return distance_while_braking(time_moving_s, speed_mps, ramp_s)
