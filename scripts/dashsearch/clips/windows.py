"""Windows: which instants of a clip they show, and the HDF5 file that holds their frames."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from dashsearch.errors import InputError

WINDOWS_SCHEMA = "windows/1"


@dataclass(frozen=True)
class WindowSettings:
    """What a window is.

    Attributes
    ----------
    frames
        T, the number of frames.
    rate_hz
        Frames a second.
    tte_s
        Times to event, ascending: a window ends this long before the clip's reference time.
    height, width
        Size of the stored frames in pixels.
    """

    frames: int
    rate_hz: float
    tte_s: tuple[float, ...]
    height: int
    width: int

    @property
    def span_s(self) -> float:
        """How long before the reference time the earliest frame is shown."""
        return max(self.tte_s) + (self.frames - 1) / self.rate_hz


def window_times(reference_time_s: float, settings: WindowSettings) -> NDArray[np.float64]:
    """Instants that the windows of a clip show, in seconds: (number of TTEs, T), ascending in T.

    Rounded to microseconds, so that instants that two windows share are equal numbers.
    """
    ends = reference_time_s - np.array(settings.tte_s)
    steps = np.arange(1 - settings.frames, 1) / settings.rate_hz
    return np.round(ends[:, None] + steps[None, :], 6)


@dataclass(frozen=True)
class ClipWindows:
    """The windows of one clip.

    Attributes
    ----------
    frames
        Distinct frames in order of time, uint8 (F, H, W, 3), RGB.
    window_frames
        Which of them each window shows, int64 (number of TTEs, T).
    tte_s
        Time to event of each window in seconds.
    """

    clip_id: str
    label: int
    frames: NDArray[np.uint8]
    window_frames: NDArray[np.int64]
    tte_s: tuple[float, ...]


class WindowsWriter:
    """Appends the windows of clip after clip to an open HDF5 file."""

    def __init__(self, store: h5py.File, settings: WindowSettings) -> None:
        shape = (settings.height, settings.width, 3)
        self._store = store
        self._settings = settings
        self._frames = store.create_dataset(
            "frames", (0, *shape), np.uint8, maxshape=(None, *shape), chunks=(16, *shape)
        )
        self._clips: list[tuple[str, int]] = []
        self._windows: list[NDArray[np.int64]] = []

    def append(self, clip: ClipWindows) -> None:
        """Write the frames of a clip behind those of the last one."""
        first = len(self._frames)
        self._frames.resize(first + len(clip.frames), axis=0)
        self._frames[first:] = clip.frames
        self._windows.append(clip.window_frames + first)
        self._clips.append((clip.clip_id, clip.label))

    def close(self, marked: Mapping[str, str], note: str) -> None:
        """Write the index of windows and what made the file."""
        count, tte_s = len(self._clips), self._settings.tte_s
        shape = (count * len(tte_s), self._settings.frames)
        windows = np.concatenate(self._windows) if self._windows else np.zeros(shape, np.int64)
        ids = np.repeat(np.array([clip_id for clip_id, _ in self._clips], object), len(tte_s))
        labels = np.repeat(np.array([label for _, label in self._clips], np.uint8), len(tte_s))
        self._store["window_frames"] = windows.astype(np.int32)
        self._store["clip_id"] = ids.astype(h5py.string_dtype())
        self._store["tte_s"] = np.tile(np.array(tte_s, np.float64), count)
        self._store["label"] = labels
        self._store.attrs["marked"] = json.dumps(dict(marked), sort_keys=True)
        self._store.attrs["provenance"] = note


@contextmanager
def open_windows(path: str | Path) -> Iterator[Iterator[ClipWindows]]:
    """Open a windows file and iterate over its clips, one in memory at a time.

    Raises
    ------
    InputError
        If the file's schema is not this version's.
    """
    with h5py.File(path, "r") as store:
        schema = json.loads(store.attrs["provenance"])["schema"]
        if schema != WINDOWS_SCHEMA:
            raise InputError(f"{path} has the schema {schema}; decode it again.")
        yield _read_clips(store)


def read_marked(path: str | Path) -> dict[str, str]:
    """Clips that broke while they were decoded, with a sentence each."""
    with h5py.File(path, "r") as store:
        marked: dict[str, str] = json.loads(store.attrs["marked"])
        return marked


def _read_clips(store: h5py.File) -> Iterator[ClipWindows]:
    ids = store["clip_id"].asstr()[:]
    windows, tte_s, labels = store["window_frames"][:], store["tte_s"][:], store["label"][:]
    # The windows of a clip stand together, and so do its frames.
    starts = [row for row in range(len(ids)) if row == 0 or ids[row] != ids[row - 1]]
    for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
        rows = windows[start:end].astype(np.int64)
        first, last = int(rows.min()), int(rows.max())
        yield ClipWindows(
            clip_id=str(ids[start]),
            label=int(labels[start]),
            frames=store["frames"][first : last + 1],
            window_frames=rows - first,
            tte_s=tuple(float(tte) for tte in tte_s[start:end]),
        )
