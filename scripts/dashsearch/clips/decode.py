"""Decoding the frames that a task's windows show: once, by time, shard by shard."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.clips.isolation import Broken, isolated
from dashsearch.clips.pictures import decode_pictures_at
from dashsearch.clips.probe import reason
from dashsearch.clips.problems import ClipProblem, unsafe
from dashsearch.clips.stretch import Decoded
from dashsearch.clips.video import decode_at
from dashsearch.clips.windows import (
    TOLERANCE_S,
    WINDOWS_SCHEMA,
    ClipWindows,
    WindowSettings,
    WindowsWriter,
    window_times,
)
from dashsearch.files import canonical_json, digest
from dashsearch.hdf5 import writing_hdf5
from dashsearch.progress import Progress
from dashsearch.provenance import provenance
from dashsearch.tables import frame_of, write_table

SHARD_INDEX_SCHEMA = "shard_index/1"
SHARD_COLUMNS = {
    "clip_id": "string",
    "tte_s": "float64",
    "end_time_s": "float64",
    "real_frames": "int64",
    "most_early_s": "float64",
    "most_late_s": "float64",
    "problem_kind": "string",
    "problem": "string",
}
# What decoding a clip depends on.
CLIP_COLUMNS = ("clip_id", "path", "label", "reference_time_s", "cut_tte_s", "picture_rate_hz")
# Decoded clips that wait to be written may take this much together.
MEMORY_BYTES = 400_000_000

# A clip's windows and their rows of the index, or what is wrong with the clip.
Result = tuple[ClipWindows, list[Mapping[str, Any]]] | ClipProblem

logger = logging.getLogger(__name__)


def shard_of(manifest: pd.DataFrame, shard: int, clips_per_shard: int) -> pd.DataFrame:
    """Return the clips of one shard: a run of the manifest, usable and marked ones."""
    return manifest.iloc[shard * clips_per_shard : (shard + 1) * clips_per_shard]


def decode_windows(
    clips: pd.DataFrame,
    root: str | Path,
    settings: WindowSettings,
    windows: str | Path,
    index: str | Path,
    *,
    workers: int,
) -> None:
    """Decode the windows of the usable clips of one shard.

    A clip that breaks on the way gets no window, and a row in the index that says why. The bytes
    do not depend on `workers`, and the memory not on the number of clips.

    Parameters
    ----------
    clips
        Rows of a manifest; marked ones are left out.
    root
        The folder that the clips' paths start from.
    windows
        Where the frames go, as HDF5.
    index
        Where the table of windows goes: `SHARD_COLUMNS`, one row a window or broken clip.
    workers
        Processes; each decodes one clip at a time, on one thread.
    """
    usable = clips[clips["status"] == "ok"].sort_values("clip_id")
    todo = [{name: clip[name] for name in CLIP_COLUMNS} for clip in usable.to_dict("records")]
    # JSON has no NaN, which stands for "not given" in the table.
    inputs = {"clips": digest(usable[list(CLIP_COLUMNS)].to_json(orient="records"))}
    note = partial(provenance, libraries=("av", "numpy"), inputs=inputs, settings=asdict(settings))
    rows: list[Mapping[str, Any]] = []
    with writing_hdf5(windows) as store:
        writer = WindowsWriter(store, settings)
        for clip, result in _decode_all(todo, root, settings, workers):
            if isinstance(result, ClipProblem):
                logger.warning("%s", result)
                rows.append(_problem_row(clip["clip_id"], result))
            else:
                decoded, found = result
                writer.append(decoded)
                rows += found
        writer.close((), canonical_json(note(WINDOWS_SCHEMA)))
    write_table(index, frame_of(rows, SHARD_COLUMNS), SHARD_COLUMNS, note(SHARD_INDEX_SCHEMA))


def _decode_all(
    clips: Sequence[Mapping[str, Any]], root: str | Path, settings: WindowSettings, workers: int
) -> Iterator[tuple[Mapping[str, Any], Result]]:
    """Yield every clip with its windows and their rows, or with what is wrong with it."""

    def decode(clip: Mapping[str, Any]) -> Result:
        try:
            return decode_clip(clip, root, settings)
        except ClipProblem as problem:
            return problem

    # No more than this many clips wait to be written.
    ahead = max(1, min(4 * workers, MEMORY_BYTES // _bytes_of_clip(settings)))
    results = isolated(decode, clips, workers, ahead)
    with Progress("clips decoded", len(clips)) as progress:
        for clip, result in zip(clips, results, strict=True):
            if isinstance(result, Broken):
                yield clip, unsafe(str(clip["path"]), result.how)
            else:
                yield clip, result
            progress.add()


def _bytes_of_clip(settings: WindowSettings) -> int:
    return len(settings.tte_s) * settings.frames * settings.height * settings.width * 3


def decode_clip(
    clip: Mapping[str, Any], root: str | Path, settings: WindowSettings
) -> tuple[ClipWindows, list[Mapping[str, Any]]]:
    """Decode all windows of one clip.

    Parameters
    ----------
    clip
        `CLIP_COLUMNS` of a manifest's row.

    Returns
    -------
    ClipWindows, list of dict
        The windows, and their rows of the index.

    Raises
    ------
    ClipProblem
        If the video cannot be decoded up to the last instant.
    """
    cut = float(clip["cut_tte_s"])
    tte_s = settings.tte_s if np.isnan(cut) else (cut,)
    times = window_times(float(clip["reference_time_s"]), settings, tte_s)
    # Instants before the clip's start are padding, and show the window's first real frame.
    mask = times > -TOLERANCE_S
    first = np.where(mask, np.maximum(times, 0.0), np.inf).min(axis=1, keepdims=True)
    real = np.where(mask, np.maximum(times, 0.0), first)
    instants, place = np.unique(real, return_inverse=True)
    decoded = _decode_instants(clip, Path(root, str(clip["path"])), instants, settings)
    windows = ClipWindows(
        clip_id=str(clip["clip_id"]),
        label=int(clip["label"]),
        frames=decoded.frames,
        window_frames=decoded.shown[place].reshape(times.shape),
        mask=mask,
        tte_s=tte_s,
    )
    return windows, _rows(windows, times, decoded.offset_s[place].reshape(times.shape))


def _decode_instants(
    clip: Mapping[str, Any], path: Path, instants: NDArray[np.float64], settings: WindowSettings
) -> Decoded:
    name, rate_hz = str(clip["path"]), float(clip["picture_rate_hz"])
    size = (settings.height, settings.width)
    try:
        if np.isnan(rate_hz):
            return decode_at(path, instants, *size, name=name, most_late_s=settings.most_late_s)
        return decode_pictures_at(
            path, rate_hz, instants, *size, name=name, most_late_s=settings.most_late_s
        )
    except (av.FFmpegError, OSError) as error:
        raise ClipProblem(
            "damaged",
            f"{name} breaks while it is decoded ({reason(error)}); copy it again or remove the "
            "row.",
        ) from None


def _rows(
    windows: ClipWindows, times: NDArray[np.float64], offset_s: NDArray[np.float64]
) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for row, tte_s in enumerate(windows.tte_s):
        real = windows.mask[row]
        rows.append(
            {
                "clip_id": windows.clip_id,
                "tte_s": tte_s,
                "end_time_s": times[row, -1],
                "real_frames": int(real.sum()),
                "most_early_s": max(0.0, -float(offset_s[row, real].min())),
                "most_late_s": max(0.0, float(offset_s[row, real].max())),
                "problem_kind": "",
                "problem": "",
            }
        )
    return rows


def _problem_row(clip_id: str, problem: ClipProblem) -> Mapping[str, Any]:
    return {
        "clip_id": clip_id,
        "real_frames": 0,
        "problem_kind": problem.kind,
        "problem": str(problem),
    }
