"""Running a frozen network over clips: batches that fit the device, read ahead of it.

A batch holds the items of whole clips (distinct frames, or windows), so that what is described
together does not depend on anything but the order of the clips and the batch size.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dashsearch.clips.windows import ClipWindows
from dashsearch.errors import InputError
from dashsearch.features.ahead import read_ahead
from dashsearch.features.networks.base import Network

# Items of a batch before the device's memory is known: small for caches, large for GPUs.
CPU_BATCH = 16
PROBE_BATCH = 8
MOST_ITEMS = 1024
# Share of the free memory that a batch may take; the rest is for fragments and peaks.
MEMORY_SHARE = 0.7
# Batches that are read and pinned ahead of the device.
AHEAD = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Clips, and the pixels of all their items: uint8 (B, H, W, 3) or (B, T, H, W, 3)."""

    clips: tuple[ClipWindows, ...]
    pixels: Tensor


def describe_clips(
    network: Network, clips: Iterable[ClipWindows], *, device: str, batch_size: int | None = None
) -> Iterator[tuple[ClipWindows, NDArray[np.float32]]]:
    """Describe every window of every clip.

    On a GPU the network runs in bfloat16 (autocast) and on the CPU in float32. If a batch does not
    fit into the device's memory, the batch size is halved, once and for good, with a word in the
    log; a second time is an error.

    Parameters
    ----------
    clips
        Read ahead by a thread of their own, so that the device does not wait for the disk.
    device
        ``"cpu"`` or ``"cuda"`` (with or without a number).
    batch_size
        Items a batch; None: as many as the device's memory takes.

    Yields
    ------
    ClipWindows, float32 (windows, T, D)
        In the order of `clips`.

    Raises
    ------
    InputError
        If half a batch does not fit either, or one clip is more than the device can hold.
    """
    network = network.to(device).eval().requires_grad_(False)
    rest = iter(clips)
    first = next(rest, None)
    if first is None:
        return
    size = batch_size or fitting_batch(network, first, device)
    halved = False
    batches = _batches(network, chain([first], rest), size)
    if device.startswith("cuda"):
        batches = map(_pinned, batches)
    for batch in read_ahead(batches, AHEAD):
        try:
            features = _features(network, batch.pixels, device, size)
        except torch.OutOfMemoryError:
            if halved:
                raise _no_room(device, size) from None
            size, halved = max(1, size // 2), True
            logger.warning("out of memory on %s: the batch size is %d from here on", device, size)
            _forget(device)
            try:
                features = _features(network, batch.pixels, device, size)
            except torch.OutOfMemoryError:
                raise _no_room(device, size) from None
        yield from _divide(network, batch, features)


def _no_room(device: str, size: int) -> InputError:
    return InputError(
        f"{device}: a batch of {size} does not fit into memory although it was halved before; "
        "free the device of other work, or take a smaller network."
    )


def _forget(device: str) -> None:
    """Give cached memory back to the device."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def fitting_batch(network: Network, clip: ClipWindows, device: str) -> int:
    """Find how many items fit into the memory of a device, by what a small batch takes."""
    if not device.startswith("cuda"):
        return CPU_BATCH
    items = _items(network, clip)
    probe = torch.from_numpy(np.resize(items, (PROBE_BATCH, *items.shape[1:])))
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    _features(network, probe, device, PROBE_BATCH)
    each = max(1, (torch.cuda.max_memory_allocated(device) - before) // PROBE_BATCH)
    _forget(device)
    free, _ = torch.cuda.mem_get_info(device)
    fitting = int(free * MEMORY_SHARE // each)
    # A power of two: the same on devices that differ by a little.
    return max(1, min(MOST_ITEMS, 1 << max(0, fitting.bit_length() - 1)))


def device_of(setting: str) -> str:
    """Return the device that a setting means: "auto" is a GPU if there is one.

    Raises
    ------
    InputError
        If a GPU is asked for and there is none.
    """
    if setting == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "features.device is cuda, but torch finds no GPU; set auto or cpu, or look at the "
            "driver and at torch's build."
        )
    device = setting if setting != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    logger.info("networks run on %s", device)
    return device


def precision_of(device: str) -> str:
    """Name the number format that networks run in on a device."""
    return "bfloat16" if device.startswith("cuda") else "float32"


@torch.inference_mode()
def _features(network: Network, pixels: Tensor, device: str, size: int) -> Tensor:
    """Describe items in pieces of at most `size`; the result is on the CPU, float32."""
    mixed = torch.autocast("cuda", torch.bfloat16) if device.startswith("cuda") else nullcontext()
    parts = []
    for part in torch.split(pixels, size):
        moved = part.to(device, non_blocking=True)
        with mixed:
            inputs = network.preprocess(moved)
            _check_size(network, inputs)
            parts.append(network(inputs).float())
    return torch.cat(parts).cpu()


def _check_size(network: Network, inputs: Tensor) -> None:
    """Check that the processor that came with the weights makes the pictures that were declared."""
    height, width = inputs.shape[-2:]
    if network.input_size and (height, width) != (network.input_size, network.input_size):
        raise InputError(
            f"the processor beside the weights makes pictures of {height} x {width} pixels, but "
            f"the registry says input_size {network.input_size}; correct the one that is wrong."
        )


def _items(network: Network, clip: ClipWindows) -> NDArray[np.uint8]:
    """Return what the network describes of a clip: its distinct frames, or its windows."""
    return clip.frames if network.takes == "frames" else clip.frames[clip.window_frames]


def _batches(network: Network, clips: Iterable[ClipWindows], size: int) -> Iterator[Batch]:
    """Gather whole clips until a batch has `size` items or more."""
    gathered: list[ClipWindows] = []
    items: list[NDArray[np.uint8]] = []
    for clip in clips:
        gathered.append(clip)
        items.append(_items(network, clip))
        if sum(map(len, items)) >= size:
            yield _batch(gathered, items)
            gathered, items = [], []
    if gathered:
        yield _batch(gathered, items)


def _batch(clips: Sequence[ClipWindows], items: Sequence[NDArray[np.uint8]]) -> Batch:
    return Batch(tuple(clips), torch.from_numpy(np.concatenate(items)))


def _divide(
    network: Network, batch: Batch, features: Tensor
) -> Iterator[tuple[ClipWindows, NDArray[np.float32]]]:
    """Give every clip of a batch the features of its windows."""
    start = 0
    for clip in batch.clips:
        count = len(clip.frames) if network.takes == "frames" else len(clip.window_frames)
        values = features[start : start + count].numpy()
        start += count
        yield clip, values[clip.window_frames] if network.takes == "frames" else values


def _pinned(batch: Batch) -> Batch:
    return Batch(batch.clips, batch.pixels.pin_memory())
