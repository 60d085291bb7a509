"""A campaign whose disk fills up, and is then mounted read-only under it: it stops and goes on."""

import re
import subprocess
import time

import pytest

from workflow.kill_moments import lasting, running

LEDGER = "results/tiny/arms/random/seed1/ledger.parquet"
# The clips fit, the windows do not.
TOO_SMALL, ENOUGH = "size=3m", "size=64m"
LIMIT_S = 300


def mount(*arguments):
    return subprocess.run(
        ["mount", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def disk(campaign):
    """A small disk of its own under results/."""
    results = campaign.folder / "results"
    results.mkdir()
    done = mount("-t", "tmpfs", "-o", TOO_SMALL, "tmpfs", results)
    assert done.returncode == 0, (
        f"this test needs a small disk, and mounting a tmpfs failed ({done.stderr.strip()}); "
        "run the tests as root, in a container with the right to mount."
    )
    yield results
    subprocess.run(["umount", "--lazy", str(results)], check=True)


def test_a_full_and_a_read_only_disk_stop_a_run_that_then_ends_the_same(tiny, campaign, disk):
    expected = tiny.files()

    def broken():
        files = campaign.files()
        return [name for name in files.keys() & expected.keys() if files[name] != expected[name]]

    def tracebacks():
        return [p for p in campaign.folder.glob("logs/**/*.log") if "Traceback" in p.read_text()]

    done = campaign.snakemake(LEDGER)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "dashsearch: results/tiny/clips/shards/0.h5: no space is left on the disk; free" in said
    assert tracebacks() == []
    assert broken() == []

    assert mount("-o", f"remount,{ENOUGH}", disk).returncode == 0
    with running(campaign, LEDGER) as (process, log):
        make_read_only(disk, process, disk / "tiny/clips/windows.parquet")
        assert process.wait(LIMIT_S) != 0
    # A job says it in our words; where Snakemake's own writing comes first, it does in its own.
    assert re.search("mounted read-only; have it mounted|Read-only file system", log.read_text())
    assert tracebacks() == []
    assert broken() == []

    assert mount("-o", "remount,rw", disk).returncode == 0
    done = campaign.snakemake(LEDGER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (campaign.folder / LEDGER).exists()
    assert broken() == []
    assert lasting(campaign).keys() - expected.keys() == set()


def make_read_only(disk, process, behind):
    """Remount a disk once a file is finished, at the first moment when none is being written."""
    deadline = time.monotonic() + LIMIT_S
    while not behind.exists() or mount("-o", "remount,ro", disk).returncode != 0:
        assert process.poll() is None, "the run ended before its disk was read-only"
        assert time.monotonic() < deadline, f"no moment for it in {LIMIT_S} s"
        time.sleep(0.02)
