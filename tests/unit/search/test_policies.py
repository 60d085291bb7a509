"""Plain policies: fair draws, a balanced design, grids, evolution and local search that climb."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

from dashsearch.errors import InputError
from dashsearch.search.policies.designed import DesignedSample
from dashsearch.search.policies.evolution import RegularisedEvolution, mutate
from dashsearch.search.policies.grid import GridSearch
from dashsearch.search.policies.local_search import LocalSearch
from dashsearch.search.policies.random_search import RandomSearch
from dashsearch.search.policy import Result
from dashsearch.space.files import load_space
from dashsearch.space.space import Factor, Space

EMBEDDED = load_space(Path(__file__).parents[3] / "resources/spaces/embedded.yaml")
SMALL = Space(
    "small",
    (
        Factor("backbone", "architecture", ("a", "b")),
        Factor("encoder", "architecture", ("x", "y", "z")),
        Factor("rate", "training", (1, 2, 3, 4, 5)),
    ),
)


def told(suggestions, score=lambda cell: 0.5, start=0, status="ok"):
    return [
        Result(f"id{start + slot}", s.cell, s.replicate, status, score(s.cell))
        for slot, s in enumerate(suggestions)
    ]


def test_random_search_draws_every_cell_once_and_then_refuses():
    policy = RandomSearch(SMALL, np.random.default_rng(1))
    seen = []
    for _ in range(6):
        batch = policy.ask(5)
        seen += [suggestion.cell for suggestion in batch]
        policy.tell(told(batch))
    assert sorted(seen) == list(range(SMALL.size))
    with pytest.raises(InputError, match="has 0 cells left but 1 were asked for"):
        policy.ask(1)


def test_random_search_is_uniform():
    draws = Counter(
        RandomSearch(SMALL, np.random.default_rng(seed)).ask(1)[0].cell for seed in range(3000)
    )
    counts = [draws[cell] for cell in range(SMALL.size)]
    assert chisquare(counts).pvalue > 1e-3


def test_a_design_holds_every_architecture_equally_often():
    policy = DesignedSample(EMBEDDED, np.random.default_rng(1), replicates=2, replicated_share=0.25)
    design = policy.ask(300)
    names = [factor.name for factor in EMBEDDED.group("architecture")]
    first = [s for s in design if s.replicate == 0]
    counts = Counter(tuple(EMBEDDED.cell(s.cell)[name] for name in names) for s in first)
    assert set(counts.values()) == {2}
    assert len(counts) == 120
    assert sum(s.replicate == 1 for s in design) == 60


def test_a_design_repeats_no_cell_but_its_replicates():
    design = DesignedSample(
        EMBEDDED, np.random.default_rng(2), replicates=3, replicated_share=0.5
    ).ask(480)
    assert len({(s.cell, s.replicate) for s in design}) == 480
    assert len({s.cell for s in design}) == 240


def test_a_design_does_not_depend_on_how_it_is_cut_into_rounds():
    def build():
        return DesignedSample(
            EMBEDDED, np.random.default_rng(3), replicates=2, replicated_share=0.2
        )

    whole = build().ask(100)
    parts = []
    for size in (10, 50, 40):
        policy = build()
        policy.tell(told(parts))
        parts += policy.ask(size)
    assert parts == whole


@pytest.mark.parametrize("training_levels", ["uniform", "sobol"])
def test_training_levels_of_a_design_are_uniform(training_levels):
    design = DesignedSample(
        EMBEDDED,
        np.random.default_rng(4),
        replicates=1,
        replicated_share=0.0,
        training_levels=training_levels,
    ).ask(1200)
    for factor in EMBEDDED.group("training"):
        counts = Counter(EMBEDDED.cell(s.cell)[factor.name] for s in design)
        assert chisquare([counts[level] for level in factor.levels]).pvalue > 1e-3


def test_a_mutation_changes_exactly_one_factor():
    rng = np.random.default_rng(5)
    for cell in rng.integers(EMBEDDED.size, size=200):
        before, after = EMBEDDED.cell(int(cell)), EMBEDDED.cell(mutate(EMBEDDED, int(cell), rng))
        assert sum(before[name] != after[name] for name in EMBEDDED.names) == 1


def test_evolution_finds_better_cells_than_random_search_on_an_additive_landscape():
    rng = np.random.default_rng(6)
    effects = {
        f.name: dict(zip(f.levels, rng.normal(size=len(f.levels)), strict=True))
        for f in EMBEDDED.factors
    }

    def score(cell):
        return sum(effects[name][level] for name, level in EMBEDDED.cell(cell).items())

    def run(build):
        results = []
        for round_ in range(10):
            policy = build(round_)
            policy.tell(results)
            results += told(policy.ask(10), score, start=len(results))
        return max(result.val_map for result in results)

    evolved = [
        run(
            lambda r, s=s: RegularisedEvolution(
                EMBEDDED, np.random.default_rng([s, r]), population=20, sample=5
            )
        )
        for s in range(10)
    ]
    drawn = [
        run(lambda r, s=s: RandomSearch(EMBEDDED, np.random.default_rng([s, r]))) for s in range(10)
    ]
    assert np.mean(evolved) > np.mean(drawn)


def test_evolution_never_suggests_a_cell_twice_and_names_the_parent():
    policy = RegularisedEvolution(SMALL, np.random.default_rng(7), population=5, sample=2)
    first = policy.ask(10)
    policy.tell(told(first))
    children = policy.ask(20)
    assert len({s.cell for s in first + children}) == SMALL.size
    known = {result.experiment_id for result in told(first)}
    assert all(child.parent in known | {""} for child in children)


def test_a_failed_experiment_loses_every_tournament():
    policy = RegularisedEvolution(EMBEDDED, np.random.default_rng(8), population=10, sample=10)
    good = told(policy.ask(1), lambda _: 0.1)
    bad = told(policy.ask(9), lambda _: 0.9, start=1, status="failed")
    policy.tell(good + bad)
    assert {child.parent for child in policy.ask(10)} == {"id0"}


def test_only_the_youngest_may_have_children():
    policy = RegularisedEvolution(EMBEDDED, np.random.default_rng(9), population=3, sample=3)
    old = told(policy.ask(1), lambda _: 0.99)
    policy.tell(old + told(policy.ask(3), lambda _: 0.2, start=1))
    assert "id0" not in {child.parent for child in policy.ask(10)}


def test_a_sobol_design_spreads_levels_and_their_pairs_more_evenly():
    def imbalance(training_levels, pair):
        design = DesignedSample(
            EMBEDDED,
            np.random.default_rng(6),
            replicates=1,
            replicated_share=0.0,
            training_levels=training_levels,
        ).ask(600)
        cells = [EMBEDDED.cell(s.cell) for s in design]
        counts = Counter(tuple(cell[name] for name in pair) for cell in cells)
        return np.std(list(counts.values()))

    for pair in (("learning_rate",), ("learning_rate", "weight_decay")):
        assert imbalance("sobol", pair) < 0.5 * imbalance("uniform", pair)


def test_a_grid_visits_its_levels_in_the_order_of_the_index():
    policy = GridSearch(SMALL, np.random.default_rng(1), levels={"rate": [5, 1], "encoder": ["y"]})
    cells = [SMALL.cell(s.cell) for s in policy.ask(3)]
    assert [(c["backbone"], c["encoder"], c["rate"]) for c in cells] == [
        ("a", "y", 1),
        ("a", "y", 5),
        ("b", "y", 1),
    ]
    policy.tell(told(policy.ask(3)))
    assert [SMALL.cell(s.cell)["rate"] for s in policy.ask(1)] == [5]
    with pytest.raises(InputError, match="the grid has 4 cells but 5 were asked for"):
        policy.ask(2)


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ({"colour": [1]}, "has no factor 'colour'"),
        ({"rate": [7]}, "7 is not a level"),
        ({"rate": []}, "no level of the factor rate"),
    ],
)
def test_a_wrong_grid_is_refused(levels, sentence):
    with pytest.raises(InputError, match=sentence):
        GridSearch(SMALL, np.random.default_rng(1), levels=levels)


def climbed(space, score, rounds, n, seed=1):
    """Run a local search whose state is rebuilt from its results at every round."""
    rows = []
    for round_ in range(rounds):
        policy = LocalSearch(space, np.random.default_rng([seed, round_]))
        for earlier in rows:
            policy.tell(earlier)
        asked = policy.ask(n)
        start = sum(map(len, rows))
        rows.append(
            [
                Result(f"id{start + slot}", s.cell, 0, "ok", score(s.cell), s.parent)
                for slot, s in enumerate(asked)
            ]
        )
    return rows


def test_local_search_steps_to_neighbours_of_its_best_only():
    rows = climbed(EMBEDDED, lambda cell: -float(cell), 5, 4)
    best = max(rows[0], key=lambda result: result.score)
    for earlier, now in pairwise(rows):
        best = max([best, *earlier], key=lambda result: result.score)
        assert {result.parent for result in now} == {best.experiment_id}
        assert {result.cell for result in now} <= set(EMBEDDED.neighbours(best.cell))


def test_local_search_starts_anew_at_the_top_of_a_hill():
    peak = SMALL.index({"backbone": "a", "encoder": "x", "rate": 3})
    steps = SMALL.neighbours(peak)
    assert len(steps) == 7

    policy = LocalSearch(SMALL, np.random.default_rng(2))
    policy.tell([Result("top", peak, 0, "ok", 0.9)])
    asked = policy.ask(10)
    assert sorted(s.cell for s in asked if s.parent) == steps
    assert sum(not s.parent for s in asked) == 3
    results = [
        Result(f"id{slot}", s.cell, 0, "ok", 0.1 + slot / 100, s.parent)
        for slot, s in enumerate(asked)
    ]
    policy.tell(results)
    assert {s.parent for s in policy.ask(1)} == {"id9"}  # the best stranger, though below the peak


def test_local_search_finds_the_top_of_a_smooth_landscape():
    target = 54_321
    rows = climbed(EMBEDDED, lambda cell: -float(EMBEDDED.gower([cell], [target])[0, 0]), 20, 10)
    assert target in {result.cell for row in rows for result in row}


def test_a_policy_leaves_out_what_the_round_holds_already():
    pending = [cell for cell in range(SMALL.size) if cell not in (7, 11)]
    for policy in (
        RandomSearch(SMALL, np.random.default_rng(1)),
        LocalSearch(SMALL, np.random.default_rng(1)),
        RegularisedEvolution(SMALL, np.random.default_rng(1), population=2, sample=2),
    ):
        assert sorted(s.cell for s in policy.ask(2, pending)) == [7, 11]
