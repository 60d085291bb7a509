"""Which factors and levels the trainer understands; checked before the first job.

Nothing here imports torch, so the workflow can ask at every start. A test compares the names with
the trainer's own registries.
"""

import math
from collections.abc import Callable, Collection, Mapping

from dashsearch.errors import InputError
from dashsearch.space.space import Level, Space

NAMES: Mapping[str, tuple[str, ...]] = {
    "encoder": (
        "zipformer",
        "retnet",
        "bimamba",
        "hybrid",
        "gru",
        "transformer",
        "tcn",
        "mean_mlp",
    ),
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
# Settings of the trainer that a space may make factors of.
OPTIONAL_NAMES: Mapping[str, tuple[str, ...]] = {"schedule": ("cosine", "linear", "constant")}
OPTIONAL_NUMBERS: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "epochs": (lambda level: level >= 1 and level % 1 == 0, "a whole number of at least 1"),
    "batch_size": (lambda level: level >= 2 and level % 1 == 0, "a whole number of at least 2"),
    "layers": (lambda level: level in range(1, 13), "a whole number from 1 to 12"),
    "sequence_length": (lambda level: level >= 1 and level % 1 == 0, "a number of frames"),
    "feature_dropout": (lambda level: 0 <= level <= 0.9, "a number from 0 to 0.9"),
    "warmup_fraction": (lambda level: 0 <= level <= 1, "a number from 0 to 1"),
    "gradient_clip": (lambda level: 0 < level < math.inf, "a positive number"),
    "beta2": (lambda level: 0 <= level < 1, "a number of at least 0 and below 1"),
    "focal_gamma": (lambda level: level == 0 or 1 <= level <= 10, "0, or a number from 1 to 10"),
    "focal_alpha": (lambda level: 0 < level < 1, "a number between 0 and 1"),
    "positive_weight": (lambda level: 0 < level < math.inf, "a positive number"),
    "smoothing": (lambda level: 0 <= level < 1, "a number of at least 0 and below 1"),
}
OPTIONAL = (*OPTIONAL_NAMES, *OPTIONAL_NUMBERS)
ARCHITECTURE = ("backbone", "encoder", "pooling")


def check_space(space: Space, own: Mapping[str, Collection[str]] | None = None) -> None:
    """Check that the trainer can train every cell of a space.

    Backbones are not checked here: the registry of the features knows them.

    Parameters
    ----------
    own
        Names of the user's own levels, by factor.

    Raises
    ------
    InputError
        If a factor is missing, unknown or in the wrong group, or the trainer does not know a level.
    """
    missing = [name for name in FACTORS if name not in space.names]
    unknown = [name for name in space.names if name not in (*FACTORS, *OPTIONAL)]
    if missing or unknown:
        problem = f"lacks the factor {missing[0]}" if missing else f"has the factor {unknown[0]}"
        raise InputError(
            f"space {space.name} {problem}; the trainer needs {', '.join(FACTORS)} (a factor with "
            f"one level is a constant) and knows {', '.join(OPTIONAL)} too."
        )
    for factor in space.factors:
        group = "architecture" if factor.name in ARCHITECTURE else "training"
        if factor.group != group:
            raise InputError(
                f"space {space.name}: factor {factor.name} has the group {factor.group}; "
                f"write {group}, so that shares of variance mean the same everywhere."
            )
        for level in factor.levels:
            is_own = level in (own or {}).get(factor.name, ())
            expected = "" if is_own else _expected(factor.name, level)
            if expected:
                raise InputError(
                    f"space {space.name}: factor {factor.name} has the level {level!r}, which the "
                    f"trainer does not know; use {expected}."
                )


def _expected(factor: str, level: Level) -> str:
    """Say what a level would have to be; nothing if it is right."""
    names, numbers = {**NAMES, **OPTIONAL_NAMES}, {**NUMBERS, **OPTIONAL_NUMBERS}
    if factor in names and level not in names[factor]:
        return ", ".join(names[factor])
    if factor in numbers:
        fits, expected = numbers[factor]
        if isinstance(level, str) or not fits(level):
            return expected
    return ""
