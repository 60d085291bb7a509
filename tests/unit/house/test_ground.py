"""The ground floor: seeds by name, files that are whole or absent, and errors in one sentence."""

import logging
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.errors import InputError
from dashsearch.files import digest, read_json, replacing, write_json
from dashsearch.jobs import job
from dashsearch.seeds import derive_seed

names = st.lists(
    st.text(st.characters(exclude_characters="\x1f", codec="utf-8"), max_size=4),
    min_size=1,
    max_size=4,
)


def test_a_seed_is_the_same_on_every_machine():
    assert derive_seed(1, "highway", "random", 0) == 4027365577377565565


@given(names, names)
def test_other_names_give_other_seeds(one, other):
    assert (derive_seed(*one) == derive_seed(*other)) == (one == other)


@given(names)
def test_a_seed_fits_every_generator(name):
    assert 0 <= derive_seed(*name) < 2**63


def test_a_name_with_the_separator_is_refused():
    with pytest.raises(ValueError, match="contains U\\+001F"):
        derive_seed("a\x1fb")
    with pytest.raises(ValueError, match="at least one name"):
        derive_seed()


def test_a_file_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "deep" / "value.json"
    write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="stop"), replacing(target) as path:
        path.write_text("half")
        raise ValueError("stop")
    assert read_json(target) == {"a": 1}
    assert [p.name for p in target.parent.iterdir()] == ["value.json"]


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    with replacing(tmp_path / "clip.mp4") as path:
        assert path.suffix == ".mp4"
        path.touch()


def test_json_without_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_an_input_error_ends_a_job_with_its_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, job(tmp_path / "logs" / "x.log"):
        raise InputError("the file is wrong; mend it.")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "dashsearch: the file is wrong; mend it.\n"
    assert "the file is wrong; mend it." in (tmp_path / "logs" / "x.log").read_text()


def test_a_bug_keeps_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), job(tmp_path / "x.log"):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in (tmp_path / "x.log").read_text()


def test_what_the_library_logs_reaches_the_file_of_the_rule(tmp_path):
    with job(tmp_path / "x.log"):
        logging.getLogger("dashsearch.training").info("trained 3 of 10")
    assert "trained 3 of 10" in (tmp_path / "x.log").read_text()


def test_a_warning_of_a_library_reaches_the_file_of_the_rule(tmp_path):
    with job(tmp_path / "x.log"):
        warnings.warn("the matrix is singular", UserWarning, stacklevel=1)
    assert "the matrix is singular" in (tmp_path / "x.log").read_text()


def test_what_a_killed_process_left_is_removed(tmp_path):
    stale = tmp_path / ".value.4194305.partial.json"
    stale.write_text("half")
    other = tmp_path / ".value_two.4194305.partial.json"
    other.write_text("half")
    write_json(tmp_path / "value.json", 1)
    assert not stale.exists()
    assert other.exists()
