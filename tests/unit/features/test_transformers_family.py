"""Features equal the model's own processor and forward, and nothing random is ever read."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dashsearch.errors import InputError
from dashsearch.features.networks import windows_grid
from dashsearch.features.networks.load import load_network
from dashsearch.features.registry import Backbone
from features.tiny_networks import FAMILIES, save_model

CASES = [(name, output) for name, (_, _, outputs) in FAMILIES.items() for output in outputs]
PIXELS = np.random.default_rng(4).integers(0, 255, (2, 7, 48, 64, 3), dtype=np.uint8)


def entry_of(name, output, **changes):
    takes = FAMILIES[name][1]
    facts = {"model": f"tiny/{name}", "takes": takes, "output": output, **changes}
    return Backbone(name, "transformers", "frame", 32, **facts)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    return folder, {name: save_model(name, folder) for name in FAMILIES}


def tower_of(model):
    """The part that sees, found by hand."""
    for path in ("model.vision_tower", "vision_model"):
        part = model
        for name in path.split("."):
            part = getattr(part, name, None)
        if part is not None:
            return part
    return model


@torch.inference_mode()
def expected_frames(model, processor, output, registers):
    """One picture after the other through the model's own processor and forward."""
    features = []
    for picture in PIXELS[0]:
        inputs = processor(images=picture, return_tensors="pt")["pixel_values"]
        out = tower_of(model)(pixel_values=inputs)
        states = out.last_hidden_state[0]
        features.append(
            {
                "pooler": lambda out=out: out.pooler_output[0],
                "cls": lambda states=states: states[0],
                "mean_patch": lambda states=states: states[registers:].mean(0),
            }[output]()
        )
    return torch.stack(features)


@torch.inference_mode()
def expected_windows(name, model, processor):
    """One window after the other, tubelet by tubelet."""
    places = {"vjepa2": [0, 1, 2, 3, 4, 5, 6, 6], "videomae": [i * 7 // 16 for i in range(16)]}
    if name == "videomae":  # the middle of each sixteenth of seven frames
        places[name] = [int((i + 0.5) * 7 / 16) for i in range(16)]
    features = []
    for window in PIXELS:
        video = list(window[places[name]])
        made = processor(videos=[video], return_tensors="pt", do_sample_frames=False)
        values = made["pixel_values_videos" if name == "vjepa2" else "pixel_values"]
        if name == "vjepa2":
            states = model(pixel_values_videos=values, skip_predictor=True).last_hidden_state[0]
        else:
            states = model(pixel_values=values).last_hidden_state[0]
        tubelets = states.reshape(len(places[name]) // 2, -1, 32).mean(1)
        of_frame = [t // 2 for t in range(7)]
        if name == "videomae":
            of_frame = [int((t + 0.5) / 7 * 8) for t in range(7)]
        features.append(tubelets[of_frame])
    return torch.stack(features)


@pytest.mark.parametrize(("name", "output"), CASES)
def test_features_are_those_of_the_models_own_processor_and_forward(saved, name, output):
    folder, models = saved
    model, processor = models[name]
    network = load_network(entry_of(name, output), folder, "cpu").eval()
    pixels = torch.from_numpy(PIXELS if network.takes == "windows" else PIXELS[0])
    with torch.inference_mode():
        found = network(network.preprocess(pixels))
    if network.takes == "windows":
        expected = expected_windows(name, model, processor)
    else:
        registers = {"dinov3": 5, "siglip2": 0}.get(name, 1)
        expected = expected_frames(model, processor, output, registers)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("name", "output"), [(n, o[0]) for n, (_, _, o) in FAMILIES.items()])
def test_bfloat16_is_within_five_percent_of_float32(saved, name, output):
    network = load_network(entry_of(name, output), saved[0], "cpu").eval()
    pixels = torch.from_numpy(PIXELS if network.takes == "windows" else PIXELS[0])
    with torch.inference_mode():
        inputs = network.preprocess(pixels)
        exact = network(inputs)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(inputs).float()
    assert (rough - exact).norm() < 0.05 * exact.norm()


def test_weights_are_named_by_their_content(saved, tmp_path):
    folder, _ = saved
    one = load_network(entry_of("clip", "pooler"), folder, "cpu").weights_digest
    assert load_network(entry_of("clip", "cls"), folder, "cpu").weights_digest == one
    assert load_network(entry_of("dinov2", "cls"), folder, "cpu").weights_digest != one


def test_weights_that_would_stay_random_are_refused(tmp_path):
    save_model("dinov2", tmp_path)
    path = tmp_path / "tiny/dinov2/model.safetensors"
    weights = load_file(path)
    lost = next(name for name in weights if "attention" in name)
    save_file({name: w for name, w in weights.items() if name != lost}, path, {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks the weights .*attention.* would stay random"):
        load_network(entry_of("dinov2", "cls"), tmp_path, "cpu")


def test_a_pickle_is_not_loaded(tmp_path):
    model, _ = save_model("dinov2", tmp_path)
    (tmp_path / "tiny/dinov2/model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "tiny/dinov2/pytorch_model.bin")
    with pytest.raises(InputError, match=r"holds no \.safetensors file"):
        load_network(entry_of("dinov2", "cls"), tmp_path, "cpu")


@pytest.mark.parametrize("spoil", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_checkpoint_that_is_not_whole_is_one_sentence(tmp_path, spoil):
    save_model("dinov2", tmp_path)
    path = tmp_path / "tiny/dinov2" / spoil
    if spoil == "preprocessor_config.json":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match="does not hold a model with its processor") as raised:
        load_network(entry_of("dinov2", "cls"), tmp_path, "cpu")
    assert "\n" not in str(raised.value)


def test_an_old_processor_file_of_videomae_is_understood(tmp_path):
    """The published checkpoint has one that knows nothing of video processors."""
    save_model("videomae", tmp_path)
    folder = tmp_path / "tiny/videomae"
    for old in folder.glob("*processor*.json"):
        old.unlink()
    settings = {
        "size": 32,
        "crop_size": 32,
        "do_resize": True,
        "do_center_crop": True,
        "do_normalize": True,
    }
    settings |= {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    settings["feature_extractor_type"] = "VideoMAEFeatureExtractor"
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    network = load_network(entry_of("videomae", "tubelet"), tmp_path, "cpu")
    inputs = network.preprocess(torch.from_numpy(PIXELS))
    assert inputs.shape[:3] == (2, 16, 3)
    assert network(inputs).shape == (2, 7, 32)


def test_missing_weights_and_wrong_outputs_are_named(saved, tmp_path):
    with pytest.raises(InputError, match=r"are not in .*tiny/clip; fetch them there with `hf down"):
        load_network(entry_of("clip", "pooler"), tmp_path, "cpu")
    with pytest.raises(InputError, match="output is 'tubelet'; for a network of frames use pooler"):
        load_network(entry_of("clip", "tubelet"), saved[0], "cpu")
    with pytest.raises(InputError, match="output is 'cls'; for a network of windows use tubelet"):
        load_network(entry_of("vjepa2", "cls"), saved[0], "cpu")


def test_the_hub_that_cannot_be_reached_is_named(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="could not be fetched") as raised:
        load_network(entry_of("clip", "pooler", model="nobody/nothing"), None, "cpu")
    assert "features.weights_dir" in str(raised.value)


@pytest.mark.parametrize("frames", range(1, 40))
def test_every_frame_gets_the_step_that_covers_it(frames):
    for steps in range(1, 20):
        found = windows_grid.step_of_frames(frames, steps)
        assert len(found) == frames
        for place, step in enumerate(found):
            middle = (place + 0.5) / frames
            assert step / steps <= middle < (step + 1) / steps
    shown = windows_grid.frames_shown(frames, 16, 2)
    assert len(shown) == 16
    assert shown == sorted(shown)
    assert max(shown) < frames
    assert windows_grid.frames_shown(frames, None, 2)[:frames] == list(range(frames))
