"""Large campaigns: the graph of ten thousand jobs is built in seconds, without running any."""

import resource
import time

from cluster.runs import CONFIG
from workflow.campaign import SPACE, Campaign

SHARDS, ROUNDS, ARMS = 8, 100, 10
LARGE = {
    **CONFIG,
    "arms": {
        f"evolution{arm}": {**CONFIG["arms"]["evolution"], "rounds": ROUNDS} for arm in range(ARMS)
    },
    "training": {**CONFIG["training"], "shards": SHARDS},
}

# Large enough for the rounds, as no cell is tried twice.
WIDE = {
    **SPACE,
    "factors": [
        {**factor, "levels": [step / 1000 for step in range(500)]}
        if factor["name"] == "dropout"
        else factor
        for factor in SPACE["factors"]
    ],
}


def dry_run(folder):
    """Plan the large campaign: its jobs, seconds (also of the processor) and peak memory in GB."""
    campaign = Campaign(folder)
    campaign.write_config(LARGE, WIDE)
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = campaign.snakemake("--dry-run", "--quiet", "rules")
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    total = next(line for line in done.stdout.splitlines() if line.startswith("total"))
    return {
        "jobs": int(total.split()[1]),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1
        ),
        "memory_gb": round(after.ru_maxrss / 1e6, 2),
    }


def test_ten_thousand_jobs_are_planned_in_under_a_minute_and_2_gb(tmp_path):
    found = dry_run(tmp_path)
    assert found["jobs"] >= 10_000
    # Of the processor: a machine that others use as well makes any wall time longer.
    assert found["cpu_seconds"] < 60
    assert found["memory_gb"] < 2
