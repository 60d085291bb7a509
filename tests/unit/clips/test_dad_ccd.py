"""DAD says everything by its folders, CCD by a file of labels a frame."""

import pytest

from dashsearch.clips.adapters import ccd, dad
from dashsearch.errors import InputError


@pytest.fixture
def dad_folder(tmp_path):
    for part in ("training", "testing"):
        for kind in ("positive", "negative"):
            folder = tmp_path / "videos" / part / kind
            folder.mkdir(parents=True)
            for number in (1, 2):
                (folder / f"{number:06d}.mp4").touch()
    return tmp_path


def test_dad_is_read_from_its_folders(dad_folder):
    data = dad.read(dad.DadTask(source="dad", folder=str(dad_folder)))
    assert len(data.records) == 8
    record = next(r for r in data.records if r.clip_id == "testing/positive/000002")
    assert (record.label, record.split, record.event_time_s) == (1, "test", 4.5)
    assert record.path == "videos/testing/positive/000002.mp4"
    negative = next(r for r in data.records if r.clip_id == "training/negative/000001")
    assert (negative.label, negative.split, negative.event_time_s) == (0, "train", None)


def test_dad_takes_any_case_and_nothing_hidden(dad_folder):
    positive = dad_folder / "videos/training/positive"
    before = len(dad.read(dad.DadTask(source="dad", folder=str(dad_folder))).records)
    (positive / "000009.MP4").touch()
    (positive / "._000009.mp4").touch()
    data = dad.read(dad.DadTask(source="dad", folder=str(dad_folder)))
    assert len(data.records) == before + 1
    assert any(record.path.endswith("000009.MP4") for record in data.records)


def test_dad_without_one_of_its_folders_is_named(dad_folder):
    for video in (dad_folder / "videos/testing/negative").iterdir():
        video.unlink()
    with pytest.raises(InputError, match=r"testing/negative holds no \.mp4 file"):
        dad.read(dad.DadTask(source="dad", folder=str(dad_folder)))


def line(name, first, video):
    labels = ", ".join(str(int(frame >= first)) for frame in range(50))
    return f"{name},[{labels}],285,{video},Day,Normal,Yes"


@pytest.fixture
def ccd_folder(tmp_path):
    for kind, numbers in (("Crash-1500", (1, 2, 3)), ("Normal", (1, 2))):
        (tmp_path / "videos" / kind).mkdir(parents=True)
        for number in numbers:
            (tmp_path / "videos" / kind / f"{number:06d}.mp4").touch()
    rows = [line("000001", 31, "qwer"), line("000002", 44, "qwer"), line("000003", 20, "asdf")]
    (tmp_path / "videos/Crash-1500.txt").write_text("\n".join(rows) + "\n")
    lists = tmp_path / "vgg16_features"
    lists.mkdir()
    train = "positive/000001.npz 1\npositive/000003.npz 1\nnegative/000001.npz 0\n"
    (lists / "train.txt").write_text(train)
    (lists / "test.txt").write_text("positive/000002.npz 1\nnegative/000002.npz 0\n")
    return tmp_path


def read_ccd(folder, **settings):
    return ccd.read(ccd.CcdTask(source="ccd", folder=str(folder), **settings))


def test_ccd_takes_its_event_from_the_first_frame_labelled_1(ccd_folder):
    data = read_ccd(ccd_folder)
    assert {r.clip_id: (r.label, r.event_time_s, r.group) for r in data.records} == {
        "crash/000001": (1, 3.1, "YouTube qwer"),
        "crash/000002": (1, 4.4, "YouTube qwer"),
        "crash/000003": (1, 2.0, "YouTube asdf"),
        "normal/000001": (0, None, ""),
        "normal/000002": (0, None, ""),
    }
    assert all((data.root / record.path).is_file() for record in data.records)
    assert {record.split for record in data.records} == {""}


def test_ccd_official_lists_are_kept(ccd_folder):
    data = read_ccd(ccd_folder, split="official")
    assert {r.clip_id: r.split for r in data.records} == {
        "crash/000001": "train",
        "crash/000002": "test",
        "crash/000003": "train",
        "normal/000001": "train",
        "normal/000002": "test",
    }


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[0", "[7", "line 1: it is not `name,"),
        ("000002,[0, ", "000002,[", "line 2: it is not `name,"),
        ("000003,", "000002,", "the id crash/000002 stands 2 times"),
    ],
)
def test_ccd_annotations_that_are_not_as_published_are_named(ccd_folder, old, new, sentence):
    table = ccd_folder / "videos/Crash-1500.txt"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(InputError) as raised:
        read_ccd(ccd_folder)
    assert sentence in str(raised.value)


def test_ccd_lists_that_lack_a_clip_are_named(ccd_folder):
    (ccd_folder / "vgg16_features/test.txt").write_text("positive/000002.npz 1\n")
    with pytest.raises(InputError, match=r"normal/000002 is in neither train\.txt nor test\.txt"):
        read_ccd(ccd_folder, split="official")
    (ccd_folder / "vgg16_features/test.txt").write_text("000002\n")
    with pytest.raises(InputError, match=r"test\.txt line 1: it is not"):
        read_ccd(ccd_folder, split="official")
    (ccd_folder / "videos/Crash-1500.txt").unlink()
    with pytest.raises(InputError, match="there is no file"):
        read_ccd(ccd_folder)


def test_ccd_lists_that_share_a_clip_are_named(ccd_folder):
    lists = ccd_folder / "vgg16_features"
    (lists / "test.txt").write_text((lists / "test.txt").read_text() + "positive/000001.npz 1\n")
    with pytest.raises(InputError, match=r"crash/000001 is in train\.txt and in test\.txt"):
        read_ccd(ccd_folder, split="official")
