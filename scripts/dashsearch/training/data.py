"""What an experiment trains on and is scored on: plain arrays, by split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingClips:
    """Training windows, grouped by clip so that a step can draw one of each.

    Attributes
    ----------
    values
        (n_clips, n_tte, T, C) float32.
    label
        (n_clips,) float32, 0 or 1.
    tte_s
        (n_tte,) float64, time to event of each window of a clip in seconds, ascending.
    clip_id
        (n_clips,) identities.
    """

    values: NDArray[np.float32]
    label: NDArray[np.float32]
    tte_s: NDArray[np.float64]
    clip_id: NDArray[np.str_]


@dataclass(frozen=True)
class ScoredWindows:
    """The windows of a split that only scores are computed on.

    Attributes
    ----------
    values
        (n_windows, T, C) float32.
    label
        (n_windows,) uint8, 0 or 1.
    tte_s
        (n_windows,) float64, in seconds.
    clip_id
        (n_windows,) identities.
    """

    values: NDArray[np.float32]
    label: NDArray[np.uint8]
    tte_s: NDArray[np.float64]
    clip_id: NDArray[np.str_]


@dataclass(frozen=True)
class PreparedData:
    """One backbone's features, ready for training. `digest` names the features and the splits."""

    backbone: str
    train: TrainingClips
    validation: ScoredWindows
    test: ScoredWindows
    digest: str

    @property
    def input_size(self) -> int:
        """C, dimensions of a frame."""
        return int(self.train.values.shape[-1])
