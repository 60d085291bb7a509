"""Cached features as tensors, in memory or on a GPU, in one call."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from dashsearch.features.store import FeatureSet, read_features


@dataclass(frozen=True)
class ResidentFeatures:
    """A backbone's features on a device.

    Attributes
    ----------
    values
        float16 (N, T, D).
    mask
        bool (N, T), True where a frame is real.
    label
        int64 (N,).
    table
        The same features as arrays, with clip and time to event of each window.
    """

    values: Tensor
    mask: Tensor
    label: Tensor
    table: FeatureSet


def load_features(path: str | Path, index: pd.DataFrame, device: str = "cpu") -> ResidentFeatures:
    """Read a backbone's features and put them on a device as a whole.

    Parameters
    ----------
    index
        The table of the task's windows, from `clips.window_index.read_window_index`.

    Raises
    ------
    InputError
        As `read_features`: if the file is damaged or holds other windows than the task.
    """
    table = read_features(path, index)
    parts = (torch.from_numpy(array) for array in (table.values, table.mask, table.label))
    values, mask, label = (part.to(device) for part in parts)
    return ResidentFeatures(values, mask, label, table)
