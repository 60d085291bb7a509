"""What an experiment trains on and is scored on: plain arrays, by split."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingClips:
    """Training windows, grouped by clip so that a step can draw one of each.

    Attributes
    ----------
    values
        (n_clips, n_tte, T, C) float32.
    mask
        (n_clips, n_tte, T) bool, True where a frame is real; values are 0 elsewhere.
    label
        (n_clips,) int64, index of the class.
    tte_s
        (n_tte,) float64, time to event of each window of a clip in seconds, ascending.
    clip_id
        (n_clips,) identities.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    label: NDArray[np.int64]
    tte_s: NDArray[np.float64]
    clip_id: NDArray[np.str_]


@dataclass(frozen=True)
class ScoredWindows:
    """The windows of a split that only scores are computed on.

    Attributes
    ----------
    values
        (n_windows, T, C) float32.
    mask
        (n_windows, T) bool, True where a frame is real; values are 0 elsewhere.
    label
        (n_windows,) int64, index of the class.
    tte_s
        (n_windows,) float64, in seconds.
    clip_id
        (n_windows,) identities.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    label: NDArray[np.int64]
    tte_s: NDArray[np.float64]
    clip_id: NDArray[np.str_]


@dataclass(frozen=True)
class Reduction:
    """An affine map of frames: standardise, project on components (if any), scale.

    y = ((x - mean) / deviation) components^T / scale
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    components: NDArray[np.float64] | None
    scale: float

    def apply(self, values: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Map (..., D) to (..., C) float32; where `mask` (...) is False the result is 0."""
        frames = (values.reshape(-1, values.shape[-1]) - self.mean) / self.deviation
        if self.components is not None:
            frames = frames @ self.components.T / self.scale
        mapped = frames.astype(np.float32).reshape(*values.shape[:-1], -1)
        mapped[~mask] = 0
        return mapped

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the map as named arrays, for a store."""
        found = {"mean": self.mean, "deviation": self.deviation, "scale": np.array([self.scale])}
        return found if self.components is None else {**found, "components": self.components}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> "Reduction":
        """Make the map that `arrays` returned."""
        scale = float(arrays["scale"][0])
        return cls(arrays["mean"], arrays["deviation"], arrays.get("components"), scale)


@dataclass(frozen=True)
class PreparedData:
    """One backbone's features, ready for training.

    `digest` names the features and the splits, and `reduction` is what was done to the features.
    """

    backbone: str
    classes: tuple[str, ...]
    train: TrainingClips
    validation: ScoredWindows
    test: ScoredWindows
    digest: str
    reduction: Reduction | None = None

    @property
    def input_size(self) -> int:
        """C, dimensions of a frame."""
        return int(self.train.values.shape[-1])
