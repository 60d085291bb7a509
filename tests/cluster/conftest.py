"""The cluster, and the campaign that runs on it: once here, once there."""

import pytest

from cluster import slurm
from cluster.runs import CONFIG, LEDGERS, ClusterCampaign
from workflow.campaign import Campaign


@pytest.fixture(scope="session")
def cluster():
    """A running Slurm; where it cannot be had the tests fail, and say why."""
    slurm.install()
    slurm.start()
    yield
    slurm.stop()


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """The campaign's ledgers, made on this machine without a cluster."""
    campaign = Campaign(tmp_path_factory.mktemp("local"))
    campaign.write_config(CONFIG)
    done = campaign.snakemake(*LEDGERS)
    assert done.returncode == 0, done.stdout + done.stderr
    return campaign


@pytest.fixture(scope="session")
def on_cluster(cluster, tmp_path_factory):
    """The campaign on the cluster, run once; tests must not change it."""
    campaign = ClusterCampaign(tmp_path_factory.mktemp("cluster"))
    campaign.write_config(CONFIG)
    # The generic resource is asked for; the training itself stays on the CPU, as here are no GPUs.
    status = campaign.run("--set-resources", "train_round:gpu=1")
    assert status == 0, campaign.output()
    return campaign
