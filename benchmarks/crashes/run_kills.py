"""A campaign, killed at 30 random moments: what was whole at each, and the end."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "tests", "benchmarks")]

from record import record  # noqa: E402

from workflow.campaign import CONFIG, Campaign, run_campaign  # noqa: E402
from workflow.kill_moments import draw_moments, duration, run_through  # noqa: E402

SEED = 0


def measure(config: dict[str, Any], name: str, kills: int, earlier: Path | None) -> dict[str, Any]:
    """Run a campaign whole, and again with kills; raises at the first file that is not as it was.

    Such a file is half written, lost or different. A run that is whole already may be given.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = Campaign(earlier) if earlier else run_campaign(Path(folder, "whole"), config)
        moments = draw_moments(whole, kills, SEED)
        killed = Campaign(Path(folder, "killed"))
        killed.folder.mkdir()
        # As they stand: the order of arms is part of a config.
        for path in whole.folder.glob("*.yaml"):
            shutil.copy(path, killed.folder)
        start = time.monotonic()
        finished = run_through(killed, whole, moments)
        return {
            "campaign": f"{name}, 2 cores",
            "kills": len(finished),
            "files that are equal at the end": len(whole.files()),
            "seconds": {
                "uninterrupted": round(duration(whole), 1),
                "with all kills": round(time.monotonic() - start, 1),
            },
            "moments_s": [round(moment.after_s, 1) for moment in moments],
            "files whole at each": finished,
        }


def main() -> None:
    """Measure the small campaign of the tests, or the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--whole", type=Path, help="folder of a run that is whole already")
    parser.add_argument("--demo", action="store_true", help="config.yaml, not the tests' campaign")
    options = parser.parse_args()
    if options.whole:
        config, name = yaml.safe_load((options.whole / "config.yaml").read_text()), "config.yaml"
    elif options.demo:
        config, name = yaml.safe_load((ROOT / "config.yaml").read_text()), "config.yaml"
    else:
        config, name = CONFIG, "tests/workflow/campaign.py, CONFIG"
    figures = measure(config, name, options.kills, options.whole)
    section = "kills of the demo" if options.demo else "kills"
    target = Path(__file__).with_name("results.json")
    record(target, section, figures, "snakemake", "h5py", "pyarrow")


if __name__ == "__main__":
    main()
