"""What `snakedeploy` lays out in a user's folder is the same workflow, and gives the same bytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakedeploy.deploy import WorkflowDeployer

from workflow.campaign import CONFIG, ROOT, SPACE, Campaign

ADDRESS, TAG = "https://github.com/somebody/dashsearch", "v1.2.3"
MODULE = """
module dashsearch:
    snakefile: {snakefile!r}
    config: config

use rule * from dashsearch
"""


def git(*arguments, folder):
    names = {
        f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, env=os.environ | names).stdout


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """This tree as a tagged repository, where git looks when it is asked for GitHub's."""
    host = tmp_path_factory.mktemp("host")
    repository = host / "somebody/dashsearch"
    repository.mkdir(parents=True)
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT)
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_symlink() or (ROOT / name).exists():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, repository / name, follow_symlinks=False)
    git("init", "--quiet", folder=repository)
    git("add", "--all", "--force", folder=repository)
    git("commit", "--quiet", "--message", "release", folder=repository)
    git("tag", TAG, folder=repository)
    settings = host / "gitconfig"
    settings.write_text(f'[url "file://{host}/"]\n\tinsteadOf = https://github.com/\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        # Snakemake keeps what it fetched of a tag.
        patch.setenv("XDG_CACHE_HOME", str(host / "cache"))
        yield repository


@pytest.fixture(scope="module")
def deployed(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed") / "mine"
    command = [Path(sys.executable).parent / "snakedeploy", "deploy-workflow"]
    subprocess.run([*command, ADDRESS, folder, "--tag", TAG], check=True, capture_output=True)
    return folder


def snakemake(folder, *arguments):
    """Run it on one core; return its exit status and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return done.returncode, done.stdout + done.stderr


def test_the_default_is_planned_as_it_is_deployed(deployed):
    assert (deployed / "config/config.yaml").read_text() == (ROOT / "config.yaml").read_text()
    status, said = snakemake(deployed, "--dry-run")
    assert status == 0, said
    assert "Tasks: highway (160 clips), crossing (160 clips)." in said
    assert "\nreport " in said


def test_a_wrong_config_is_told_before_the_first_job(deployed, tmp_path):
    shutil.copytree(deployed, tmp_path / "mine")
    (tmp_path / "mine/config/config.yaml").write_text(yaml.safe_dump(CONFIG | {"clips": 3}))
    status, said = snakemake(tmp_path / "mine", "--dry-run")
    assert status == 1
    assert "config: clips: unknown key" in said and "Traceback" not in said


def test_deployed_elsewhere_and_on_one_core_it_gives_the_same_bytes(tiny, deployed):
    (deployed / "config/config.yaml").write_text(yaml.safe_dump(CONFIG))
    (deployed / "space.yaml").write_text(yaml.safe_dump(SPACE, sort_keys=False))
    # A whole run in another folder is what the tests of kills end with.
    ledger = "tiny/arms/random/seed1/ledger.parquet"
    targets = ["results/audit/audit.html", f"results/{ledger}"]
    status, said = snakemake(deployed, *targets)
    assert status == 0, said
    first, other = tiny.files(), Campaign(deployed).files()
    both = first.keys() & other.keys()
    assert {ledger, "audit/audit.json"} < both
    assert [name for name in both if other[name] != first[name]] == []
    assert "Nothing to be done" in snakemake(deployed, *targets)[1]


def test_a_folder_serves_as_a_module_and_a_bare_git_address_is_refused(published, tmp_path):
    for name, source in (
        ("folder", f"{ROOT}/workflow/Snakefile"),
        ("git", f"git+file://{published}/workflow/Snakefile@{TAG}"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Snakefile").write_text(MODULE.format(snakefile=source))
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        (folder / "space.yaml").write_text(yaml.safe_dump(SPACE, sort_keys=False))
        status, said = snakemake(folder, "--dry-run", "--configfile", "config.yaml")
        assert status == (name == "git"), said
        assert ("name a folder, or a repository" in said) == (name == "git")


def test_the_catalog_finds_what_it_shows(published, tmp_path):
    with WorkflowDeployer(ADDRESS, tmp_path, tag=TAG) as deployer:
        keys = deployer.get_json_schema("config")["properties"]
        assert {"tasks", "arms", "space"} <= set(keys)
        clone = Path(deployer.repo_clone)
        assert (clone / "config/README.md").read_text().startswith("# ")
        usage = yaml.safe_load((clone / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
