"""How fast embedded backbones are on one CPU core, and what extraction costs beside them.

Pure model time is that of the same calls on the same clips, held in memory; the rest of extraction
is reading windows (LZ4), checksums and writing. Both are measured in turn, several times.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import torch  # noqa: E402

from dashsearch.clips.adapters import read_data_set  # noqa: E402
from dashsearch.clips.collect import collect_windows  # noqa: E402
from dashsearch.clips.decode import decode_windows  # noqa: E402
from dashsearch.clips.manifest import index_clips  # noqa: E402
from dashsearch.clips.synthetic.generate import generate_task  # noqa: E402
from dashsearch.clips.windows import ClipWindows, WindowSettings, open_windows  # noqa: E402
from dashsearch.features.extract import describer, extract_features  # noqa: E402
from dashsearch.features.networks import run  # noqa: E402
from dashsearch.features.networks.transformers_family import FramesNetwork  # noqa: E402
from dashsearch.features.registry import Backbone, load_registry  # noqa: E402

CLIPS, ROUNDS = 64, 5
SETTINGS = WindowSettings(frames=20, rate_hz=5.0, tte_s=(0.5, 1.0, 1.5), height=112, width=112)
RUNS = (
    ("color",),
    ("frame_difference",),
    ("hog",),
    ("flow",),
    ("efficientnet_lite0", "efficientnet_lite0_mid"),
)


def make_windows(folder: Path) -> Path:
    """Render and decode embedded clips."""
    generate_task("highway", folder / "source", clips=CLIPS, seed=1, workers=2)
    data = read_data_set({"source": "nexar", "folder": str(folder / "source")})
    manifest = index_clips(data, SETTINGS, max_marked_share=0.0, workers=2)
    shard, index = folder / "0.h5", folder / "0.parquet"
    decode_windows(manifest, data.root, SETTINGS, shard, index, workers=2)
    collect_windows(
        [shard],
        [index],
        manifest,
        SETTINGS,
        classes=data.classes,
        windows=folder / "windows.h5",
        index=folder / "windows.parquet",
        max_marked_share=0.0,
        place="benchmark",
    )
    return folder / "windows.h5"


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(pure: Callable[[], object], whole: Callable[[], object]) -> dict[str, object]:
    """Time both in turn; windows a second of the whole, and whole over pure."""
    pairs = [(seconds(pure), seconds(whole)) for _ in range(ROUNDS)]
    windows = CLIPS * len(SETTINGS.tte_s)
    return {
        "pure_s": [round(one, 4) for one, _ in pairs],
        "extraction_s": [round(other, 4) for _, other in pairs],
        "windows_per_s": round(windows / statistics.median(other for _, other in pairs), 1),
        "overhead": round(statistics.median(other / one for one, other in pairs), 3),
    }


def embedded(names: tuple[str, ...], windows: Path, clips: list[ClipWindows], folder: Path):
    """Compare an embedded backbone's calls with its extraction."""
    registry = load_registry(ROOT / "resources/backbones.yaml")
    backbones = [registry.get(name) for name in names]
    describe = describer(backbones)
    describe(clips[0])

    def pure() -> None:
        for clip in clips:
            describe(clip)

    targets = {name: folder / f"{name}.h5" for name in names}
    return compare(pure, lambda: extract_features(windows, backbones, targets))


def vit(windows: Path, clips: list[ClipWindows]):
    """Compare a ViT-S with random weights, batch by batch, with reading ahead of it."""
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model  # noqa: PLC0415

    config = Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=112, patch_size=14)
    square = {"height": 112, "width": 112}
    processor = BitImageProcessor(size={"shortest_edge": 112}, crop_size=square)
    entry = Backbone(
        "vit", "transformers", "frame", 384, model="x", takes="frames", output="pooler"
    )
    network = FramesNetwork(entry, Dinov2Model(config).eval(), processor, "").eval()
    some = clips[:4]
    pixels = torch.cat([torch.from_numpy(clip.frames) for clip in some])

    @torch.inference_mode()
    def pure() -> None:
        for batch in pixels.split(run.CPU_BATCH):
            network(network.preprocess(batch))

    def whole() -> None:
        with open_windows(windows, 0, len(some)) as read:
            list(run.describe_clips(network, read, device="cpu"))

    pure()
    figures = compare(pure, whole)
    figures["windows_per_s"] = round(figures["windows_per_s"] * len(some) / CLIPS, 1)
    return figures


def main() -> None:
    """Measure everything and write results.json beside this file."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        windows = make_windows(folder)
        with open_windows(windows) as read:
            clips = list(read)
        results = {" + ".join(names): embedded(names, windows, clips, folder) for names in RUNS}
        results["ViT-S/14 at 112 (random weights)"] = vit(windows, clips)
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one used",
        "clips": CLIPS,
        "rounds": ROUNDS,
        "versions": {
            name: version(name) for name in ("torch", "numpy", "h5py", "hdf5plugin", "transformers")
        }
        | {"opencv": version("opencv-python-headless"), "python": platform.python_version()},
        "results": results,
    }
    (HERE / "results.json").write_text(json.dumps(document, indent=2) + "\n")
    for backbone, figures in results.items():
        print(f"{backbone}: {figures['windows_per_s']} windows/s, overhead {figures['overhead']}")


if __name__ == "__main__":
    main()
