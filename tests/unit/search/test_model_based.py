"""TPE, GP, SMAC and BOHB-style: they learn, they forget nothing, they repeat themselves exactly."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dashsearch.search.policies.forest import ForestSearch
from dashsearch.search.policies.hyperband import HyperbandSearch
from dashsearch.search.policies.optuna_search import gaussian_process, tree_parzen
from dashsearch.search.policy import Result
from dashsearch.space.files import load_space
from dashsearch.space.space import Factor, Space
from planted import plant_task

ROOT = Path(__file__).parents[3]
EMBEDDED = load_space(ROOT / "resources/spaces/embedded.yaml")
SMALL = Space(
    "small",
    (
        Factor("kind", "architecture", ("a", "b", "c", "d")),
        Factor("constant", "training", (7,)),
        Factor("rate", "training", (0.1, 0.2, 0.4, 0.8, 1.6), ordered=True),
    ),
)
BUILD = {"tpe": tree_parzen, "gp": gaussian_process, "smac": ForestSearch}


def results(cells, score, start=0, **changes):
    return [
        Result(f"id{start + slot}", cell, 0, "ok", score(cell), **changes)
        for slot, cell in enumerate(cells)
    ]


@pytest.mark.parametrize("name", BUILD)
def test_a_model_goes_where_scores_are_good(name):
    """All good cells have kind c: a policy that has seen it asks for little else."""

    def score(cell):
        return 0.9 if EMBEDDED.cell(cell)["encoder"] == "bimamba" else 0.1

    rng = np.random.default_rng(1)
    told = results([int(c) for c in rng.integers(EMBEDDED.size, size=40)], score)
    policy = BUILD[name](EMBEDDED, np.random.default_rng(2), startup=16)
    policy.tell(told)
    asked = [EMBEDDED.cell(s.cell)["encoder"] for s in policy.ask(10)]
    assert asked.count("bimamba") >= 6


@pytest.mark.parametrize("name", BUILD)
def test_a_failure_is_not_a_good_score(name):
    def score(cell):
        return 0.5 + 0.01 * SMALL.cell(cell)["rate"]

    told = results(range(0, 20, 2), score)
    told += [Result(f"bad{c}", c, 0, "diverged", float("nan")) for c in (1, 3)]
    policy = BUILD[name](SMALL, np.random.default_rng(3), startup=4)
    policy.tell(told)
    asked = policy.ask(3)
    assert all(0 <= s.cell < SMALL.size for s in asked)
    assert all(s.cell not in (1, 3) for s in asked) or name == "tpe"


def test_smac_never_repeats_a_cell_and_ends_with_the_space():
    policy = ForestSearch(SMALL, np.random.default_rng(4), startup=4)
    seen = list(range(12))
    policy.tell(results(seen, lambda cell: cell / 20))
    asked = [s.cell for s in policy.ask(6, pending=[12, 13])]
    assert sorted(asked) == list(range(14, 20))


def test_before_the_start_is_over_smac_draws_uniformly():
    policy = ForestSearch(SMALL, np.random.default_rng(5), startup=16)
    policy.tell(results(range(3), lambda cell: 0.5))
    assert len({s.cell for s in policy.ask(10)} - {0, 1, 2}) == 10


def test_a_study_of_optuna_holds_all_results_and_running_trials():
    policy = tree_parzen(SMALL, np.random.default_rng(6), startup=4)
    policy.tell([*results([0, 0, 19], lambda cell: 0.5), Result("x", 5, 0, "failed", float("nan"))])
    policy.ask(2, pending=[7])
    states = [trial.state.name for trial in policy._study.trials]
    assert states == ["COMPLETE"] * 3 + ["FAIL"] + ["RUNNING"] * 3
    params = policy._study.trials[2].params
    assert params == {"kind": "d", "rate": 4}


REPEAT = """
import sys
sys.path[:0] = [{scripts!r}]
import json
import numpy as np
from dashsearch.search.registry import build_policy
from dashsearch.search.policy import Result
from dashsearch.space.files import load_space
space = load_space({space!r})
cells = [int(c) for c in np.random.default_rng(1).integers(space.size, size=30)]
told = [Result(str(k), c, 0, "ok", (c % 997) / 997) for k, c in enumerate(cells)]
out = {{}}
for name in ("tpe", "gp", "smac"):
    policy = build_policy(name, space, np.random.default_rng(2), {{"startup": 16}})
    policy.tell(told)
    out[name] = [s.cell for s in policy.ask(6)]
print(json.dumps(out))
"""


def test_the_same_past_gives_the_same_cells_in_every_process():
    """Also where Python hashes text otherwise: SMAC walks through a set of configurations."""
    code = REPEAT.format(
        scripts=str(ROOT / "scripts"), space=str(ROOT / "resources/spaces/embedded.yaml")
    )
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]


def hyperband(rungs=3, eta=3):
    return HyperbandSearch(EMBEDDED, np.random.default_rng(7), startup=4, eta=eta, rungs=rungs)


def test_hyperband_promotes_one_in_eta_of_a_rung():
    policy = hyperband()
    low = 1 / 9
    policy.tell(results(range(9), lambda cell: cell / 10, fidelity=low))
    asked = policy.ask(6)
    promoted = [s for s in asked if s.parent]
    assert [s.cell for s in promoted] == [8, 7, 6]
    assert {s.fidelity for s in promoted} == {1 / 3}
    policy.tell(results([8, 7, 6], lambda cell: cell / 10, start=9, fidelity=1 / 3))
    second = [s for s in policy.ask(3) if s.parent]
    assert [(s.cell, s.fidelity) for s in second] == [(8, 1.0)]


def test_hyperband_deals_new_cells_to_brackets_of_equal_cost():
    policy = hyperband()
    spent = {1 / 9: 0.0, 1 / 3: 0.0, 1.0: 0.0}
    steps = {1 / 9: 3, 1 / 3: 2, 1.0: 1}
    for suggestion in policy.ask(130):
        fidelity = min(spent, key=lambda known: abs(known - suggestion.fidelity))
        spent[fidelity] += fidelity * steps[fidelity]
    assert max(spent.values()) - min(spent.values()) <= 1


def test_what_failed_is_not_promoted():
    policy = hyperband(rungs=2)
    told = results(range(4), lambda cell: 0.5, fidelity=1 / 3)
    told += [Result(f"bad{c}", c, 0, "diverged", float("nan"), fidelity=1 / 3) for c in (8, 9)]
    policy.tell(told)
    assert {s.cell for s in policy.ask(5) if s.parent} <= set(range(4))


def test_tpe_beats_random_search_on_a_planted_landscape():
    """The full comparison, with SMAC and evolution at N = 200, is benchmarks/search."""
    task = plant_task(
        "search",
        EMBEDDED,
        {("backbone",): 0.4, ("encoder",): 0.2, ("learning_rate",): 0.3},
        noise=0,
    )

    def best(name, seed):
        rng = np.random.default_rng([seed, 1])
        told = results(
            [int(c) for c in rng.integers(EMBEDDED.size, size=16)],
            lambda cell: float(task.scores(np.array([cell]), [0])[0]),
        )
        for round_ in range(6):
            if name == "random":
                cells = [int(c) for c in rng.integers(EMBEDDED.size, size=10)]
            else:
                policy = tree_parzen(EMBEDDED, np.random.default_rng([seed, round_]), startup=16)
                policy.tell(told)
                cells = [s.cell for s in policy.ask(10)]
            told += results(
                cells, lambda cell: float(task.scores(np.array([cell]), [0])[0]), start=len(told)
            )
        return max(result.val_map for result in told)

    gain = [best("tpe", seed) - best("random", seed) for seed in range(8)]
    assert np.mean(gain) > 2 * np.std(gain, ddof=1) / np.sqrt(len(gain))
