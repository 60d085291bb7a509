"""Divergence between two simulated agents that propose alike: what the plug-in gives by chance."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.spatial.distance import jensenshannon

from dashsearch.analysis.audit.published import Published
from dashsearch.seeds import derive_seed

SEED = 1
DRAWS = 400
RUNS = 200
# Cells that the published entropy is over: 7 backbones x 4 encoders x 2 losses x 2 poolings.
CELLS = 112


def spike_null(published: Published, table: str, sizes: Sequence[int]) -> dict[str, Any]:
    """Divergence in bits when the second agent has made few proposals, both drawing alike.

    Both draw from one distribution over cells, geometric with the entropy that was published for
    the window in which the second agent starts. The first has as many attributed proposals as its
    published total gives at that time, at an even pace. Equal weights, as in the study.

    Returns
    -------
    dict
        `n` (sizes of the second agent), `low`, `median`, `high` (the middle 95 %), and `first`: the
        size of the first.
    """
    rows = published.table(table)
    first = rows[rows["jsd"] > 0].iloc[0]
    cells = geometric_cells(float(first["entropy"]))
    rng = np.random.default_rng(derive_seed(SEED, "audit", "identical agents", "spike"))
    size = _attributed(published, "attributed_claude", float(first["t"]))
    quantiles = []
    for n in sizes:
        one = rng.multinomial(size, cells, DRAWS)
        two = rng.multinomial(n, cells, DRAWS)
        quantiles.append(np.quantile(_bits(one, two), [0.025, 0.5, 0.975]))
    low, median, high = np.array(quantiles).T.tolist()
    return {"n": list(sizes), "low": low, "median": median, "high": high, "first": size}


@lru_cache(maxsize=4)
def decay_null(published: Published, table: str) -> dict[str, Any]:
    """Cumulative divergence over time of two agents that draw alike, and decays fitted to it.

    The second agent's proposals arrive at an even pace from half a step before the first window.
    """
    rows = published.table(table)
    started = rows[rows["jsd"] > 0]
    t = started["t"].to_numpy(dtype=np.float64)
    first = started.iloc[0]
    cells = geometric_cells(float(first["entropy"]))
    rng = np.random.default_rng(derive_seed(SEED, "audit", "identical agents", "decay"))
    start = t[0] - (t[1] - t[0]) / 2
    total = published.fact("attributed_gemini").value
    seconds = np.maximum(1, np.round(total * (t - start) / (t[-1] - start))).astype(int)
    firsts = np.array([_attributed(published, "attributed_claude", each) for each in t])
    one, two = (_grown(sizes, cells, rng) for sizes in (firsts, seconds))
    curves = _bits(one, two)
    found = [fit_decay(t - t[0], curve) for curve in curves]
    low, median, high = np.quantile(curves, [0.025, 0.5, 0.975], axis=0).tolist()
    return {
        "r_squared": [each["r_squared"] for each in found],
        "asymptote": [each["asymptote"] for each in found],
        "low": low,
        "median": median,
        "high": high,
    }


def fit_decay(t: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, float]:
    """Fit a exp(−λ t) + d with all three from 0 on; λ per experiment."""

    def curve(x: NDArray[np.float64], start: float, rate: float, end: float) -> NDArray[np.float64]:
        return np.asarray(start * np.exp(-rate * x) + end, dtype=np.float64)

    found, _ = optimize.curve_fit(
        curve, t, y, p0=(y[0], 2e-3, y[-1]), bounds=(0, (2.0, 0.5, 1.0)), max_nfev=2000
    )
    residual = float(((y - curve(t, *found)) ** 2).sum())
    return {
        "rate": float(found[1]),
        "asymptote": float(found[2]),
        "r_squared": 1 - residual / float(((y - y.mean()) ** 2).sum()),
    }


def geometric_cells(bits: float) -> NDArray[np.float64]:
    """Return geometric probabilities over the cells with a given entropy in bits."""

    def cells(rate: float) -> NDArray[np.float64]:
        weights = np.exp(-rate * np.arange(CELLS))
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def excess(rate: float) -> float:
        p = cells(rate)
        return float(-(p * np.log2(p)).sum()) - bits

    return cells(float(optimize.brentq(excess, 1e-9, 5.0)))


def _attributed(published: Published, fact: str, t: float) -> int:
    total = published.fact("experiments_dynamics").value
    return max(1, round(published.fact(fact).value * t / total))


def _grown(
    sizes: NDArray[np.int64], cells: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw counts that accumulate to the given sizes: (runs, windows, cells)."""
    added = np.diff(sizes, prepend=0)
    drawn = [rng.multinomial(int(step), cells, RUNS) for step in added]
    return np.asarray(np.cumsum(np.stack(drawn, axis=1), axis=1), dtype=np.int64)


def _bits(one: NDArray[np.int64], two: NDArray[np.int64]) -> NDArray[np.float64]:
    """Jensen-Shannon divergence with equal weights, in bits, over the last axis."""
    return np.asarray(jensenshannon(one, two, base=2, axis=-1) ** 2, dtype=np.float64)
