"""How often the tests of convergence find something where scores have no order and no policy.

A null campaign is two arm names, "agents" and "random", of ten seeds with 100 independent uniform
scores each; "agents" learn nothing. No finding may exceed 5 % beyond its binomial interval.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks")]

from record import record  # noqa: E402
from run_null_campaigns import LEVEL, rate  # noqa: E402

from dashsearch.analysis.convergence.best_at import best_at  # noqa: E402
from dashsearch.analysis.convergence.records import records_test  # noqa: E402
from dashsearch.analysis.settings import AnalysisSettings  # noqa: E402
from dashsearch.seeds import derive_seed  # noqa: E402

SEEDS, LENGTH = 10, 100
SETTINGS = AnalysisSettings(permutations=199, bootstraps=99)


def campaign(rng: np.random.Generator, gain: float) -> pd.DataFrame:
    """Return a ledger; the scores of "agents" rise by `gain` over their run."""
    parts = []
    for arm in ("agents", "random"):
        scores = 0.5 * rng.random((SEEDS, LENGTH))
        if arm == "agents":
            scores += gain * np.linspace(0, 1, LENGTH)
        index = pd.MultiIndex.from_product([range(1, SEEDS + 1), range(LENGTH)])
        part = pd.DataFrame({"val_map": scores.ravel()}, index=index)
        part["arm_seed"], part["cell"] = (part.index.get_level_values(k) for k in (0, 1))
        parts.append(part.assign(arm=arm, source="policy", test_map=part["val_map"]))
    return pd.concat(parts, ignore_index=True)


def agents_beat_random(ledger: pd.DataFrame) -> bool:
    """Say whether the area of "agents" is significantly better."""
    area = best_at(ledger, SETTINGS).pairs[0].area
    return area.difference < 0 and area.p_holm <= LEVEL


def order_matters(ledger: pd.DataFrame) -> bool:
    """Say whether the records test rejects for "agents"."""
    return records_test(ledger[ledger["arm"] == "agents"], SETTINGS).p_upper <= LEVEL


def main() -> None:
    """Run all campaigns, and write the section "null_convergence" of results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=500)
    options = parser.parse_args()
    started = time.process_time()
    found = {}
    for name, gain in (("false_findings", 0.0), ("power", 0.5)):
        rngs = [np.random.default_rng(derive_seed(9, name, k)) for k in range(options.campaigns)]
        ledgers = [campaign(rng, gain) for rng in rngs]
        found[name] = {
            "agents_beat_random": rate([agents_beat_random(each) for each in ledgers]),
            "order_matters": rate([order_matters(each) for each in ledgers]),
        }
    figures = {
        "seeds": SEEDS,
        "experiments": LENGTH,
        "level": LEVEL,
        "planted": "scores of 0 to 0.5 rise by 0.5 over the run",
        "cpu_s": round(time.process_time() - started),
        **found,
    }
    record(HERE / "results.json", "null_convergence", figures, "numpy", "scipy", "pandas")


if __name__ == "__main__":
    main()
