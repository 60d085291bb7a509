"""Windows: which instants of a clip they show, and the HDF5 file that holds their frames."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from dashsearch.errors import InputError
from dashsearch.hdf5 import reading_hdf5

WINDOWS_SCHEMA = "windows/2"
# An instant this little before the first picture still shows it: times are rounded.
TOLERANCE_S = 1e-3


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
    min_frames
        Fewest frames of a window that lie in the clip; those before its start are padding.
    """

    frames: int
    rate_hz: float
    tte_s: tuple[float, ...]
    height: int
    width: int
    min_frames: int = 2

    @property
    def span_s(self) -> float:
        """How long before the reference time the earliest frame is shown."""
        return max(self.tte_s) + (self.frames - 1) / self.rate_hz

    @property
    def most_late_s(self) -> float:
        """How much later than its instant a frame may be: half a sampling step."""
        return 0.5 / self.rate_hz

    def needed_s(self, tte_s: float | None = None) -> float:
        """How much of a clip has to lie before the reference time, so that no window is too short.

        Parameters
        ----------
        tte_s
            The time to event of a clip with one window; None for one with all.
        """
        last = max(self.tte_s) if tte_s is None else tte_s
        return last + (self.min_frames - 1) / self.rate_hz - TOLERANCE_S


def window_times(
    reference_time_s: float, settings: WindowSettings, tte_s: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Instants that the windows of a clip show, in seconds: (number of TTEs, T), ascending in T.

    Rounded to microseconds, so that instants that two windows share are equal numbers. Negative
    ones lie before the clip's start.

    Parameters
    ----------
    tte_s
        Times to event, if not all of the settings.
    """
    ends = reference_time_s - np.array(settings.tte_s if tte_s is None else tte_s)
    steps = np.arange(1 - settings.frames, 1) / settings.rate_hz
    return np.round(ends[:, None] + steps[None, :], 6)


@dataclass(frozen=True)
class ClipWindows:
    """The windows of one clip, one a time to event (W of them).

    Attributes
    ----------
    frames
        Distinct frames in order of time, uint8 (F, H, W, 3), RGB.
    window_frames
        Which of them each window shows, int64 (W, T); where a window begins before its clip, the
        first frame that it does show.
    mask
        Where a window shows a real frame and no padding, bool (W, T).
    tte_s
        Time to event of each window in seconds.
    """

    clip_id: str
    label: int
    frames: NDArray[np.uint8]
    window_frames: NDArray[np.int64]
    mask: NDArray[np.bool_]
    tte_s: tuple[float, ...]


class WindowsWriter:
    """Appends the windows of clip after clip to an open HDF5 file.

    LZ4 is the filter that costs least to write and to read (benchmarks/decoding). Frames are
    stored one a chunk: a window reads what it shows and nothing else, and files are joined by
    copying chunks as they are.
    """

    def __init__(self, store: h5py.File, settings: WindowSettings) -> None:
        shape = (settings.height, settings.width, 3)
        self._store = store
        self._settings = settings
        self._frames = store.create_dataset(
            "frames",
            (0, *shape),
            np.uint8,
            maxshape=(None, *shape),
            chunks=(1, *shape),
            **hdf5plugin.LZ4(),
        )
        self._clips: list[ClipIndex] = []

    def append(self, clip: ClipWindows) -> None:
        """Write the frames of a clip behind those of the last one."""
        first = self._grow(len(clip.frames))
        self._frames[first:] = clip.frames
        self._clips.append(
            ClipIndex(clip.clip_id, clip.label, clip.window_frames + first, clip.mask, clip.tte_s)
        )

    def append_file(self, other: h5py.File) -> None:
        """Copy all windows of another file with the same settings, without decompressing them."""
        frames = other["frames"]
        first = self._grow(len(frames))
        for place in range(len(frames)):
            filters, chunk = frames.id.read_direct_chunk((place, 0, 0, 0))
            self._frames.id.write_direct_chunk((first + place, 0, 0, 0), chunk, filters)
        self._clips += [
            ClipIndex(clip.clip_id, clip.label, clip.window_frames + first, clip.mask, clip.tte_s)
            for clip in read_index(other)
        ]

    def _grow(self, frames: int) -> int:
        """Make room for frames; return the place of the first."""
        first = len(self._frames)
        self._frames.resize(first + frames, axis=0)
        return first

    def close(self, classes: Sequence[str], note: str) -> None:
        """Write the index of windows and what made the file."""
        clips, frames = self._clips, self._settings.frames
        counts = [len(clip.tte_s) for clip in clips]
        ids = np.repeat(np.array([clip.clip_id for clip in clips], object), counts)
        self._store["clip_id"] = ids.astype(h5py.string_dtype())
        self._store["label"] = np.repeat(np.array([c.label for c in clips], np.int64), counts)
        self._store["tte_s"] = np.array([tte for clip in clips for tte in clip.tte_s], np.float64)
        for name, kind in (("window_frames", np.int32), ("mask", np.bool_)):
            parts = [getattr(clip, name) for clip in clips]
            self._store[name] = np.concatenate([np.zeros((0, frames)), *parts]).astype(kind)
        self._store.attrs["classes"] = json.dumps(list(classes))
        self._store.attrs["provenance"] = note


@dataclass(frozen=True)
class ClipIndex:
    """The windows of a clip without their frames; `window_frames` counts from the file's first."""

    clip_id: str
    label: int
    window_frames: NDArray[np.int64]
    mask: NDArray[np.bool_]
    tte_s: tuple[float, ...]


def read_index(store: h5py.File) -> list[ClipIndex]:
    """Read the windows of an open file, clip by clip, in its order."""
    ids = store["clip_id"].asstr()[:]
    windows, mask = store["window_frames"][:].astype(np.int64), store["mask"][:].astype(bool)
    tte_s, labels = store["tte_s"][:], store["label"][:]
    # The windows of a clip stand together, and so do its frames.
    starts = [row for row in range(len(ids)) if row == 0 or ids[row] != ids[row - 1]]
    return [
        ClipIndex(
            str(ids[start]),
            int(labels[start]),
            windows[start:end],
            mask[start:end],
            tuple(tte_s[start:end].tolist()),
        )
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)
    ]


@contextmanager
def open_windows(
    path: str | Path, first: int = 0, last: int | None = None
) -> Iterator[Iterator[ClipWindows]]:
    """Open a windows file and iterate over its clips, one in memory at a time.

    Parameters
    ----------
    first, last
        Places of the first clip and of the one behind the last; all clips by default.

    Raises
    ------
    InputError
        If the file's schema is not this version's.
    """
    with open_store(path) as store:
        yield (_read_clip(store, clip) for clip in read_index(store)[first:last])


def _read_clip(store: h5py.File, clip: ClipIndex) -> ClipWindows:
    first, last = int(clip.window_frames.min()), int(clip.window_frames.max())
    return ClipWindows(
        clip_id=clip.clip_id,
        label=clip.label,
        frames=store["frames"][first : last + 1],
        window_frames=clip.window_frames - first,
        mask=clip.mask,
        tte_s=clip.tte_s,
    )


@contextmanager
def open_store(path: str | Path) -> Iterator[h5py.File]:
    """Open a windows file for reading; InputError if its schema is not this version's."""
    with reading_hdf5(path) as store:
        note: Mapping[str, Any] = json.loads(store.attrs["provenance"])
        if note["schema"] != WINDOWS_SCHEMA:
            raise InputError(f"{path} has the schema {note['schema']}; decode it again.")
        yield store


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Names of the classes by label."""
    with open_store(path) as store:
        return tuple(json.loads(store.attrs["classes"]))


def count_clips(path: str | Path, first: int = 0, last: int | None = None) -> int:
    """Count the clips from `first` up to `last`, as `open_windows` yields them."""
    with open_store(path) as store:
        return len(read_index(store)[first:last])


def read_frames_per_window(path: str | Path) -> int:
    """T, the number of frames of a window."""
    with open_store(path) as store:
        return int(store["window_frames"].shape[1])
