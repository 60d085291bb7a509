"""Code of the campaign's own, named in its config as "<file>:<name>": docs/extending.md.

Such a file belongs to the campaign and is run as it is, like the Snakefile; nothing that a model
proposes is ever run. Its SHA-256 goes into the identity of whatever it changes.
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from dashsearch.errors import InputError
from dashsearch.files import file_digest


def source_digest(key: str, source: str) -> str:
    """Return the SHA-256 of the file that a source names, without running it.

    Parameters
    ----------
    key
        Where the config names it, such as ``"training.encoders.lstm"``.

    Raises
    ------
    InputError
        If the source is not <file>:<name>, or there is no such file.
    """
    path, colon, name = source.rpartition(":")
    if not colon or not name.isidentifier() or not Path(path).is_file():
        raise InputError(
            f"config: {key} is {source!r}; write <file>:<name> with a Python file that exists."
        )
    return file_digest(path)


def check_unchanged(key: str, source: str, sha256: str) -> None:
    """Check that the file of a source is the one that the workflow was planned with.

    Raises
    ------
    InputError
        If it is another one, or as of `source_digest`.
    """
    if source_digest(key, source) != sha256:
        raise InputError(
            f"config: {key}: {source} was changed during the run; start the run again."
        )


@cache
def load_callable(key: str, source: str) -> Callable[..., Any]:
    """Run the file of a source, and return the class or function that it names.

    Raises
    ------
    InputError
        If the file cannot be run, or has nothing of this name that can be called.
    """
    path, _, name = source.rpartition(":")
    where = f"config: {key}: {source}"
    spec = importlib.util.spec_from_file_location(f"own_code.{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise InputError(f"{where}: there is no Python file {path}; correct the path.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"{where}: the file cannot be run ({type(error).__name__}: {error}); correct it."
        ) from error
    found: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(found):
        raise InputError(f"{where}: it defines no class or function {name}; correct the name.")
    return found
