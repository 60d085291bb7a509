"""Writing files so that no half file ever carries its final name."""

import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dashsearch.errors import InputError
from dashsearch.faults import AGAIN, describe_fault

# On another machine nobody can see whether a process lives; no job runs that long.
ABANDONED_S = 7 * 86400


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it to `target` if the block succeeds.

    File and folder are on disk when this returns. The temporary name keeps the suffix of the
    target, since some writers choose the format by it, and says which process writes it, so that
    what dead ones left can be told from what a live one is writing.

    Raises
    ------
    InputError
        If the disk is full, read-only or broken.
    """
    target = Path(target)
    temporary = _temporary(target)
    with _by_final_name(target, temporary):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target.parent, target.stem, target.suffix)
        try:
            yield temporary
            _sync(temporary)
            os.replace(temporary, target)
            _sync(target.parent)
        finally:
            with suppress(OSError):  # nothing to remove, or a disk that takes no change any more
                temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty folder beside `target`; it takes the place of `target` if the block succeeds.

    Nothing of an earlier folder stays. As `replacing`, but between two renames a kill leaves no
    folder at all.

    Raises
    ------
    InputError
        If the disk is full, read-only or broken.
    """
    target = Path(target)
    temporary, earlier = _temporary(target), _temporary(target.with_name(f"{target.name}.earlier"))
    with _by_final_name(target, temporary):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target.parent, target.stem, target.suffix)
        remove_abandoned(target.parent, target.name, ".earlier")
        shutil.rmtree(temporary, ignore_errors=True)  # of this very process, which failed before
        temporary.mkdir()
        try:
            yield temporary
            for path in temporary.rglob("*"):
                _sync(path)
            _sync(temporary)
            if target.exists():
                os.replace(target, earlier)
            os.replace(temporary, target)
            _sync(target.parent)
        finally:
            for folder in (temporary, earlier):
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _by_final_name(target: Path, temporary: Path) -> Iterator[None]:
    """Turn a fault of disk or file into a sentence; a user knows the file by its final name."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        sentence = describe_fault(error, target)
        if sentence is None:
            raise
        raise InputError(sentence.replace(temporary.name, target.name)) from error


def remove_abandoned(folder: Path, stem: str = "", suffix: str = "") -> None:
    """Remove what dead processes left half written in a folder: of one target, or of all."""
    pattern = f".{glob.escape(stem)}.*.partial{suffix}" if stem else f".*.partial*{suffix}"
    for path in folder.glob(pattern):
        if not _is_being_written(path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def locked(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Hold a lock on a file that is written in place, made if it does not exist.

    Where a file system knows no locks, there is none.

    Raises
    ------
    InputError
        If another process holds it; `what` says what it does.
    """
    with open(path, "ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{path}: another process is {what}; wait until it has finished, or stop it."
            ) from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
        yield


@contextmanager
def reading(path: str | os.PathLike[str], *kinds: type[Exception]) -> Iterator[None]:
    """Turn what reading a file raises into one sentence: it is gone, damaged, or the disk fails.

    Parameters
    ----------
    kinds
        What the reader raises at a damaged file, beside OSError.
    """
    expected: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except expected as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            describe_fault(error, path)
            or f"{path}: the file is truncated or damaged; delete it and {AGAIN}."
        ) from error


def _sync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot do so with a folder.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.EBADF)):
            raise
    finally:
        os.close(descriptor)


def _temporary(target: Path) -> Path:
    pid = os.getpid()
    return target.with_name(
        f".{target.stem}.{_machine()}-{pid}-{_start_of(pid)}.partial{target.suffix}"
    )


def _is_being_written(path: Path) -> bool:
    """Whether the process that a temporary name speaks of may still live."""
    writer = path.name[: path.name.rindex(".partial")].rsplit(".", 1)[-1]
    machine, _, process = writer.partition("-")
    pid, _, start = process.partition("-")
    if not pid.isdecimal():
        return False  # no name of this version's
    if machine == _machine():
        return _start_of(int(pid)) == start
    with suppress(OSError):
        # The clock of the file system, on which machines may disagree.
        path.parent.touch()
        return path.parent.stat().st_mtime - path.stat().st_mtime < ABANDONED_S
    return False


def _machine() -> str:
    """Name the machine and, of containers, the one that numbers this process."""
    try:
        numbering = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbering = ""
    return digest([socket.gethostname(), numbering])[:8]


def _start_of(pid: int) -> str:
    """When a process started, since numbers are used again; "" if it does not live."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        try:  # no Linux: the number has to do
            os.kill(pid, 0)
        except ProcessLookupError:
            return ""
        except PermissionError:
            pass
        return "0"
    return stat.rpartition(")")[2].split()[19]


def canonical_json(value: Any) -> str:
    """Serialise `value` so that equal values give equal text (sorted keys, no NaN)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(target: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as readable JSON with sorted keys; NaN and infinity are refused.

    Lists of plain values, and the rows of a list, stand on a line each.
    """
    with replacing(target) as path:
        path.write_text(_readable(value, "") + "\n")


# Without an indent the encoder is compiled, and tens of times faster.
_on_one_line = json.JSONEncoder(sort_keys=True, allow_nan=False).encode
_CONTAINERS = (dict, list, tuple)


def _readable(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict) and value:
        items = [f"{_on_one_line(str(k))}: {_readable(v, inner)}" for k, v in sorted(value.items())]
        opened, closed = "{", "}"
    elif isinstance(value, list | tuple) and _holds_containers(value):
        items = [_on_one_line(e) if _is_flat(e) else _readable(e, inner) for e in value]
        opened, closed = "[", "]"
    else:
        return _on_one_line(value)
    return f"{opened}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{closed}"


def _is_flat(value: Any) -> bool:
    """Whether a value holds nothing that holds something."""
    parts = value.values() if isinstance(value, dict) else value
    return not isinstance(value, _CONTAINERS) or not _holds_containers(parts)


def _holds_containers(parts: Iterable[Any]) -> bool:
    # Of a million numbers there are few types.
    return any(issubclass(kind, _CONTAINERS) for kind in set(map(type, parts)))


def write_json_lines(target: str | os.PathLike[str], values: Iterable[Any]) -> None:
    """Write one JSON document a line, each in canonical form."""
    with replacing(target) as path:
        path.write_text("".join(canonical_json(value) + "\n" for value in values))


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read one JSON document; InputError if it is gone or damaged."""
    with reading(path, ValueError):
        return json.loads(Path(path).read_text())


def read_json_lines(path: str | os.PathLike[str]) -> list[Any]:
    """Read one JSON document a line; InputError if the file is gone or damaged."""
    with reading(path, ValueError):
        return [json.loads(line) for line in Path(path).read_text().splitlines()]


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of `value` in canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
