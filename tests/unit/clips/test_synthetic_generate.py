"""The generated folder: Nexar's layout, the same bytes, refused inputs."""

import csv
import re
import shutil
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from dashsearch.clips.synthetic.compose import compose
from dashsearch.clips.synthetic.draws import Draws
from dashsearch.clips.synthetic.encode import write_mp4
from dashsearch.clips.synthetic.generate import (
    COMMENT,
    generate_task,
    plan_task,
    source_digest,
)
from dashsearch.clips.synthetic.render import render
from dashsearch.errors import InputError
from dashsearch.files import file_digest


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


@pytest.fixture(scope="module")
def highway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one_worker") / "highway"
    generate_task("highway", folder, clips=8, seed=5, workers=1)
    return folder


def test_the_number_of_workers_does_not_change_a_byte(highway, tmp_path):
    folder = tmp_path / "two_workers"
    shutil.copytree(highway, folder)
    for clip in ("00000", "00001", "00003", "00006", "00007"):
        (folder / "train" / f"{clip}.mp4").unlink()
    generate_task("highway", folder, clips=8, seed=5, workers=2)
    assert contents(folder) == contents(highway)


def test_the_layout_is_nexars_and_nothing_else(highway):
    rows = list(csv.DictReader((highway / "train.csv").read_text().splitlines()))
    assert list(rows[0]) == ["id", "time_of_event", "time_of_alert", "target"]
    ids = [row["id"] for row in rows]
    assert sorted(contents(highway)) == sorted(["train.csv", *(f"train/{one}.mp4" for one in ids)])
    assert all(re.fullmatch(r"\d{5}", one) for one in ids)
    assert Counter(row["target"] for row in rows) == {"0": 4, "1": 4}
    for row in rows:
        if row["target"] == "1":
            assert 0 < float(row["time_of_alert"]) < float(row["time_of_event"]) < 8
        else:
            assert row["time_of_event"] == row["time_of_alert"] == ""


def test_a_clip_is_eight_seconds_of_h264(highway):
    with av.open(str(highway / "train" / "00000.mp4")) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert stream.codec_context.name == "h264"
    assert stream.average_rate == 15
    assert len(frames) == 120
    assert frames[0].shape == (144, 256, 3)
    assert np.std(frames[0]) > 5


def test_an_interrupted_run_is_finished_with_the_same_bytes(highway, tmp_path):
    folder = tmp_path / "interrupted"
    shutil.copytree(highway, folder)
    kept = (folder / "train" / "00001.mp4").stat().st_mtime_ns
    (folder / "train.csv").unlink()
    (folder / "train" / "00000.mp4").unlink()
    (folder / "train" / ".00000.99.partial.mp4").write_bytes(b"half a clip")
    generate_task("highway", folder, clips=8, seed=5, workers=1)
    assert contents(folder) == contents(highway)
    assert (folder / "train" / "00001.mp4").stat().st_mtime_ns == kept


def test_base_rate_is_one_half_and_conditions_are_counted_out_per_label():
    for clips in (8, 50, 320):
        plan = plan_task("crossing", clips, seed=2)
        counts = [
            Counter((clip.light, clip.weather) for clip in plan if clip.label == label)
            for label in (0, 1)
        ]
        assert counts[0] == counts[1]
        assert counts[0].total() == clips // 2
        assert sorted(clip.clip_id for clip in plan) == [f"{place:05d}" for place in range(clips)]
        assert sorted(clip.ordinal for clip in plan) == list(range(clips))


def test_ids_do_not_tell_the_label():
    labels = np.array([clip.label for clip in plan_task("highway", 2000, seed=1)])
    assert abs(labels[:1000].mean() - 0.5) < 0.06
    assert abs(labels[::2].mean() - 0.5) < 0.06


def test_both_tasks_render_every_light_and_weather():
    for ordinal, (light, weather) in enumerate(
        [("day", "clear"), ("dusk", "rain"), ("night", "fog")]
    ):
        for task in ("highway", "crossing"):
            draws = Draws(task, 1, ordinal)
            frame = next(render(compose(task, 1, light, weather, draws), draws))
            assert frame.shape == (144, 256, 3)
            assert frame.dtype == np.uint8
            assert frame.std() > 3


def test_the_source_digest_follows_every_argument():
    first = source_digest("highway", 8, 1)
    others = {
        source_digest("crossing", 8, 1),
        source_digest("highway", 10, 1),
        source_digest("highway", 8, 2),
    }
    assert first == source_digest("highway", 8, 1)
    assert len(others | {first}) == 4


@pytest.mark.parametrize(
    ("task", "clips", "workers", "complaint"),
    [
        ("motorway", 8, 1, "use highway or crossing"),
        ("highway", 6, 1, "at least 8"),
        ("highway", 9, 1, "even number"),
        ("highway", 8, 0, "workers is 0"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, task, clips, workers, complaint):
    with pytest.raises(InputError, match=complaint):
        generate_task(task, tmp_path / "none", clips=clips, seed=1, workers=workers)
    assert not (tmp_path / "none").exists()


def test_a_folder_with_somebody_elses_videos_is_left_alone(tmp_path):
    video = tmp_path / "train" / "holiday.mp4"
    video.parent.mkdir()
    video.write_bytes(b"not ours")
    with pytest.raises(InputError, match="another folder"):
        generate_task("highway", tmp_path, clips=8, seed=1, workers=1)
    assert video.read_bytes() == b"not ours"


def test_clips_of_other_arguments_are_replaced(highway, tmp_path):
    folder = tmp_path / "stale"
    shutil.copytree(highway, folder)
    frames = np.zeros((2, 144, 256, 3), np.uint8)
    write_mp4(folder / "train" / "00003.mp4", frames, COMMENT + "of other arguments")
    write_mp4(folder / "train" / "00011.mp4", frames, COMMENT + "of other arguments")
    generate_task("highway", folder, clips=8, seed=5, workers=1)
    assert contents(folder) == contents(highway)
