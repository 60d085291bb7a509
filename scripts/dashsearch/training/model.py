"""The temporal model: projection, encoder, pooling, linear head."""

import torch
from torch import Tensor, nn

from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.training.dropout import Dropout
from dashsearch.training.encoders import ENCODERS
from dashsearch.training.pooling import POOLINGS
from dashsearch.training.settings import Cell


class TemporalModel(nn.Module):
    """From the features of a window's frames to one logit, or to one a class.

    Parameters
    ----------
    input_size
        D, dimensions of a frame's features.
    hidden_size
        H, size of everything between projection and head.
    encoder
        Maps (B, T, H) and a mask (B, T) to (B, T, H).
    pooling
        Maps (B, T, H) and a mask (B, T) to (B, H).
    dropout
        Probability of dropping a unit after the projection and before the head.
    classes
        C; two classes have one logit, the log odds of the second.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        encoder: nn.Module,
        pooling: nn.Module,
        *,
        dropout: float = 0.0,
        classes: int = 2,
    ) -> None:
        super().__init__()
        self.projection = nn.Linear(input_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = Dropout(dropout)
        self.encoder = encoder
        self.pooling = pooling
        self.head = nn.Linear(hidden_size, 1 if classes == 2 else classes)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Classify windows: (B, T, D) and (B, T), True = valid, to (B,) or (B, C) logits."""
        hidden = self.encoder(self.dropout(self.norm(self.projection(x))), mask)
        logit: Tensor = self.head(self.dropout(self.pooling(hidden, mask)))
        return logit.squeeze(-1) if self.head.out_features == 1 else logit


def build_model(cell: Cell, input_size: int, seed: int, classes: int = 2) -> TemporalModel:
    """Build the model of a cell; its initial weights depend on the cell and the seed only.

    Parameters
    ----------
    cell
        Levels of the factors encoder, pooling, hidden_size and dropout.
    input_size
        D, dimensions of a frame's features.
    seed
        The experiment's seed. The global random state is left as it was.
    classes
        Number of classes of the task.

    Raises
    ------
    InputError
        If the cell names an unknown encoder or pooling.
    """
    for factor, known in (("encoder", ENCODERS), ("pooling", POOLINGS)):
        if cell[factor] not in known:
            raise InputError(
                f"{factor} {cell[factor]!r} is not one that the trainer knows; "
                f"use {', '.join(known)}."
            )
    hidden_size, dropout = int(cell["hidden_size"]), float(cell["dropout"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        return TemporalModel(
            input_size,
            hidden_size,
            ENCODERS[str(cell["encoder"])](hidden_size, dropout),
            POOLINGS[str(cell["pooling"])](hidden_size),
            dropout=dropout,
            classes=classes,
        )
