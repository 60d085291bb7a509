"""The campaigns that the tests share."""

import shutil

import pytest
from filelock import FileLock

from workflow.campaign import CONFIG, Campaign, run_campaign


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, worker_id):
    """The tiny campaign, run once with two cores; tests must not change it, or run in it."""
    base = tmp_path_factory.getbasetemp()
    # Processes of one session of tests have the folder above theirs in common.
    shared = (base if worker_id == "master" else base.parent) / "tiny"
    with FileLock(f"{shared}.lock"):
        if not (finished := shared.with_suffix(".finished")).exists():
            run_campaign(shared, CONFIG)
            finished.touch()
    return Campaign(shared)


@pytest.fixture
def campaign(tmp_path):
    """An empty working directory with the tiny config."""
    campaign = Campaign(tmp_path)
    campaign.write_config(CONFIG)
    return campaign


@pytest.fixture
def nexar_folder(tiny, tmp_path):
    """A data set in Nexar's layout: the embedded clips under other names, in another order."""
    source, folder = tiny.folder / "results/tiny/source", tmp_path / "nexar"
    (folder / "train").mkdir(parents=True)
    header, *rows = (source / "train.csv").read_text().splitlines()
    renamed = []
    for row in rows:
        clip, rest = row.split(",", 1)
        name = f"9{int(clip):04d}"
        shutil.copy(source / "train" / f"{clip}.mp4", folder / "train" / f"{name}.mp4")
        renamed.append(f"{name},{rest}")
    (folder / "train.csv").write_text("\n".join([header, *reversed(renamed)]) + "\n")
    return folder
