"""Generating an embedded task: a folder in Nexar's layout, bytes set by the arguments."""

import csv
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import cv2

from dashsearch.clips.synthetic.compose import compose, draw_alert_time, draw_event_time
from dashsearch.clips.synthetic.draws import GENERATOR_VERSION, Draws, task_stream
from dashsearch.clips.synthetic.encode import ENCODER, read_comment, write_mp4
from dashsearch.clips.synthetic.knobs import ALERT_LEAD_S, CROSSING, EVENT_TIME_S, HIGHWAY
from dashsearch.clips.synthetic.render import render
from dashsearch.clips.synthetic.scene import Light, TaskName, Weather
from dashsearch.errors import InputError
from dashsearch.files import digest, remove_abandoned, replacing

__all__ = ["GENERATOR_VERSION", "Clip", "generate_task", "plan_task", "source_digest"]

FEWEST_CLIPS = 8
LIGHTS: tuple[Light, ...] = ("day", "day", "dusk", "night")
WEATHERS: tuple[Weather, ...] = ("clear", "clear", "rain", "fog")
COMMENT = "dashsearch synthetic dashcam "
HEADER = ("id", "time_of_event", "time_of_alert", "target")


@dataclass(frozen=True)
class Clip:
    """One clip of a task before it is filmed; `ordinal` names its random streams."""

    clip_id: str
    ordinal: int
    label: int
    light: Light
    weather: Weather


def generate_task(task: str, folder: Path, *, clips: int, seed: int, workers: int) -> None:
    """Write a synthetic task in the layout of Nexar's data set.

    `folder`/train.csv has the columns id, time_of_event, time_of_alert (seconds, empty for
    negatives) and target; the videos are `folder`/train/<id>.mp4: H.264, 256x144, 15 Hz, 8 s.
    Half of the clips are positive, light and weather are counted out equally per label, and ids
    are shuffled. A clip that an interrupted run with the same arguments finished is kept; train.csv
    is written last. The bytes do not depend on `workers`.

    Worker processes are spawned, so a script that calls this with more than one worker keeps its
    work under ``if __name__ == "__main__":``.

    Parameters
    ----------
    task
        ``"highway"`` or ``"crossing"``.
    clips
        How many; even and at least 8.
    workers
        Processes, each with one thread; 1 works in this process.

    Raises
    ------
    InputError
        If the task is unknown, a number is out of range, or `folder` holds other videos.
    """
    plan = plan_task(task, clips, seed)
    name = _task_name(task)
    if workers < 1:
        raise InputError(f"synthetic {task}: workers is {workers}; give at least 1.")
    comment = COMMENT + source_digest(task, clips, seed)
    videos = Path(folder, "train")
    finished = _finished(videos, {f"{clip.clip_id}.mp4" for clip in plan}, comment)
    jobs = [
        (name, clip, seed, videos / f"{clip.clip_id}.mp4", comment)
        for clip in plan
        if f"{clip.clip_id}.mp4" not in finished
    ]
    if workers == 1:
        for job in jobs:
            _film(job)
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _use_one_thread) as pool:
            for _ in pool.map(_film, jobs, chunksize=4):
                pass
    _write_labels(Path(folder, "train.csv"), plan, task, seed)


def source_digest(task: str, clips: int, seed: int) -> str:
    """Digest of all that decides a task's bytes: version, knobs, encoder and arguments."""
    knobs = HIGHWAY if _task_name(task) == "highway" else CROSSING
    return digest(
        {
            "generator": GENERATOR_VERSION,
            "task": task,
            "clips": clips,
            "seed": seed,
            "knobs": asdict(knobs),
            "event_time_s": EVENT_TIME_S,
            "alert_lead_s": ALERT_LEAD_S,
            "encoder": ENCODER,
        }
    )


def plan_task(task: str, clips: int, seed: int) -> list[Clip]:
    """Plan which clip gets which id, label, light and weather, sorted by id.

    Raises
    ------
    InputError
        If the task is unknown, or `clips` is odd or less than 8.
    """
    name = _task_name(task)
    if clips < FEWEST_CLIPS or clips % 2:
        raise InputError(
            f"synthetic {task}: clips is {clips}; give an even number of at least {FEWEST_CLIPS}."
        )
    conditions = [(light, weather) for light in LIGHTS for weather in WEATHERS]
    places = task_stream(name, seed, "ids").permutation(clips)
    digits = max(5, len(str(clips - 1)))
    plan = []
    for label in (0, 1):
        order = task_stream(name, seed, f"conditions of label {label}").permutation(clips // 2)
        for turn, rank in enumerate(order):
            ordinal = 2 * int(rank) + label
            light, weather = conditions[turn % len(conditions)]
            plan.append(Clip(f"{places[ordinal]:0{digits}d}", ordinal, label, light, weather))
    return sorted(plan, key=lambda clip: clip.clip_id)


def _task_name(task: str) -> TaskName:
    for name in get_args(TaskName):
        if task == name:
            return name  # type: ignore[no-any-return]
    known = " or ".join(get_args(TaskName))
    raise InputError(f"synthetic task {task!r} is unknown; use {known}.")


def _finished(videos: Path, expected: set[str], comment: str) -> set[str]:
    """Names of the clips that are there; half ones and those of other arguments are removed.

    Raises
    ------
    InputError
        If a video is not ours: it is left alone, and nothing is generated beside it.
    """
    finished = set()
    remove_abandoned(videos)
    for path in sorted(videos.glob("[!.]*.mp4")):
        found = read_comment(path)
        if not found.startswith(COMMENT):
            raise InputError(
                f"{path} was not made by dashsearch; generate the synthetic task in another folder."
            )
        if found == comment and path.name in expected:
            finished.add(path.name)
        else:
            path.unlink()
    return finished


def _film(job: tuple[TaskName, Clip, int, Path, str]) -> None:
    task, clip, seed, target, comment = job
    draws = Draws(task, seed, clip.ordinal)
    scene = compose(task, clip.label, clip.light, clip.weather, draws)
    write_mp4(target, render(scene, draws), comment)


def _use_one_thread() -> None:
    cv2.setNumThreads(1)


def _write_labels(target: Path, plan: list[Clip], task: str, seed: int) -> None:
    with replacing(target) as path, path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows(_rows(plan, task, seed))


def _rows(plan: list[Clip], task: str, seed: int) -> Iterator[tuple[str, str, str, int]]:
    for clip in plan:
        if clip.label:
            draws = Draws(task, seed, clip.ordinal)
            event, alert = draw_event_time(draws), draw_alert_time(draws)
            yield clip.clip_id, f"{event:.3f}", f"{alert:.3f}", 1
        else:
            yield clip.clip_id, "", "", 0
