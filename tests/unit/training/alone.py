"""Stacked modules as if they were of one experiment, for tests that compare with plain formulas."""

import torch
from torch import nn

from dashsearch.training.encoders import ENCODERS
from dashsearch.training.recipe import LAYERS
from dashsearch.training.stacked.dropout import Dropout


class Alone(nn.Module):
    """Gives a module of stacks windows (B, T, H) and a mask (B, T) of one experiment."""

    def __init__(self, stacked):
        super().__init__()
        self.stacked = stacked

    def forward(self, *inputs):
        """Call the module with a leading axis of 1, and take it off again."""
        return self.stacked(*(x.unsqueeze(0) for x in inputs))[0]


def build(name, hidden_size=8, seed=0, layers=None):
    """An encoder of one experiment, as deep as it is used."""
    torch.manual_seed(seed)
    return Alone(ENCODERS[name](hidden_size, layers or LAYERS.get(name, 1), Dropout()))


def arrays(module):
    """Named parameters of one experiment as arrays, without the leading axis."""
    return {name: value.detach().numpy()[0] for name, value in module.named_parameters()}
