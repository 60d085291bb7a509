"""Kills a run at random moments of its duration; what must hold after each, and at the end."""

import os
import random
import signal
import subprocess
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workflow.campaign import Campaign

POLL_S = 0.05


@dataclass(frozen=True)
class Moment:
    """A moment of the uninterrupted run, told so that a run that begins anew can be met there.

    A run that goes on behind a kill is late by Snakemake's start and by the work that was lost: its
    own clock says little of how far it is.

    Attributes
    ----------
    after_s
        Seconds from the start of the uninterrupted run.
    files, since_s
        How many files it had finished by then, and how many seconds before it the last of them.
    """

    after_s: float
    files: int
    since_s: float


def duration(reference: Campaign) -> float:
    """Seconds from the start of a run that is over to its last file."""
    return _times(reference)[-1]


def _times(reference: Campaign) -> list[float]:
    start = (reference.folder / "config.yaml").stat().st_mtime
    results = reference.folder / "results"
    return sorted((results / name).stat().st_mtime - start for name in reference.files())


def draw_moments(reference: Campaign, kills: int, seed: int) -> list[Moment]:
    """Draw moments uniformly over the duration of a run that is over, in their order."""
    times = _times(reference)
    uniform = random.Random(seed).uniform
    moments = []
    for after in sorted(uniform(0, times[-1]) for _ in range(kills)):
        files = bisect_right(times, after)
        moments.append(Moment(after, files, after - (times[files - 1] if files else 0)))
    return moments


@contextmanager
def running(campaign: Campaign, *targets: str) -> Iterator[tuple[subprocess.Popen, Path]]:
    """Run a campaign in a process group of its own, which does not outlive the block.

    Yields
    ------
    The process, and the file that holds what it says.
    """
    log = campaign.folder / "run.log"
    with open(log, "w") as stream:
        process = subprocess.Popen(
            campaign.command(*targets),
            start_new_session=True,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        yield process, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def kill_at(campaign: Campaign, moment: Moment, names: list[str]) -> list[str]:
    """Run a campaign and kill it as a whole at a moment; return the finished files by name."""
    with running(campaign) as (process, log):
        files, reached = -1, time.monotonic()
        while files <= moment.files:
            assert process.poll() is None, f"ended before {moment}:\n{log.read_text()[-3000:]}"
            if (found := len(finished(campaign, names))) != files:
                files, reached = found, time.monotonic()
            if files == moment.files and time.monotonic() - reached >= moment.since_s:
                break
            time.sleep(POLL_S)
    return finished(campaign, names)


def finished(campaign: Campaign, names: list[str]) -> list[str]:
    """Which of the files that a whole run leaves exist."""
    return [name for name in names if (campaign.folder / "results" / name).exists()]


def run_through(campaign: Campaign, reference: Campaign, moments: list[Moment]) -> list[int]:
    """Kill a campaign at each moment, let it end, and hold it against an uninterrupted one.

    Whatever carries a final name when a run is killed has to be whole, and the end the same to the
    byte.

    Returns
    -------
    list of int
        How many files were finished at each kill.
    """
    expected = reference.files()
    counts = []
    for moment in moments:
        names = kill_at(campaign, moment, list(expected))
        at_kill = campaign.files()
        changed = [name for name in names if at_kill[name] != expected[name]]
        assert changed == [], f"{moment}: {changed}"
        counts.append(len(names))
        unlocked = campaign.snakemake("--unlock")
        assert unlocked.returncode == 0, unlocked.stderr
    done = campaign.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (rest := different(lasting(campaign), expected)) == [], rest
    return counts


def lasting(campaign: Campaign) -> dict[str, bytes]:
    """Bytes of all results but joined shards.

    Snakemake forgets a temporary file if it dies between the end of the job that reads it and its
    removal.
    """
    return {name: each for name, each in campaign.files().items() if "/shards/" not in name}


def different(files: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """Names that stand in one of two sets of results alone, or with other bytes."""
    return sorted(name for name in files.keys() | expected if files.get(name) != expected.get(name))
