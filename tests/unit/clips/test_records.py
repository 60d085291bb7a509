"""Records of clips: no video twice, every change seen, times that fit the task."""

import dataclasses

import pytest

from clips.videos import write_nexar
from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.manifest import index_clips
from dashsearch.clips.windows import WindowSettings
from dashsearch.errors import InputError

WINDOWS = WindowSettings(frames=4, rate_hz=5.0, tte_s=(0.5, 1.0), height=48, width=80)


@pytest.fixture
def table(tmp_path):
    return write_nexar(tmp_path / "nexar", {"00001": 2.5, "00002": None, "00003": 3.0})


def data_of(table):
    """Read a table in Nexar's layout, or a generic one."""
    if table.name == "train.csv":
        return read_data_set({"source": "nexar", "folder": str(table.parent)})
    return read_data_set({"source": "csv", "file": str(table)})


def replace_record(data, record, **changes):
    others = [each for each in data.records if each is not record]
    changed = dataclasses.replace(record, **changes)
    return dataclasses.replace(data, records=(changed, *others))


def test_one_video_under_two_spellings_is_refused(table):
    generic = table.parent / "clips.csv"
    rows = ["clip_id,path,label,event_time_s,alert_time_s", "a,train/00001.mp4,1,2.5,"]
    generic.write_text("\n".join([*rows, "b,./train/../train/00001.mp4,0,,"]) + "\n")
    with pytest.raises(InputError, match=r"the video \./train/\.\./train/00001\.mp4 stands 2"):
        data_of(generic)


def one_clip(table, path, **options):
    """A generic table beside Nexar's that holds one clip of our choice, in line 3."""
    generic = table.parent / "clips.csv"
    rows = ["clip_id,path,label,event_time_s,alert_time_s", "a,train/00001.mp4,1,2.5,"]
    generic.write_text("\n".join([*rows, f"b,{path},0,,"]) + "\n")
    return read_data_set({"source": "csv", "file": str(generic), **options})


def link_to_a_clip(table):
    (table.parent / "link.mp4").symlink_to(table.parent.parent / "outside/clip.mp4")
    return "link.mp4"


def clip_behind_a_linked_folder(table):
    (table.parent / "linked").symlink_to(table.parent.parent / "outside")
    return "linked/clip.mp4"


def linked_picture(table):
    (table.parent / "pictures").mkdir()
    (table.parent / "pictures/1.png").symlink_to(table.parent.parent / "outside/clip.mp4")
    return "pictures"


@pytest.mark.parametrize(
    "way_out",
    [
        lambda table: "../outside/clip.mp4",
        lambda table: "../nothing.mp4",
        lambda table: f"../{table.parent.name}-2/clip.mp4",
        link_to_a_clip,
        clip_behind_a_linked_folder,
        linked_picture,
    ],
)
def test_no_clip_leaves_the_folder_unless_the_task_allows_it(table, way_out):
    outside = table.parent.parent / "outside"
    outside.mkdir()
    (outside / "clip.mp4").touch()
    path = way_out(table)
    with pytest.raises(InputError, match=r"clips\.csv line 3: the path .* leads out of the folder"):
        one_clip(table, path)
    assert one_clip(table, path, allow_outside=True).records[1].path == path


def test_an_absolute_path_is_refused_unless_the_task_allows_it(table):
    path = str(table.parent / "train/00002.mp4")
    with pytest.raises(InputError, match=r"clips\.csv line 3: the path /.* is absolute; write it"):
        one_clip(table, path)
    assert one_clip(table, path, allow_outside=True).records[1].path == path


def test_a_path_may_wander_within_the_folder_and_the_folder_may_be_a_link(table, tmp_path):
    (table.parent / "again.mp4").symlink_to("train/00002.mp4")
    for path in ("train/../train/00002.mp4", "again.mp4", "missing.mp4"):
        assert one_clip(table, path).records[1].path == path
    (tmp_path / "link").symlink_to(table.parent)
    assert one_clip(tmp_path / "link/train.csv", "again.mp4").records[1].path == "again.mp4"


def test_a_data_set_of_a_known_layout_cannot_leave_its_folder_either(table, tmp_path):
    (table.parent / "train").rename(tmp_path / "elsewhere")
    (table.parent / "train").symlink_to(tmp_path / "elsewhere")
    task = {"source": "nexar", "folder": str(table.parent)}
    with pytest.raises(InputError, match=r"train\.csv line 2: the path train/00001\.mp4 leads out"):
        read_data_set(task)
    assert len(read_data_set({**task, "allow_outside": True}).records) == 3


def test_the_state_changes_with_a_picture_of_a_folder(table):
    folder = table.parent / "pictures"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_text("one")
    data = data_of(table)
    data = replace_record(data, data.records[0], path="pictures", picture_rate_hz=10.0)
    before = data.state()
    assert data.state() == before
    (folder / "1.png").write_text("other")
    assert data.state() != before


def test_clips_cut_at_other_times_than_the_task_asks_for_stop_at_once(table):
    data = data_of(table)
    data = replace_record(data, data.records[0], cut_tte_s=1.5, event_time_s=None)
    with pytest.raises(InputError, match=r"end 1\.5 s before the event, but windows\.tte_s is"):
        index_clips(data, WINDOWS, max_marked_share=0.5, workers=1)
