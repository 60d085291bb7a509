"""Where the weights of a network lie: in a folder of the user's, or fetched from the hub."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx2
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from dashsearch.errors import InputError
from dashsearch.features.registry import Backbone


def find_weights(entry: Backbone, weights_dir: Path | None, patterns: Sequence[str]) -> Path:
    """Find the folder of a model of the Hugging Face Hub, and fetch it if it may be.

    Parameters
    ----------
    weights_dir
        Looked into for <owner>/<name> and <name>; None: the library's cache, filled from the hub.
    patterns
        Which files are fetched.

    Raises
    ------
    InputError
        If the folder is not there, the hub has no such model, wants its terms accepted first, or
        cannot be reached.
    """
    revision = entry.revision or "main"
    where = f"backbone {entry.name}: the weights {entry.model}"
    if weights_dir is not None:
        places = [weights_dir / entry.model, weights_dir / entry.model.split("/")[-1]]
        for place in places:
            if place.is_dir():
                return place
        raise InputError(
            f"{where} are not in {places[0]}; fetch them there with `hf download {entry.model} "
            f"--revision {revision} --local-dir {places[0]}`."
        )
    try:
        return Path(
            snapshot_download(entry.model, revision=revision, allow_patterns=list(patterns))
        )
    except GatedRepoError:
        raise InputError(
            f"{where} are gated; accept the terms on https://huggingface.co/{entry.model} and set "
            "HF_TOKEN to a token of that account."
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise InputError(
            f"{where} at {revision} are not on the hub, or private; correct the registry, or set "
            "HF_TOKEN."
        ) from None
    except (LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        raise InputError(
            f"{where} could not be fetched ({type(error).__name__}); check the network, or set "
            "features.weights_dir to a folder that holds them."
        ) from None


def digest_of(files: Iterable[Path]) -> str:
    """SHA-256 over the files, in the order given; their names do not matter."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
