"""What disks and file systems do to a job, each as one sentence that says what to do."""

import errno
import os
import re
from collections.abc import Iterator

AGAIN = "run the same command again: what is finished is kept"

# What happened, and what to do about it, by the number of the error.
SENTENCES = {
    errno.ENOSPC: "no space is left on the disk; free some",
    errno.EDQUOT: "the quota of disk space is used up; free some space or have it raised",
    errno.EFBIG: "the file grew beyond the limit for one file; raise it (ulimit -f)",
    errno.EROFS: "the file system is mounted read-only; have it mounted for writing",
    errno.EACCES: "permission is denied; correct owner and mode of the file and its folder",
    errno.EPERM: "the operation is not permitted; correct owner and mode of the file",
    errno.EIO: "the disk reports an error; look at its health and at the mount",
    errno.ESTALE: "the shared file system lost the file; look at the mount",
    errno.ETIMEDOUT: "the shared file system does not answer; look at the mount",
    errno.EMFILE: "the process has too many files open; raise the limit (ulimit -n)",
    errno.ENFILE: "the machine has too many files open; close some programs",
}
VANISHED = "the file is gone"
# How HDF5, Arrow and Rust quote the number in their messages.
_QUOTED = re.compile(r"\b(?:errno\s*=?\s*|os error |Errno )(\d+)", re.IGNORECASE)


def describe_fault(error: BaseException, place: str | os.PathLike[str] | None = None) -> str | None:
    """Say in one sentence what went wrong outside; None if the error is of another kind.

    Parameters
    ----------
    error
        Looked into with its causes: libraries wrap the system's errors in their own.
    place
        The file that was being written, for errors that do not name one.
    """
    for each in _with_causes(error):
        number = _number_of(each)
        if number in SENTENCES:
            path = getattr(each, "filename", None) or place or "a file"
            return f"{path}: {SENTENCES[number]}, and {AGAIN}."
    path = getattr(error, "filename", None) or place
    if isinstance(error, FileNotFoundError) and path is not None:
        return f"{path}: {VANISHED}; {AGAIN}, and what is missing is made anew."
    return None


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        yield each
        seen.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _number_of(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    # Only libraries' own classes of errors quote a number instead of carrying it.
    is_library = isinstance(error, OSError | RuntimeError) or "Safetensor" in type(error).__name__
    found = _QUOTED.search(str(error)) if is_library else None
    return int(found[1]) if found else None
