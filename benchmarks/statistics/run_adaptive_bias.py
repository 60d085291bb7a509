"""What shares of variance say on adaptively chosen cells of planted tables, and corrected ones.

Every campaign has a table of 108,000 cells of its own with planted terms, noise of every cell, and
an exact functional ANOVA, and one seed of 300 experiments: 16 uniform ones, then a policy with a
tenth of audits. The kinds of tables: architecture or training factors dominate; or scores saturate,
which no additive model describes.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "tests/unit", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.analysis.bias.adaptive_bias import arm_bias, exact_references  # noqa: E402
from dashsearch.analysis.bias.share_estimates import quantities  # noqa: E402
from dashsearch.analysis.settings import AnalysisSettings  # noqa: E402
from dashsearch.analysis.variance.functional_anova import functional_anova  # noqa: E402
from dashsearch.ledger.schema import Proposal  # noqa: E402
from dashsearch.search.propose import Arm  # noqa: E402
from dashsearch.search.table_runs import Evaluation, run_arm  # noqa: E402
from dashsearch.search.terms import Terms  # noqa: E402
from dashsearch.seeds import derive_seed  # noqa: E402
from dashsearch.space.files import load_space  # noqa: E402
from planted import planted_surface  # noqa: E402

SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
PAIR = ("backbone", "encoder")
EXPERIMENTS, PER_ROUND = 300, 10
POLICIES: Mapping[str, dict[str, Any]] = {
    "evolution": {"population": 20, "sample": 5},
    "tpe": {"startup": 16},
}
TABLES: Mapping[str, Mapping[tuple[str, ...], float]] = {
    "architecture": {
        ("backbone",): 0.35, ("encoder",): 0.1, PAIR: 0.1, ("pooling",): 0.05,
        ("learning_rate",): 0.1, ("loss",): 0.03, ("backbone", "learning_rate"): 0.07,
        ("encoder", "learning_rate"): 0.05,
    },
    "training": {
        ("backbone",): 0.08, ("encoder",): 0.04, PAIR: 0.03, ("learning_rate",): 0.35,
        ("hidden_size",): 0.1, ("loss",): 0.05, ("learning_rate", "weight_decay"): 0.1,
        ("encoder", "learning_rate"): 0.08,
    },
    "saturating": {
        ("backbone",): 0.3, ("encoder",): 0.1, PAIR: 0.1, ("learning_rate",): 0.2,
        ("loss",): 0.05, ("backbone", "learning_rate"): 0.1,
    },
}  # fmt: skip


def planted_table(kind: str, seed: int) -> np.ndarray:
    """Draw the scores of all cells, float (size,): terms of exact shares, cells' effects, noise."""
    rng = np.random.default_rng(derive_seed(8, "table", kind, seed))
    total = planted_surface(SPACE, TABLES[kind], rng)
    rest = 1 - sum(TABLES[kind].values())
    total = total + np.sqrt(rest) * rng.standard_normal(SPACE.shape)
    if kind == "saturating":
        total = 2 * np.tanh(total - 0.3)
    return np.clip(0.6 + 0.06 * total.ravel(), 0, 1)


def campaign(policy: str, scores: np.ndarray, seed: int) -> pd.DataFrame:
    """Return what the analysis reads of the ledger of one run."""

    def look_up(proposal: Proposal) -> Evaluation:
        return Evaluation("ok", "", float(scores[proposal.cell]), 1.0)

    terms = Terms(shared_start=16, audit_share=0.1)
    arm = Arm("t", policy, seed, policy, 8, POLICIES[policy], "table", terms)
    done = run_arm(arm, SPACE, EXPERIMENTS // PER_ROUND, PER_ROUND, look_up)
    frame = pd.DataFrame([proposal.__dict__ for proposal in done])
    frame["test_map"] = np.where(frame["status"] == "ok", scores[frame["cell"]], np.nan)
    return frame


def compared(policy: str, kind: str, count: int) -> pd.DataFrame:
    """Return one row per campaign, quantity and method."""
    settings = AnalysisSettings(bootstraps=199)
    rows = []
    for seed in range(count):
        scores = planted_table(kind, seed)
        truth = exact_references(functional_anova(scores, SPACE), quantities(SPACE), SPACE)
        found = arm_bias(campaign(policy, scores, seed), SPACE, settings, truth)
        for row in found.rows:
            if row.estimate.value is None:
                continue
            interval, share = row.estimate.interval, row.reference.value
            covers = interval and interval.low <= share <= interval.high
            width = interval and interval.high - interval.low
            rows.append((row.quantity, row.estimate.method, share, row.difference, covers, width))
    columns = ["quantity", "method", "truth", "error", "covers", "width"]
    return pd.DataFrame(rows, columns=columns)


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Bias, error and coverage of every method, by quantity."""
    figures: dict[str, Any] = {}
    for (quantity, method), group in rows.groupby(["quantity", "method"], sort=False):
        covers = group["covers"].dropna().astype(bool)
        entry = {
            "n": len(group),
            "mean_truth": round(float(group["truth"].mean()), 4),
            "mean_error": round(float(group["error"].mean()), 4),
            "mean_absolute_error": round(float(group["error"].abs().mean()), 4),
        }
        if len(covers):
            exact = binomtest(int(covers.sum()), len(covers)).proportion_ci(0.95, method="exact")
            entry["coverage"] = round(float(covers.mean()), 3)
            entry["coverage_interval"] = [round(float(exact.low), 3), round(float(exact.high), 3)]
            entry["mean_width"] = round(float(group["width"].astype(float).mean()), 4)
        figures.setdefault(str(quantity), {})[str(method)] = entry
    return figures


def main() -> None:
    """Run all campaigns, and write the section "adaptive_bias" of results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=40, help="of evolution, for each table")
    parser.add_argument("--tpe", type=int, default=4, help="campaigns of TPE, for each table")
    options = parser.parse_args()
    started = time.process_time()
    figures: dict[str, Any] = {"experiments": EXPERIMENTS, "level": 0.95, "policies": {}}
    for policy, count in (("evolution", options.campaigns), ("tpe", options.tpe)):
        figures["policies"][policy] = {
            kind: summary(compared(policy, kind, count)) for kind in TABLES
        }
        print(f"{policy} {time.process_time() - started:.0f} s")
    figures["cpu_s"] = round(time.process_time() - started)
    record(HERE / "results.json", "adaptive_bias", figures, "numpy", "scipy", "scikit-learn")


if __name__ == "__main__":
    main()
