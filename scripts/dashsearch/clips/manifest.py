"""The manifest: one row a clip, with what its file says and whether it can be used."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.clips.isolation import Broken, isolated
from dashsearch.clips.pictures import probe_pictures
from dashsearch.clips.probe import VideoFacts, probe_video
from dashsearch.clips.problems import ClipProblem, unsafe
from dashsearch.clips.records import ClipRecord, DataSet, check_classes
from dashsearch.clips.windows import WindowSettings
from dashsearch.errors import InputError
from dashsearch.files import digest
from dashsearch.provenance import provenance
from dashsearch.seeds import derive_seed
from dashsearch.tables import frame_of, read_note, read_table, write_table

MANIFEST_SCHEMA = "manifest/2"
COLUMNS = {
    "clip_id": "string",
    "path": "string",
    "label": "int64",
    "class_name": "string",
    "event_time_s": "float64",
    "alert_time_s": "float64",
    "duration_s": "float64",
    "frame_rate_hz": "float64",
    "width_px": "int64",
    "height_px": "int64",
    "picture_rate_hz": "float64",
    "reference_time_s": "float64",
    "cut_tte_s": "float64",
    "split": "string",
    "group": "string",
    "status": "string",
    "problem_kind": "string",
    "problem": "string",
}
UNKNOWN = VideoFacts(float("nan"), float("nan"), 0, 0)
# Level of the test that warns of reference times that tell the class.
TELLING = 0.01

logger = logging.getLogger(__name__)


def index_clips(
    data: DataSet, windows: WindowSettings, *, max_marked_share: float, workers: int
) -> pd.DataFrame:
    """Probe every clip and mark those that cannot be used.

    Parameters
    ----------
    data
        From an adapter.
    windows
        Each window of a clip has to hold `windows.min_frames` real frames.
    max_marked_share
        Largest share of marked clips, in [0, 1], that is not an error.
    workers
        Processes.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`, sorted by `clip_id`. `status` is ``"ok"`` or ``"marked"``;
        `problem_kind` (one of `problems.KINDS`) and `problem` (a sentence) are those of a marked
        clip. `reference_time_s` is the event time of a clip that has one; see `reference_time` for
        the others. `group` is the clip's id where the data set has no groups.

    Raises
    ------
    InputError
        If too many clips are marked, or a class has no usable clip.
    """
    records = sorted(data.records, key=lambda record: record.clip_id)
    _check_cut(records, windows, str(data.place))

    def look(record: ClipRecord) -> VideoFacts | ClipProblem:
        try:
            facts = _probe(record, data.root)
            _check_times(record, facts, windows)
        except ClipProblem as problem:
            return problem
        return facts

    found = [
        unsafe(_name_of(record), facts.how) if isinstance(facts, Broken) else facts
        for record, facts in zip(
            records, isolated(look, records, workers, ahead=len(records)), strict=True
        )
    ]
    place = str(data.place)
    # Before reference times are chosen: they come from the clips that are left.
    marked = [str(facts) for facts in found if isinstance(facts, ClipProblem)]
    check_marked(marked, len(records), max_marked_share, place)
    usable = [r for r, facts in zip(records, found, strict=True) if isinstance(facts, VideoFacts)]
    check_classes([record.label for record in usable], data.classes, f"{place}, after marking")
    events = np.sort(
        [r.event_time_s for r in usable if r.event_time_s is not None and r.cut_tte_s is None]
    )
    rows = [
        _row(record, facts, data.classes, events, windows)
        for record, facts in zip(records, found, strict=True)
    ]
    problems = [row["problem"] for row in rows if row["problem"]]
    check_marked(problems, len(rows), max_marked_share, place)
    left = [row["label"] for row in rows if not row["problem"]]
    check_classes(left, data.classes, f"{place}, after marking")
    manifest = frame_of(rows, COLUMNS)
    _warn_of_telling_times(manifest, place)
    return manifest


def _check_cut(records: Sequence[ClipRecord], windows: WindowSettings, place: str) -> None:
    """Check that clips which end at fixed times before their event fit the task's TTEs."""
    cut = sorted({record.cut_tte_s for record in records if record.cut_tte_s is not None})
    if cut and cut != sorted(windows.tte_s):
        raise InputError(
            f"{place}: its test clips end {', '.join(f'{tte:g}' for tte in cut)} s before the "
            f"event, but windows.tte_s is {list(windows.tte_s)}; set it to {cut}."
        )


def _warn_of_telling_times(manifest: pd.DataFrame, place: str) -> None:
    """Warn if the place of the windows in their clips tells one class from the others."""
    from scipy import stats  # noqa: PLC0415  (seconds to load, and others read manifests too)

    usable = manifest[(manifest["status"] == "ok") & manifest["cut_tte_s"].isna()]
    for name, group in usable.groupby("class_name"):
        others = usable.loc[usable["class_name"] != name, "reference_time_s"]
        if len(others) == 0:
            continue
        test = stats.ks_2samp(group["reference_time_s"], others)
        # Bonferroni: one test a class.
        if test.pvalue < TELLING / usable["class_name"].nunique():
            logger.warning(
                "%s: windows of the class %s end at other times in their clips (median %.2f s, "
                "n = %d) than those of the others (%.2f s, n = %d): Kolmogorov-Smirnov %.2f, "
                "p = %.1g. A model could tell the class by that, if anything in the picture "
                "tells the time.",
                place,
                name,
                group["reference_time_s"].median(),
                len(group),
                others.median(),
                len(others),
                test.statistic,
                test.pvalue,
            )


def reference_time(
    clip_id: str, duration_s: float, events: NDArray[np.float64], windows: WindowSettings
) -> float | None:
    """Choose the reference time of a clip without an event.

    One of the event times of the other clips, among those that lie in this clip, at a quantile
    given by a hash of the clip's id: so the place of a window in its clip tells nothing of the
    label, and a clip's reference does not depend on the order of the table. If no clip of the task
    has an event (action recognition), any time that leaves room for the windows is as likely as
    any other, for all classes alike.

    Parameters
    ----------
    duration_s
        How long the clip is.
    events
        Event times of the task's usable clips in seconds, ascending.

    Returns
    -------
    float or None
        Seconds; None if the clip has no room.
    """
    draw = derive_seed("reference time", clip_id)
    if len(events):
        fitting = events[events <= duration_s]
        return float(fitting[draw % len(fitting)]) if len(fitting) else None
    if duration_s < windows.needed_s():
        return None
    earliest = min(windows.span_s, duration_s)
    # 32 bits of the hash are a uniform draw fine enough for any clip.
    return round(earliest + (duration_s - earliest) * (draw % 2**32) / 2**32, 6)


def _probe(record: ClipRecord, root: Path) -> VideoFacts:
    name, path = _name_of(record), root / record.path
    if record.picture_rate_hz is None:
        return probe_video(path, name)
    return probe_pictures(path, record.picture_rate_hz, name, record.first_picture)


def _name_of(record: ClipRecord) -> str:
    return f"{record.where}: the clip {record.path}"


def write_manifest(
    target: str | Path,
    manifest: pd.DataFrame,
    windows: WindowSettings,
    classes: Sequence[str],
    tables: Mapping[str, str],
) -> None:
    """Write the manifest as Parquet; `tables` are digests of the data set's tables by name."""
    note = provenance(
        MANIFEST_SCHEMA,
        libraries=("av", "pandas", "pyarrow"),
        inputs=tables,
        settings={"windows": digest(asdict(windows)), "classes": list(classes)},
    )
    write_table(target, manifest, COLUMNS, note)


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Read a manifest; InputError if its columns are not this version's."""
    return read_table(path, COLUMNS)


def read_manifest_classes(path: str | Path) -> tuple[str, ...]:
    """Names of the classes of a manifest, by label."""
    return tuple(read_note(path)["settings"]["classes"])


def _check_times(record: ClipRecord, facts: VideoFacts, windows: WindowSettings) -> None:
    event, alert, where = record.event_time_s, record.alert_time_s, record.where
    if event is not None and event > facts.duration_s and record.cut_tte_s is None:
        raise ClipProblem(
            "wrong_times",
            f"{where}: the event time is {event:g} s but the clip {record.path} ends at "
            f"{facts.duration_s:.3f} s; correct the time or remove the row.",
        )
    if event is not None and alert is not None and alert > event:
        raise ClipProblem(
            "wrong_times",
            f"{where}: the alert time {alert:g} s lies behind the event time {event:g} s; "
            "correct the times or remove the row.",
        )
    reference = _known_reference(record, facts)
    if reference is not None and reference < windows.needed_s(record.cut_tte_s):
        last = windows.tte_s[-1] if record.cut_tte_s is None else record.cut_tte_s
        raise ClipProblem(
            "too_short",
            f"{where}: {record.path} holds {max(0.0, reference - last):.3f} s before its window "
            f"{last:g} s ahead of the event, too little for {windows.min_frames} frames; lower "
            "windows.min_frames or remove the row.",
        )


def _known_reference(record: ClipRecord, facts: VideoFacts) -> float | None:
    """Return the reference time that the data set gives, if it does."""
    if record.cut_tte_s is not None:
        return facts.duration_s + record.cut_tte_s
    return record.event_time_s


def _row(
    record: ClipRecord,
    found: VideoFacts | ClipProblem,
    classes: Sequence[str],
    events: NDArray[np.float64],
    windows: WindowSettings,
) -> Mapping[str, Any]:
    problem, reference = "", None
    kind = ""
    if isinstance(found, ClipProblem):
        kind, problem, facts = found.kind, str(found), UNKNOWN
    else:
        facts = found
        reference = _known_reference(record, facts)
        if reference is None:
            reference = reference_time(record.clip_id, facts.duration_s, events, windows)
        if reference is None:
            kind = "too_short"
            problem = (
                f"{record.where}: the {facts.duration_s:.3f} s of {record.path} leave no room for "
                "a window that ends where those of the other clips do; use longer clips or remove "
                "the row."
            )
    return {
        "clip_id": record.clip_id,
        "path": record.path,
        "label": record.label,
        "class_name": classes[record.label],
        "event_time_s": _or_nan(record.event_time_s),
        "alert_time_s": _or_nan(record.alert_time_s),
        **asdict(facts),
        "picture_rate_hz": _or_nan(record.picture_rate_hz),
        "reference_time_s": _or_nan(reference),
        "cut_tte_s": _or_nan(record.cut_tte_s),
        "split": record.split,
        "group": record.group or record.clip_id,
        "status": "marked" if problem else "ok",
        "problem_kind": kind,
        "problem": problem,
    }


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def check_marked(problems: Sequence[str], clips: int, max_marked_share: float, place: str) -> None:
    """Raise InputError if more than this share of the clips has a problem."""
    share = len(problems) / clips
    if share > max_marked_share:
        raise InputError(
            f"{place}: {len(problems)} of {clips} clips ({share:.0%}) cannot be used, more than "
            f"max_marked_share {max_marked_share:.0%}; mend them, or raise the setting to go on "
            f"without them. The first: {' '.join(problems[:3])}"
        )
