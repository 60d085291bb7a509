"""An arm on a table is the arm that rounds of jobs would have been; random search is exact."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

from dashsearch.search.propose import Arm, propose_round, results_of
from dashsearch.search.settings import batches_of
from dashsearch.search.table_runs import Evaluation, run_arm
from dashsearch.search.terms import Terms
from dashsearch.space.files import load_space
from dashsearch.space.space import Factor, Space

EMBEDDED = load_space(Path(__file__).parents[3] / "resources/spaces/embedded.yaml")
SETTINGS = {
    "random": {},
    "evolution": {"population": 8, "sample": 3},
    "local_search": {},
    "tpe": {"startup": 6},
    "bohb_style": {"startup": 6, "eta": 3, "rungs": 2},
}


def score(cell, fidelity=1.0):
    return ((cell * 7919) % EMBEDDED.size) / EMBEDDED.size * (0.5 + 0.5 * fidelity)


def evaluate(proposal):
    if proposal.cell % 11 == 0:
        return Evaluation("diverged", "the loss is not finite", float("nan"), 1.0)
    return Evaluation("ok", "", score(proposal.cell, proposal.fidelity), 2.0)


def make_arm(name, seed=1, **terms):
    terms = {"shared_start": 6, "audit_share": 0.2} | terms
    return Arm("t", name, seed, name, 3, SETTINGS[name], "trainer", Terms(**terms))


@pytest.mark.parametrize("name", SETTINGS)
def test_one_call_gives_the_rows_that_rounds_of_jobs_give(name):
    arm, rows = make_arm(name), []
    for round_ in range(4):
        history = pd.DataFrame(rows)
        past = results_of(history, round_) if rows else []
        for proposal in propose_round(arm, EMBEDDED, past, round_, 6):
            row = {**proposal.row(EMBEDDED), "val_map": float("nan")}
            if not proposal.status:
                found = evaluate(proposal)
                row |= {"status": found.status, "val_map": found.val_map}
            rows.append(row)
    done = run_arm(arm, EMBEDDED, 4, 6, evaluate)
    assert [p.experiment_id for p in done] == [row["experiment_id"] for row in rows]
    assert [p.status for p in done] == [row["status"] for row in rows]
    assert [p.source for p in done[:6]] == ["start"] * 6


def test_a_budget_of_seconds_ends_an_arm_between_rounds():
    done = run_arm(make_arm("random", train_s=20), EMBEDDED, 9, 6, evaluate)
    assert len(done) == 12


def test_the_best_of_n_random_draws_has_the_closed_form_expectation():
    """E[max of n without replacement] = sum over ranks of y_(i) C(i-1, n-1) / C(M, n)."""
    space = Space("s", (Factor("a", "training", tuple(range(400))),))
    y = np.random.default_rng(1).normal(size=400)

    def look_up(proposal):
        return Evaluation("ok", "", float(y[proposal.cell]), 1.0)

    n, seeds = 20, 3000
    best = []
    for seed in range(seeds):
        arm = Arm("t", "r", seed, "random", 1, {}, "x", Terms(shared_start=8))
        best.append(max(y[p.cell] for p in run_arm(arm, space, 2, 10, look_up)))
    ranks = np.arange(n, 401)
    weights = np.exp(
        gammaln(ranks)
        - gammaln(n)
        - gammaln(ranks - n + 1)
        - (gammaln(401) - gammaln(n + 1) - gammaln(401 - n))
    )
    expected = float(weights @ np.sort(y)[n - 1 :])
    assert abs(np.mean(best) - expected) < 4 * np.std(best) / np.sqrt(seeds)


def test_seeds_are_batched_so_that_more_of_them_leave_full_batches_alone():
    assert list(batches_of(range(1, 61))) == ["1-50", "51-60"]
    assert list(batches_of(range(1, 121))) == ["1-50", "51-100", "101-120"]
    assert batches_of([7, 1, 2, 9, 3]) == {"1-3": [1, 2, 3], "7": [7], "9": [9]}
