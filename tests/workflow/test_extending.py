"""docs/extending.md, run as it stands: a task, backbone, encoder, loss and policy from outside."""

import csv
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from workflow.campaign import CONFIG, ROOT, Campaign

PAGE = (ROOT / "docs/extending.md").read_text()
FILES = {
    re.match(r"# (\S+)", block)[1]: block
    for block in re.findall(r"```(?:python|yaml)\n(.*?)```", PAGE, re.DOTALL)
    if block.startswith("# ")
}
SETTINGS = [
    yaml.safe_load(block)
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    if not block.startswith("# ")
]
LEDGERS = [f"results/mine/arms/{arm}/seed1/ledger.parquet" for arm in ("designed", "greedy")]


@pytest.fixture(scope="module")
def extended(tiny, tmp_path_factory):
    """The ledgers of a campaign of all parts of the page, on videos that are named as it says."""
    folder = tmp_path_factory.mktemp("extended")
    source = tiny.folder / "results/tiny/source"
    (folder / "videos").mkdir()
    with (source / "train.csv").open() as table:
        for row in csv.DictReader(table):
            is_crash = row["target"] == "1"
            name = f"crash_{row['id']}_at{row['time_of_event']}" if is_crash else row["id"]
            shutil.copy(source / f"train/{row['id']}.mp4", folder / f"videos/{name}.mp4")
    for name, block in FILES.items():
        (folder / name).write_text(block)
    subprocess.run([sys.executable, "make_clips.py"], cwd=folder, check=True)
    shared = ("windows", "split", "shared_start", "analysis")
    config = {name: CONFIG[name] for name in shared} | {"training": {"epochs": 2, "components": 8}}
    for settings in SETTINGS:
        for key, value in settings.items():
            config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
    config["arms"]["designed"] = {**CONFIG["arms"]["designed"], "experiments_per_round": 8}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    campaign = Campaign(folder)
    done = campaign.snakemake(*LEDGERS)
    assert done.returncode == 0, done.stdout + done.stderr
    return campaign


def ledger(campaign, arm):
    return pd.read_parquet(campaign.folder / f"results/mine/arms/{arm}/seed1/ledger.parquet")


def test_no_part_takes_forty_lines():
    code = [name for name in FILES if name.endswith(".py")]
    assert len(code) == 5
    for name in code:
        assert len(FILES[name].strip().splitlines()) < 40, name


def test_every_part_was_trained_with(extended):
    rows = pd.concat([ledger(extended, arm) for arm in ("designed", "greedy")])
    assert (rows["status"].isin(["ok", "duplicate"])).all(), rows["reason"].tolist()
    assert {"edges", "lstm", "generalised"} <= set(rows[["backbone", "encoder", "loss"]].stack())


def test_the_own_policy_proposed_behind_the_shared_start(extended):
    rows = ledger(extended, "greedy")
    assert rows["agent"].unique().tolist() == ["own"]
    assert rows["source"].tolist()[:4] == ["start"] * 4
    assert (rows["source"] == "policy").sum() >= 6


def planned(campaign):
    """How many jobs of every rule a run would do."""
    found = campaign.snakemake("--dry-run", *LEDGERS).stdout
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", found, re.MULTILINE)}


def test_a_changed_file_makes_anew_what_it_changes(extended, tmp_path):
    shutil.copytree(extended.folder, tmp_path / "copy", symlinks=True)
    copy = Campaign(tmp_path / "copy")
    assert planned(copy) == {}
    path = copy.folder / "my_policies.py"
    path.write_text(path.read_text() + "# changed\n")
    jobs = planned(copy)
    assert jobs["propose_round"] == 2
    assert "extract_features" not in jobs
    path = copy.folder / "my_backbones.py"
    path.write_text(path.read_text() + "# changed\n")
    assert planned(copy)["extract_features"] == 1


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("my_policies.py", "config: arms.greedy.source is 'my_policies.py:Greedy'"),
        ("my_backbones.py", "config: features.backbones.edges.source is 'my_backbones.py:edges'"),
        ("my_losses.py", "config: training.losses.generalised is 'my_losses.py:generalised'"),
        ("my_encoders.py", "config: training.encoders.lstm is 'my_encoders.py:LSTM'"),
    ],
)
def test_a_missing_file_stops_before_the_first_job(extended, tmp_path, name, problem):
    for kept in {*FILES, "clips.csv", "config.yaml"} - {name}:
        shutil.copy(extended.folder / kept, tmp_path / kept)
    shutil.copytree(extended.folder / "videos", tmp_path / "videos")
    done = Campaign(tmp_path).snakemake("--dry-run")
    assert done.returncode != 0
    assert problem in done.stdout + done.stderr
