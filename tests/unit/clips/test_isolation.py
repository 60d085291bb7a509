"""Files that attack the decoder at worst mark their clip: fuzzed videos between whole ones."""

import json
import os
import signal
import struct
import subprocess
import sys

import av
import numpy as np
import pytest
from tblib import pickling_support

from clips.videos import write_video
from dashsearch.clips import isolation
from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.decode import SHARD_COLUMNS, decode_windows
from dashsearch.clips.isolation import Broken, isolated
from dashsearch.clips.manifest import index_clips
from dashsearch.clips.windows import WindowSettings, open_windows
from dashsearch.tables import read_table

WINDOWS = WindowSettings(frames=4, rate_hz=5.0, tte_s=(0.5,), height=48, width=80)


def attack(number):
    """Stand in for what a damaged file makes of a decoder."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 3:
        np.ones(10**10)
    if number == 5:
        while True:
            pass
    return number


def test_a_crash_too_much_memory_and_no_end_break_one_item_each(monkeypatch):
    monkeypatch.setattr(isolation, "SECONDS", 1)
    found = list(isolated(attack, range(8), 2, 4))
    assert [each for each in found if not isinstance(each, Broken)] == [0, 2, 4, 6, 7]
    assert [each.how for each in found if isinstance(each, Broken)] == [
        "crashes the decoder (SIGKILL)",
        "needs too much memory",
        "takes more than 1 s to decode",
    ]


def test_a_bug_in_the_work_stays_a_bug():
    with pytest.raises(ZeroDivisionError):
        list(isolated(lambda number: 1 / number, [1, 0, 2], 2, 4))


def truncated(content, rng):
    return content[: int(rng.integers(1, len(content) // 2))]


def flipped(content, rng):
    found = np.frombuffer(content, np.uint8).copy()
    found[rng.integers(0, len(found), 40)] ^= np.uint8(1) << rng.integers(0, 8, 40, dtype=np.uint8)
    return found.tobytes()


def wrong_container(content, rng):
    heads = (b"RIFF\xff\xff\xff\x7fAVI ", b"\x1a\x45\xdf\xa3", b"OggS", b"GIF89a", b"\x89PNG\r\n")
    return heads[rng.integers(len(heads))] + content[20:]


def huge_header(content, rng):
    """Absurd numbers in the boxes that say how much there is."""
    found = bytearray(content)
    for name in (b"stts", b"stsz", b"stco", b"tkhd", b"avc1", b"mdhd", b"elst", b"stsc"):
        place = found.find(name)
        if place > 0 and rng.random() < 0.6:
            at = place + 4 + 4 * int(rng.integers(0, 8))
            found[at : at + 4] = struct.pack(">I", int(rng.choice([2**31 - 1, 2**32 - 1, 65535])))
    return bytes(found)


def random_bytes(content, rng):
    return rng.bytes(5000)


def text(content, rng):
    return b"this is no video\n" * int(rng.integers(1, 50))


FUZZ = (truncated, flipped, wrong_container, huge_header, random_bytes, text, lambda c, rng: b"")


def fuzz(folder, count, whole=8):
    """A data set of `whole` good clips and of `count` fuzzed ones; the table."""
    folder.mkdir(parents=True)
    good = write_video(folder / "good.mp4", np.arange(30) / 10).read_bytes()
    rows = ["clip_id,path,label,event_time_s,alert_time_s"]
    for number in range(count + whole):
        rng = np.random.default_rng([11, number])
        content = good if number < whole else FUZZ[number % len(FUZZ)](good, rng)
        (folder / f"{number:04d}.mp4").write_bytes(content)
        rows.append(f"{number:04d},{number:04d}.mp4,{number % 2},{'2.5' if number % 2 else ''},")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder / "clips.csv"


def run_fuzzed(folder, count, workers=2):
    """Index and decode; ids that were decoded, and problems by id."""
    data = read_data_set({"source": "csv", "file": str(fuzz(folder / "clips", count))})
    manifest = index_clips(data, WINDOWS, max_marked_share=1.0, workers=workers)
    target, index = folder / "windows.h5", folder / "index.parquet"
    decode_windows(manifest, data.root, WINDOWS, target, index, workers=workers)
    found = read_table(index, SHARD_COLUMNS)
    problems = {
        row.clip_id: (row.problem_kind, row.problem)
        for rows in (manifest, found)
        for row in rows[rows["problem"] != ""].itertuples()
    }
    with open_windows(target) as clips:
        decoded = {clip.clip_id for clip in clips}
    return manifest, decoded, problems


ALONE = """
import json, re, resource, sys
from pathlib import Path
from clips.test_isolation import run_fuzzed
manifest, decoded, problems = run_fuzzed(Path(sys.argv[1]), int(sys.argv[2]))
# Not ru_maxrss of this process: it starts with the peak of the process that began this one.
own = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
peak = max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
print(json.dumps([list(manifest["clip_id"]), list(decoded), problems, peak]))
"""


def run_alone(folder, count):
    """Index and decode in a process of its own, whose memory is not that of the other tests."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder), str(count)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_fuzzed_clips_are_decoded_or_marked_with_a_reason(tmp_path):
    ids, decoded, problems, peak = run_alone(tmp_path, 60)
    decoded = set(decoded)
    assert decoded | set(problems) == set(ids)
    assert not decoded & set(problems)
    assert {f"{number:04d}" for number in range(8)} <= decoded
    assert all(kind and sentence.endswith(".") for kind, sentence in problems.values())
    # Text, noise, nothing and half a file cannot be decoded, whatever the decoder.
    assert len(problems) > 30
    assert peak < 2_000_000


def starved(_):
    try:
        raise av.error.MemoryError(12, "Cannot allocate memory", "clip.mp4")
    except av.error.MemoryError as error:
        raise ValueError("the frame is missing") from error


def test_a_lack_of_memory_behind_another_error_marks_the_clip():
    found = list(isolated(starved, [1], workers=1, ahead=1))
    assert found == [Broken("needs too much memory")]


def found(_):
    try:
        starved(None)
    except ValueError as error:
        return error


def test_a_finding_arrives_without_the_errors_behind_it():
    # As where dask is imported: errors are then sent with all that is behind them.
    pickling_support.install()
    (problem,) = isolated(found, [1], workers=1, ahead=1)
    assert str(problem) == "the frame is missing" and problem.__cause__ is None
