"""DADA-2000: a miniature in its layout, and what is refused."""

import csv

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.adapters.dada import DadaTask, read
from dashsearch.clips.pictures import probe_pictures
from dashsearch.errors import InputError

# The columns of the published sheet, of which the adapter reads five.
HEADER = (
    "video",
    "weather(sunny,rainy,snowy,foggy)1-4",
    "light(day,night)1-2",
    "scenes(highway,tunnel,mountain,urban,rural)1-5",
    "linear(arterials,curve,intersection,T-junction,ramp) 1-5",
    "type",
    "whether an accident occurred (1/0)",
    "abnormal start frame",
    "accident frame",
    "abnormal end frame",
    "total frames",
    "texts",
)


def row(category, video, occurred, abnormal, accident):
    text = '[CLS]a "car", and\nanother[SEP]'
    return (video, 1, 1, 4, 1, category, occurred, abnormal, accident, 115, 440, text)


ROWS = (
    row(1, 1, 1, 30, 63),  # the camera's car
    row(10, 169, 1, 91, 121),  # the camera's car
    row(43, 2, 1, 31, 61),  # others
    row(61, 1, 1, 40, 50),  # the camera's car
    row(48, 3, 0, 21, -1),  # others, no accident
    row(11, 4, 0, -1, -1),  # nothing happens
)


def write_dada(folder, rows=ROWS, header=HEADER, pictures=0):
    (folder / "DADA2000").mkdir(parents=True, exist_ok=True)
    with (folder / "dada_text_annotations.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    for number in range(1, pictures + 1):
        for values in rows:
            place = folder / "DADA2000" / str(values[5]) / f"{values[0]:03d}" / "images"
            place.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / f"{number:04d}.png"), np.full((22, 52, 3), number, np.uint8))
    return folder


def task(folder, **settings):
    return DadaTask(source="dada", folder=str(folder), **settings)


def answers(data):
    return {r.clip_id: (r.label, r.event_time_s) for r in data.records}


def test_whose_accident_is_asked_where_there_is_one(tmp_path):
    data = read(task(write_dada(tmp_path)))
    assert data.classes == ("accident of others", "accident of the camera's car")
    assert answers(data) == {
        "1_001": (1, pytest.approx(62 / 30)),
        "10_169": (1, 4.0),
        "43_002": (0, 2.0),
        "61_001": (1, pytest.approx(49 / 30)),
    }
    assert {r.split for r in data.records} == {r.group for r in data.records} == {""}


def test_the_event_may_be_the_begin_of_the_abnormal(tmp_path):
    data = read(task(write_dada(tmp_path), event="abnormal"))
    assert answers(data) == {
        "1_001": (1, pytest.approx(29 / 30)),
        "10_169": (1, 3.0),
        "43_002": (0, 1.0),
        "61_001": (1, 1.3),
        "48_003": (0, pytest.approx(20 / 30)),
    }


def test_without_accident_a_clip_has_no_accident_time(tmp_path):
    data = read(task(write_dada(tmp_path), question="accident"))
    assert data.classes == ("no accident", "accident")
    found = answers(data)
    assert len(found) == len(ROWS)
    assert found["48_003"] == found["11_004"] == (0, None)
    assert found["43_002"] == (1, 2.0)
    abnormal = answers(read(task(tmp_path, question="accident", event="abnormal")))
    assert abnormal["48_003"] == (0, pytest.approx(20 / 30))
    assert abnormal["11_004"] == (0, None)


def test_an_accident_frame_of_a_clip_without_accident_is_not_an_event(tmp_path):
    rows = (row(1, 1, 1, 30, 63), row(48, 3, 0, 21, 40))
    found = answers(read(task(write_dada(tmp_path, rows), question="accident")))
    assert found["48_003"] == (0, None)


def test_categories_are_all_of_the_table_or_those_of_the_task(tmp_path):
    data = read(task(write_dada(tmp_path), question="category"))
    assert data.classes == ("category 1", "category 10", "category 43", "category 61")
    data = read(task(tmp_path, question="category", categories=[43, 1]))
    assert data.classes == ("category 43", "category 1")
    assert {r.clip_id: r.label for r in data.records} == {"1_001": 1, "43_002": 0}
    with pytest.raises(InputError, match=r"has label 1 \(category 48\)"):
        read(task(tmp_path, question="category", categories=[1, 48]))
    with pytest.raises(InputError, match="the accidents are of fewer than two categories"):
        read(task(write_dada(tmp_path, ROWS[3:]), question="category"))


def test_the_paths_lead_to_the_pictures(tmp_path):
    data = read(task(write_dada(tmp_path, pictures=3)))
    for record in data.records:
        found = probe_pictures(data.root / record.path, record.picture_rate_hz, record.clip_id)
        assert (found.duration_s, found.frame_rate_hz) == (pytest.approx(0.1), 30.0)
        assert (found.width_px, found.height_px) == (52, 22)


@given(frame=st.integers(1, 10_000), decimal=st.booleans())
def test_the_event_is_the_time_of_the_picture_with_that_number(tmp_path_factory, frame, decimal):
    folder = tmp_path_factory.mktemp("dada")
    written = f"{frame}.0" if decimal else frame
    write_dada(folder, (row(1, 1, 1, 0, written), row(43, 1, 1, 0, 5)))
    record = read(task(folder)).records[0]
    # 0001.png is shown at 0 s
    assert round(record.event_time_s * record.picture_rate_hz) + 1 == frame


def test_frame_0_is_the_begin(tmp_path):
    write_dada(tmp_path, (row(1, 1, 1, 0, 9), row(43, 1, 1, 0, 5)))
    assert {event for _, event in answers(read(task(tmp_path, event="abnormal"))).values()} == {0.0}


ACCIDENTS = ROWS[:4]
LISTS = {"train": "training.txt", "test": "testing.txt"}


def test_lists_give_the_splits(tmp_path):
    write_dada(tmp_path, ACCIDENTS)
    # With the fields that the loaders of DRIVE and LOTVS-CAP read, and without.
    (tmp_path / "training.txt").write_text(
        "1/001 1 0 149 136,a car, a car\n10/169\n1/001 0 1 2 3\n"
    )
    (tmp_path / "testing.txt").write_text("43/002\n\n61/1\n")
    data = read(task(tmp_path, lists=LISTS))
    assert {r.clip_id: r.split for r in data.records} == {
        "1_001": "train",
        "10_169": "train",
        "43_002": "test",
        "61_001": "test",
    }
    assert [table.name for table in data.tables] == [
        "dada_text_annotations.csv",
        "training.txt",
        "testing.txt",
    ]


WRONG_LISTS = {
    "testing.txt line 2: the video stands in the train list too": "43/002\n1/001\n61/001\n",
    "no row is video 9_009, which the lists hold": "43/002\n61/001\n9/009\n",
    "line 7: video 43_002 stands in no list": "61/001\n",
    "testing.txt line 1: '43-002' is no video; begin it like 1/001": "43-002\n61/001\n",
    "testing.txt line 1: '43/002x' is no video": "43/002x\n61/001\n",
}


@pytest.mark.parametrize("sentence", WRONG_LISTS)
def test_wrong_lists_are_named(tmp_path, sentence):
    write_dada(tmp_path, ACCIDENTS)
    (tmp_path / "training.txt").write_text("1/001\n10/169\n")
    (tmp_path / "testing.txt").write_text(WRONG_LISTS[sentence])
    with pytest.raises(InputError) as error:
        read(task(tmp_path, lists=LISTS))
    assert sentence in str(error.value)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no list of videos .*training\.txt"):
        read(task(write_dada(tmp_path), lists=LISTS))


WRONG_ROWS = {
    "type '64' and video '1' name no video": row(64, 1, 1, 1, 2),
    "type '' and video '1' name no video": row("", 1, 1, 1, 2),
    "type is 'one'; write a whole number": row("one", 1, 1, 1, 2),
    "whether an accident occurred (1/0) is '2'; write 0 or 1": row(2, 1, 2, 1, 2),
    "an accident occurred but accident frame is '-1'": row(2, 1, 1, 1, -1),
    "accident frame is '7.5'; write a whole number, or -1": row(2, 1, 1, 1, 7.5),
    "accident frame is '-3'": row(2, 1, 1, 1, -3),
    "the id 1_001 stands 2 times": row(1, 1, 1, 1, 2),
}


@pytest.mark.parametrize("sentence", WRONG_ROWS)
def test_wrong_rows_are_named_with_file_and_line(tmp_path, sentence):
    # A row's text fills two lines, so the second row ends on line 5.
    write_dada(tmp_path, (ROWS[0], WRONG_ROWS[sentence], *ROWS[1:]))
    with pytest.raises(InputError) as error:
        read(task(tmp_path))
    assert sentence in str(error.value)
    assert "dada_text_annotations.csv line 5: " in str(error.value)


def test_a_wrong_folder_or_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*DADA2000"):
        read(task(tmp_path))
    write_dada(tmp_path)
    with pytest.raises(InputError, match=r"there is no file .*other\.csv"):
        read(task(tmp_path, table="other.csv"))
    write_dada(tmp_path, header=("id", *HEADER[1:]))
    with pytest.raises(InputError, match="the column video is missing"):
        read(task(tmp_path))


def test_a_question_with_one_answer_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"has label 0 \(accident of others\)"):
        read(task(write_dada(tmp_path, ROWS[:2])))


def test_settings_are_checked_and_the_registry_knows_the_set(tmp_path):
    write_dada(tmp_path, ACCIDENTS)
    (tmp_path / "training.txt").write_text("1/001\n10/169\n")
    (tmp_path / "testing.txt").write_text("43/002\n61/001\n")
    settings = task(tmp_path, lists=LISTS).model_dump()
    assert read_data_set(settings) == read(task(tmp_path, lists=LISTS))
    for wrong, why in (
        ({"question": "when"}, "question"),
        ({"event": "end"}, "event"),
        ({"categories": [1, 2]}, "have no place in the question ego"),
        ({"question": "category", "categories": [1, 1]}, "a number twice"),
        ({"question": "category", "categories": [1]}, "at least 2"),
        ({"lists": {"train": "a.txt"}}, r"lists\.test"),
    ):
        with pytest.raises(ValidationError, match=why):
            DadaTask(**{**settings, **wrong})
