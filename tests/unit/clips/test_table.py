"""The generic table: CSV or Parquet, two classes or many."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashsearch.clips.adapters.table import CsvTask, read
from dashsearch.errors import InputError

HEADER = "clip_id,path,label,event_time_s,alert_time_s"
names = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=6)


def task(path, **options):
    return CsvTask(source="csv", file=str(path), **options)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    ids=st.lists(
        names.filter(lambda name: name.lower() not in ("nan", "null", "none", "na")),
        min_size=2,
        max_size=8,
        unique=True,
    ),
    event=st.floats(0, 100),
)
def test_a_csv_and_a_parquet_file_say_the_same(tmp_path, ids, event):
    rows = [
        {
            "clip_id": name,
            "path": f"{name}.mp4",
            "label": number % 2,
            "event_time_s": event if number % 2 else None,
            "alert_time_s": None,
            "group": "g" if number > 2 else None,
        }
        for number, name in enumerate(ids)
    ]
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    one, other = (read(task(tmp_path / f"t.{kind}")).records for kind in ("csv", "parquet"))
    strip = [[{**vars(r), "where": ""} for r in records] for records in (one, other)]
    assert strip[0] == strip[1]
    assert [record.event_time_s for record in one if record.label] == [event] * (len(ids) // 2)


def test_many_classes_are_named_in_the_config(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"{HEADER},picture_rate_hz\na,a,turn,3.5,,10\nb,b,stop,,,\nc,c,turn,,,30.0\n")
    data = read(task(path, classes=["stop", "turn"]))
    assert data.classes == ("stop", "turn")
    assert [record.label for record in data.records] == [1, 0, 1]
    assert [record.picture_rate_hz for record in data.records] == [10.0, None, 30.0]
    with pytest.raises(InputError, match=r"t\.csv line 2: label is 'turn'; write 0 or 1"):
        read(task(path))
    with pytest.raises(InputError, match=r"none of the 3 usable clips has label 2 \(go\)"):
        read(task(path, classes=["stop", "turn", "go"]))
    with pytest.raises(InputError, match="label is 'turn'; write one of stop, go"):
        read(task(path, classes=["stop", "go"]))
    path.write_text(path.read_text().replace("30.0", "-3"))
    with pytest.raises(InputError, match="line 4: picture_rate_hz is '-3'"):
        read(task(path, classes=["stop", "turn"]))


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    (tmp_path / "t.parquet").write_text(HEADER)
    with pytest.raises(InputError, match=r"t\.parquet is not a Parquet file"):
        read(task(tmp_path / "t.parquet"))


def test_no_spelling_of_nothing_is_a_group(tmp_path):
    rows = [
        f"{name},{name}.mp4,{n % 2},{'1' if n % 2 else ''},,{group}"
        for n, (name, group) in enumerate([("a", "NA"), ("b", "nan"), ("c", ""), ("d", "one")])
    ]
    (tmp_path / "t.csv").write_text("\n".join([f"{HEADER},group", *rows]) + "\n")
    assert [record.group for record in read(task(tmp_path / "t.csv")).records] == [
        "",
        "",
        "",
        "one",
    ]
