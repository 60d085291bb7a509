"""Do agents propose different things? Jensen-Shannon divergence between them, and by chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.dynamics.jensen_shannon import (
    jensen_shannon_bits,
    null_bits,
    smallest_p,
    unit_blocks,
)
from dashsearch.analysis.dynamics.proposals import agents_of, own_proposals
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.analysis.variance.shares import PUBLISHED_PAIR
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

# A test that cannot reach p = 0.05 is no test.
LEVEL = 0.05
BY_ROUND = "agents permuted within rounds"
BY_SEED = "arm names permuted within seeds"


@dataclass(frozen=True)
class Divergence:
    """Jensen-Shannon divergence between labels (agents or arm names), weighted, in bits.

    Attributes
    ----------
    factors
        The factors whose combinations are compared.
    labels, n
        The agents or arm names, and the number of proposals of each.
    jsd_bits
        H(pool) − Σ w_i H_i with w_i the labels' shares of the proposals: the mutual information
        I(label; combination), plug-in. At most `label_bits`.
    label_bits
        Entropy of the labels: the divergence of labels that share no combination.
    g_statistic
        2 N ln 2 · JSD, the G statistic of the table of labels and combinations.
    null_mean, band
        Mean and 95 % band of the divergence when labels do not matter.
    excess_bits
        `jsd_bits` minus `null_mean`: the estimate corrected for its bias; 0 on average where
        labels do not matter.
    p
        (1 + #{JSD* ≥ JSD}) / (1 + B) over B permutations.
    permutations
        B.
    units
        Rounds (or seeds) in which at least two labels propose: what can be permuted.
    smallest_p
        The smallest p that so many units can give: one over the number of distinct permutations.
    null
        What is permuted.
    """

    factors: tuple[str, ...]
    labels: tuple[str, ...]
    n: tuple[int, ...]
    jsd_bits: float
    label_bits: float
    g_statistic: float
    null_mean: float
    band: Interval
    excess_bits: float
    p: float
    permutations: int
    units: int
    smallest_p: float
    null: str


@dataclass(frozen=True)
class GroupDivergence:
    """Divergence of an arm over one grouping of factors, or the reason why there is none.

    Attributes
    ----------
    name
        ``"backbone × encoder"``, ``"architecture"`` or ``"training"``.
    arm
        The arm name, or both arm names of a comparison of arms.
    arm_seed
        The seed of the run, or None where all seeds are pooled.
    estimate
        The divergence, or None.
    reason
        Why there is none, else "".
    """

    name: str
    arm: str
    arm_seed: int | None
    estimate: Divergence | None
    reason: str


def block_divergence(
    blocks: NDArray[np.float64],
    *,
    factors: Sequence[str],
    labels: Sequence[str],
    permutations: int,
    seed: int,
    null: str,
) -> Divergence:
    """Estimate the divergence between labels and test it by permuting whole blocks.

    Parameters
    ----------
    blocks
        Counts of each unit, label and combination: float64 (units, labels, combinations). A unit
        is a round of a run, within which agents see the same history; identical agents then
        exchange their blocks freely, however much the proposals of one block resemble each other.

    Raises
    ------
    TooFewScores
        If a label has no proposal, or so few units hold two labels that p cannot reach 0.05.

    References
    ----------
    Lin (1991), IEEE Trans. Inf. Theory 37(1); Phipson & Smyth (2010), Stat. Appl. Genet. Mol.
    Biol. 9(1), for p.
    """
    totals = blocks.sum(axis=(0, 2))
    if (totals == 0).any():
        absent = labels[int(np.argmin(totals))]
        raise TooFewScores(
            f"{absent} has none of the {int(totals.sum())} proposals, so it has no distribution; "
            "compare labels that propose."
        )
    shared = (blocks.sum(axis=2) > 0).sum(axis=1)
    units = int((shared > 1).sum())
    smallest = smallest_p(shared)
    if smallest > LEVEL:
        raise TooFewScores(
            f"{units} units hold proposals of two labels or more, whose permutations cannot "
            f"reach p = {LEVEL}; run at least six such rounds (or seeds, between arm names)."
        )
    used = blocks[:, :, blocks.sum(axis=(0, 1)) > 0]
    table = used.sum(axis=0)
    observed = float(jensen_shannon_bits(table))
    rng = np.random.default_rng(seed)
    chance = null_bits(used, permutations, rng)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(chance, [tail, 1 - tail]).tolist()
    n = float(totals.sum())
    mean = float(chance.mean())
    # Sums in another order may differ in the last digits: those count as ties.
    reached = int((chance >= observed - 1e-9).sum())
    return Divergence(
        factors=tuple(factors),
        labels=tuple(labels),
        n=tuple(int(total) for total in totals),
        jsd_bits=observed,
        label_bits=float((totals / n * np.log2(n / totals)).sum()),
        g_statistic=2 * n * math.log(2) * observed,
        null_mean=mean,
        band=Interval(low, high, f"95 % of {permutations} permutations: {null}"),
        excess_bits=observed - mean,
        p=(1 + reached) / (1 + permutations),
        permutations=permutations,
        units=units,
        smallest_p=smallest,
        null=null,
    )


def agent_divergence(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[GroupDivergence, ...]:
    """Compare what the agents of every arm propose, per run and over all its seeds.

    Only a policy's own proposals count. An arm without two agents has no entry.
    """
    result = []
    for arm, rows in own_proposals(ledger).groupby("arm", sort=False):
        agents = agents_of(rows)
        if not agents:
            continue
        seeds = sorted(int(each) for each in rows["arm_seed"].unique())
        for chosen in (*((seed,) for seed in seeds), *([tuple(seeds)] if len(seeds) > 1 else [])):
            some = rows[rows["arm_seed"].isin(chosen).to_numpy()]
            for name, factors in groupings(space):
                result.append(
                    _group_divergence(
                        unit_blocks(some, space, factors, agents),
                        settings,
                        name=name,
                        factors=factors,
                        labels=agents,
                        arm=str(arm),
                        arm_seed=chosen[0] if len(chosen) == 1 else None,
                        null=BY_ROUND,
                    )
                )
    return tuple(result)


def arms_divergence(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings, arms: tuple[str, str]
) -> tuple[GroupDivergence, ...]:
    """Compare what two arm names propose; whole runs of the same seed change places.

    Runs of two arms do not share a history, so their rounds cannot be exchanged.

    Raises
    ------
    InputError
        If an arm name is not in the ledger.
    """
    own = own_proposals(ledger)
    for arm in arms:
        if not (own["arm"] == arm).any():
            raise InputError(
                f"column arm: none of {len(own)} proposals is of {arm!r}; name an arm of the "
                "ledger."
            )
    rows = own[own["arm"].isin(arms).to_numpy()].assign(round=0)
    rows["agent"] = rows["arm"]
    return tuple(
        _group_divergence(
            unit_blocks(rows, space, factors, arms),
            settings,
            name=name,
            factors=factors,
            labels=arms,
            arm=" and ".join(arms),
            arm_seed=None,
            null=BY_SEED,
        )
        for name, factors in groupings(space)
    )


def groupings(space: Space) -> list[tuple[str, tuple[str, ...]]]:
    """Return the groupings of factors that agents are compared by, with their factors."""
    found: list[tuple[str, tuple[str, ...]]] = []
    if set(PUBLISHED_PAIR) <= set(space.names):
        found.append((" × ".join(PUBLISHED_PAIR), PUBLISHED_PAIR))
    architecture = tuple(factor.name for factor in space.group("architecture"))
    training = tuple(factor.name for factor in space.group("training"))
    if architecture and architecture != PUBLISHED_PAIR:
        found.append(("architecture", architecture))
    if training:
        found.append(("training", training))
    return found


def _group_divergence(
    blocks: NDArray[np.float64],
    settings: AnalysisSettings,
    *,
    name: str,
    factors: tuple[str, ...],
    labels: tuple[str, ...],
    arm: str,
    arm_seed: int | None,
    null: str,
) -> GroupDivergence:
    try:
        estimate = block_divergence(
            blocks,
            factors=factors,
            labels=labels,
            permutations=settings.permutations,
            seed=derive_seed(
                settings.seed, "divergence", arm, "all" if arm_seed is None else arm_seed, name
            ),
            null=null,
        )
        return GroupDivergence(name, arm, arm_seed, estimate, "")
    except TooFewScores as refusal:
        return GroupDivergence(name, arm, arm_seed, None, str(refusal))
