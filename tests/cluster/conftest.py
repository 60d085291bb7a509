"""The cluster, and the campaign that runs on it: once here, once there."""

import os

import pytest

from cluster import slurm
from cluster.runs import CONFIG, LEDGERS, ONE_BACKBONE, ClusterCampaign, end, stop
from workflow.campaign import Campaign

# Away with what hides the cluster from all other tests.
os.environ.pop("SLURM_CONF", None)


def pytest_collection_modifyitems(items):
    """Faults first: they wait for limits and nodes, and the undisturbed campaign runs meanwhile."""
    items.sort(key=lambda item: item.path.name != "test_faults.py")


@pytest.fixture(scope="session")
def cluster():
    """A running Slurm; where it cannot be had the tests fail, and say why in a sentence."""
    try:
        slurm.install()
        slurm.start()
    except slurm.ClusterError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    yield
    slurm.stop()


@pytest.fixture(scope="session")
def started(cluster, tmp_path_factory):
    """The campaign on the cluster, started, and its Snakemake."""
    campaign = ClusterCampaign(tmp_path_factory.mktemp("cluster"))
    campaign.write_config(CONFIG, ONE_BACKBONE)
    # The generic resource is asked for; the training itself stays on the CPU, as here are no GPUs.
    process = campaign.start("--set-resources", "train_round:gpu=1", *LEDGERS)
    yield campaign, process
    stop(process)


@pytest.fixture(scope="session")
def on_cluster(started):
    """The campaign on the cluster, run once to its end; tests must not change it."""
    campaign, process = started
    assert end(process) == 0, campaign.output()
    return campaign


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """The campaign's ledgers, made on this machine without a cluster."""
    campaign = Campaign(tmp_path_factory.mktemp("local"))
    campaign.write_config(CONFIG, ONE_BACKBONE)
    done = campaign.snakemake(*LEDGERS)
    assert done.returncode == 0, done.stdout + done.stderr
    return campaign
