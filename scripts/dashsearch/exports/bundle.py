"""A campaign as one file for reviewers: described as an RO-Crate, with a checksum of every file.

Unpacked, it has the layout of a reference, so `snakemake reproduce` can run it again and compare.

References
----------
Soiland-Reyes et al. (2022), "Packaging research artefacts with RO-Crate", Data Science 5(2);
RFC 8493, The BagIt File Packaging Format, for the form of the checksums.
"""

import json
import platform
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from dashsearch import __version__
from dashsearch.errors import InputError
from dashsearch.files import file_digest, replacing

METADATA, MANIFEST = "ro-crate-metadata.json", "manifest-sha256.txt"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
}
# What a part of the bundle is, by the beginning of its path; the first that fits counts.
CONTENTS = (
    ("config.yaml", "the campaign's whole configuration, defaults filled in"),
    ("campaign/", "a file of the campaign's own that its configuration names"),
    ("recordings/", "a request to a language model, its attempts and the reply"),
    ("results/report/", "the report, its figures and tables"),
    ("results/", "a result"),
    ("environment.json", "versions of Python and of every installed package"),
    ("digests.json", "SHA-256 of the results that `snakemake reproduce` compares"),
    ("tolerances.yaml", "how closely `snakemake reproduce` compares, and why"),
)


def environment() -> dict[str, Any]:
    """Return versions of Python, the platform and every installed package."""
    packages = {each.metadata["Name"]: each.version for each in distributions()}
    return {
        "dashsearch": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def write_bundle(target: Path, parts: Mapping[str, Path], facts: Mapping[str, str]) -> None:
    """Write a bundle as a ZIP file.

    Parameters
    ----------
    parts
        Files by their path in the bundle.
    facts
        Of the whole: ``name``, ``description``, ``licence`` and ``date`` (ISO 8601).
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, path in parts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        (folder / METADATA).write_text(json.dumps(_metadata(folder, facts), indent=2) + "\n")
        lines = [f"{file_digest(folder / name)}  {name}" for name in _files(folder)]
        (folder / MANIFEST).write_text("\n".join(lines) + "\n")
        with replacing(target) as path, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name in _files(folder):
                # No clock in the file: equal parts give equal bytes.
                bundle.writestr(zipfile.ZipInfo(name), (folder / name).read_bytes(), 8)


def verify_bundle(bundle: Path, target: Path | None = None) -> int:
    """Check every file of a bundle, and return how many there are.

    Parameters
    ----------
    target
        Folder that a bundle without fault is written below.

    Raises
    ------
    InputError
        For the first file that is missing, not listed, changed, or would be unpacked elsewhere; and
        for a description that does not hold exactly the bundle's files.
    """
    with tempfile.TemporaryDirectory() as place:
        _unpack(bundle, Path(place))
        count = _verify(bundle, Path(place))
        if target is not None:
            shutil.copytree(place, target, dirs_exist_ok=True)
        return count


def _unpack(bundle: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(bundle) as archive:
            for name in archive.namelist():
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    raise InputError(f"{bundle}: {name} leads out of the bundle; do not unpack it.")
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(archive.read(name))
    except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{bundle} cannot be unpacked: {error}; fetch it again.") from None


def _verify(bundle: Path, folder: Path) -> int:
    there = set(_files(folder))
    for needed in (METADATA, MANIFEST):
        if needed not in there:
            raise InputError(
                f"{bundle} has no {needed}; it is no bundle of dashsearch, or not whole."
            )
    lines = (folder / MANIFEST).read_text().splitlines()
    listed = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
    _compare_names(bundle, MANIFEST, set(listed), there - {MANIFEST})
    for name, sha256 in listed.items():
        if file_digest(folder / name) != sha256:
            raise InputError(f"{bundle}: {name} differs from its checksum; fetch the bundle again.")
    entities = ROCrate(folder).data_entities
    described = {unquote(entity.id) for entity in entities if entity.type == "File"}
    _compare_names(bundle, METADATA, described, there - {METADATA, MANIFEST})
    return len(listed)


def _compare_names(bundle: Path, list_: str, listed: set[str], there: set[str]) -> None:
    for name in sorted(listed - there):
        raise InputError(f"{bundle}: {name} is missing, but {list_} lists it; fetch it again.")
    for name in sorted(there - listed):
        raise InputError(f"{bundle}: {name} is not in {list_}; somebody added it.")


def _metadata(folder: Path, facts: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the RO-Crate's JSON-LD of the files in a folder."""
    crate = ROCrate()
    crate.name, crate.description = facts["name"], facts["description"]
    crate.datePublished = facts["date"]
    crate.license = facts["licence"]
    files = {name: _add_file(crate, folder, name) for name in _files(folder)}
    software = crate.add(
        ContextEntity(
            crate,
            "#dashsearch",
            properties={
                "@type": "SoftwareApplication",
                "name": "dashsearch",
                "softwareVersion": __version__,
            },
        )
    )
    results = [entity for name, entity in files.items() if name.startswith("results/")]
    run = crate.add(
        ContextEntity(
            crate,
            "#campaign",
            properties={"@type": "CreateAction", "name": "the campaign", "endTime": facts["date"]},
        )
    )
    run["instrument"] = software
    run["object"] = [entity for name, entity in files.items() if not name.startswith("results/")]
    run["result"] = results
    crate.root_dataset["mentions"] = run
    document: Mapping[str, Any] = crate.metadata.generate()
    return document


def _add_file(crate: ROCrate, folder: Path, name: str) -> Any:
    path = folder / name
    properties = {
        "contentSize": str(path.stat().st_size),
        "sha256": file_digest(path),
        "encodingFormat": MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        "description": next((what for start, what in CONTENTS if name.startswith(start)), ""),
    }
    known = {key: value for key, value in properties.items() if value}
    return crate.add_file(path, dest_path=name, properties=known)


def _files(folder: Path) -> Iterator[str]:
    """Paths below a folder, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()
