"""Which factors and levels the trainer understands; checked before the first job.

Nothing here imports torch, so the workflow can ask at every start. A test compares the names with
the trainer's own registries.
"""

import math
from collections.abc import Callable, Mapping

from dashsearch.errors import InputError
from dashsearch.space.space import Level, Space

NAMES: Mapping[str, tuple[str, ...]] = {
    "encoder": ("zipformer", "retnet", "bimamba", "hybrid", "gru"),
    "pooling": ("attention", "mean", "last", "max"),
    "loss": ("focal", "bce", "label_smoothing"),
}
# Retention rotates pairs of dimensions in each of its four heads.
HIDDEN_SIZE_STEP = 8
NUMBERS: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "hidden_size": (
        lambda level: level > 0 and level % HIDDEN_SIZE_STEP == 0,
        f"a positive multiple of {HIDDEN_SIZE_STEP}",
    ),
    "dropout": (lambda level: 0 <= level <= 0.9, "a number from 0 to 0.9"),
    "learning_rate": (
        lambda level: 0 < level < math.inf,
        "a positive number (YAML reads 1e-4 as text: write 1.0e-4)",
    ),
    "weight_decay": (
        lambda level: 0 <= level < math.inf,
        "a number of at least 0 (YAML reads 1e-4 as text: write 1.0e-4)",
    ),
}
FACTORS = ("backbone", *NAMES, *NUMBERS)
ARCHITECTURE = ("backbone", "encoder", "pooling")


def check_space(space: Space) -> None:
    """Check that the trainer can train every cell of a space.

    Backbones are not checked here: the registry of the features knows them.

    Raises
    ------
    InputError
        If a factor is missing, unknown or in the wrong group, or the trainer does not know a level.
    """
    missing = [name for name in FACTORS if name not in space.names]
    unknown = [name for name in space.names if name not in FACTORS]
    if missing or unknown:
        problem = f"lacks the factor {missing[0]}" if missing else f"has the factor {unknown[0]}"
        raise InputError(
            f"space {space.name} {problem}; the trainer needs exactly {', '.join(FACTORS)} "
            "(a factor with one level is a constant)."
        )
    for factor in space.factors:
        group = "architecture" if factor.name in ARCHITECTURE else "training"
        if factor.group != group:
            raise InputError(
                f"space {space.name}: factor {factor.name} has the group {factor.group}; "
                f"write {group}, so that shares of variance mean the same everywhere."
            )
        for level in factor.levels:
            expected = _expected(factor.name, level)
            if expected:
                raise InputError(
                    f"space {space.name}: factor {factor.name} has the level {level!r}, which the "
                    f"trainer does not know; use {expected}."
                )


def _expected(factor: str, level: Level) -> str:
    """Say what a level would have to be; nothing if it is right."""
    if factor in NAMES and level not in NAMES[factor]:
        return ", ".join(NAMES[factor])
    if factor in NUMBERS:
        fits, expected = NUMBERS[factor]
        if isinstance(level, str) or not fits(level):
            return expected
    return ""
