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
class PreparedData:
    """One backbone's features, ready for training. `digest` names the features and the splits."""

    backbone: str
    classes: tuple[str, ...]
    train: TrainingClips
    validation: ScoredWindows
    test: ScoredWindows
    digest: str

    @property
    def input_size(self) -> int:
        """C, dimensions of a frame."""
        return int(self.train.values.shape[-1])
