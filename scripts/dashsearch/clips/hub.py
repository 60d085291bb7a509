"""Fetching a data set that is hosted on the Hugging Face Hub, so that a finished one is known."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath

from dashsearch.errors import InputError
from dashsearch.files import file_digest, write_json

# huggingface_hub reads these when it is imported; what a user has set stays. Plain HTTP instead of
# Xet: it goes on where a connection broke, passes proxies, and videos share no blocks anyway.
for _name, _value in (
    ("HF_HUB_DISABLE_XET", "1"),
    ("HF_HUB_DISABLE_TELEMETRY", "1"),
    ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
    ("HF_HUB_VERBOSITY", "error"),  # its warnings quote signed addresses
):
    os.environ.setdefault(_name, _value)

import httpx2  # noqa: E402
from huggingface_hub import HfApi, constants, snapshot_download  # noqa: E402
from huggingface_hub.errors import (  # noqa: E402
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile  # noqa: E402

RECORD = "download.json"
ATTEMPTS = 2  # a file that is not the Hub's is fetched again once
TIMEOUT_S = 60.0
AGAIN = "run the download again, what has arrived is kept"

# What the Hub may say, the more special errors first, and what to do about it.
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (
        GatedRepoError,
        "the data set is gated; accept the terms on its page on the Hub, and set HF_TOKEN to a "
        "token of that account.",
    ),
    (
        RepositoryNotFoundError,
        "the Hub has no such data set, or it is private; correct the name, or set HF_TOKEN to a "
        "token that may read it.",
    ),
    (OfflineModeIsEnabled, "HF_HUB_OFFLINE is set, so nothing is fetched; unset it."),
)
_STATUSES = {
    401: "the Hub refuses the token; set HF_TOKEN to a valid one, or unset it.",
    403: "the Hub forbids reading the data set; give the token in HF_TOKEN the right to read it.",
}
_OTHER_STATUS = f"the Hub answers with HTTP status {{status}}; wait a little, and {AGAIN}."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HubFile:
    """A file of a data set as the Hub lists it: path, bytes, and SHA-256 or else git's blob id."""

    path: str
    size: int
    sha256: str | None
    blob_id: str


@dataclass(frozen=True)
class FetchedFile:
    """A file that lies in the folder and was found to be the Hub's: path, bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Download:
    """What was fetched: the revision that was asked for, and the commit it stood for."""

    repository: str
    revision: str
    commit: str
    patterns: tuple[str, ...]
    files: tuple[FetchedFile, ...]


def download(
    repository: str,
    revision: str,
    folder: Path,
    *,
    patterns: Sequence[str],
    workers: int,
    endpoint: str | None = None,
) -> Download:
    """Fetch a data set's files into `folder`, and record them in its download.json at the end.

    Files that are there already are not fetched again: a download that was killed or broke off goes
    on with what is missing. Every file's digest is compared with the Hub's; one that differs is
    replaced. A token, if one is needed, is taken from HF_TOKEN.

    Parameters
    ----------
    repository
        Name of a data set's repository, such as ``"owner/name"``.
    revision
        A branch, a tag or a commit of it.
    folder
        Where the files go, laid out as in the repository; one download at a time writes there.
    patterns
        Which files to fetch, as shell patterns whose ``*`` also crosses folders.
    workers
        Number of files fetched at a time.
    endpoint
        Address of the Hub, if not the one of HF_ENDPOINT or Hugging Face's own.

    Raises
    ------
    InputError
        If the data set cannot be read or written, or if a pattern matches none of its files.
    """
    if not patterns:
        raise InputError(f"{repository}: no pattern says which files to fetch; use '*' for all.")
    with _in_one_sentence(repository, revision, folder):
        commit, listed = _list_files(HfApi(endpoint=endpoint), repository, revision)
        wanted = _select(listed, patterns, f"{repository} at {revision}")
        _prepare(folder, wanted)
        fetch = partial(
            snapshot_download,
            repository,
            repo_type="dataset",
            revision=commit,
            local_dir=folder,
            allow_patterns=list(patterns),
            max_workers=workers,
            endpoint=endpoint,
        )
        for _ in range(ATTEMPTS):
            fetch()
            fetched = _check(folder, wanted, workers)
            wrong = [file.path for file in wanted if file.path not in fetched]
            if not wrong:
                break
            for path in wrong:
                logger.warning("%s: is not the Hub's; it is fetched again", folder / path)
                (folder / path).unlink(missing_ok=True)
        else:
            raise InputError(
                f"{repository}: {len(wrong)} of {len(wanted)} files, such as {wrong[0]}, are not "
                f"what the Hub lists, even when fetched again; {AGAIN}."
            )
        files = tuple(FetchedFile(file.path, file.size, fetched[file.path]) for file in wanted)
        result = Download(repository, revision, commit, tuple(patterns), files)
        write_json(folder / RECORD, {"schema": "download/1", **asdict(result)})
    return result


def _list_files(api: HfApi, repository: str, revision: str) -> tuple[str, list[HubFile]]:
    """Ask the Hub for the commit behind `revision` and for the files in it."""
    try:
        commit = api.dataset_info(repository, revision=revision, timeout=TIMEOUT_S).sha
        entries = list(
            api.list_repo_tree(repository, repo_type="dataset", revision=commit, recursive=True)
        )
    except (json.JSONDecodeError, KeyError, TypeError):
        commit = None
    if commit is None:
        raise InputError(
            f"{repository}: {api.endpoint} does not answer as a Hub does; correct HF_ENDPOINT, or "
            "look whether a proxy or a log-in page stands between."
        )
    return commit, [
        HubFile(
            file.path,
            file.lfs.size if file.lfs else file.size,
            file.lfs.sha256 if file.lfs else None,
            file.blob_id,
        )
        for file in entries
        if isinstance(file, RepoFile)
    ]


def _select(files: Sequence[HubFile], patterns: Sequence[str], where: str) -> list[HubFile]:
    """Return the files that a pattern matches, by path; a pattern without any is a typing error."""
    selected: dict[str, HubFile] = {}
    for pattern in patterns:
        whole = f"{pattern}*" if pattern.endswith("/") else pattern  # as the library takes a folder
        matched = {file.path: file for file in files if fnmatchcase(file.path, whole)}
        if not matched:
            raise InputError(
                f"{where}: no file matches the pattern {pattern!r}; correct it, or leave it out."
            )
        selected |= matched
    for path, file in selected.items():
        _refuse_unusable(path, file, where)
    return [selected[path] for path in sorted(selected)]


def _refuse_unusable(path: str, file: HubFile, where: str) -> None:
    if path == RECORD:
        raise InputError(
            f"{where}: holds a {RECORD} of its own, where ours is written; use patterns that "
            "leave it out."
        )
    if ".." in PurePosixPath(path).parts or PurePosixPath(path).is_absolute():
        raise InputError(
            f"{where}: the file {path!r} would lie outside the folder; use patterns that leave it "
            "out."
        )
    if file.size > constants.MAX_HTTP_DOWNLOAD_SIZE and constants.HF_HUB_DISABLE_XET:
        raise InputError(
            f"{where}: {path} is too large for plain HTTP; set HF_HUB_DISABLE_XET=0 to fetch it "
            "another way."
        )


def _prepare(folder: Path, wanted: Sequence[HubFile]) -> None:
    """Prepare the folder: from here on it is not finished, and the missing files must fit in."""
    folder.mkdir(parents=True, exist_ok=True)
    # What a killed download left: the library begins such a file anew, under another name.
    for stale in (folder / ".cache/huggingface/download").rglob("*.incomplete"):
        stale.unlink(missing_ok=True)
    missing = [file.size for file in wanted if not _has_size(folder / file.path, file.size)]
    free = shutil.disk_usage(folder).free
    if sum(missing) > free:
        raise InputError(
            f"{folder}: {len(missing)} files of {sum(missing) / 1e9:.1f} GB are to be fetched, but "
            f"{free / 1e9:.1f} GB are free; free some space, or choose another folder."
        )
    logger.info("%d files, of which %d are to be fetched", len(wanted), len(missing))
    (folder / RECORD).unlink(missing_ok=True)


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _check(folder: Path, wanted: Sequence[HubFile], workers: int) -> dict[str, str]:
    """Return the SHA-256 of every file in the folder that is the Hub's, by path."""
    with ThreadPoolExecutor(workers) as pool:
        digests = pool.map(lambda file: _digest_of(folder / file.path, file), wanted)
        return {file.path: digest for file, digest in zip(wanted, digests, strict=True) if digest}


def _digest_of(path: Path, file: HubFile) -> str | None:
    """SHA-256 of a local file, or None if it is not the Hub's."""
    if not _has_size(path, file.size):
        return None
    sha256 = file_digest(path)
    if file.sha256 is None:  # a small file, which git itself stores
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        return sha256 if blob.hexdigest() == file.blob_id else None
    return sha256 if sha256 == file.sha256 else None


@contextmanager
def _in_one_sentence(repository: str, revision: str, folder: Path) -> Iterator[None]:
    """Turn what can fail outside into an `InputError`; the library's texts may quote secrets."""
    try:
        yield
    except InputError:
        raise
    except RevisionNotFoundError:
        raise InputError(
            f"{repository}: the data set has no revision {revision!r}; use a branch, a tag or a "
            "commit of it."
        ) from None
    except HFValidationError:
        raise InputError(
            f"{repository!r} cannot be the name of a data set on the Hub; use owner/name."
        ) from None
    except (UnicodeEncodeError, httpx2.LocalProtocolError):
        raise InputError(
            f"{repository}: the token cannot be sent to the Hub; set HF_TOKEN to a token as the "
            "Hub shows it."
        ) from None
    except (httpx2.HTTPError, OSError) as error:
        raise InputError(_explain(error, repository, folder)) from None


def _explain(error: BaseException, repository: str, folder: Path) -> str:
    """Say in one sentence what failed between us, the Hub and the disk."""
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return f"{repository}: {sentence}"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return f"{repository}: {_STATUSES.get(status, _OTHER_STATUS).format(status=status)}"
    if isinstance(error, httpx2.HTTPError):
        return (
            f"{repository}: the connection to the Hub failed ({type(error).__name__}); check "
            f"network, proxy and HF_ENDPOINT, and {AGAIN}."
        )
    if isinstance(error, OSError) and error.errno is not None:
        return (
            f"{error.filename or folder}: cannot be written ({error.strerror}); free some space, "
            f"or correct the folder, and {AGAIN}."
        )
    if error.__cause__ is not None:  # the library says that a file is missing, and here is why
        return _explain(error.__cause__, repository, folder)
    return f"{repository}: a file did not arrive as a whole; {AGAIN}."
