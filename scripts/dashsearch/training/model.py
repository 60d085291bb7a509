"""The temporal model: projection, encoder, pooling, linear head; for E experiments at once."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dashsearch.seeds import derive_seed
from dashsearch.training import user_encoders
from dashsearch.training.encoders import ENCODERS
from dashsearch.training.pooling import StackedPooling
from dashsearch.training.recipe import Architecture
from dashsearch.training.stacked.dropout import Dropout
from dashsearch.training.stacked.layers import LayerNorm, Linear


class TemporalModel(nn.Module):
    """From the features of a window's frames to one logit, or to one a class.

    Parameters
    ----------
    architecture
        Encoder, pooling and sizes.
    input_size
        D, dimensions of a frame's features.
    classes
        C; two classes have one logit, the log odds of the second.
    """

    def __init__(self, architecture: Architecture, input_size: int, classes: int = 2) -> None:
        super().__init__()
        hidden_size = architecture.hidden_size
        # Features first, so that its sites come first whatever the encoder has.
        self.feature_dropout, self.dropout = Dropout(), Dropout()
        self.projection = Linear(input_size, hidden_size)
        self.norm = LayerNorm(hidden_size)
        if architecture.source:
            self.encoder: nn.Module = user_encoders.build(architecture, self.dropout)
        else:
            kind = ENCODERS[architecture.encoder]
            self.encoder = kind(hidden_size, architecture.layers, self.dropout)
        self.pooling = StackedPooling(architecture.pooling, hidden_size)
        self.head = Linear(hidden_size, 1 if classes == 2 else classes)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Classify (E, B, T, D) and (E, B, T), True = valid: (E, B) or (E, B, C) logits.

        Without a mask all frames are valid.
        """
        x = self.feature_dropout(x)
        hidden = self.encoder(self.dropout(self.norm(self.projection(x))), mask)
        logit: Tensor = self.head(self.dropout(self.pooling(hidden, mask)))
        return logit.squeeze(-1) if logit.shape[-1] == 1 else logit


def build_model(
    architecture: Architecture, input_size: int, seed: int, classes: int = 2
) -> TemporalModel:
    """Build the model of one experiment; its weights depend on the arguments only.

    The global random state is left as it was.

    Parameters
    ----------
    input_size
        D, dimensions of a frame's features.
    seed
        The experiment's seed.
    classes
        Number of classes of the task.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        return TemporalModel(architecture, input_size, classes)


def joined(models: Sequence[TemporalModel]) -> TemporalModel:
    """Return a model with the parameters of the first and the poolings of all, one a row.

    The models differ in nothing but their poolings and the values of their parameters.
    """
    model = copy.deepcopy(models[0])
    model.pooling.join([copy.deepcopy(each.pooling) for each in models])
    return model
