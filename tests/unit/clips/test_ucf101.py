"""UCF-101: a miniature in its layout, and what is refused."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.adapters.ucf101 import Ucf101Task, read
from dashsearch.clips.probe import probe_video
from dashsearch.errors import InputError

# One class has files that are written otherwise than their folder, in the published set too.
CLASSES = {
    "ApplyEyeMakeup": ("ApplyEyeMakeup", 1),
    "Archery": ("Archery", 3),
    "HandstandPushups": ("HandStandPushups", 37),
    "YoYo": ("YoYo", 101),
}
# Groups of the test clips by fold, like the published lists (fold 1 tests on g01 to g07).
TEST_GROUPS = {1: range(1, 8), 2: range(8, 15), 3: range(15, 22)}


def write_ucf101(folder, groups=(1, 8, 15, 22), clips=2):
    lists = folder / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    (folder / "UCF-101").mkdir()
    index = [f"{number} {name}" for name, (_, number) in CLASSES.items()]
    (lists / "classInd.txt").write_bytes("\r\n".join([*index, ""]).encode())
    for fold, test_groups in TEST_GROUPS.items():
        train, test = [], []
        for name, (written, number) in CLASSES.items():
            for group in groups:
                for clip in range(1, clips + 1):
                    path = f"{name}/v_{written}_g{group:02d}_c{clip:02d}.avi"
                    if group in test_groups:
                        test.append(path)
                    else:
                        train.append(f"{path} {number}")
        (lists / f"trainlist{fold:02d}.txt").write_text("\n".join(train) + "\n")
        (lists / f"testlist{fold:02d}.txt").write_text("\n".join(test) + "\n")
    return folder


def task(folder, **settings):
    return Ucf101Task(source="ucf101", folder=str(folder), **settings)


def test_every_class_is_one_of_its_own_and_no_clip_has_an_event(tmp_path):
    data = read(task(write_ucf101(tmp_path)))
    assert data.classes == tuple(CLASSES)
    assert len(data.records) == 4 * 4 * 2
    for record in data.records:
        assert record.event_time_s is record.alert_time_s is record.picture_rate_hz is None
        assert record.path == f"UCF-101/{data.classes[record.label]}/{record.clip_id}.avi"
    assert [table.name for table in data.tables] == [
        "trainlist01.txt",
        "testlist01.txt",
        "classInd.txt",
    ]


@pytest.mark.parametrize("fold", TEST_GROUPS)
def test_the_lists_of_the_fold_give_the_split_and_groups_stay_whole(tmp_path, fold):
    data = read(task(write_ucf101(tmp_path), fold=fold))
    splits = {}
    for record in data.records:
        splits.setdefault(record.group, set()).add(record.split)
    assert len(splits) == 16
    for group, found in splits.items():
        assert found == {"test" if int(group[-2:]) in TEST_GROUPS[fold] else "train"}
    assert {r.group for r in data.records if r.clip_id == "v_HandStandPushups_g08_c02"} == {
        "HandstandPushups g08"
    }


def test_classes_are_chosen_in_the_task_s_order(tmp_path):
    data = read(task(write_ucf101(tmp_path), classes=["YoYo", "Archery"]))
    assert data.classes == ("YoYo", "Archery")
    assert {(r.group.split()[0], r.label) for r in data.records} == {("YoYo", 0), ("Archery", 1)}


def test_some_classes_stand_against_the_others(tmp_path):
    data = read(task(write_ucf101(tmp_path), positive=["Archery"]))
    assert data.classes == ("ApplyEyeMakeup, HandstandPushups, YoYo", "Archery")
    assert {(r.group.split()[0], r.label) for r in data.records} == {
        ("ApplyEyeMakeup", 0),
        ("Archery", 1),
        ("HandstandPushups", 0),
        ("YoYo", 0),
    }
    data = read(task(tmp_path, classes=["YoYo", "Archery"], positive=["YoYo"]))
    assert data.classes == ("Archery", "YoYo")


def test_many_others_are_called_by_the_first_of_them(tmp_path):
    write_ucf101(tmp_path)
    index = tmp_path / "ucfTrainTestlist/classInd.txt"
    index.write_text(index.read_text() + "\n".join(f"{n} Class{n}" for n in range(50, 54)))
    data = read(task(tmp_path, positive=["YoYo"]))
    assert data.classes[0] == "ApplyEyeMakeup, Archery, HandstandPushups and 4 more"


def test_a_path_leads_to_an_avi_that_can_be_probed(tmp_path):
    data = read(task(write_ucf101(tmp_path)))
    path = data.root / data.records[0].path
    path.parent.mkdir()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(30):
            picture = np.full((48, 64, 3), 8 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    found = probe_video(path, "clip")
    assert found.duration_s == pytest.approx(1.2)
    assert (found.width_px, found.height_px) == (64, 48)


@settings(deadline=None)
@given(test=st.sets(st.sampled_from(["g01", "g02", "g03"]), min_size=1, max_size=2), st_=st.data())
def test_lists_that_divide_a_group_are_refused_and_no_others(tmp_path_factory, test, st_):
    folder = write_ucf101(tmp_path_factory.mktemp("ucf"))
    clips = [f"Archery/v_Archery_{g}_c{c:02d}.avi" for g in ("g01", "g02", "g03") for c in (1, 2)]
    moved = st_.draw(st.sampled_from([None, *clips]))
    in_test = {clip for clip in clips if clip.split("_")[2] in test} ^ ({moved} - {None})
    others = [f"YoYo/v_YoYo_g0{g}_c01.avi" for g in (8, 9)]
    lists = folder / "ucfTrainTestlist"
    (lists / "testlist01.txt").write_text("\n".join([*sorted(in_test), others[0]]))
    train = [f"{clip} 3" for clip in clips if clip not in in_test] + [f"{others[1]} 101"]
    (lists / "trainlist01.txt").write_text("\n".join(train))
    settings = task(folder, classes=["Archery", "YoYo"])
    if moved is None:
        assert len(read(settings).records) == 8
    else:
        with pytest.raises(InputError, match=f"the group Archery {moved.split('_')[2]} stand in"):
            read(settings)


WRONG_LINES = {
    "'Archery.avi 3' is no clip; write <class>/v_<class>_gNN_cNN.avi": "Archery.avi 3",
    "is no clip": "Archery/v_YoYo_g22_c01.avi 3",
    "'../v_.._g22_c01.avi 3' is no clip": "../v_.._g22_c01.avi 3",
    "class Archery with the number 4 does not fit classInd.txt": "Archery/v_Archery_g25_c01.avi 4",
    "class Jump with the number none does not fit": "Jump/v_Jump_g25_c01.avi",
    "the id v_Archery_g22_c01 stands 2 times": "Archery/v_Archery_g22_c01.avi 3",
}


@pytest.mark.parametrize("sentence", WRONG_LINES)
def test_wrong_lines_are_named_with_file_and_line(tmp_path, sentence):
    path = write_ucf101(tmp_path) / "ucfTrainTestlist/trainlist01.txt"
    path.write_text(path.read_text() + "\n" + WRONG_LINES[sentence] + "\n")
    with pytest.raises(InputError) as error:
        read(task(tmp_path))
    assert sentence in str(error.value)
    assert f"trainlist01.txt line {4 * 3 * 2 + 2}: " in str(error.value)


@pytest.mark.parametrize("line", ["Archery", "x Jump", "5 Long Jump", "3 Jump", "9 Archery"])
def test_a_wrong_index_of_classes_is_named(tmp_path, line):
    path = write_ucf101(tmp_path) / "ucfTrainTestlist/classInd.txt"
    path.write_bytes(path.read_bytes() + line.encode())
    with pytest.raises(InputError, match=r"classInd\.txt line 5: "):
        read(task(tmp_path))


def test_a_class_without_clips_is_an_error(tmp_path):
    path = write_ucf101(tmp_path) / "ucfTrainTestlist/classInd.txt"
    path.write_bytes(path.read_bytes() + b"5 BabyCrawling\r\n")
    with pytest.raises(InputError, match=r"has label 4 \(BabyCrawling\)"):
        read(task(tmp_path))


def test_an_unknown_class_is_named(tmp_path):
    write_ucf101(tmp_path)
    for wrong in ({"classes": ["YoYo", "Yoyo"]}, {"positive": ["Yoyo"]}):
        with pytest.raises(InputError, match=r"classInd\.txt: there is no class 'Yoyo'"):
            read(task(tmp_path, **wrong))


def test_a_wrong_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*UCF-101"):
        read(task(tmp_path))
    write_ucf101(tmp_path)
    path = tmp_path / "ucfTrainTestlist/testlist02.txt"
    path.write_text("\n")
    with pytest.raises(InputError, match=r"testlist02\.txt: the file is empty"):
        read(task(tmp_path, fold=2))
    path.unlink()
    with pytest.raises(InputError, match=r"there is no list .*testlist02\.txt"):
        read(task(tmp_path, fold=2))
    assert read(task(tmp_path, fold=1)).records


def test_settings_are_checked_and_the_registry_knows_the_set(tmp_path):
    settings = task(write_ucf101(tmp_path), classes=["YoYo", "Archery"]).model_dump()
    assert read_data_set(settings) == read(Ucf101Task(**settings))
    for wrong, why in (
        ({"fold": 4}, "fold"),
        ({"classes": ["YoYo"]}, "at least 2"),
        ({"classes": ["YoYo", "YoYo"]}, "classes holds a name twice"),
        ({"positive": []}, "at least 1"),
        ({"positive": ["ApplyEyeMakeup"]}, "not among classes"),
        ({"positive": ["YoYo", "Archery"]}, "all of the classes"),
    ):
        with pytest.raises(ValidationError, match=why):
            Ucf101Task(**{**settings, **wrong})
