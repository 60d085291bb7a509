"""The space: cells and indices agree, digests are stable, wrong files are refused with a line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.errors import InputError
from dashsearch.space.files import load_space
from dashsearch.space.space import Factor, Space

EMBEDDED = Path(__file__).parents[3] / "resources/spaces/embedded.yaml"


def test_the_embedded_space_has_the_108000_cells_of_the_study():
    space = load_space(EMBEDDED)
    assert space.shape == (6, 5, 4, 3, 4, 3, 5, 5)
    assert space.size == 108_000
    assert [factor.name for factor in space.group("architecture")] == [
        "backbone",
        "encoder",
        "pooling",
    ]


@given(st.integers(0, 107_999))
def test_cell_and_index_are_inverse(index):
    space = load_space(EMBEDDED)
    assert space.index(space.cell(index)) == index


def test_the_last_factor_counts_fastest():
    space = Space(
        "two", (Factor("a", "architecture", ("x", "y")), Factor("b", "training", (1, 2, 3)))
    )
    assert [space.index({"a": a, "b": b}) for a in "xy" for b in (1, 2, 3)] == list(range(6))


def test_an_int_stands_for_the_equal_float_but_a_bool_does_not():
    space = Space("one", (Factor("rate", "training", (0.0, 1.0)),))
    assert space.index({"rate": 1}) == 1
    with pytest.raises(InputError, match="True is not a level"):
        space.index({"rate": True})


def test_the_digest_changes_with_a_level_and_not_with_the_process():
    one = Space("s", (Factor("a", "training", (1, 2)),))
    other = Space("s", (Factor("a", "training", (1, 3)),))
    assert one.digest != other.digest
    assert load_space(EMBEDDED).digest == "b20a96eaf24c35aa"


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ({}, "has no a; give one level"),
        ({"a": 1, "b": 2}, "has unknown b"),
        ({"a": 9}, "9 is not a level; choose one of 1, 2"),
    ],
)
def test_a_wrong_cell_is_named(cell, sentence):
    with pytest.raises(InputError, match=sentence):
        Space("s", (Factor("a", "training", (1, 2)),)).index(cell)


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_outside_the_space_is_refused(index):
    with pytest.raises(InputError, match="use 0 to 1"):
        Space("s", (Factor("a", "training", (1, 2)),)).cell(index)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: s\nfactors:\n- {name: a, group: training, levels: [1, 1]}", "line 3: .* 1 twice"),
        ("name: s\nfactors:\n- {name: a, group: magic, levels: [1]}", "line 3: .*unknown group"),
        ("name: s\nfactors:\n- {name: a, group: training, levels: []}", "line 3: .*no levels"),
        ("name: s\nfactors:\n- {name: a, group: training}", "line 3: a factor has no `levels`"),
        (
            "name: s\nfactors:\n- {name: a, group: training, levels: [1], colour: red}",
            "line 3: unknown key 'colour'",
        ),
        (
            "name: s\nfactors:\n- {name: a, group: training, levels: [1]}\n"
            "- {name: a, group: training, levels: [1]}",
            "line 4: factor a stands twice",
        ),
        ("name: s\nname: t\nfactors: []", "line 2: the key 'name' stands twice"),
        ("name: s\nfactors: []", "`factors` is empty"),
        ("name: [", "is not valid YAML"),
        (
            "name: s\nfactors:\n- {name: a, group: training, levels: [true]}",
            "use text or numbers",
        ),
    ],
)
def test_a_wrong_space_file_is_refused_with_its_line(tmp_path, text, sentence):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence) as raised:
        load_space(path)
    assert str(path) in str(raised.value)


def test_a_missing_space_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml does not exist"):
        load_space(tmp_path / "none.yaml")


def test_what_is_no_space_file_is_named(tmp_path):
    with pytest.raises(InputError, match="is not a readable text file"):
        load_space(tmp_path)
    path = tmp_path / "key.yaml"
    path.write_text("name: s\n1: x\nfactors: []")
    with pytest.raises(InputError, match="line 2: the key 1 is not text"):
        load_space(path)
