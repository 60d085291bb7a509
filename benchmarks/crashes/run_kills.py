"""One small campaign, killed at 30 random moments: what was whole at each, and the end."""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "tests", "benchmarks")]

from record import record  # noqa: E402

from workflow.campaign import CONFIG, Campaign, run_campaign  # noqa: E402
from workflow.kill_moments import draw_moments, run_through  # noqa: E402

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
SEED = 0

with tempfile.TemporaryDirectory() as folder:
    start = time.monotonic()
    whole = run_campaign(Path(folder, "whole"), CONFIG)
    uninterrupted_s = time.monotonic() - start
    moments = draw_moments(whole, KILLS, SEED)
    killed = Campaign(Path(folder, "killed"))
    killed.folder.mkdir()
    killed.write_config(CONFIG)
    start = time.monotonic()
    # Raises at the first file that is half written, lost or different.
    finished = run_through(killed, whole, moments)
    figures = {
        "campaign": "tests/workflow/campaign.py, CONFIG, 2 cores",
        "kills": len(finished),
        "files that are equal at the end": len(whole.files()),
        "seconds": {
            "uninterrupted": round(uninterrupted_s, 1),
            "with all kills": round(time.monotonic() - start, 1),
        },
        "moments_s": [round(moment.after_s, 1) for moment in moments],
        "files whole at each": finished,
    }
record(Path(__file__).with_name("results.json"), "kills", figures, "snakemake", "h5py", "pyarrow")
