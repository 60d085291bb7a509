"""Networks run in batches: the same features however they are batched, errors where they belong."""

import numpy as np
import pytest
import torch

from dashsearch.clips.windows import ClipWindows
from dashsearch.errors import InputError
from dashsearch.features.networks import run
from dashsearch.features.networks.base import Network


class Toy(Network):
    """Means and deviations of the picture; of a window also how far it is from its mean."""

    weights_digest = ""

    def __init__(self, takes):
        super().__init__()
        self.takes, self.dimension, self.input_size, self.batches = takes, 2, 0, []

    def preprocess(self, pixels):
        return pixels.float() / 255

    def forward(self, inputs):
        self.batches.append(len(inputs))
        flat = inputs.flatten(-3)
        features = torch.stack([flat.mean(-1), flat.std(-1)], dim=-1)
        return features - features.mean(1, keepdim=True) if self.takes == "windows" else features


@pytest.fixture
def clips():
    rng = np.random.default_rng(2)
    made = []
    for number in range(7):
        frames = rng.integers(0, 255, (5 + number % 3, 8, 8, 3), dtype=np.uint8)
        windows = rng.integers(0, len(frames), (2, 4))
        mask = np.ones((2, 4), bool)
        made.append(ClipWindows(f"c{number}", number % 2, frames, windows, mask, (0.5, 1.0)))
    return made


def describe(network, clips, **options):
    described = run.describe_clips(network, clips, device="cpu", **options)
    return {clip.clip_id: values for clip, values in described}


@pytest.mark.parametrize("takes", ["frames", "windows"])
@pytest.mark.parametrize("batch_size", [1, 3, 8, 1000, None])
def test_features_do_not_depend_on_the_batch(clips, takes, batch_size):
    found = describe(Toy(takes), clips, batch_size=batch_size)
    assert list(found) == [clip.clip_id for clip in clips]
    for clip in clips:
        network = Toy(takes)
        pixels = torch.from_numpy(clip.frames[clip.window_frames])
        if takes == "frames":
            expected = network(network.preprocess(pixels.flatten(0, 1))).unflatten(0, (2, 4))
        else:
            expected = network(network.preprocess(pixels))
        assert found[clip.clip_id] == pytest.approx(expected.numpy(), abs=1e-6)
        assert found[clip.clip_id].dtype == np.float32


def test_no_batch_is_larger_than_asked_for(clips):
    network = Toy("frames")
    describe(network, clips, batch_size=4)
    assert max(network.batches) == 4
    assert sum(network.batches) == sum(len(clip.frames) for clip in clips)


class Tight(Toy):
    """A device that holds so many items and no more."""

    def __init__(self, takes, room):
        super().__init__(takes)
        self.room = room

    def forward(self, inputs):
        if len(inputs) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(inputs)


def test_a_batch_that_does_not_fit_is_halved_once_and_logged(clips, caplog):
    found = describe(Tight("frames", room=4), clips, batch_size=8)
    expected = describe(Toy("frames"), clips)
    assert all(found[name] == pytest.approx(expected[name], abs=1e-6) for name in expected)
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory on cpu: the batch size is 4 from here on"
    ]
    with pytest.raises(InputError, match="a batch of 4 does not fit into memory although it was"):
        describe(Tight("frames", room=3), clips, batch_size=8)


def test_an_error_while_reading_is_raised_and_ends_the_reader(clips):
    def broken():
        yield from clips[:3]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        describe(Toy("frames"), broken(), batch_size=2)


def test_nothing_to_describe_is_no_error():
    assert describe(Toy("frames"), []) == {}


def test_a_gpu_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run.device_of("auto") == run.device_of("cpu") == "cpu"
    with pytest.raises(InputError, match="torch finds no GPU; set auto or cpu"):
        run.device_of("cuda")


def test_a_processor_of_another_size_than_declared_is_refused(clips):
    network = Toy("frames")
    network.input_size = 16
    with pytest.raises(InputError, match=r"8 x 3 pixels.*input_size 16"):
        describe(network, clips)
