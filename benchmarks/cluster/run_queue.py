"""What jobs of a campaign on the test cluster cost beside their work, from the accounting.

Run after a campaign, with the cluster still up: `run_queue.py <folder of the campaign>`.
"""

import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from record import record  # noqa: E402

COLUMNS = "WorkDir,Submit,Start,End,State"


def measure(folder: Path) -> dict[str, object]:
    """Seconds that jobs waited and ran, and that the rules' own work took of it."""
    command = ["sacct", "-XPn", f"--format={COLUMNS}", "--starttime=now-1hours"]
    lines = subprocess.check_output(command, text=True).splitlines()
    jobs = [line.split("|") for line in lines]
    times = [
        [datetime.fromisoformat(each) for each in job[1:4]]
        for job in jobs
        if job[0] == str(folder) and job[4] == "COMPLETED"
    ]
    works = [
        float(path.read_text().splitlines()[1].split("\t")[0])
        for path in folder.glob("results/benchmarks/**/*.tsv")
    ]
    return {
        "jobs": len(times),
        "waited_s_median": statistics.median(
            (start - at).total_seconds() for at, start, _ in times
        ),
        "ran_s_median": statistics.median((end - start).total_seconds() for _, start, end in times),
        "work_s_median": round(statistics.median(works), 1),
        "campaign_s": (max(t[2] for t in times) - min(t[0] for t in times)).total_seconds(),
    }


record(
    HERE / "results.json", "queue", measure(Path(sys.argv[1])), "snakemake-executor-plugin-slurm"
)
