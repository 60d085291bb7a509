"""500 fuzzed clips and 8 whole ones in one data set: who is decoded, who is marked, and as what."""

import json
import platform
import resource
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import av

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / name) for name in ("scripts", "tests", "tests/unit")]

from clips.test_isolation import FUZZ, run_fuzzed  # noqa: E402

WHOLE = 8
start = time.monotonic()
with tempfile.TemporaryDirectory() as folder:
    manifest, decoded, problems = run_fuzzed(Path(folder), 500)
names = [*(function.__name__.replace("<lambda>", "zero_bytes") for function in FUZZ)]
found = Counter(
    f"{'whole' if number < WHOLE else names[number % len(names)]}: "
    f"{problems[clip][0] if clip in problems else 'decoded'}"
    for number, clip in enumerate(manifest["clip_id"])
)
usage = {"job": resource.RUSAGE_SELF, "largest worker": resource.RUSAGE_CHILDREN}
content = {
    "date": datetime.now(UTC).date().isoformat(),
    "device": f"{platform.machine()}, 2 workers",
    "av": av.__version__,
    "python": platform.python_version(),
    "seconds": round(time.monotonic() - start, 1),
    "clips": len(manifest),
    "decoded": len(decoded),
    "marked": len(problems),
    "in neither or both": len(manifest) - len(decoded ^ set(problems)),
    "found": dict(sorted(found.items())),
    "peak_mb": {
        name: round(resource.getrusage(who).ru_maxrss / 1e3) for name, who in usage.items()
    },
}
target = Path(__file__).with_name("results.json")
results = json.loads(target.read_text()) | {"fuzz": content}
target.write_text(json.dumps(results, indent=2) + "\n")
