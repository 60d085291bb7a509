"""The space: cells and indices agree, digests are stable, wrong files are refused with a line."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from scipy.stats import chisquare

from dashsearch.errors import InputError
from dashsearch.features.registry import load_registry
from dashsearch.space.files import dump_space, load_space, space_of
from dashsearch.space.sampling import draw_cells
from dashsearch.space.schema import cell_schema
from dashsearch.space.space import Factor, Space
from dashsearch.training.levels import check_space

SPACES = Path(__file__).parents[3] / "resources/spaces"
EMBEDDED = SPACES / "embedded.yaml"
MIXED = Space(
    "mixed",
    (
        Factor("kind", "architecture", ("a", "b", "c")),
        Factor("only", "training", (1,)),
        Factor("rate", "training", (0.1, 0.2, 0.4, 0.8), "1/s", ordered=True),
    ),
)


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


def test_the_papers_space_has_its_cells_and_its_backbones():
    space = load_space(SPACES / "paper.yaml")
    assert space.shape == (6, 5, 4, 3, 4, 3, 5, 5)
    assert space.factor("backbone").levels[0] == "vjepa2_vitl"
    check_space(space)
    load_registry(SPACES.parent / "backbones.yaml").require(space.factor("backbone").levels)


@pytest.mark.parametrize("space", [MIXED, load_space(EMBEDDED)], ids=lambda space: space.name)
def test_a_space_survives_yaml_and_json(space, tmp_path):
    (tmp_path / "again.yaml").write_text(dump_space(space))
    for again in (
        load_space(tmp_path / "again.yaml"),
        space_of(json.loads(json.dumps(space.describe()))),
    ):
        assert again == space
        assert again.digest == space.digest


def test_a_wrong_space_as_data_is_refused_with_the_factors_number():
    document = MIXED.describe()
    document["factors"][1]["levels"] = [1, 1]
    with pytest.raises(InputError, match="factor 2: factor only has the level 1 twice"):
        space_of(document)


def test_neighbours_are_one_step_away():
    here = MIXED.index({"kind": "b", "only": 1, "rate": 0.2})
    steps = [MIXED.cell(cell) for cell in MIXED.neighbours(here)]
    assert [(step["kind"], step["rate"]) for step in steps] == [
        ("a", 0.2),
        ("b", 0.1),
        ("b", 0.4),
        ("c", 0.2),
    ]


@given(st.integers(0, MIXED.size - 1), st.integers(0, MIXED.size - 1))
def test_being_neighbours_is_mutual(one, other):
    assert (one in MIXED.neighbours(other)) == (other in MIXED.neighbours(one))


def test_gowers_distance_by_hand():
    one = MIXED.index({"kind": "a", "only": 1, "rate": 0.1})
    other = MIXED.index({"kind": "c", "only": 1, "rate": 0.4})
    # 1 for the kind, 2 of 3 steps for the rate; the factor with one level does not count.
    assert MIXED.gower([one], [other, one]) == pytest.approx(np.array([[(1 + 2 / 3) / 2, 0]]))


@given(st.lists(st.integers(0, 107_999), min_size=3, max_size=3))
def test_gowers_distance_is_a_metric(cells):
    distance = load_space(EMBEDDED).gower(cells, cells)
    assert np.allclose(distance, distance.T)
    assert np.allclose(np.diag(distance), 0)
    assert (distance <= 1).all()
    assert distance[0, 2] <= distance[0, 1] + distance[1, 2] + 1e-12


@pytest.mark.parametrize("seen", [(), tuple(range(7))])
def test_draws_are_uniform_and_leave_out_what_was_seen(seen):
    counts = Counter(
        cell
        for seed in range(2000)
        for cell in draw_cells(MIXED, 2, np.random.default_rng(seed), seen)
    )
    assert set(counts) == set(range(MIXED.size)) - set(seen)
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_all_cells_can_be_drawn_and_no_more():
    assert sorted(draw_cells(MIXED, 12, np.random.default_rng(1))) == list(range(12))
    with pytest.raises(InputError, match="has 11 cells left but 12 were asked for"):
        draw_cells(MIXED, 12, np.random.default_rng(1), [3])


@given(st.integers(0, MIXED.size - 1))
def test_every_cell_fits_the_schema_and_nothing_else_does(cell):
    validator = Draft202012Validator(cell_schema(MIXED))
    proposed = MIXED.cell(cell)
    assert validator.is_valid(proposed)
    assert not validator.is_valid({**proposed, "extra": 1})
    assert not validator.is_valid({**proposed, "rate": 0.3})
    assert not validator.is_valid({name: proposed[name] for name in ("kind", "rate")})
