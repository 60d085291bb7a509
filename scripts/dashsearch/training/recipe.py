"""What one experiment is trained with: its cell over the campaign's settings, by name.

Nothing here imports torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from dashsearch.errors import InputError
from dashsearch.training.levels import NAMES
from dashsearch.training.settings import Cell, Schedule, TrainerSettings

LAYERS = {"retnet": 2, "transformer": 2, "tcn": 2}


@dataclass(frozen=True)
class Architecture:
    """What decides a model's layers and shapes, beside the features and the classes.

    Attributes
    ----------
    source
        Of an encoder that the user wrote, "<file>:<class>"; else "".
    source_dropout
        The probability that such an encoder is built with: it cannot vary within a stack.
    """

    encoder: str
    pooling: str
    hidden_size: int
    layers: int
    source: str = ""
    source_dropout: float = 0.0


@dataclass(frozen=True)
class LossConstants:
    """What makes a loss of the formula of `losses`.

    Attributes
    ----------
    gamma
        How strongly windows that are right already are discounted; 0: not at all.
    positive, negative
        Weights of windows with label 1 and 0; two classes only.
    smoothing
        Share of the target that is spread evenly over all classes.
    source
        Of a loss that the user wrote, "<file>:<function>", instead of the formula; else "".
    """

    gamma: float = 0.0
    positive: float = 1.0
    negative: float = 1.0
    smoothing: float = 0.0
    source: str = ""


LOSSES: Mapping[str, Callable[[TrainerSettings], LossConstants]] = {
    "focal": lambda settings: LossConstants(
        gamma=settings.focal_gamma,
        positive=settings.focal_alpha,
        negative=1 - settings.focal_alpha,
    ),
    "bce": lambda settings: LossConstants(positive=settings.positive_weight),
    "label_smoothing": lambda settings: LossConstants(smoothing=settings.smoothing),
}


@dataclass(frozen=True)
class Recipe:
    """The numbers that one experiment is trained with.

    Experiments of equal `architecture`, `batch_size`, `epochs` and `sequence_length`, on features
    of equal shapes, can be trained in one stack; all else may differ.
    """

    architecture: Architecture
    loss: LossConstants
    dropout: float
    feature_dropout: float
    learning_rate: float
    weight_decay: float
    beta2: float
    schedule: Schedule
    warmup_fraction: float
    gradient_clip: float
    batch_size: int
    epochs: int
    sequence_length: int | None


def resolve(cell: Cell, settings: TrainerSettings) -> Recipe:
    """Lay a cell over the settings.

    Raises
    ------
    InputError
        If the cell names an unknown encoder, pooling or loss.
    """
    sources = {name: source for name, source, _ in settings.encoders}
    losses = {name: source for name, source, _ in settings.losses}
    own_parts = {"encoder": sources, "loss": losses}
    for factor, names in NAMES.items():
        known = (*names, *own_parts.get(factor, ()))
        if factor in cell and cell[factor] not in known:
            raise InputError(
                f"{factor} {cell[factor]!r} is not one that the trainer knows; "
                f"use {', '.join(known)}."
            )
    settable = {field.name for field in fields(TrainerSettings)}
    own: dict[str, Any] = {name: cell[name] for name in cell if name in settable}
    settings = replace(settings, **own)
    encoder = str(cell["encoder"])
    return Recipe(
        architecture=Architecture(
            encoder,
            str(cell["pooling"]),
            int(cell["hidden_size"]),
            settings.layers or LAYERS.get(encoder, 1),
            sources.get(encoder, ""),
            float(cell["dropout"]) if encoder in sources else 0.0,
        ),
        loss=_loss_of(str(cell["loss"]), losses, settings),
        dropout=float(cell["dropout"]),
        feature_dropout=settings.feature_dropout,
        learning_rate=float(cell["learning_rate"]),
        weight_decay=float(cell["weight_decay"]),
        beta2=settings.beta2,
        schedule=settings.schedule,
        warmup_fraction=settings.warmup_fraction,
        gradient_clip=settings.gradient_clip,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        sequence_length=settings.sequence_length,
    )


def _loss_of(name: str, own: Mapping[str, str], settings: TrainerSettings) -> LossConstants:
    return LossConstants(source=own[name]) if name in own else LOSSES[name](settings)


def at_fidelity(cell: Cell, fidelity: float, settings: TrainerSettings) -> Cell:
    """Return the cell with a share of its epochs, at least one; the cell itself for 1."""
    if fidelity == 1:
        return cell
    epochs = float(cell.get("epochs", settings.epochs))
    return {**cell, "epochs": max(1, round(fidelity * epochs))}
