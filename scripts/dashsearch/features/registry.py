"""The registry of backbones: what each is called, what it sees, and how large its features are."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from dashsearch.errors import InputError
from dashsearch.own_code import source_digest

Family = Literal["descriptor", "efficientnet", "transformers", "torchvision", "fusion", "own"]
Sees = Literal["frame", "motion"]
# Networks that a library loads and `features/networks/` runs.
NETWORK_FAMILIES = ("transformers", "torchvision")
Takes = Literal["", "frames", "windows"]
# Raise it whenever the same entry, windows and weights may give other features: a change of the
# library's code is not seen by Snakemake.
EXTRACTOR_VERSION = "extractor/1"
# What people read and the features do not depend on.
PROSE = ("description", "licence", "parameters")


@dataclass(frozen=True)
class Backbone:
    """One entry of the registry.

    Attributes
    ----------
    sees
        ``"frame"``: a feature vector depends on one frame; ``"motion"``: on it and the previous
        frame of its window.
    dimension
        D, the length of a frame's feature vector.
    model, revision
        Of a network, its id on the Hugging Face Hub, or torchvision's name of its builder; and the
        commit on the hub.
    takes
        Whether a network describes frames one by one, or the T frames of a window together.
    input_size
        Side in pixels of the square picture that a network's processor makes; 0: not checked.
    output
        Which of a network's outputs is read: see its family's module.
    network
        What is run to get the features, if several backbones are read out of one run; else "".
    source, sha256
        Of a backbone that the user wrote, "<file>:<function>" and the digest of that file.
    multi
        Of a fusion, the backbones whose features are put side by side; nothing is extracted for it.
    """

    name: str
    family: Family
    sees: Sees
    dimension: int
    description: str = ""
    licence: str = ""
    weights: str = ""
    parameters: int = 0
    network: str = ""
    multi: tuple[str, ...] = ()
    model: str = ""
    revision: str = ""
    takes: Takes = ""
    input_size: int = 0
    output: str = ""
    source: str = ""
    sha256: str = ""

    def identity(self) -> dict[str, Any]:
        """Return what decides the features, as plain data: all but the prose."""
        facts = asdict(self) | {"multi": list(self.multi)}
        left_out = PROSE if self.family == "own" else (*PROSE, "source", "sha256")
        return {name: value for name, value in facts.items() if name not in left_out}


@dataclass(frozen=True)
class Registry:
    """All backbones, by name."""

    backbones: Mapping[str, Backbone]

    def get(self, name: str) -> Backbone:
        """Return one backbone; InputError, with the closest name, if there is none."""
        if name not in self.backbones:
            close = difflib.get_close_matches(name, self.backbones, n=1)
            hint = f"did you mean {close[0]}?" if close else f"use {', '.join(self.backbones)}."
            raise InputError(f"the backbone {name!r} is not in the registry; {hint}")
        return self.backbones[name]

    def shared(self, names: Iterable[object]) -> list[str]:
        """Return those of the names that are read out of a network, in order."""
        return [str(name) for name in names if self.get(str(name)).network]

    def parts(self, names: Iterable[object]) -> list[str]:
        """Return the backbones that have to be extracted for these: parts instead of fusions."""
        found: dict[str, None] = {}
        for name in names:
            entry = self.get(str(name))
            found |= dict.fromkeys(entry.multi or (entry.name,))
        return list(found)

    def require(self, names: Iterable[object]) -> None:
        """Raise InputError for the first name that the registry does not hold."""
        for name in names:
            self.get(str(name))


def load_registry(path: str | Path) -> Registry:
    """Read a registry file.

    Raises
    ------
    InputError
        If an entry lacks a key, has an unknown one, or a name stands twice.
    """
    try:
        document = yaml.safe_load(Path(path).read_text())
    except yaml.YAMLError as error:
        raise InputError(f"{path} is no YAML ({str(error).splitlines()[0]}); correct it.") from None
    if not isinstance(document, dict) or not isinstance(document.get("backbones"), list):
        raise InputError(f"{path} has no list `backbones`; write one entry a backbone there.")
    backbones: dict[str, Backbone] = {}
    for place, entry in enumerate(document["backbones"], start=1):
        backbone = _parse(entry, f"{path} entry {place}")
        if backbone.name in backbones:
            raise InputError(f"{path} entry {place}: {backbone.name} stands twice; remove one.")
        backbones[backbone.name] = backbone
    registry = Registry(backbones)
    for backbone in backbones.values():
        _check_fusion(backbone, registry, str(path))
    return registry


def with_own_backbones(registry: Registry, own: Mapping[str, Mapping[str, Any]]) -> Registry:
    """Add the backbones that a user wrote: by name `source`, `sees` and `dimension`.

    Raises
    ------
    InputError
        If the registry has the name already, or the source names no file.
    """
    backbones = dict(registry.backbones)
    for name, entry in own.items():
        key = f"features.backbones.{name}"
        if name in backbones:
            raise InputError(f"config: {key} is in the registry already; choose another name.")
        sha256 = source_digest(f"{key}.source", entry["source"])
        backbones[name] = Backbone(name=name, family="own", sha256=sha256, **entry)
    return Registry(backbones)


def _check_fusion(backbone: Backbone, registry: Registry, where: str) -> None:
    """Check that a fusion names parts that are no fusions, and that its dimension is theirs."""
    if (backbone.family == "fusion") != bool(backbone.multi):
        raise InputError(
            f"{where}: {backbone.name}: a fusion, and nothing else, has `multi`; correct the entry."
        )
    if not backbone.multi:
        return
    parts = [registry.get(name) for name in backbone.multi]
    if len(set(backbone.multi)) < len(parts) or len(parts) < 2 or any(p.multi for p in parts):
        raise InputError(
            f"{where}: {backbone.name}: `multi` is {list(backbone.multi)}; name two or more "
            "different backbones that are no fusions."
        )
    total = sum(part.dimension for part in parts)
    if backbone.dimension != total:
        raise InputError(
            f"{where}: {backbone.name}: dimension is {backbone.dimension}, but its parts have "
            f"{total} together; correct it."
        )


def _parse(entry: Mapping[str, Any], where: str) -> Backbone:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: it is no mapping of keys to values; correct it.")
    try:
        backbone = Backbone(**{**entry, "multi": tuple(entry.get("multi", ()))})
    except TypeError as error:
        known = ", ".join(field.name for field in fields(Backbone))
        detail = str(error).removeprefix("Backbone.__init__() ")
        raise InputError(f"{where}: {detail}; the keys are {known}.") from None
    for value, allowed in (
        (backbone.family, get_args(Family)),
        (backbone.sees, get_args(Sees)),
        (backbone.takes, get_args(Takes)),
    ):
        if value not in allowed:
            raise InputError(f"{where}: {value!r} is unknown; use {' or '.join(allowed)}.")
    if backbone.family == "own":
        raise InputError(
            f"{where}: {backbone.name}: a backbone of your own belongs into the config, under "
            "features.backbones; move it there."
        )
    loaded = backbone.family in NETWORK_FAMILIES
    if loaded != bool(backbone.model and backbone.takes):
        raise InputError(
            f"{where}: {backbone.name}: `model` and `takes` belong to the families transformers "
            "and torchvision, and to them only; correct the entry."
        )
    return backbone
