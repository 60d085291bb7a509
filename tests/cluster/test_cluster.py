"""A campaign on a real Slurm: where its jobs run, what they ask for, and its results."""

import subprocess
import sys

import yaml

from cluster.runs import CONFIG, ledgers_of
from workflow.campaign import ROOT, Campaign


def test_a_campaign_on_the_cluster_has_the_ledgers_of_a_local_one(on_cluster, local):
    assert ledgers_of(on_cluster) == ledgers_of(local)
    assert len(ledgers_of(local)) == 2


def test_jobs_run_on_both_nodes_and_all_complete(on_cluster):
    jobs = on_cluster.jobs()
    assert {job.node for job in jobs} == {"n1", "n2"}
    assert {job.state for job in jobs} == {"COMPLETED"}


def test_jobs_that_ask_for_a_gpu_get_one_on_the_gpu_partition(on_cluster):
    rounds = [job for job in on_cluster.jobs() if "round" in job.comment]
    assert rounds
    assert all(job.partition == "gpu" and "gres/gpu=1" in job.tres for job in rounds)
    others = [job for job in on_cluster.jobs() if job not in rounds]
    assert all(job.partition == "cpu" and "gres" not in job.tres for job in others)


def test_a_round_pays_queue_time_once(on_cluster):
    rounds = [job for job in on_cluster.jobs() if "round" in job.comment]
    assert len(rounds) == 3  # 1 random, 2 of evolution: a proposal and its training


def test_a_config_for_cuda_asks_for_gpus(tmp_path):
    campaign = Campaign(tmp_path)
    training = {**CONFIG["training"], "device": "cuda"}
    campaign.write_config({**CONFIG, "training": training, "transfer": {"top": 1, "seeds": 2}})
    shown = campaign.snakemake("--dry-run").stdout
    for rule in ("train_round", "train_transfer"):
        trained = [part for part in shown.split("\n\n") if f"rule {rule}:" in part]
        assert trained
        assert all("gpu=1" in part for part in trained)


def test_the_profile_is_one_that_this_snakemake_and_its_plugin_take(cluster, tmp_path):
    campaign = Campaign(tmp_path)
    campaign.write_config(CONFIG)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    place = ["--directory", str(tmp_path), "--configfile", str(tmp_path / "config.yaml")]
    profile = ["--profile", str(ROOT / "profiles/slurm"), "--dry-run"]
    done = subprocess.run([*command, *place, *profile], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    settings = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    assert settings["executor"] == "slurm"
