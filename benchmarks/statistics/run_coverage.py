"""How often the intervals of variance shares and of the power law's exponent hold the truth.

Every simulation plants new effects on the embedded space of 108,000 cells, each with exactly its
share of the variance, and draws a new designed sample of it; the exponent is planted by scores
whose best of N grows as a - b N^-c. An interval of 95 % should hold the truth in 95 % of 500
simulations, within the binomial interval of that count.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from math import gamma
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks", "tests/unit")]

from record import record  # noqa: E402

from dashsearch.analysis.convergence.growth_laws import growth_laws  # noqa: E402
from dashsearch.analysis.results import Interval  # noqa: E402
from dashsearch.analysis.settings import AnalysisSettings  # noqa: E402
from dashsearch.analysis.variance.decomposition import decompose  # noqa: E402
from dashsearch.analysis.variance.noise import noise_share  # noqa: E402
from dashsearch.analysis.variance.shares import distinct_cells, variance_shares  # noqa: E402
from dashsearch.seeds import derive_seed  # noqa: E402
from dashsearch.space.files import load_space  # noqa: E402
from planted import PlantedTask, plant_task, planted_ledger  # noqa: E402

SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
EXPERIMENTS = 480
SHARES = {
    ("backbone",): 0.35,
    ("encoder",): 0.10,
    ("backbone", "encoder"): 0.10,
    ("learning_rate",): 0.15,
    ("backbone", "learning_rate"): 0.05,
}
NOISE = 0.10
SETTINGS = AnalysisSettings(score="val_map", permutations=99, bootstraps=199)
CASES = {
    "shares": SHARES,
    "no effect": {},
    "architecture only": {("backbone",): 0.8},
}
RUNS, LENGTH, EXPONENTS = 10, 200, (0.2, 0.35, 0.5)
ASYMPTOTE, AMPLITUDE = 0.95, 0.2
Found = tuple[str, float, float, Interval]


def truth_of(task: PlantedTask, terms: Iterable[tuple[str, ...]]) -> float:
    """Return the planted share of these terms together."""
    wanted = {frozenset(term) for term in terms}
    return sum(share for term, share in task.shares.items() if frozenset(term) in wanted)


def shares_found(case: str, number: int) -> list[Found]:
    """Plant a task, sample it, and return name, truth, estimate and interval of every share."""
    task = plant_task(
        f"{case} {number}", SPACE, CASES[case], noise=NOISE, seed=derive_seed(8, case, number)
    )
    ledger = planted_ledger(task, EXPERIMENTS, 2, 2, seeds=(1,))
    rows = ledger[ledger["arm"] == "designed"]
    found: list[Found] = []
    arm = variance_shares(rows, SPACE, "val_map", SETTINGS)[0]
    for share in arm.shares:
        if share.estimate is not None and share.role != "architecture":
            every = [term for term in task.shares if set(term) <= set(share.factors)]
            estimate = share.estimate
            truth = truth_of(task, every)
            found.append(
                (f"one-way {share.name}", truth, estimate.omega_squared, estimate.interval)
            )
    for component in decompose(rows, SPACE, "val_map", SETTINGS).components:
        if component.estimate is not None and component.role in ("group", "factor"):
            truth = truth_of(task, component.terms)
            share_ = component.estimate
            found.append((f"decomposition {component.name}", truth, share_.share, share_.interval))
    distinct = distinct_cells(rows, "val_map")["val_map"]
    scored = rows[np.isfinite(rows["val_map"])]
    repeated = scored[scored.duplicated("cell", keep=False)].groupby("cell")["val_map"]
    noise = noise_share(distinct, [each.to_numpy() for _, each in repeated])
    found.append(("seed noise", task.noise, noise.share, noise.interval))
    return found


def exponent_found(c: float, number: int) -> Found:
    """Return the exponent of runs whose expected best of N is a - b N^-c, exactly and for all N.

    Scores lie a Weibull distance b E^c / Gamma(1 + c) below a, E exponential: the smallest of N
    exponentials is one divided by N.
    """
    rng = np.random.default_rng(derive_seed(8, "exponent", round(1000 * c), number))
    below = rng.standard_exponential((RUNS, LENGTH)) ** c / gamma(1 + c)
    scores = ASYMPTOTE - AMPLITUDE * below
    rows = pd.DataFrame(
        {
            "arm": "random",
            "arm_seed": np.repeat(np.arange(RUNS), LENGTH),
            "val_map": scores.ravel(),
            "test_map": scores.ravel(),
        }
    )
    laws = growth_laws(rows, SETTINGS)
    return (f"c = {c:g}", c, laws.c, laws.c_interval)


def summarise(found: Iterable[Found]) -> list[dict[str, Any]]:
    """Count, by name, how often the interval held the truth."""
    table = pd.DataFrame(
        [(name, truth, value, low.low, low.high) for name, truth, value, low in found],
        columns=["what", "truth", "estimate", "low", "high"],
    )
    rows = []
    for name, each in table.groupby("what", sort=False):
        # A truth of 0 lies on the bound of intervals that never go below it.
        held = int((each["low"] <= each["truth"] + 1e-12).mul(each["truth"] <= each["high"]).sum())
        limits = binomtest(held, len(each)).proportion_ci(0.95)
        rows.append(
            {
                "what": name,
                "truth": round(float(each["truth"].mean()), 4),
                "mean_estimate": round(float(each["estimate"].mean()), 4),
                "mean_width": round(float((each["high"] - each["low"]).mean()), 4),
                "coverage": round(held / len(each), 4),
                "n": len(each),
                "interval": [round(float(limits.low), 4), round(float(limits.high), 4)],
            }
        )
    return rows


def main() -> None:
    """Run all simulations, and write the section "coverage" of results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=500)
    options = parser.parse_args()
    started = time.process_time()
    figures: dict[str, Any] = {"experiments": EXPERIMENTS, "nominal": 0.95, "shares": {}}
    for case in CASES:
        numbers = range(options.simulations)
        figures["shares"][case] = summarise(
            each for number in numbers for each in shares_found(case, number)
        )
        print(f"{case}: {time.process_time() - started:.0f} s", flush=True)
    figures["exponent"] = summarise(
        exponent_found(c, number) for c in EXPONENTS for number in range(options.simulations)
    )
    figures["runs"], figures["experiments_a_run"] = RUNS, LENGTH
    figures["cpu_s"] = round(time.process_time() - started)
    record(HERE / "results.json", "coverage", figures, "numpy", "scipy", "pandas")


if __name__ == "__main__":
    main()
