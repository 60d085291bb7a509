"""What a figure was measured with, and the file that it is kept in."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


def save(section: str, figures: Mapping[str, Any], *libraries: str) -> None:
    """Replace one section of results.json, with date, device and versions."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[section] = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {each: version(each) for each in libraries},
        **figures,
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
