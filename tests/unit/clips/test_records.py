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
