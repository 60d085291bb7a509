"""Campaigns that run through the Slurm profile, with a site's values and quick status checks."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from cluster import slurm
from workflow.campaign import CONFIG as TINY
from workflow.campaign import NO_TRANSFER, ROOT, SPACE, Campaign

# As small as it can be with shards, two arms at a time, and a round that needs another.
CONFIG = {
    **TINY,
    **NO_TRANSFER,
    "clips_per_shard": 12,
    "arms": {
        "random": {"policy": "random", "experiments_per_round": 3},
        "evolution": {**TINY["arms"]["evolution"], "rounds": 2},
    },
}
ONE_BACKBONE = {
    **SPACE,
    "factors": [
        {**factor, "levels": ["color"]} if factor["name"] == "backbone" else factor
        for factor in SPACE["factors"]
    ],
}
# Behind the dashes, as options before them take any number of values.
LEDGERS = ["--", *(f"results/tiny/arms/{arm}/seed1/ledger.parquet" for arm in CONFIG["arms"])]
# Short jobs that follow each other are one job, and their end is asked for often.
GROUPS = (
    "--groups",
    *(f"{rule}=windows" for rule in ("generate_clips", "index_clips")),
    *(f"{rule}=windows" for rule in ("decode_windows", "collect_windows")),
    *(f"{rule}=prepared" for rule in ("collect_features", "prepare_features")),
)
# An arm with all its rounds is one job, as docs/cluster.md proposes.
ARM_GROUPS = (*GROUPS, "propose_round=arm", "train_round=arm")
SITE = (
    "--slurm-init-seconds-before-status-checks",
    "5",
    "--latency-wait",
    "5",
    *GROUPS,
    "--default-resources",
    "slurm_account=main",
)
END_S = 240  # of one run of Snakemake, at most


@dataclass(frozen=True)
class Job:
    """A job as the accounting knows it."""

    number: str
    state: str
    node: str
    partition: str
    tres: str
    limit: str
    comment: str


@dataclass(frozen=True)
class Queued:
    """A job as the queue knows it."""

    number: str
    state: str
    node: str
    comment: str


class ClusterCampaign(Campaign):
    """A campaign whose jobs go to Slurm."""

    def command(self, *arguments, cores=None):
        base = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        place = ["--directory", str(self.folder), "--configfile", str(self.folder / "config.yaml")]
        return [*base, *place, "--profile", str(ROOT / "profiles/slurm"), *SITE, *arguments]

    def start(self, *arguments):
        """Start Snakemake in a session of its own, its output in a file."""
        with (self.folder / "snakemake.log").open("a") as log:
            return subprocess.Popen(
                self.command(*arguments),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "CAMPAIGN": str(self.folder)},
            )

    def run(self, *arguments):
        """Run to the end and return the exit status."""
        return end(self.start(*arguments))

    def output(self):
        """What Snakemake has printed so far."""
        return (self.folder / "snakemake.log").read_text()

    def jobs(self):
        """The campaign's jobs, from the accounting; a job that was queued again counts twice."""
        columns = "JobID,State,NodeList,Partition,AllocTRES,Timelimit,Comment,WorkDir"
        lines = slurm.run(
            "sacct", "-XPnD", f"--format={columns}", "--starttime=now-1hours"
        ).splitlines()
        fields = [line.split("|") for line in lines]
        return [Job(*each[:-1]) for each in fields if each[-1] == str(self.folder)]

    def queue(self):
        """The campaign's jobs that are not done: number, state, node and comment of each."""
        lines = slurm.run("squeue", "-h", "-o", "%i|%T|%N|%k|%Z").splitlines()
        fields = [line.split("|") for line in lines]
        return [Queued(*each[:-1]) for each in fields if each[-1] == str(self.folder)]

    def wait_for_jobs(self, name, count=1):
        """Wait until so many jobs run whose comment holds a name, and return them."""

        def running():
            return [job for job in self.queue() if name in job.comment and job.state == "RUNNING"]

        slurm.wait_for(f"{count} of {name} running", lambda: len(running()) >= count, 120)
        return running()


def ledgers_of(campaign):
    """The bytes of all ledgers of a campaign."""
    return {name: data for name, data in campaign.files().items() if "ledger.parquet" in name}


def end(process):
    """Wait for a Snakemake, which does not outlive the test that waits for it; its exit status."""
    try:
        return process.wait(END_S)
    finally:
        stop(process)


def stop(process):
    """Kill a Snakemake with all that it started here, as the end of a login node does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
