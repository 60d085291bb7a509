"""Synthetic features for the comparison of trainers, with a weak signal that grows over time.

Frames are white noise; those of positives drift along one direction, most in the last frame.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DRIFT = 1.0  # of a positive's last frame, in standard deviations of the noise


@dataclass(frozen=True)
class Size:
    """Windows of both splits, frames of a window and dimensions of a frame."""

    train: int
    validation: int
    frames: int
    dimensions: int


SIZES = {"small": Size(256, 64, 16, 64), "paper": Size(1200, 300, 20, 768)}


@dataclass(frozen=True)
class Data:
    """Both splits: float32 features (N, T, D), bool masks (N, T), int64 labels (N,)."""

    train_x: NDArray[np.float32]
    train_mask: NDArray[np.bool_]
    train_label: NDArray[np.int64]
    validation_x: NDArray[np.float32]
    validation_mask: NDArray[np.bool_]
    validation_label: NDArray[np.int64]

    @property
    def dimensions(self) -> int:
        """D, dimensions of a frame."""
        return self.train_x.shape[2]


def make_data(size: str, seed: int = 0, padded: float = 0.0) -> Data:
    """Draw both splits, half of each positive.

    Parameters
    ----------
    size
        A name of `SIZES`.
    padded
        Share of windows whose last frames are padding. Windows of the tool's tasks are full.
    """
    wanted = SIZES[size]
    generator = np.random.default_rng(seed)
    direction = generator.standard_normal(wanted.dimensions)
    direction /= np.linalg.norm(direction)
    drift = DRIFT * np.linspace(0, 1, wanted.frames)[:, None] * direction
    arrays = []
    for count in (wanted.train, wanted.validation):
        label = generator.permutation(np.arange(count) % 2)
        x = generator.standard_normal((count, wanted.frames, wanted.dimensions))
        x += label[:, None, None] * drift
        short = generator.integers(wanted.frames // 2, wanted.frames, size=count)
        length = np.where(generator.random(count) < padded, short, wanted.frames)
        mask = np.arange(wanted.frames) < length[:, None]
        x[~mask] = 0.0
        arrays += [x.astype(np.float32), mask, label.astype(np.int64)]
    return Data(*arrays)


def save(data: Data, path: Path) -> None:
    """Write an npz, not compressed."""
    np.savez(path, **asdict(data))


def load(path: Path) -> Data:
    """Read what `save` wrote."""
    with np.load(path) as arrays:
        return Data(**arrays)


def main() -> None:
    """Write the data of one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("path", type=Path)
    arguments = parser.parse_args()
    save(make_data(arguments.size), arguments.path)


if __name__ == "__main__":
    main()
