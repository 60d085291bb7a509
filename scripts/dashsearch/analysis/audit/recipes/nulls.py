"""Published rules and intervals where nothing is going on: what they say by chance."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Check, Outcome, quantile_interval
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.recipes.curves import LOOSE_CEILING
from dashsearch.analysis.audit.recipes.variance import shares_of
from dashsearch.analysis.audit.wording import count, number, probability, share, span
from dashsearch.analysis.convergence.power_law import EXPONENTS, boxed_fits
from dashsearch.analysis.inference.intervals import share_interval
from dashsearch.analysis.results import Interval
from dashsearch.seeds import derive_seed

SEED = 1
ORDERS = 1000
DRAWS = 10_000
RUNS = 200
BOOTSTRAPS = 400


def r_squared_of_shuffles(
    published: Published, claim: Claim, *, table: str, column: str, pool: str
) -> Outcome:
    """R squared of the published kind of fit to best-so-far curves whose order says nothing.

    Scores are drawn independently from a distribution whose expected best of N is the published
    curve of random orders: N = u/(1 − u) takes a uniform u to the curve's value. The same fit, with
    the same bounds and on the same N, is made to the published curve and to every simulated one.
    The first point is left out: the curve does not say how the scores below it are spread. The
    study's own shuffles, of the scores themselves, decide; the simulation says whether they can be
    believed.
    """
    rows = published.table(table).iloc[1:]
    n = rows["n"].to_numpy(dtype=np.float64)
    rng = np.random.default_rng(derive_seed(SEED, "audit", claim.id))
    # The best of m uniform draws is a uniform draw to the power 1/m.
    uniform = rng.random((ORDERS, n.size)) ** (1 / np.diff(n, prepend=0))
    best = np.maximum.accumulate(uniform, axis=1)
    known = rows[pool].to_numpy(dtype=np.float64)
    curves = np.interp(np.log(best / (1 - best)), np.log(n), known)
    published_curve = rows[column].to_numpy(dtype=np.float64)[np.newaxis]
    observed = float(_r_squared(n, published_curve)[0])
    null = _r_squared(n, curves)
    null = null[np.isfinite(null)]
    q95 = float(np.quantile(null, 0.95))
    figure = float(claim.published or 0)
    mean, limit = (published.fact(f"shuffled_r2_{name}").value for name in ("mean", "q95"))
    deviation = float(np.abs(curves.mean(axis=0) - known).max())
    return Outcome(
        value=q95,
        method=(
            f"shuffled orders of the same scores give R² of {number(mean, 3)} on average and above "
            f"{number(limit, 3)} in one case of twenty (companion data), {count(null.size)} "
            f"simulated ones above {number(q95, 3)}, and the published points {number(observed, 3)}"
            f", above {share(float((null < observed).mean()))} of the simulated"
        ),
        n=int(n[-1]),
        n_of="experiments",
        interval=quantile_interval(null, "middle 95 % of orders"),
        holds=figure > limit,
        exhibit={
            "null": np.round(null, 6).tolist(),
            "observed": observed,
            "published": figure,
            "q95": q95,
            "published_q05": published.fact("shuffled_r2_q05").value,
            "published_mean": mean,
            "published_q95": limit,
            "mean_curve_off_by": deviation,
        },
    )


def threshold_rule(
    published: Published, claim: Claim, *, n: int, groups: Sequence[int], space: int
) -> Outcome:
    """How often η² passes a threshold when no group differs from another.

    Simulated with normal scores, and exact: η² is Beta((k − 1)/2, (n − k)/2) then.

    Parameters
    ----------
    n
        Number of random runs.
    groups
        Numbers of groups to try.
    space
        The one among them that the study's space has.
    """
    threshold = float(claim.published or 0)
    rng = np.random.default_rng(derive_seed(SEED, "audit", claim.id))
    rows = []
    for k in groups:
        eta = _null_eta_squared(_even(n, k), rng, DRAWS)
        exact = stats.beta((k - 1) / 2, (n - k) / 2)
        rows.append(
            {
                "groups": k,
                "mean": float(eta.mean()),
                "above": float((eta > threshold).mean()),
                "above_exact": float(exact.sf(threshold)),
                "q95": float(exact.ppf(0.95)),
                "draws": np.round(eta[:1000], 6).tolist(),
            }
        )
    own = next(row for row in rows if row["groups"] == space)
    passed = ", ".join(f"{share(row['above_exact'])} with {row['groups']}" for row in rows)
    return Outcome(
        value=own["q95"],
        method=(
            f"without any effect, η² of {n} runs in {space} groups passes {number(own['q95'], 2)} "
            f"once in twenty, and {number(threshold)} in {passed} groups"
        ),
        n=n,
        n_of="runs",
        interval=Interval(0.0, own["q95"], "95 % of draws without effect"),
        holds=threshold >= own["q95"],
        exhibit={"threshold": threshold, "n": n, "rows": rows},
    )


def bootstrap_floor(published: Published, claim: Claim, *, design: str) -> Outcome:
    """Whether a bootstrap of η² can ever say that nothing is there.

    In the published design without any effect, groups are resampled within themselves as
    published; beside it stands the interval that inverts the noncentral F.
    """
    shares = shares_of(published.design(design))
    sizes = _even(shares.n, shares.groups)
    rng = np.random.default_rng(derive_seed(SEED, "audit", claim.id))
    labels = np.repeat(np.arange(sizes.size), sizes)
    scores = rng.standard_normal((RUNS, shares.n))
    lows, zero = [], 0
    edges = np.concatenate([[0], np.cumsum(sizes)])
    for run in scores:
        places = np.concatenate(
            [
                rng.integers(first, last, (BOOTSTRAPS, last - first))
                for first, last in pairwise(edges)
            ],
            axis=1,
        )
        lows.append(float(np.quantile(_eta_squared(run[places], labels, sizes), 0.025)))
        eta = float(_eta_squared(run[np.newaxis], labels, sizes)[0])
        f = eta / (1 - eta) * (shares.n - sizes.size) / (sizes.size - 1)
        zero += share_interval(f, sizes.size - 1, shares.n - sizes.size).low == 0
    floor = min(lows)
    spread = quantile_interval(lows, "middle 95 % of data sets without effect")
    p = float(stats.f.sf(shares.f, shares.groups - 1, shares.n - shares.groups))
    figure = float(claim.published or 0)
    return Outcome(
        value=shares.interval.low,
        method=(
            f"lower noncentral F limit of F = {number(shares.f)} with {shares.groups} groups "
            f"(p = {probability(p)}); in {RUNS} simulated data sets without effect the bootstrap's "
            f"lower limit never came below {number(floor, 2)}, and the noncentral F's was 0 in "
            f"{share(zero / RUNS)}"
        ),
        n=shares.n,
        n_of="scores",
        interval=Interval(shares.interval.low, shares.interval.high, "95 %, noncentral F"),
        checks=(
            Check(
                "the bootstrap's limit is beyond those without effect",
                figure > float(np.quantile(lows, 0.95)),
                f"without any effect the bootstrap's lower limit lies at "
                f"{span(spread.low, spread.high)}",
            ),
        ),
        exhibit={
            "bootstrap_lows": np.round(lows, 6).tolist(),
            "noncentral_zero": zero / RUNS,
            "published": figure,
            "chance_level": shares.chance_level,
        },
    )


def _r_squared(n: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    fits = boxed_fits(n[:, np.newaxis] ** -EXPONENTS, curves, curves.max(axis=1), LOOSE_CEILING)
    total = ((curves - curves.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return np.asarray(1 - fits.errors.min(axis=1) / np.where(total > 0, total, np.nan))


def _even(n: int, groups: int) -> NDArray[np.int64]:
    sizes = np.full(groups, n // groups)
    sizes[: n % groups] += 1
    return sizes


def _null_eta_squared(
    sizes: NDArray[np.int64], rng: np.random.Generator, draws: int
) -> NDArray[np.float64]:
    labels = np.repeat(np.arange(sizes.size), sizes)
    return _eta_squared(rng.standard_normal((draws, int(sizes.sum()))), labels, sizes)


def _eta_squared(
    scores: NDArray[np.float64], labels: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Share between groups, row by row; scores are sorted by group."""
    edges = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sums = np.add.reduceat(scores, edges, axis=1)
    centre = scores.mean(axis=1, keepdims=True)
    between = (sums**2 / sizes).sum(axis=1) - scores.shape[1] * centre[:, 0] ** 2
    return np.asarray(between / ((scores - centre) ** 2).sum(axis=1), dtype=np.float64)
