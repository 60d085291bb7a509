"""The camera: where it is mounted and how it shakes, drawn without knowing the label."""

import numpy as np

from dashsearch.clips.synthetic.knobs import CameraKnobs
from dashsearch.clips.synthetic.motion import wander
from dashsearch.clips.synthetic.scene import Camera


def draw_camera(rng: np.random.Generator, knobs: CameraKnobs) -> Camera:
    """Draw a camera; pitch holds jolts and a slower swing, yaw the same on a smaller scale."""
    exposure = rng.uniform(0.88, 1.12) * (1 + wander(rng, knobs.flicker, 0.8))
    return Camera(
        height_m=rng.uniform(1.2, 1.6),
        field_of_view_deg=rng.uniform(*knobs.field_of_view_deg),
        pitch_rad=wander(rng, knobs.shake_rad, 0.55) + wander(rng, knobs.shake_rad, 0.93),
        yaw_rad=wander(rng, knobs.yaw_rad, 0.6) + wander(rng, 0.003, 0.97),
        gain=np.clip(exposure, 0.7, 1.35),
    )
