"""Torchvision's video networks: the same numbers as their own forward, read before pooling."""

import numpy as np
import pytest
import torch
from torchvision.models import get_model, get_model_weights

from dashsearch.errors import InputError
from dashsearch.features.networks.load import load_network
from dashsearch.features.registry import Backbone

SIZES = {"r2plus1d_18": 512, "swin3d_t": 768, "mvit_v2_s": 768}
FRAMES = 9
WINDOWS = np.random.default_rng(4).integers(0, 255, (1, FRAMES, 120, 160, 3), dtype=np.uint8)


def entry_of(name, **changes):
    facts = {"model": name, "takes": "windows", **changes}
    return Backbone(name, "torchvision", "motion", SIZES.get(name, 1), **facts)


@pytest.fixture(scope="module")
def weights_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name in SIZES:
        torch.manual_seed(1)
        torch.save(get_model(name, weights=None).state_dict(), folder / f"{name}.pth")
    return folder


def pooled(name, model, inputs):
    """What the network itself pools and classifies, caught on the way."""
    caught = {}
    where = {"r2plus1d_18": "avgpool", "swin3d_t": "avgpool", "mvit_v2_s": "norm"}[name]
    getattr(model, where).register_forward_hook(lambda _, __, out: caught.update(out=out))
    model(inputs)
    return caught["out"]


@pytest.mark.parametrize("name", SIZES)
def test_steps_in_time_are_what_the_network_pools(weights_dir, name):
    model = get_model(name, weights=None).eval()
    model.load_state_dict(torch.load(weights_dir / f"{name}.pth", weights_only=True))
    places = [int((i + 0.5) * FRAMES / 16) for i in range(16)]
    shown = WINDOWS[:, places] if name == "mvit_v2_s" else WINDOWS
    transforms = get_model_weights(name).DEFAULT.transforms()
    with torch.inference_mode():
        inputs = transforms(torch.from_numpy(shown).permute(0, 1, 4, 2, 3))
        own = pooled(name, model, inputs)
        network = load_network(entry_of(name), weights_dir, "cpu").eval()
        found = network(network.preprocess(torch.from_numpy(WINDOWS)))
    assert found.shape == (1, FRAMES, SIZES[name])
    steps = {"r2plus1d_18": 2, "swin3d_t": 5, "mvit_v2_s": 8}[name]
    of_frame = [int((t + 0.5) / FRAMES * steps) for t in range(FRAMES)]
    distinct = torch.stack([found[0, of_frame.index(step)] for step in range(steps)])
    for frame, step in enumerate(of_frame):
        assert torch.equal(found[0, frame], distinct[step])
    if name == "mvit_v2_s":
        # Its own tokens, without the class's, by step and place.
        expected = own[0, 1:].reshape(8, -1, 768).mean(1)
        assert torch.allclose(distinct, expected, atol=1e-4)
    else:
        # Pooling over space, then over the steps, is pooling over both at once.
        assert torch.allclose(distinct.mean(0), own.flatten(), atol=1e-4)


def test_a_missing_file_a_pickled_module_and_other_weights_are_named(weights_dir, tmp_path):
    entry = entry_of("r2plus1d_18")
    with pytest.raises(InputError, match=r"there is no file .*r2plus1d_18\.pth; fetch it with"):
        load_network(entry, tmp_path, "cpu")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "r2plus1d_18.pth")
    with pytest.raises(InputError, match=r"is no state dict of r2plus1d_18"):
        load_network(entry, tmp_path, "cpu")
    (tmp_path / "r2plus1d_18.pth").write_bytes((weights_dir / "swin3d_t.pth").read_bytes())
    with pytest.raises(InputError, match=r"is no state dict of r2plus1d_18"):
        load_network(entry, tmp_path, "cpu")
    with pytest.raises(InputError, match="torchvision's are r2plus1d_18, swin3d_t, mvit_v2_s"):
        load_network(entry_of("resnet18"), weights_dir, "cpu")
