"""Prepared data on the device where training runs, put there once for all experiments."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dashsearch.errors import InputError
from dashsearch.training.data import PreparedData, ScoredWindows


@dataclass(frozen=True)
class ResidentSplit:
    """Features, mask and labels of a split.

    Attributes
    ----------
    values
        float32 (..., T, D).
    mask
        bool (..., T).
    whole
        Whether all frames are real, so that the mask is not needed.
    label
        int64, by clip in training and by window else.
    """

    values: Tensor
    mask: Tensor
    label: Tensor
    whole: bool


@dataclass(frozen=True, eq=False)
class ResidentData:
    """One backbone's prepared data as tensors; of each window the last frames that are used."""

    prepared: PreparedData
    train: ResidentSplit
    validation: ResidentSplit
    test: ResidentSplit

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes by label."""
        return self.prepared.classes

    @property
    def input_size(self) -> int:
        """D, dimensions of a frame."""
        return int(self.train.values.shape[-1])

    @property
    def train_clips(self) -> int:
        """How many clips are trained on."""
        return int(self.train.values.shape[0])

    @property
    def train_windows(self) -> int:
        """How many windows each of them has."""
        return int(self.train.values.shape[1])

    @property
    def shapes(self) -> tuple[int, ...]:
        """What has to be equal in a stack: sizes of all splits, T, D and the number of classes."""
        splits = (self.train, self.validation, self.test)
        sizes = [size for split in splits for size in split.values.shape]
        return (*sizes, len(self.classes))


def put_on(
    data: PreparedData, device: torch.device, sequence_length: int | None = None
) -> ResidentData:
    """Copy prepared data to a device.

    Parameters
    ----------
    sequence_length
        How many of a window's last frames are used; None: all.

    Raises
    ------
    InputError
        If windows are shorter than that, a window has only padding in these frames, or a feature is
        not finite.
    """
    where = f"prepared data of backbone {data.backbone}"
    frames = data.train.values.shape[-2]
    kept = frames if sequence_length is None else sequence_length
    if not 1 <= kept <= frames:
        raise InputError(
            f"{where}: sequence_length is {kept}, but windows have {frames} frames; decode longer "
            "windows, or take it from the space."
        )

    def put(
        values: NDArray[np.float32], mask: NDArray[np.bool_], label: NDArray[np.int64]
    ) -> ResidentSplit:
        values, mask = values[..., -kept:, :], mask[..., -kept:]
        if not mask.any(axis=-1).all():
            raise InputError(
                f"{where}: a window has only padding in its last {kept} frames; use longer "
                "sequences, or leave such clips out."
            )
        if not np.isfinite(values).all():
            raise InputError(f"{where}: a feature is not finite; prepare the features again.")
        parts = (np.ascontiguousarray(part) for part in (values, mask, label))
        tensors = [torch.from_numpy(part).to(device) for part in parts]
        return ResidentSplit(tensors[0], tensors[1], tensors[2], bool(mask.all()))

    def put_scored(split: ScoredWindows) -> ResidentSplit:
        return put(split.values, split.mask, split.label)

    train = put(data.train.values, data.train.mask, data.train.label)
    return ResidentData(data, train, put_scored(data.validation), put_scored(data.test))
