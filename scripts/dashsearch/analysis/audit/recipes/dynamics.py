"""Entropy of the proposals and divergence between the agents, from published windows."""

import numpy as np
from numpy.typing import NDArray

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Check, Outcome, quantile_interval
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.recipes.identical_agents import (
    decay_null,
    fit_decay,
    spike_null,
)
from dashsearch.analysis.audit.wording import count, number, share, span
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed

BLOCK = 8  # windows of 320 experiments that start every 50 overlap for about seven
RESAMPLES = 2000


def extreme_window(published: Published, claim: Claim, *, table: str, column: str) -> Outcome:
    """Take the largest value over windows; parts may not add up to less than the whole."""
    rows = published.table(table)
    value = float(rows[column].max())
    parts = rows["entropy_arch"] + rows["entropy_train"] - rows["entropy"]
    # Rounding to four decimals moves each of the three by half a unit of the last.
    broken = int((parts < -1.5e-4).sum())
    return Outcome(
        value=value,
        method=f"largest {column} of {len(rows)} windows of {table}.csv",
        n=len(rows),
        n_of="windows",
        checks=(
            Check(
                "the parts' entropies add up to the whole's or more",
                broken == 0,
                f"in {broken} windows the parts' entropies add up to less than the whole's",
                contradicts=True,
            ),
        ),
    )


def slope_ratio(
    published: Published, claim: Claim, *, table: str, above: str, below: str
) -> Outcome:
    """Ratio of two slopes on log t; the lower one has to differ from zero for it to mean much."""
    rows = published.table(table)
    t = np.log(rows["t"].to_numpy(dtype=np.float64))
    series = rows[[above, below]].to_numpy(dtype=np.float64)
    slopes = _slopes(t, series)
    rng = np.random.default_rng(derive_seed(1, "audit", claim.id))
    starts = rng.integers(len(t) - BLOCK + 1, size=(RESAMPLES, -(-len(t) // BLOCK)))
    places = (starts[:, :, np.newaxis] + np.arange(BLOCK)).reshape(RESAMPLES, -1)[:, : len(t)]
    drawn = np.array([_slopes(t[own], series[own]) for own in places])
    low, high = (float(limit) for limit in np.quantile(drawn[:, 1], [0.025, 0.975]))
    # Where the lower slope may be zero, the ratio has no finite interval.
    settled = low > 0 or high < 0
    ratio = drawn[:, 0] / drawn[:, 1]
    interval = quantile_interval(ratio, "95 %, blocks of windows")
    return Outcome(
        value=float(slopes[0] / slopes[1]),
        method=f"slopes on log t over {len(t)} windows: {number(slopes[0])} over "
        f"{number(slopes[1])}",
        n=len(t),
        n_of="windows",
        interval=interval if settled else None,
        checks=(
            Check(
                "the lower slope is not zero",
                settled,
                f"the lower slope's interval, {span(low, high)} over blocks of windows, holds "
                "zero, so the ratio is not determined",
            ),
        ),
    )


def late_mean(published: Published, claim: Claim, *, table: str, column: str) -> Outcome:
    """Mean over the last quarter of the windows, as published; and what identical agents give."""
    rows = published.table(table)
    last = rows[column].to_numpy(dtype=np.float64)[-(len(rows) // 4) :]
    null = spike_null(published, table, [int(published.fact("attributed_gemini").value)])
    high = null["high"][0]
    value = float(last.mean())
    return Outcome(
        value=value,
        method=f"mean of the last {len(last)} windows of {table}.csv",
        n=len(last),
        n_of="windows",
        checks=(
            Check(
                "above identical agents",
                value > high,
                f"identical agents with as many proposals reach {number(high, 3)}",
            ),
        ),
    )


def peak(published: Published, claim: Claim, *, table: str, column: str) -> Outcome:
    """Take the largest value of all windows, and what identical agents would give."""
    rows = published.table(table)
    started = rows[rows[column] > 0]
    if started.empty:
        raise InputError(f"claims.yaml: claim {claim.id}: {column} is 0 in every window.")
    value = float(started[column].max())
    reached = _reach(published, table, value)
    return Outcome(
        value=value,
        method=f"largest {column} of {len(rows)} windows of {table}.csv",
        n=len(rows),
        n_of="windows",
        checks=(
            Check(
                "above identical agents, however few proposals the second one has made",
                reached == 0,
                f"two identical agents reach it by chance while the second has made up to "
                f"{reached} attributed proposals, and the window is its first",
            ),
        ),
    )


def spike(published: Published, claim: Claim, *, table: str, column: str) -> Outcome:
    """Whether the first divergence is beyond identical agents: that depends on an unpublished n."""
    rows = published.table(table)
    first = rows[rows[column] > 0].iloc[0]
    step = int(rows["t"].iloc[1] - rows["t"].iloc[0])
    sizes = list(range(1, step + 1))
    null = spike_null(published, table, sizes)
    published_value = float(claim.published or 0.0)
    inside = [n for n, high in zip(sizes, null["high"], strict=True) if published_value <= high]
    undecided = 0 < len(inside) < len(sizes)
    value = None if undecided else null["high"][0 if not inside else -1]
    words = (
        f"identical agents reach {number(published_value)} while the second has up to "
        f"{max(inside, default=0)} attributed proposals of the {step} that the window may hold"
    )
    return Outcome(
        value=value,
        method=words,
        n=int(first["t"]),
        n_of="experiments",
        holds=None if undecided else not inside,
        exhibit={**null, "observed": published_value, "reach": max(inside, default=0)},
    )


def decay(
    published: Published, claim: Claim, *, table: str, column: str, parameter: str
) -> Outcome:
    """Refit a exp(−λ t) + d to the divergence, and to that of identical simulated agents."""
    rows = published.table(table)
    started = rows[rows[column] > 0]
    t = started["t"].to_numpy(dtype=np.float64)
    fit = fit_decay(t - t[0], started[column].to_numpy(dtype=np.float64))
    if parameter not in fit:
        raise InputError(
            f"claims.yaml: claim {claim.id}: parameter is {parameter!r}; choose "
            f"{', '.join(sorted(fit))}."
        )
    null = decay_null(published, table)
    q95 = float(np.quantile(null["r_squared"], 0.95))
    asymptote = float(np.quantile(null["asymptote"], 0.95))
    common = float(np.mean(np.array(null["r_squared"]) > 0.9))
    no_evidence = Check(
        "above identical agents",
        fit["r_squared"] > q95,
        f"two identical agents give a decay with R² above 0.9 in {share(common)} of simulated "
        f"runs (95 % point {number(q95, 3)})",
    )
    residual = Check(
        "the asymptote is above that of identical agents",
        fit["asymptote"] > asymptote,
        f"identical agents end at up to {number(asymptote, 3)}",
    )
    return Outcome(
        value=fit[parameter],
        method=f"least squares on {len(t)} windows from t = {count(t[0])}",
        n=len(t),
        n_of="windows",
        checks=(residual,) if parameter == "asymptote" else (no_evidence,),
        exhibit={
            "t": t.tolist(),
            "observed": started[column].tolist(),
            **{name: null[name] for name in ("low", "median", "high")},
        },
    )


def _reach(published: Published, table: str, value: float) -> int:
    """Largest number of proposals of the second agent at which identical agents give `value`."""
    sizes = list(range(1, 51))
    null = spike_null(published, table, sizes)
    inside = [n for n, high in zip(sizes, null["high"], strict=True) if value <= high]
    return max(inside, default=0)


def _slopes(t: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = t - t.mean()
    return np.asarray(centred @ (y - y.mean(axis=0)) / (centred @ centred), dtype=np.float64)
