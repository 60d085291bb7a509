"""What all measurements share: places, versions, the machine, and the file of results."""

import json
import os
import platform
import re
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
# Clips and scratch files; `--work` of every script names another folder.
WORK = Path(tempfile.gettempdir(), "dashsearch-decoding")
LIBRARIES = (
    *(
        "av",
        "decord2",
        "h5py",
        "hdf5plugin",
        "imageio-ffmpeg",
        "numpy",
        "opencv-python-headless",
        "torch",
    ),
    "torchcodec",
)


def use_library() -> None:
    """Put the library on the import path, last: PYTHONPATH may name another version's."""
    scripts = str(HERE.parents[1] / "scripts")
    if scripts not in sys.path:
        sys.path.append(scripts)


def machine() -> dict[str, Any]:
    """Describe the machine, the interpreter and the versions of everything that is measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}",
            "load_1min": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version(), **_versions()},
    }


def record(section: str, content: dict[str, Any], target: Path = RESULTS) -> None:
    """Write one measurement into the file of results, beside what the others wrote."""
    results = json.loads(target.read_text()) if target.exists() else {}
    results[section] = {**machine(), **content}
    target.write_text(_compact(json.dumps(results, indent=1)) + "\n")


def median(values: list[float]) -> float:
    """Median; of an even number of values the mean of the middle two."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _compact(text: str) -> str:
    """Put lists of numbers on one line each."""
    return re.sub(
        r"\[\s+([-+.\deE,\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text
    )
