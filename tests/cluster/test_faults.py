"""What clusters do to jobs: every fault ends in the same ledgers, after at most one rerun."""

import shutil

import pytest

from cluster import slurm
from cluster.runs import (
    ARM_GROUPS,
    CONFIG,
    LEDGERS,
    ONE_BACKBONE,
    ClusterCampaign,
    end,
    ledgers_of,
    stop,
)

# The first attempt gets one minute, the shortest limit of Slurm, which looks at limits every half
# minute: the second check of states, after 45 + 55 s, finds the end. The next attempt gets ten.
SHORT = (
    "--slurm-init-seconds-before-status-checks",
    "45",
    "--set-resources",
    "extract_features:runtime=1 if attempt == 1 else 10",
)


@pytest.fixture(scope="module")
def beaten(started, local, tmp_path_factory):
    """The campaign from its decoded windows on, beside the undisturbed one on the same nodes."""
    campaign = ClusterCampaign(tmp_path_factory.mktemp("beaten"))
    campaign.write_config(CONFIG, ONE_BACKBONE)
    for name in ("results", ".snakemake"):
        shutil.copytree(local.folder / name, campaign.folder / name)
    for name in ("arms", "features", "prepared"):
        shutil.rmtree(campaign.folder / "results/tiny" / name)
    yield campaign
    slurm.kill(slurm.processes_with("CAMPAIGN", str(campaign.folder)))


@pytest.fixture(scope="module")
def faults(beaten, started):
    """Every fault in a row, then one rerun to the end: the job of each, as it was then."""
    first = beaten.start(*SHORT, *LEDGERS)
    hung, cancelled, *_ = beaten.wait_for_jobs("rule_extract_features", 2)
    for job in (hung, cancelled):
        slurm.freeze(job.number)

    # A running shard is cancelled; the other one hangs until its limit, and its retry gets more.
    slurm.cancel([cancelled.number])
    slurm.wait_for("the hung job is out", lambda: hung not in beaten.queue(), 150)
    (lost,) = beaten.wait_for_jobs(hung.comment)
    slurm.freeze(lost.number)

    # Its second attempt loses its node, once nobody else is there; Slurm queues it again.
    _, undisturbed = started
    end(undisturbed)
    slurm.kill_node(lost.node)
    slurm.wait_for("the lost job is queued", lambda: lost not in beaten.queue(), 90)
    slurm.start_node(lost.node)
    (again,) = beaten.wait_for_jobs(hung.comment)

    # Snakemake dies while it runs. What docs/cluster.md says to do: no orphan may write beside
    # the jobs of the rerun.
    stop(first)
    slurm.cancel([job.number for job in beaten.queue()])
    assert beaten.run(*LEDGERS) != 0
    assert "Directory cannot be locked" in beaten.output()
    assert beaten.run("--unlock") == 0
    assert beaten.run(*ARM_GROUPS, *LEDGERS) == 0, beaten.output()
    return {"cancelled": cancelled, "hung": hung, "lost": lost, "again": again}


def states_of(campaign, job):
    """All that a job has been, by the accounting."""
    return {each.state.split()[0] for each in campaign.jobs() if each.number == job.number}


def limits_of(campaign, job):
    """The limits of time of a job."""
    return {each.limit for each in campaign.jobs() if each.number == job.number}


def test_every_fault_together_ends_in_the_same_ledgers_after_one_rerun(beaten, faults, local):
    assert ledgers_of(beaten) == ledgers_of(local)


def test_a_cancelled_shard_is_made_by_the_rerun(beaten, faults):
    # Not by the same run: the plugin does not know "CANCELLED by <user>" for an end (docs).
    tries = [job for job in beaten.jobs() if job.comment == faults["cancelled"].comment]
    assert [job.state for job in tries] == ["CANCELLED by 0", "COMPLETED"]


def test_a_job_over_its_time_limit_is_tried_again_with_more(beaten, faults):
    assert states_of(beaten, faults["hung"]) == {"TIMEOUT"}
    assert limits_of(beaten, faults["hung"]) == {"00:01:00"}
    assert limits_of(beaten, faults["lost"]) == {"00:10:00"}


def test_a_job_of_a_lost_node_is_queued_again_by_slurm(beaten, faults):
    assert faults["again"].number == faults["lost"].number
    assert "NODE_FAIL" in states_of(beaten, faults["lost"])


def test_jobs_of_a_killed_snakemake_run_on_until_they_are_cancelled(beaten, faults):
    assert "CANCELLED" in states_of(beaten, faults["again"])


def test_an_arm_can_be_one_job(beaten, faults):
    arms = [job for job in beaten.jobs() if "round" in job.comment]
    assert [job.state for job in arms] == ["COMPLETED"] * len(CONFIG["arms"])
