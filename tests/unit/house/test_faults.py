"""Disks that are full, read-only or gone, and processes that die: one sentence, no half file."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from dashsearch.errors import InputError
from dashsearch.files import (
    locked,
    read_json,
    remove_abandoned,
    replacing,
    replacing_folder,
    write_json,
)
from dashsearch.hdf5 import reading_hdf5, writing_hdf5
from dashsearch.jobs import job
from dashsearch.tables import read_table

SCRIPTS = Path(__file__).parents[3] / "scripts"
NUMBERS = np.random.default_rng(0).random(400_000)


def in_a_process(code):
    """Run code as a job does; its standard error and exit code."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def write_hdf5(path):
    with writing_hdf5(path) as store:
        rows = store.create_dataset("a", (0, 1000), "f8", maxshape=(None, 1000), chunks=(1, 1000))
        for start in range(0, len(NUMBERS), 1000):
            rows.resize(len(rows) + 1, axis=0)
            rows[-1] = NUMBERS[start : start + 1000]


def write_parquet(path):
    with replacing(path) as part:
        pq.write_table(pa.table({"a": NUMBERS}), part)


def write_tensors(path):
    with replacing(path) as part:
        save_file({"a": NUMBERS}, part)


def write_text(path):
    write_json(path, NUMBERS.tolist())


WRITERS = pytest.mark.parametrize("write", [write_hdf5, write_parquet, write_tensors, write_text])


@pytest.fixture
def disk(tmp_path):
    """A real disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"a small disk cannot be mounted ({done.stderr.strip()}); run as root.")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@WRITERS
def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(disk, write):
    target = disk / "target.x"
    target.write_text("whole")
    with pytest.raises(InputError, match=r"target.*: no space is left on the disk; free some, and"):
        write(target)
    assert [path.name for path in disk.iterdir()] == ["target.x"]
    assert target.read_text() == "whole"


@WRITERS
def test_a_read_only_disk_is_a_sentence(disk, write):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(
        InputError, match=r"/target\.x: the file system is mounted read-only; have it"
    ):
        write(disk / "target.x")


def test_a_file_that_may_not_grow_further_is_a_sentence(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(InputError, match="beyond the limit for one file"):
            write_hdf5(tmp_path / "target.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_job_on_a_full_disk_ends_with_its_sentence_and_no_traceback(disk):
    code = f"""
from dashsearch.jobs import job
from dashsearch.hdf5 import writing_hdf5
import numpy as np
with job({str(disk / "x.log")!r}), writing_hdf5({str(disk / "x.h5")!r}) as store:
    for number in range(40):
        store[str(number)] = np.random.default_rng(number).random(10000)
"""
    status, said = in_a_process(code)
    assert status == 1
    assert said.startswith(f"dashsearch: {disk}/x.h5: no space is left on the disk; ")
    assert "Traceback" not in said


def test_a_log_that_cannot_be_opened_is_a_sentence(disk, capsys):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(SystemExit), job(disk / "logs" / "x.log"):
        pass
    assert "mounted read-only" in capsys.readouterr().err


def test_a_file_that_vanished_between_rules_is_a_sentence(tmp_path, capsys):
    gone = tmp_path / "gone"
    for read in (read_json, lambda path: read_table(path, {}), open_store):
        with pytest.raises(InputError, match="gone: the file is gone; run the same command again"):
            read(gone)
    with pytest.raises(SystemExit), job(tmp_path / "x.log"):
        gone.read_text()
    assert capsys.readouterr().err.startswith(f"dashsearch: {gone}: the file is gone")


def open_store(path):
    with reading_hdf5(path) as store:
        return store["a"][:]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_truncated_file_is_a_sentence(tmp_path, share):
    writers = {"x.h5": write_hdf5, "x.parquet": write_parquet, "x.json": write_text}
    readers = [open_store, lambda path: read_table(path, {}), read_json]
    for (name, write), read in zip(writers.items(), readers, strict=True):
        path = tmp_path / name
        write(path)
        os.truncate(path, int(path.stat().st_size * share))
        with pytest.raises(InputError, match=rf"{name}: the file is truncated or damaged; delete"):
            read(path)


def test_a_bug_stays_a_bug_while_a_file_is_written(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "x.json"):
        try:
            (tmp_path / "none").read_text()
        except FileNotFoundError:
            1 / 0  # noqa: B018


def test_what_a_live_process_writes_is_left_alone(tmp_path):
    with replacing(tmp_path / "x.json") as first:
        first.write_text("still writing")
        remove_abandoned(tmp_path)
        assert first.exists()
    assert (tmp_path / "x.json").read_text() == "still writing"


def test_what_a_process_left_is_removed_when_another_has_got_its_number(tmp_path):
    with replacing(tmp_path / "x.json") as live:
        live.touch()
        machine, pid, start = live.name.split(".")[2].split("-")
        left = tmp_path / f".x.{machine}-{pid}-{int(start) - 1}.partial.json"
        left.write_text("half")
        remove_abandoned(tmp_path, "x", ".json")
        assert live.exists()
        assert not left.exists()


def test_what_another_machine_writes_is_left_alone_for_a_week(tmp_path):
    other = tmp_path / ".x.0123abcd-17-5.partial.json"
    other.write_text("half")
    remove_abandoned(tmp_path)
    assert other.exists()
    os.utime(other, (0, 0))
    remove_abandoned(tmp_path)
    assert not other.exists()


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "kept"
    for name in ("old", "new"):
        with replacing_folder(target) as folder:
            (folder / name).write_text(name)
    with pytest.raises(ValueError, match="stop"), replacing_folder(target) as folder:
        (folder / "half").touch()
        raise ValueError("stop")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "new"]
    # What a process left that was killed between the two renames.
    (abandoned := tmp_path / ".kept.nowhere-1-1.partial.earlier").mkdir()
    os.utime(abandoned, (0, 0))
    with replacing_folder(target):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["kept"]


def test_a_journal_is_written_by_one_process_only(tmp_path):
    with (
        locked(tmp_path / "journal", "training this round"),
        pytest.raises(InputError, match="journal: another process is training this round; wait"),
        locked(tmp_path / "journal", "training this round"),
    ):
        pass
