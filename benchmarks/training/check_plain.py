"""Whether the plain models are the trainer's: as many parameters, and the same outputs.

Weights of a `TemporalModel` are copied into a `PlainModel`, and outputs and gradients compared,
with and without padded frames. `torch.nn.GRU` has a second bias of the reset and the update gate,
which only adds to the first: 4 H numbers more a layer.
"""

import sys
from pathlib import Path

import torch
from plain_encoders import ENCODERS, HEADS, BiGRULayer, MambaBlock, PlainModel
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from dashsearch.training.model import TemporalModel, build_model
from dashsearch.training.recipe import Architecture

TOLERANCE = 1e-4
SIZES = ((64, 32, 1, 16), (24, 16, 2, 7))  # D, H, layers, T
RENAMED = {
    "norm.scale": "norm.weight",
    "norm.shift": "norm.bias",
    "retention.": "",
    ".attention.": ".",
    "depthwise_weight": "depthwise.weight",
    "depthwise_bias": "depthwise.bias",
}
MAMBA = {
    "input_weight": "input.weight",
    "convolution_weight": "convolution.weight",
    "convolution_bias": "convolution.bias",
    "select_weight": "select.weight",
    "step_weight": "step.weight",
    "step_bias": "step.bias",
    "log_rate": "log_rate",
    "skip": "skip",
    "output_weight": "output.weight",
}


@torch.no_grad()
def copy_weights(model: TemporalModel, plain: PlainModel) -> None:
    """Give a plain model the weights of a stack of one.

    Raises
    ------
    ValueError
        If a parameter of either has no partner in the other.
    """
    source = {name: value[0] for name, value in model.named_parameters()}
    target = {name: module for name, module in plain.named_modules() if name}
    filled: set[str] = set()
    for name, module in target.items():
        if isinstance(module, BiGRULayer):
            _copy_gru(source, name, module)
            filled |= {f"{name}.gru.{own}" for own, _ in module.gru.named_parameters()}
        elif isinstance(module, MambaBlock):
            layer, direction = name.rsplit(".blocks.", 1)
            for theirs, own in MAMBA.items():
                value = source[f"{layer}.mixer.{theirs}"][int(direction)]
                wanted = module.get_parameter(own)
                if own.endswith("weight"):
                    value = value.T.reshape(wanted.shape)
                wanted.copy_(value.reshape(wanted.shape))
                filled.add(f"{name}.{own}")
    for layer in {name.rsplit(".blocks.", 1)[0] for name in target if ".blocks." in name}:
        for theirs in MAMBA:
            del source[f"{layer}.mixer.{theirs}"]

    for name, value in source.items():
        own = name
        for old, new in RENAMED.items():
            own = own.replace(old, new)
        wanted = plain.get_parameter(own)
        module = plain.get_submodule(own.rpartition(".")[0])
        transposed = isinstance(module, nn.Linear | nn.Conv1d) and own.endswith("weight")
        wanted.copy_((value.T if transposed else value).reshape(wanted.shape))
        filled.add(own)
    missing = {name for name, _ in plain.named_parameters()} - filled
    if missing:
        raise ValueError(f"nothing was copied to {', '.join(sorted(missing))}.")


def _copy_gru(source: dict[str, Tensor], name: str, layer: BiGRULayer) -> None:
    """Move one layer's recurrence out of `source`; the second bias's redundant part is 0."""
    parts = ("input_weight", "input_bias", "state_weight", "new_bias")
    moved = [source.pop(f"{name}.{part}") for part in parts]
    for suffix, weight, bias, state, new in zip(("", "_reverse"), *moved, strict=True):
        gru, size = layer.gru, layer.gru.hidden_size
        # The stacked layer has the update gate first, torch's the reset gate.
        order = [*range(size, 2 * size), *range(size), *range(2 * size, 3 * size)]
        gru.get_parameter(f"weight_ih_l0{suffix}").copy_(weight.T[order])
        gru.get_parameter(f"bias_ih_l0{suffix}").copy_(bias[0][order])
        gru.get_parameter(f"weight_hh_l0{suffix}").copy_(state.T[order])
        second = gru.get_parameter(f"bias_hh_l0{suffix}").zero_()
        second[2 * size :].copy_(new[0])


def check(encoder: str, dimensions: int, hidden_size: int, layers: int, frames: int) -> str:
    """Compare one architecture, on windows of which some are padded.

    Raises
    ------
    AssertionError
        If parameters or outputs differ.
    """
    architecture = Architecture(encoder, "mean", hidden_size, layers)
    model = build_model(architecture, dimensions, seed=1).eval()
    plain = PlainModel(encoder, dimensions, hidden_size, layers, dropout=0.3).eval()
    counts = [sum(p.numel() for p in each.parameters()) for each in (model, plain)]
    redundant = 4 * hidden_size * layers if encoder == "gru" else 0
    assert counts[0] == counts[1] - redundant, f"{encoder}: {counts}"

    with torch.no_grad():  # norms, biases and bypasses that begin at 0 or 1 would hide mistakes
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    copy_weights(model, plain)
    x = torch.randn(8, frames, dimensions)
    lengths = torch.tensor([frames] * 4 + [1, 2, frames // 2, frames - 1])
    worst = 0.0
    for mask in (torch.ones(8, frames, dtype=torch.bool), torch.arange(frames) < lengths[:, None]):
        ours = model(x[None], mask[None])
        theirs = plain(x, mask)
        gradients = (
            torch.autograd.grad(ours.square().sum(), model.projection.weight)[0][0].T,
            torch.autograd.grad(theirs.square().sum(), plain.projection.weight)[0],
        )
        for a, b in ((ours[0], theirs), gradients):
            worst = max(worst, ((a - b).abs().max() / b.abs().max()).item())
    assert worst < TOLERANCE, f"{encoder}: outputs or gradients differ by {worst:.1e}"
    return f"{encoder:12} D={dimensions} H={hidden_size} layers={layers}: {counts}, {worst:.1e}"


def main() -> None:
    """Check every encoder at every size."""
    torch.manual_seed(0)
    for encoder in ENCODERS:
        for size in SIZES:
            assert size[1] % HEADS == 0
            print(check(encoder, *size))


if __name__ == "__main__":
    main()
