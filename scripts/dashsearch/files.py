"""Writing files so that no half file ever carries its final name."""

import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it to `target` if the block succeeds.

    The temporary name keeps the suffix of the target, since some writers choose the format by it.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{glob.escape(target.stem)}.*.partial{target.suffix}"):
        stale.unlink(missing_ok=True)  # of a process that was killed: one job writes one target
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def canonical_json(value: Any) -> str:
    """Serialise `value` so that equal values give equal text (sorted keys, no NaN)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(target: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as readable JSON with sorted keys; NaN and infinity are refused."""
    with replacing(target) as path:
        path.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_json_lines(target: str | os.PathLike[str], values: Iterable[Any]) -> None:
    """Write one JSON document a line, each in canonical form."""
    with replacing(target) as path:
        path.write_text("".join(canonical_json(value) + "\n" for value in values))


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read one JSON document."""
    return json.loads(Path(path).read_text())


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of `value` in canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
