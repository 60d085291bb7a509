"""How often the dynamics tests find something where there is nothing, and where there is.

A null campaign is two identical agents with uniform random proposals, ten each in every one of 20
rounds, and scores that are independent of everything. No finding may exceed 5 % beyond its binomial
interval. Planted campaigns say what the tests can see.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.analysis.dynamics.cycles import cycles_test  # noqa: E402
from dashsearch.analysis.dynamics.divergence import agent_divergence  # noqa: E402
from dashsearch.analysis.dynamics.divergence_decay import divergence_over_time  # noqa: E402
from dashsearch.analysis.dynamics.proposals import runs_of  # noqa: E402
from dashsearch.analysis.settings import AnalysisSettings  # noqa: E402
from dashsearch.seeds import derive_seed  # noqa: E402
from dashsearch.space.files import load_space  # noqa: E402

SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
ROUNDS, PER_ROUND, SEEDS, LEVEL = 20, 10, 10, 0.05
AGENTS = ("one", "two")
SETTINGS = AnalysisSettings(permutations=199, bootstraps=199)
SIGNS = 1 - 2 * ((np.arange(2**SEEDS)[:, None] >> np.arange(SEEDS)) & 1)


def campaign(cells: np.ndarray) -> pd.DataFrame:
    """Return the ledger of one run: cells int (rounds, agents, proposals)."""
    rounds, agents, each = cells.shape
    shape = (rounds, agents, each)
    return pd.DataFrame(
        {
            "arm": "agents",
            "arm_seed": 1,
            "round": np.broadcast_to(np.arange(rounds)[:, None, None], shape).ravel(),
            "agent": np.array(AGENTS)[np.broadcast_to(np.arange(agents)[:, None], shape).ravel()],
            "source": "policy",
            "cell": cells.ravel(),
        }
    )


def uniform(rng: np.random.Generator, rounds: int = ROUNDS) -> np.ndarray:
    """Propose uniformly: int (rounds, agents, proposals)."""
    return rng.integers(SPACE.size, size=(rounds, len(AGENTS), PER_ROUND))


def with_breadth(rng: np.random.Generator, breadth: np.ndarray) -> np.ndarray:
    """Propose uniformly with the round's breadth as chance, else the favourite of the agent.

    `breadth` is float (rounds, agents); the favourite is an architecture of each agent's own.
    """
    cells = uniform(rng, len(breadth))
    training = SPACE.size // int(np.prod([len(f.levels) for f in SPACE.group("architecture")]))
    favourite = rng.choice(SPACE.size // training, size=len(AGENTS), replace=False)
    kept = favourite[None, :, None] * training + cells % training
    return np.where(rng.random(cells.shape) < breadth[:, :, None], cells, kept)


def shared_incumbent(rng: np.random.Generator) -> np.ndarray:
    """Propose around one wandering incumbent that both agents see, each in a cluster of its own."""
    cells = np.empty((ROUNDS, len(AGENTS), PER_ROUND), dtype=np.int64)
    here = int(rng.integers(SPACE.size))
    for round_ in range(ROUNDS):
        for agent in range(len(AGENTS)):
            base = int(rng.choice(SPACE.neighbours(here)))
            cells[round_, agent] = [base, *rng.choice(SPACE.neighbours(base), PER_ROUND - 1)]
        here = int(rng.choice(cells[round_].ravel()))
    return cells


def cycles_found(ledger: pd.DataFrame) -> list[bool]:
    """Say for each agent whether a cycle is found."""
    runs = [run for run in runs_of(ledger) if run.agent]
    return [cycles_test(run, SPACE, SETTINGS).p <= LEVEL for run in runs]


def specialisation_found(ledger: pd.DataFrame) -> list[bool]:
    """Say for each grouping of factors whether the agents differ."""
    found = agent_divergence(ledger, SPACE, SETTINGS)
    return [each.estimate is not None and each.estimate.p <= LEVEL for each in found]


def decay_found(ledger: pd.DataFrame) -> list[bool]:
    """Say for each grouping of factors whether the divergence decays."""
    found = divergence_over_time(ledger, SPACE, SETTINGS)
    return [each.decay is not None and each.decay.found for each in found]


def beats_random(rng: np.random.Generator, gain: float) -> bool:
    """Compare the area under best-so-far on paired seeds by all sign flips, one-sided.

    `gain` is added to the mean of the agents' scores over the run, in standard deviations.
    """
    n = ROUNDS * PER_ROUND * len(AGENTS)
    scores = rng.standard_normal((2, SEEDS, n))
    scores[0] += gain * np.linspace(0, 1, n)
    area = np.maximum.accumulate(scores, axis=2).mean(axis=2)
    sums = SIGNS @ (area[0] - area[1])
    return bool((sums >= sums[0] - 1e-12).mean() <= LEVEL)


def rate(found: Sequence[bool]) -> dict[str, Any]:
    """Rate of findings with its exact binomial interval."""
    hits, n = int(np.sum(found)), len(found)
    interval = binomtest(hits, n).proportion_ci(0.95, method="exact")
    return {
        "rate": round(hits / n, 4),
        "n": n,
        "interval": [round(float(interval.low), 4), round(float(interval.high), 4)],
    }


def per_grouping(found: list[list[bool]]) -> dict[str, Any]:
    """Rate of each grouping: pairs, all architecture factors, all training factors."""
    names = ("pairs", "architecture", "training")
    return {name: rate(each) for name, each in zip(names, zip(*found, strict=True), strict=True)}


def simulate(
    what: str, count: int, propose: Callable[[np.random.Generator], np.ndarray]
) -> list[pd.DataFrame]:
    """Make `count` campaigns of one kind, each with its own seed."""
    rngs = [np.random.default_rng(derive_seed(8, what, each)) for each in range(count)]
    return [campaign(propose(rng)) for rng in rngs]


def drifts() -> dict[str, np.ndarray]:
    """Breadth of both agents in policies that narrow without a period."""
    t = np.linspace(0, 1, 2 * ROUNDS)
    curves = {
        "linear": 1 - 0.9 * t,
        "exponential": np.exp(-4 * t),
        "sigmoid": 1 / (1 + np.exp(12 * (t - 0.4))),
    }
    return {name: np.stack([curve, curve], axis=1) for name, curve in curves.items()}


def main() -> None:
    """Run all campaigns, and write the section "null_campaigns" of results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--planted", type=int, default=100)
    options = parser.parse_args()
    started = time.process_time()
    null = simulate("null", options.campaigns, uniform)
    rng = np.random.default_rng(derive_seed(8, "areas"))
    sharing = simulate("shared incumbent", options.campaigns, shared_incumbent)
    false = {
        "cycles": rate([hit for each in null for hit in cycles_found(each)]),
        "specialisation": per_grouping([specialisation_found(each) for each in null]),
        "decay": per_grouping([decay_found(each) for each in null]),
        "beats_random": rate([beats_random(rng, 0.0) for _ in range(options.campaigns)]),
        "specialisation_around_a_shared_incumbent": per_grouping(
            [specialisation_found(each) for each in sharing]
        ),
        "cycles_under_drift": {
            name: rate(
                [
                    hit
                    for each in simulate(
                        name, options.campaigns // 2, lambda rng, b=breadth: with_breadth(rng, b)
                    )
                    for hit in cycles_found(each)
                ]
            )
            for name, breadth in drifts().items()
        },
    }
    print(f"null {time.process_time() - started:.0f} s")
    wave = np.where(np.arange(ROUNDS) % 5 < 2, 0.9, 0.1)
    fading = 1 - 0.8 * np.exp(-np.arange(2 * ROUNDS) / 8)
    waves = simulate(
        "waves", options.planted, lambda rng: with_breadth(rng, np.stack([wave, wave], axis=1))
    )
    tastes = simulate(
        "tastes",
        options.planted,
        lambda rng: with_breadth(rng, np.full((ROUNDS, len(AGENTS)), 0.8)),
    )
    fades = simulate(
        "fades", options.planted, lambda rng: with_breadth(rng, np.stack([fading] * 2, axis=1))
    )
    planted = {
        "cycles": {
            "effect": "90 % of the proposals are uniform in two rounds of five, 10 % in the others",
            **rate([hit for each in waves for hit in cycles_found(each)]),
        },
        "specialisation": {
            "effect": "20 % of each agent's proposals have its favourite architecture",
            **per_grouping([specialisation_found(each) for each in tastes]),
        },
        "decay": {
            "effect": "80 % of them at first, falling by e every 8 of 40 rounds",
            **per_grouping([decay_found(each) for each in fades]),
        },
        "beats_random": {
            "effect": "mean score rises by one standard deviation over the run",
            **rate([beats_random(rng, 1.0) for _ in range(options.planted)]),
        },
    }
    figures = {
        "rounds": ROUNDS,
        "proposals_per_agent": ROUNDS * PER_ROUND,
        "level": LEVEL,
        "permutations": SETTINGS.permutations,
        "cpu_s": round(time.process_time() - started),
        "false_findings": false,
        "power": planted,
    }
    record(HERE / "results.json", "null_campaigns", figures, "numpy", "scipy", "pandas")


if __name__ == "__main__":
    main()
