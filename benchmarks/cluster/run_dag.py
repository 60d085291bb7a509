"""Seconds and memory in which Snakemake plans a campaign of ten thousand jobs, running none."""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from record import record  # noqa: E402

from cluster.test_dag import dry_run  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    record(HERE / "results.json", "dag", dry_run(Path(folder)), "snakemake")
