"""What made a file: the versions, the settings and the inputs that every output carries."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from dashsearch import __version__


def provenance(
    schema: str,
    *,
    libraries: tuple[str, ...] = (),
    inputs: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe how a file was made; holds no clock, host or path, so equal runs give equal bytes.

    Parameters
    ----------
    schema
        Name and version of the file's schema, for example ``"windows/1"``.
    libraries
        Distributions whose versions can change the file's content.
    inputs
        Digest of each input, by a short name.
    settings
        The settings that matter for the content.
    """
    return {
        "schema": schema,
        "dashsearch": __version__,
        "libraries": {name: version(name) for name in sorted(libraries)},
        "inputs": dict(inputs or {}),
        "settings": dict(settings or {}),
    }
