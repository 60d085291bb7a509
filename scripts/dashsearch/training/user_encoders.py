"""Encoders that a user wrote: any `torch.nn.Module` of one experiment, trained one at a time.

The class is built with (hidden_size, layers, dropout), a probability, and
maps (B, T, H) and a mask (B, T), True where a frame is valid, to (B, T, H). It need not know of
stacks: its parameters are stacked like all others, and each experiment's forward pass is computed
by itself, with a random state that depends on its seed and the step alone.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dashsearch.errors import InputError
from dashsearch.own_code import load_callable
from dashsearch.seeds import derive_seed
from dashsearch.training.recipe import Architecture
from dashsearch.training.stacked.dropout import Dropout


def load_class(source: str) -> type[nn.Module]:
    """Load a class of modules from "<file>:<class>".

    Raises
    ------
    InputError
        If the file cannot be run, or has no such class.
    """
    found = load_callable("training.encoders", source)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InputError(
            f"config: training.encoders: {source} is no torch.nn.Module; name a class that is one."
        )
    return found


class OneByOne(nn.Module):
    """Runs a module of one experiment for every row of a stack in turn.

    Parameters
    ----------
    inner
        Maps (B, T, H) and (B, T) to (B, T, H).
    dropout
        The model's: it knows the seeds and the step.
    """

    def __init__(self, inner: nn.Module, dropout: Dropout) -> None:
        super().__init__()
        # Kept out of the module tree: its tensors are replaced by rows of the stacked ones.
        self._inner = [inner]
        self._names = {name: name.replace(".", "__") for name, _ in inner.named_parameters()}
        for name, parameter in inner.named_parameters():
            stacked = nn.Parameter(parameter.detach()[None].clone())
            self.register_parameter(self._names[name], stacked)
        if next(iter(inner.buffers()), None) is not None:
            raise InputError(
                f"encoder {type(inner).__name__} has buffers, such as running statistics, which a "
                "stack would mix; use parameters, or norms without running statistics."
            )
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Encode (E, B, T, H) to (E, B, T, H)."""
        inner = self._inner[0].train(self.training)
        site = self.dropout.take_site()
        if mask is None:
            mask = torch.ones(x.shape[:3], dtype=torch.bool, device=x.device)
        outputs = []
        for row in range(len(x)):
            own = {name: getattr(self, stacked)[row] for name, stacked in self._names.items()}
            with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
                torch.manual_seed(derive_seed(self.dropout.seed_of(row), *site))
                outputs.append(functional_call(inner, own, (x[row], mask[row])))
        return torch.stack(outputs)


def build(architecture: Architecture, dropout: Dropout) -> OneByOne:
    """Build the user's encoder of an architecture for one experiment.

    Raises
    ------
    InputError
        As `load_class` and `OneByOne`.
    """
    kind = load_class(architecture.source)
    sizes = (architecture.hidden_size, architecture.layers)
    return OneByOne(kind(*sizes, architecture.source_dropout), dropout)
