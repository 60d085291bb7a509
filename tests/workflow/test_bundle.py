"""`snakemake bundle`, checked and run again by somebody else."""

import shutil
import subprocess
import sys
import zipfile

import pandas as pd
import pytest
import yaml

from workflow.campaign import CONFIG, ROOT, Campaign

POLICY = """
class First:
    def __init__(self, space, rng):
        self.seen = set()

    def tell(self, results):
        self.seen |= {result.cell for result in results}

    def ask(self, n, pending=()):
        return [cell for cell in range(4320) if cell not in self.seen | set(pending)][:n]
"""
OWN = {"policy": "own", "source": "code/first.py:First", "rounds": 2, "experiments_per_round": 8}
CAMPAIGN = {
    "tasks": {"highway": {"source": "embedded", "scene": "highway"}},
    "evaluator": "table",
    "space": "resources/tables/space.yaml",
    "tables": {"highway": "resources/tables/highway.parquet"},
    "arms": {
        "designed": {"policy": "designed", "experiments_per_round": 120, "replicated_share": 0.0},
        "random": {"policy": "random", "seeds": [1, 2], "experiments_per_round": 24},
        "own": OWN,
    },
    "analysis": CONFIG["analysis"],
}


def verify(bundle, *folder):
    script = ROOT / "scripts/verify_bundle.py"
    return subprocess.run(
        [sys.executable, script, bundle, *folder], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundled")
    (folder / "code").mkdir()
    (folder / "code/first.py").write_text(POLICY)
    (folder / "config.yaml").write_text(yaml.safe_dump(CAMPAIGN))
    done = Campaign(folder).snakemake("bundle")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def unpacked(bundled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviewer") / "bundle"
    done = verify(bundled / "results/bundle/bundle.zip", folder)
    assert done.returncode == 0, done.stderr
    assert "are there and as their checksums say" in done.stdout
    return folder


def test_it_holds_ledgers_report_environment_and_the_campaigns_own_code(unpacked):
    ledger = pd.read_parquet(unpacked / "results/highway/arms/own/seeds1/ledger.parquet")
    assert len(ledger) == 16
    for name in (
        *("results/report/index.html", "environment.json", "requirements.txt", "digests.json"),
        *("tolerances.yaml", "campaign/code/first.py", "LICENSE"),
    ):
        assert (unpacked / name).is_file(), name
    config = yaml.safe_load((unpacked / "config.yaml").read_text())
    assert config["agents"]["mode"] == "replay"


def test_coreutils_can_check_it_without_us(unpacked):
    command = ["sha256sum", "--check", "--quiet", "manifest-sha256.txt"]
    subprocess.run(command, cwd=unpacked, check=True)


def test_it_is_reproduced_from_the_bundle_alone(unpacked, tmp_path):
    shutil.copy(unpacked / "config.yaml", tmp_path / "config.yaml")
    shutil.copytree(unpacked / "campaign", tmp_path, dirs_exist_ok=True)
    done = Campaign(tmp_path).snakemake("reproduce", "--config", f"reference={unpacked}")
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = pd.read_csv(tmp_path / "results/reproduce/verdicts.csv")
    assert set(verdicts["verdict"]) <= {"equal", "within tolerance"}
    assert verdicts["file"].str.endswith("ledger.parquet").sum() == 3


def test_a_ledger_that_was_touched_is_found(bundled, tmp_path):
    path = tmp_path / "bundle.zip"
    shutil.copy(bundled / "results/bundle/bundle.zip", path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("results/highway/arms/own/seeds1/better.parquet", b"x")
    done = verify(path)
    assert done.returncode == 1
    assert "better.parquet is not in manifest-sha256.txt; somebody added it." in done.stderr
