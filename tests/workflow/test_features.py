"""Extraction in shards: a killed run redoes only the unfinished one, a fusion extracts nothing."""

import copy
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import torch
import yaml

from dashsearch.features.store import read_features
from features.tiny_networks import FAMILIES, save_model
from workflow.campaign import CONFIG, ROOT, SPACE, Campaign, copy_of

FUSION = "results/tiny/features/flow_efficientnet_lite0.h5"
SHARDS = 4
NETWORKS = ("dinov2", "vjepa2")  # of frames, of windows; unit tests have all families


@pytest.fixture
def whole(tmp_path):
    """A campaign of four clips a shard, whose backbones are colour and a fusion."""
    campaign = Campaign(tmp_path / "whole")
    campaign.folder.mkdir()
    space = copy.deepcopy(SPACE)
    space["factors"][0]["levels"] = ["flow_efficientnet_lite0", "color"]
    config = copy.deepcopy(CONFIG) | {"clips_per_shard": 4}
    config["tasks"]["tiny"]["clips"] = 4 * SHARDS
    campaign.write_config(config, space)
    return campaign


def without_features(campaign, folder):
    """A copy that has its clips still, and no features."""
    copied = copy_of(campaign, folder)
    shutil.rmtree(copied.folder / "results/tiny/features")
    return copied


def test_a_killed_extraction_goes_on_with_the_unfinished_shard(whole, tmp_path):
    done = whole.snakemake(FUSION)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE))
    assert jobs["extract_features"] == jobs["extract_network"] == str(SHARDS)
    assert jobs["collect_features"] == "2"
    assert jobs["fuse_features"] == "1"
    assert read_features(whole.folder / FUSION).values.shape[2] == 1700
    assert not list(whole.folder.glob("results/tiny/features/shards/*/*.h5"))

    broken = without_features(whole, tmp_path / "broken")
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


def test_networks_are_extracted_by_the_same_rule(tmp_path):
    """Networks of frames, of windows and of torchvision, from weights on the disk."""
    campaign = Campaign(tmp_path)
    weights, registry = (
        tmp_path / "weights",
        yaml.safe_load((ROOT / "resources/backbones.yaml").read_text()),
    )
    for name in NETWORKS:
        _, takes, outputs = FAMILIES[name]
        save_model(name, weights)
        entry = {"family": "transformers", "model": f"tiny/{name}", "takes": takes}
        entry |= {"name": f"tiny_{name}", "output": outputs[-1], "sees": "frame", "dimension": 32}
        registry["backbones"].append(entry)
    from torchvision.models import get_model  # noqa: PLC0415  (behind the shim)

    torch.save(get_model("r2plus1d_18", weights=None).state_dict(), weights / "r2plus1d_18.pth")
    config = copy.deepcopy(CONFIG)
    config["tasks"]["tiny"]["clips"] = 8
    config["windows"]["tte_s"] = [0.5]
    config["features"] = {"device": "cpu", "weights_dir": str(weights)}
    campaign.write_config(config)
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/backbones.yaml").write_text(yaml.safe_dump(registry))
    space = copy.deepcopy(SPACE)
    names = [*(f"tiny_{name}" for name in NETWORKS), "r2plus1d_18"]
    space["factors"][0]["levels"] = names
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space, sort_keys=False))
    targets = [f"results/tiny/features/{name}.h5" for name in names]
    done = campaign.snakemake(*targets)
    assert done.returncode == 0, done.stdout + done.stderr
    for target, name in zip(targets, names, strict=True):
        features = read_features(tmp_path / target)
        assert features.backbone == name
        assert features.values.shape == (8, 6, 512 if name == "r2plus1d_18" else 32)
        assert features.values.std() > 0


def test_campaigns_share_features_through_a_cache(tmp_path):
    config = copy.deepcopy(CONFIG)
    config["tasks"]["tiny"]["clips"] = 8
    config["clips_per_shard"] = 5
    target, cache = "results/tiny/features/color.h5", tmp_path / "cache"
    cache.mkdir()
    logs = []
    one = Campaign(tmp_path / "one")
    one.folder.mkdir()
    one.write_config(config)
    for name in ("one", "two"):
        campaign = one if name == "one" else without_features(one, tmp_path / "two")
        done = campaign.snakemake(
            "--cache", "extract_features", "--", target, SNAKEMAKE_OUTPUT_CACHE=str(cache)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        logs.append(done.stdout + done.stderr)
    for number in (0, 1):
        shard = f"results/tiny/features/shards/color/{number}.h5"
        stored = f"Moving output file {shard} to cache"
        assert stored in logs[0]
        assert stored not in logs[1] and f"{shard} from cache" in logs[1]
    assert (one.folder / target).read_bytes() == (tmp_path / "two" / target).read_bytes()
