"""Spaces of benchmarks."""

from collections.abc import Sequence
from pathlib import Path

import yaml

EMBEDDED = Path(__file__).parents[1] / "resources/spaces/embedded.yaml"


def write_narrow_space(path: Path, backbones: Sequence[str]) -> None:
    """Write the embedded space with these backbones alone."""
    space = yaml.safe_load(EMBEDDED.read_text())
    for factor in space["factors"]:
        if factor["name"] == "backbone":
            factor["levels"] = list(backbones)
    path.write_text(yaml.safe_dump(space, sort_keys=False))
