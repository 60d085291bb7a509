"""Keeps figures with what they were measured with."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any


def record(file: Path, section: str, figures: Mapping[str, Any], *libraries: str) -> None:
    """Replace one section of a file of results, with date, device and versions."""
    results = json.loads(file.read_text()) if file.exists() else {}
    results[section] = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {each: version(each) for each in libraries},
        **figures,
    }
    file.write_text(json.dumps(results, indent=2) + "\n")
