"""The manifest: one row a clip, with what its file says and whether it can be used."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.clips.adapters import ClipRecord, check_classes
from dashsearch.clips.probe import ClipProblem, VideoFacts, probe_video
from dashsearch.clips.windows import WindowSettings
from dashsearch.errors import InputError
from dashsearch.files import digest
from dashsearch.provenance import provenance
from dashsearch.seeds import derive_seed
from dashsearch.tables import frame_of, read_table, write_table

MANIFEST_SCHEMA = "manifest/1"
COLUMNS = {
    "clip_id": "string",
    "path": "string",
    "label": "int64",
    "event_time_s": "float64",
    "alert_time_s": "float64",
    "duration_s": "float64",
    "frame_rate_hz": "float64",
    "width_px": "int64",
    "height_px": "int64",
    "reference_time_s": "float64",
    "split": "string",
    "status": "string",
    "problem": "string",
}
UNKNOWN = VideoFacts(float("nan"), float("nan"), 0, 0)


def index_clips(
    records: Sequence[ClipRecord],
    root: str | Path,
    windows: WindowSettings,
    *,
    max_marked_share: float,
    workers: int,
) -> pd.DataFrame:
    """Probe every clip and mark those that cannot be used.

    Parameters
    ----------
    records
        From an adapter.
    root
        The folder that the records' paths start from.
    windows
        A clip has to hold every window before its reference time.
    max_marked_share
        Largest share of marked clips, in [0, 1], that is not an error.
    workers
        Threads.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`, sorted by `clip_id`. `status` is ``"ok"`` or ``"marked"``, and
        `problem` the sentence of a marked clip. `reference_time_s` is the event time of a positive;
        for a negative see `reference_time`.

    Raises
    ------
    InputError
        If too many clips are marked, or a class has no usable clip.
    """
    records = sorted(records, key=lambda record: record.clip_id)

    def look(record: ClipRecord) -> VideoFacts | ClipProblem:
        try:
            facts = probe_video(Path(root, record.path), f"{record.where}: the clip {record.path}")
            _check_times(record, facts, windows)
        except ClipProblem as problem:
            return problem
        return facts

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(look, records))
    check_marked(
        [str(p) for p in found if isinstance(p, ClipProblem)], len(records), max_marked_share, root
    )
    usable = [r for r, facts in zip(records, found, strict=True) if isinstance(facts, VideoFacts)]
    where = f"{root}, after marking"
    check_classes([record.label for record in usable], where)
    events = np.sort([r.event_time_s for r in usable if r.event_time_s is not None])
    rows = [
        _row(record, facts, events, windows) for record, facts in zip(records, found, strict=True)
    ]
    problems = [row["problem"] for row in rows if row["problem"]]
    check_marked(problems, len(rows), max_marked_share, root)
    check_classes([row["label"] for row in rows if not row["problem"]], where)
    return frame_of(rows, COLUMNS)


def reference_time(
    clip_id: str, duration_s: float, events: np.ndarray, windows: WindowSettings
) -> float | None:
    """Choose the reference time of a negative clip, which has no event.

    One of the positives' event times, among those that leave room for the windows in this clip,
    at a quantile given by a hash of the clip's id: so the place of a window in its clip tells
    nothing of the label, and a clip's reference does not depend on the order of the table.

    Returns
    -------
    float or None
        Seconds; None if no event time fits.
    """
    fitting = events[(events >= windows.span_s) & (events <= duration_s)]
    if not len(fitting):
        return None
    return float(fitting[derive_seed("reference time", clip_id) % len(fitting)])


def write_manifest(
    target: str | Path, manifest: pd.DataFrame, windows: WindowSettings, table_digest: str
) -> None:
    """Write the manifest as Parquet; `table_digest` is that of the data set's own table."""
    note = provenance(
        MANIFEST_SCHEMA,
        libraries=("av", "pandas", "pyarrow"),
        inputs={"table": table_digest},
        settings={"windows": digest(asdict(windows))},
    )
    write_table(target, manifest, COLUMNS, note)


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Read a manifest; InputError if its columns are not this version's."""
    return read_table(path, COLUMNS)


def _check_times(record: ClipRecord, facts: VideoFacts, windows: WindowSettings) -> None:
    event, alert = record.event_time_s, record.alert_time_s
    place = f"{record.where}: "
    if event is None:
        return
    if event > facts.duration_s:
        raise ClipProblem(
            f"{place}the event time is {event:g} s but the clip {record.path} ends at "
            f"{facts.duration_s:.3f} s; correct the time or remove the row."
        )
    if alert is not None and alert > event:
        raise ClipProblem(
            f"{place}the alert time {alert:g} s lies behind the event time {event:g} s; "
            "correct the times or remove the row."
        )
    if event < windows.span_s:
        raise ClipProblem(
            f"{place}the event time is {event:g} s but a window of {windows.frames} frames needs "
            f"{windows.span_s:g} s before it; lower windows.frames or remove the row."
        )


def _row(
    record: ClipRecord,
    facts: VideoFacts | ClipProblem,
    events: np.ndarray,
    windows: WindowSettings,
) -> Mapping[str, Any]:
    problem = ""
    reference = record.event_time_s
    if isinstance(facts, ClipProblem):
        problem, facts, reference = str(facts), UNKNOWN, None
    elif reference is None:
        reference = reference_time(record.clip_id, facts.duration_s, events, windows)
        if reference is None:
            problem = (
                f"{record.where}: no event time of a positive clip leaves room for a window in the "
                f"{facts.duration_s:.3f} s of {record.path}; use longer clips or remove the row."
            )
    known = {"event_time_s": record.event_time_s, "alert_time_s": record.alert_time_s}
    return {
        "clip_id": record.clip_id,
        "path": record.path,
        "label": record.label,
        **{name: float("nan") if value is None else value for name, value in known.items()},
        **asdict(facts),
        "reference_time_s": float("nan") if problem or reference is None else reference,
        "split": record.split,
        "status": "marked" if problem else "ok",
        "problem": problem,
    }


def check_marked(
    problems: Sequence[str], clips: int, max_marked_share: float, root: str | Path
) -> None:
    """Raise InputError if more than this share of the clips in `root` has a problem."""
    share = len(problems) / clips
    if share > max_marked_share:
        raise InputError(
            f"{root}: {len(problems)} of {clips} clips ({share:.0%}) cannot be used, more than "
            f"max_marked_share {max_marked_share:.0%}; mend them, or raise the setting to go on "
            f"without them. The first: {' '.join(problems[:3])}"
        )
