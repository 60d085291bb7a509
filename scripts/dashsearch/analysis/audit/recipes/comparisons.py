"""Which of several is best, and by how much."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Check, Outcome
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.wording import count, number, probability, span
from dashsearch.analysis.results import Interval
from dashsearch.errors import InputError

LEVEL = 0.05


def winner(
    published: Published, claim: Claim, *, table: str, label: str, names: Mapping[str, str]
) -> Outcome:
    """Name the group with the highest mean; its lead has to survive Welch's test.

    Parameters
    ----------
    label
        Column that names a group.
    names
        The study's names of those in the table.
    """
    rows = published.table(table).sort_values("mean_ap", ascending=False)
    first, second = rows.iloc[0], rows.iloc[1]
    squared = [row["std_ap"] ** 2 / (row["n"] - 1) for row in (first, second)]
    lead = float(first["mean_ap"] - second["mean_ap"])
    freedom = sum(squared) ** 2 / sum(
        part**2 / (row["n"] - 1) for part, row in zip(squared, (first, second), strict=True)
    )
    p = 2 * float(stats.t.sf(lead / math.sqrt(sum(squared)), freedom))
    # The winner was picked among all pairs, so its lead is judged at Bonferroni's level.
    pairs = len(rows) * (len(rows) - 1) // 2
    best = str(first[label])
    return Outcome(
        value=str(names.get(best, best)),
        method=(
            f"highest mean of {len(rows)} groups of {table}.csv, ahead of "
            f"{names.get(second[label], second[label])} by {number(lead, 3)}"
        ),
        n=int(rows["n"].sum()),
        n_of="scores",
        checks=(
            Check(
                "its lead is more than luck",
                p * pairs < LEVEL,
                f"its lead of {number(lead, 3)} has p = {probability(min(1.0, p * pairs))} "
                f"(Welch, {count(pairs)} pairs)",
            ),
        ),
    )


def gap(
    published: Published, claim: Claim, *, table: str, best: str, rivals: Sequence[str]
) -> Outcome:
    """Mean lead of one column over the next best, row by row alike in everything else."""
    rows = published.table(table)
    missing = [name for name in (best, *rivals) if name not in rows.columns]
    if missing:
        raise InputError(
            f"claims.yaml: claim {claim.id}: {table}.csv has no column {missing[0]!r}; name "
            "columns of the table."
        )
    means = rows[list(rivals)].astype(float).mean()
    following = str(means.idxmax())
    leads = rows[best].to_numpy(dtype=float) - rows[following].to_numpy(dtype=float)
    half = float(stats.t.ppf(0.975, len(leads) - 1) * np.std(leads, ddof=1) / math.sqrt(len(leads)))
    mean = float(leads.mean())
    own = float((rows[best] - rows[list(rivals)].max(axis=1)).astype(float).mean())
    return Outcome(
        value=mean,
        method=(
            f"mean over {len(leads)} configurations of {best} minus {following}, the next by mean "
            f"({number(own, 3)} against the next of each configuration)"
        ),
        n=len(leads),
        n_of="configurations",
        interval=Interval(mean - half, mean + half, "95 % t interval over configurations"),
        checks=(
            Check(
                "the interval leaves out zero",
                mean > half,
                f"the interval over configurations, {span(mean - half, mean + half)}, holds zero",
            ),
        ),
    )


def scale_of_scores(
    published: Published, claim: Claim, *, table: str, limit: str, metric: str
) -> Outcome:
    """Whether groups can be scores of the metric that a claim says they are.

    No group's mean can be above the best single score of that metric.
    """
    rows = published.table(table)
    bound = published.fact(limit)
    above = rows[rows["mean_ap"] > bound.value]
    highest = float(rows["mean_ap"].max())
    return Outcome(
        value=highest,
        method=f"highest group mean of {table}.csv against the best {metric} of any experiment",
        n=int(rows["n"].sum()),
        n_of="scores",
        basis="figures",
        holds=above.empty,
        checks=(
            Check(
                f"means are {metric}",
                above.empty,
                f"{len(above)} of {len(rows)} group means are above {number(bound.value)}, the "
                f"best {metric} of any experiment, so these scores are of another metric",
                contradicts=True,
            ),
        ),
    )
