"""What clusters do to jobs: every fault ends in the same ledgers, after at most one rerun."""

import os
import shutil
import signal

import pytest

from cluster import slurm
from cluster.runs import CONFIG, LEDGERS, ClusterCampaign, end, ledgers_of

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
    yield campaign
    slurm.kill(slurm.processes_with("CAMPAIGN", str(campaign.folder)))


def test_every_fault_ends_in_the_same_ledgers_after_one_rerun(beaten, local):
    # A running shard is cancelled, and Snakemake is killed while another one runs.
    first = beaten.start(*LEDGERS)
    cancelled = beaten.wait_for_job("rule_extract_features")
    slurm.freeze(cancelled.number)
    slurm.cancel([cancelled.number])
    beaten.wait_for_job("rule_extract_features")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    # What docs/cluster.md says to do: no orphan may write beside the jobs of the rerun.
    slurm.cancel([job.number for job in beaten.queue()])
    assert beaten.run("--unlock") == 0

    # The rerun meets a job that hangs until its limit; the next try is given more and meets the
    # loss of its node. Slurm queues it again, but the plugin submits nothing more: one more rerun.
    rerun = beaten.start(*SHORT, *LEDGERS)
    hung = beaten.wait_for_job("evolution")
    slurm.freeze(hung.number)
    slurm.wait_for("the hung job is out", lambda: hung not in beaten.queue(), 150)
    lost = beaten.wait_for_job("evolution")
    slurm.freeze(lost.number)
    slurm.kill_node(lost.node)
    slurm.start_node(lost.node)
    if end(rerun):
        assert beaten.run(*SHORT, *LEDGERS) == 0, beaten.output()

    jobs = beaten.jobs()
    states = {
        number: {job.state.split()[0] for job in jobs if job.number == number}
        for number in (cancelled.number, hung.number, lost.number)
    }
    limits = {job.number: job.limit for job in jobs}
    assert states[cancelled.number] == {"CANCELLED"}
    assert states[hung.number] == {"TIMEOUT"}
    assert "NODE_FAIL" in states[lost.number]
    assert (limits[hung.number], limits[lost.number]) == ("00:01:00", "00:02:00")
    assert ledgers_of(beaten) == ledgers_of(local)
