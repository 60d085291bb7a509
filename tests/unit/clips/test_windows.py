"""Windows of shards, videos or folders of pictures: what is stored, padded, marked and joined."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from clips.videos import burn, read_number, write_nexar
from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.collect import collect_windows
from dashsearch.clips.decode import decode_windows, shard_of
from dashsearch.clips.manifest import index_clips, write_manifest
from dashsearch.clips.pictures import decode_pictures_at, probe_pictures
from dashsearch.clips.problems import ClipProblem
from dashsearch.clips.window_index import read_marked_clips, read_window_index
from dashsearch.clips.windows import WindowSettings, open_windows, read_classes
from dashsearch.errors import InputError

WINDOWS = WindowSettings(frames=4, rate_hz=5.0, tte_s=(0.5, 1.0, 1.5), height=48, width=80)
CLASSES = ("no collision", "collision")


def index(table):
    data = read_data_set({"source": "nexar", "folder": str(table.parent)})
    return index_clips(data, WINDOWS, max_marked_share=0.5, workers=1)


@pytest.fixture(scope="module")
def nexar(tmp_path_factory):
    clips = {"00003": 3.1, "00001": None, "00002": 3.6, "00004": None}
    return write_nexar(tmp_path_factory.mktemp("nexar"), clips)


def decode(table, folder, *, manifest=None, workers=1, per_shard=3, windows=WINDOWS):
    """Decode a table's clips in shards, join them, and return them."""
    manifest = index(table) if manifest is None else manifest
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(-(-len(manifest) // per_shard))
    files = [[folder / f"{shard}.{kind}" for shard in shards] for kind in ("h5", "parquet")]
    for shard in shards:
        decode_windows(
            shard_of(manifest, shard, per_shard),
            table.parent,
            windows,
            files[0][shard],
            files[1][shard],
            workers=workers,
        )
    collect_windows(
        *files,
        manifest,
        windows,
        classes=CLASSES,
        windows=folder / "windows.h5",
        index=folder / "windows.parquet",
        max_marked_share=0.3,
        place="task t",
    )
    with open_windows(folder / "windows.h5") as clips:
        return list(clips)


def test_windows_end_before_the_event_and_share_their_frames(nexar, tmp_path):
    clips = decode(nexar, tmp_path)
    assert [clip.clip_id for clip in clips] == ["00001", "00002", "00003", "00004"]
    clip = clips[2]
    assert clip.tte_s == (0.5, 1.0, 1.5)
    assert clip.label == 1
    assert clip.mask.all()
    # 3.1 s - 0.5 s = picture 26 at 10 Hz, and three more, 0.2 s apart, before it.
    shown = [[read_number(clip.frames[i]) for i in row] for row in clip.window_frames]
    assert shown == [[20, 22, 24, 26], [15, 17, 19, 21], [10, 12, 14, 16]]
    assert len(clip.frames) == 12
    assert read_classes(tmp_path / "windows.h5") == CLASSES


def test_two_windows_a_second_apart_store_a_shared_frame_once(nexar, tmp_path):
    longer = WindowSettings(frames=8, rate_hz=5.0, tte_s=(0.5, 1.5), height=48, width=80)
    clips = decode(nexar, tmp_path, windows=longer)
    assert {len(clip.frames) for clip in clips} == {13}


def test_windows_that_begin_before_their_clip_are_padded(tmp_path):
    table = write_nexar(tmp_path, {"1": 1.82, "2": None, "3": 3.1, "4": None})
    clips = {clip.clip_id: clip for clip in decode(table, tmp_path)}
    early = clips["1"]
    # Ends at 1.32, 0.82 and 0.32 s: the last window begins 0.28 s before the clip.
    assert early.mask.tolist() == [[True] * 4, [True] * 4, [False, False, True, True]]
    shown = [[read_number(early.frames[i]) for i in row] for row in early.window_frames]
    # Padding shows the window's first real frame.
    assert shown == [[7, 9, 11, 13], [2, 4, 6, 8], [1, 1, 1, 3]]
    rows = read_window_index(tmp_path / "windows.parquet").query("clip_id == '1'")
    assert rows["real_frames"].to_list() == [4, 4, 2]
    assert rows["end_time_s"].to_list() == pytest.approx([1.32, 0.82, 0.32])
    assert rows["most_early_s"].to_list() == pytest.approx([0.02, 0.02, 0.02])


def test_a_clip_cut_before_its_event_has_one_window(nexar, tmp_path):
    manifest = index(nexar)
    manifest.loc[1, ["cut_tte_s", "reference_time_s"]] = (1.0, 5.0)  # the clip is 4 s long
    clips = decode(nexar, tmp_path, manifest=manifest)
    assert [clip.tte_s for clip in clips] == [WINDOWS.tte_s, (1.0,), WINDOWS.tte_s, WINDOWS.tte_s]
    shown = [read_number(clips[1].frames[i]) for i in clips[1].window_frames[0]]
    assert shown == [34, 36, 38, 39]  # 4.0 s is when picture 39 ends
    assert clips[2].frames.shape[0] == 12


def test_the_bytes_do_not_depend_on_workers_or_shards(nexar, tmp_path):
    decode(nexar, tmp_path / "one")
    decode(nexar, tmp_path / "two", workers=3, per_shard=2)
    for name in ("windows.h5", "windows.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_folder_of_pictures_is_a_clip(nexar, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(40):
        Image.fromarray(burn(number)).save(folder / f"img_{number + 7:06d}.png")
    table = nexar.parent / "clips.csv"
    rows = ["clip_id,path,label,event_time_s,alert_time_s", "b,train/00001.mp4,0,,"]
    table.write_text("\n".join([*rows, f"a,{folder},1,3.1,"]) + "\n")
    data = read_data_set({"source": "csv", "file": str(table), "allow_outside": True})
    data = replace(
        data,
        records=tuple(
            replace(r, picture_rate_hz=10.0 if r.clip_id == "a" else None) for r in data.records
        ),
    )
    manifest = index_clips(data, WINDOWS, max_marked_share=0.0, workers=1)
    assert manifest["duration_s"].to_list() == pytest.approx([4.0, 4.0])
    clip = decode(table, tmp_path, manifest=manifest)[0]
    shown = [[read_number(clip.frames[i]) for i in row] for row in clip.window_frames]
    assert shown == [[20, 22, 24, 26], [15, 17, 19, 21], [10, 12, 14, 16]]


def test_a_folder_that_lacks_pictures_is_refused(tmp_path):
    def problem_of(*numbers):
        folder = tmp_path / f"pictures {len(numbers)}"
        folder.mkdir()
        for number in numbers:
            Image.fromarray(burn(1)).save(folder / f"img_{number:06d}.png")
        with pytest.raises(ClipProblem) as raised:
            probe_pictures(folder, 10.0, "the clip")
        return raised.value.kind, str(raised.value)

    assert problem_of() == (
        "empty",
        "the clip holds no numbered picture; copy it again or remove the row.",
    )
    assert problem_of(7, 8, 10) == (
        "truncated",
        "the clip lacks picture 9 of 7 to 10; copy it again or remove the row.",
    )
    folder = tmp_path / "pictures 3"
    (folder / "img_000010.png").rename(folder / "img_000009.png")
    (folder / "._img_000006.png").touch()
    assert probe_pictures(folder, 10.0, "the clip", 7).duration_s == pytest.approx(0.3)
    with pytest.raises(ClipProblem, match="begins with picture 7 instead of 0; copy") as raised:
        probe_pictures(folder, 10.0, "the clip", 0)
    assert raised.value.kind == "truncated"
    with pytest.raises(ClipProblem, match="is no folder") as raised:
        probe_pictures(tmp_path / "nowhere", 10.0, "the clip")
    assert raised.value.kind == "missing"


def test_a_damaged_picture_of_a_folder_is_named(tmp_path):
    for number in range(3):
        Image.fromarray(burn(number)).save(tmp_path / f"{number}.jpg")
    (tmp_path / "1.jpg").write_text("no picture")
    size = {"height": 48, "width": 80, "name": "c", "most_late_s": 0.1}
    assert len(decode_pictures_at(tmp_path, 10.0, np.array([0.0, 0.2]), **size).frames) == 2
    with pytest.raises(ClipProblem, match=r"c: the picture 1\.jpg") as raised:
        decode_pictures_at(tmp_path, 10.0, np.array([0.1]), **size)
    assert raised.value.kind == "damaged"


def damage(video):
    """Blank the pictures of a file, but not its index."""
    content = bytearray(video.read_bytes())
    middle = content.find(b"mdat") + 200
    content[middle : len(content) - 1] = bytes(len(content) - 1 - middle)
    video.write_bytes(content)


def test_a_clip_that_breaks_while_decoded_is_marked(tmp_path):
    table = write_nexar(tmp_path, {"1": 3.1, "2": None, "3": 3.2, "4": None})
    manifest = index(table)
    damage(tmp_path / "train/3.mp4")
    clips = decode(table, tmp_path, manifest=manifest)
    assert [clip.clip_id for clip in clips] == ["1", "2", "4"]
    marked = read_marked_clips(tmp_path / "windows.parquet")
    assert list(marked) == ["3"]
    assert marked["3"].startswith("train/3.mp4 ")
    assert "copy it again or remove the row" in marked["3"]
    rows = read_window_index(tmp_path / "windows.parquet")
    assert rows["problem_kind"].to_list() == [""] * 6 + ["damaged"] + [""] * 3
    assert rows["window"].to_list() == [0, 1, 2, 3, 4, 5, -1, 6, 7, 8]


def test_clips_marked_in_the_manifest_are_rows_too(tmp_path):
    table = write_nexar(tmp_path, {"1": 3.1, "2": None, "3": 3.2, "4": None})
    (tmp_path / "train/1.mp4").unlink()
    decode(table, tmp_path)
    assert "is missing" in read_marked_clips(tmp_path / "windows.parquet")["1"]


def test_equal_folders_give_equal_bytes_wherever_they_lie(tmp_path):
    for folder in (tmp_path / "one", tmp_path / "another place"):
        clips = {"1": 3.1, "2": None, "3": 3.2, "4": None, "5": 3.3, "6": None, "7": None}
        table = write_nexar(folder, clips)
        (folder / "train/6.mp4").unlink()
        manifest = index(table)
        damage(folder / "train/3.mp4")
        write_manifest(folder / "manifest.parquet", manifest, WINDOWS, CLASSES, {})
        decode(table, folder, manifest=manifest)
    for name in ("manifest.parquet", "windows.h5", "windows.parquet"):
        one, other = ((tmp_path / place / name).read_bytes() for place in ("one", "another place"))
        assert one == other
        assert str(tmp_path).encode() not in one


def test_too_many_clips_that_break_stop_the_run(tmp_path):
    table = write_nexar(tmp_path, {"1": 3.1, "2": None, "3": 3.2, "4": None})
    manifest = index(table)
    for name in ("3", "4"):
        damage(tmp_path / f"train/{name}.mp4")
    with pytest.raises(InputError, match=r"task t: 2 of 4 clips \(50%\) cannot be used"):
        decode(table, tmp_path, manifest=manifest)
    assert not (tmp_path / "windows.h5").exists()
