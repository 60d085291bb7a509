"""What clusters do to jobs: every fault ends in the same ledgers, after at most one rerun."""

import os
import shutil
import signal

import pytest

from cluster import slurm
from cluster.runs import CONFIG, ClusterCampaign, end

# Evolution runs on a node of its own, so that losing the other one does not end its hung job; the
# first attempt at a round gets one minute, the shortest limit of Slurm.
PLACES = "'right' if wildcards.arm == 'evolution' else 'left'"
SHORT = (
    "--set-resources",
    f"propose_round:constraint={PLACES}",
    f"train_round:constraint={PLACES}",
    "propose_round:runtime=0",
    "train_round:runtime=attempt",
)


@pytest.fixture(scope="module")
def beaten(on_cluster, tmp_path_factory):
    """The campaign from its prepared features on, through every fault in a row."""
    campaign = ClusterCampaign(tmp_path_factory.mktemp("beaten"))
    campaign.write_config(CONFIG)
    shutil.copytree(on_cluster.folder / "results", campaign.folder / "results", dirs_exist_ok=True)
    shutil.copytree(
        on_cluster.folder / ".snakemake", campaign.folder / ".snakemake", dirs_exist_ok=True
    )
    for name in ("arms", "analysis", "features/color.h5", "prepared/color.h5"):
        path = campaign.folder / "results/tiny" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return campaign


def test_a_killed_snakemake_leaves_jobs_and_a_lock_and_its_rerun_ends(beaten, local):
    first = beaten.start()
    beaten.wait_for_job("designed")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    # What docs/cluster.md says to do: no orphan may write beside the rerun's jobs.
    slurm.cancel([job.number for job in beaten.queue()])
    assert beaten.run("--unlock") == 0

    # The rerun meets the other faults: a job that hangs until its limit, a lost node, scancel.
    again = beaten.start(*SHORT)
    hung = beaten.wait_for_job("evolution")
    slurm.freeze(hung.number)
    lost = beaten.wait_for_job("random-seed2")
    slurm.freeze(lost.number)
    cancelled = beaten.wait_for_job("random-seed1")
    slurm.cancel([cancelled.number])
    slurm.kill_node(lost.node)
    slurm.start_node(lost.node)
    assert end(again) == 0, beaten.output()

    jobs = beaten.jobs()
    assert "TIMEOUT" in {job.state for job in jobs if job.number == hung.number}
    limits = [job.limit for job in jobs if job.comment == hung.comment]
    assert limits[-2:] == ["00:01:00", "00:02:00"]
    assert any(job.state.startswith("CANCELLED") for job in jobs if job.number == cancelled.number)
    assert beaten.ledgers() == local.ledgers()
