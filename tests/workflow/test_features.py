"""Extraction in shards: a killed run redoes only the unfinished one, a fusion extracts nothing."""

import copy
import os
import re
import signal
import subprocess
import time

import pytest
import yaml

from dashsearch.features.store import read_features
from workflow.campaign import CONFIG, SPACE, Campaign

FUSION = "results/tiny/features/flow_efficientnet_lite0.h5"
SHARDS = 4


@pytest.fixture
def sharded(tmp_path):
    """A campaign of six clips a shard, whose backbones are colour and a fusion."""

    def make(name):
        campaign = Campaign(tmp_path / name)
        campaign.folder.mkdir()
        campaign.write_config(copy.deepcopy(CONFIG) | {"clips_per_shard": 6})
        space = copy.deepcopy(SPACE)
        space["factors"][0]["levels"] = ["flow_efficientnet_lite0", "color"]
        (campaign.folder / "space.yaml").write_text(yaml.safe_dump(space, sort_keys=False))
        return campaign

    return make


def test_a_killed_extraction_goes_on_with_the_unfinished_shard(sharded):
    whole, broken = sharded("whole"), sharded("broken")
    done = whole.snakemake(FUSION)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE))
    assert jobs["extract_features"] == jobs["extract_network"] == str(SHARDS)
    assert jobs["collect_features"] == "2"
    assert jobs["fuse_features"] == "1"
    assert read_features(whole.folder / FUSION).values.shape[2] == 1700
    assert not list(whole.folder.glob("results/tiny/features/shards/*/*.h5"))

    shards = broken.folder / "results/tiny/features/shards/efficientnet_lite0"
    process = subprocess.Popen(
        broken.command(FUSION, cores=1),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not (any(shards.glob("?.h5")) and any(shards.glob(".*.partial.h5"))):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no shard was begun behind a finished one in 300 s"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in shards.glob("?.h5")}
    assert 1 <= len(finished) < SHARDS
    assert broken.snakemake("--unlock").returncode == 0
    done = broken.snakemake("--notemp", FUSION)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = {name: (shards / name).stat().st_mtime_ns for name in finished}
    assert kept == finished
    assert (broken.folder / FUSION).read_bytes() == (whole.folder / FUSION).read_bytes()
