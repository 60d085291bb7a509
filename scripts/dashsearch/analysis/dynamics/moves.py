"""Do policies search architectures or tune training settings? What each proposal changes."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.dynamics.proposals import (
    agents_of,
    own_proposals,
    seeds_and_rounds,
    share_intervals,
    with_cell,
)
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings, Sampling
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.space.space import GROUPS, Space

REFERENCES = ("previous", "previous idea", "parent", "incumbent")
KINDS = ("changes architecture", "architecture only", "training only", "both", "neither")
NONE = -1


@dataclass(frozen=True)
class MoveShare:
    """The share of proposals that make one kind of move.

    Attributes
    ----------
    kind
        ``"changes architecture"`` is ``"architecture only"`` and ``"both"`` together.
    n
        Number of proposals that make it.
    share
        Of all proposals with a reference.
    interval
        Over seeds or rounds, exact where all make it or none; or None below five rounds.
    uniform
        The share of a uniform policy, in closed form.
    """

    kind: str
    n: int
    share: float
    interval: Interval | None
    uniform: float


@dataclass(frozen=True)
class OneFactorMoves:
    """Which factor group the moves of exactly one factor belong to.

    Attributes
    ----------
    n
        Proposals that change exactly one factor.
    architecture
        Share of them whose factor is architectural; NaN if n is 0.
    interval
        Its interval.
    uniform
        The same among all one-factor moves that the space offers, each equally likely:
        Σ(k − 1) over architecture factors divided by Σ(k − 1) over all.
    """

    n: int
    architecture: float
    interval: Interval | None
    uniform: float


@dataclass(frozen=True)
class Moves:
    """What the proposals of an arm name, or of one of its agents, change.

    Attributes
    ----------
    arm, sampling
        The arm name, and how its cells were chosen.
    agent
        The agent whose proposals these are, or "" for all of the arm name.
    reference
        What a proposal is compared with: ``"previous"``, the same agent's proposal before it in
        the run; ``"previous idea"``, the same without sweeps on either side; ``"parent"``, the
        experiment that it names as its parent; ``"incumbent"``, the best selection score among all
        experiments of earlier rounds of the run.
    n
        Proposals with such a reference, over all seeds.
    without_reference
        Proposals without: the first of a run, no parent named, or no success yet.
    seeds
        Number of runs.
    shares
        One entry per kind; empty if n is 0, and `reason` says so.
    one_factor
        Which group the one-factor moves belong to.
    reason
        Why there is no share, else "".
    """

    arm: str
    sampling: Sampling
    agent: str
    reference: str
    n: int
    without_reference: int
    seeds: int
    shares: tuple[MoveShare, ...]
    one_factor: OneFactorMoves | None
    reason: str


def uniform_move_shares(space: Space) -> dict[str, float]:
    """Return the shares of each kind of move between two independent uniform cells."""
    same = {
        group: math.prod(1 / len(factor.levels) for factor in space.group(group))
        for group in GROUPS
    }
    architecture, training = same["architecture"], same["training"]
    return {
        "changes architecture": 1 - architecture,
        "architecture only": (1 - architecture) * training,
        "training only": architecture * (1 - training),
        "both": (1 - architecture) * (1 - training),
        "neither": architecture * training,
    }


def architecture_moves(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[Moves, ...]:
    """Say what each arm's and each agent's proposals change against four references.

    Only a policy's own proposals are judged, failed and duplicate ones included; the shared start
    and audits may be a parent or an incumbent. An agent writes the bases of its ideas first and
    their sweeps in turn, so a sweep's previous proposal is often of another idea: read sweeps by
    ``"parent"``, and ideas by ``"previous idea"``.

    Raises
    ------
    TooFewScores
        If the space lacks factors of either group, so that there is nothing to tell apart.
    InputError
        If the rounds of a run are not in order.
    """
    if not all(space.group(group) for group in GROUPS):
        raise TooFewScores(
            f"space {space.name} has no factors of both groups, so moves cannot be told apart; "
            "use a space with architecture and training factors."
        )
    result: list[Moves] = []
    for arm, rows in ledger.reset_index(drop=True).groupby("arm", sort=False):
        judged = pd.concat(
            [_with_references(run, settings.selection) for _, run in rows.groupby("arm_seed")]
        )
        for agent in ("", *agents_of(judged)):
            own = judged if not agent else judged[(judged["agent"] == agent).to_numpy()]
            result += [
                _moves(own, space, settings, arm=str(arm), agent=agent, reference=reference)
                for reference in REFERENCES
            ]
    return tuple(result)


def changed_factors(
    space: Space, cells: NDArray[np.int64], references: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which factors of each cell differ from its reference: bool (n, factors)."""
    return np.asarray(space.positions(cells) != space.positions(references))


def incumbents(rows: pd.DataFrame, selection: str) -> NDArray[np.int64]:
    """Return the cell of the best score among earlier rounds for each row of a run, or -1.

    A policy does not know the results of its own round. The earliest keeps a tie.

    Raises
    ------
    InputError
        If the rounds are not in order.
    """
    rounds = rows["round"].to_numpy(dtype=np.int64)
    if (np.diff(rounds) < 0).any():
        raise InputError(
            f"column round: {int((np.diff(rounds) < 0).sum())} of {rounds.size} rows of a run go "
            "back to an earlier round; give the ledger in proposal order."
        )
    scores = rows[selection].to_numpy(dtype=np.float64)
    scores = np.where(np.isfinite(scores), scores, -np.inf)
    best = np.maximum.accumulate(scores)
    rises = np.append(True, best[1:] > best[:-1])
    holders = np.maximum.accumulate(np.where(rises, np.arange(best.size), 0))
    before = np.searchsorted(rounds, rounds, side="left") - 1
    cells = rows["cell"].to_numpy(dtype=np.int64)
    known = (before >= 0) & np.isfinite(best[before])
    return np.where(known, cells[holders[before]], NONE)


def _with_references(run: pd.DataFrame, selection: str) -> pd.DataFrame:
    """Own proposals of one run, with the cell of each reference or -1."""
    run = with_cell(run)
    best = pd.Series(incumbents(run, selection), index=run.index)
    first = run.drop_duplicates("experiment_id", keep="first").set_index("experiment_id")["cell"]
    own = own_proposals(run)[["arm_seed", "round", "agent", "kind", "parent", "cell"]].copy()
    own["incumbent"] = best.loc[own.index]
    own["parent"] = own["parent"].map(first).fillna(NONE).astype(np.int64)
    own["previous"] = own.groupby("agent", sort=False, dropna=False)["cell"].shift(fill_value=NONE)
    ideas = own[(own["kind"] != "sweep").to_numpy()]
    own["previous idea"] = (
        ideas.groupby("agent", sort=False, dropna=False)["cell"]
        .shift(fill_value=NONE)
        .reindex(own.index, fill_value=NONE)
    )
    return own


def _moves(
    own: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    *,
    arm: str,
    agent: str,
    reference: str,
) -> Moves:
    if reference == "previous idea":
        own = own[(own["kind"] != "sweep").to_numpy()]
    known = own[own[reference].to_numpy(dtype=np.int64) != NONE]
    shares: tuple[MoveShare, ...] = ()
    one_factor = None
    reason = (
        f"none of the {len(own)} proposals of arm {arm}{f', agent {agent},' if agent else ''} has "
        f"a reference of the kind {reference!r}; read another kind."
    )
    if len(known):
        reason = ""
        seed = derive_seed(settings.seed, "moves", arm, agent, reference)
        changed = changed_factors(
            space,
            known["cell"].to_numpy(dtype=np.int64),
            known[reference].to_numpy(dtype=np.int64),
        )
        shares = _shares(known, changed, space, settings.bootstraps, seed)
        one_factor = _one_factor(known, changed, space, settings.bootstraps, seed)
    return Moves(
        arm=arm,
        sampling=settings.sampling(arm),
        agent=agent,
        reference=reference,
        n=len(known),
        without_reference=len(own) - len(known),
        seeds=int(own["arm_seed"].nunique()),
        shares=shares,
        one_factor=one_factor,
        reason=reason,
    )


def _shares(
    known: pd.DataFrame, changed: NDArray[np.bool_], space: Space, bootstraps: int, seed: int
) -> tuple[MoveShare, ...]:
    architectural = _architectural(space)
    architecture = changed[:, architectural].any(axis=1)
    training = changed[:, ~architectural].any(axis=1)
    hits = np.stack(
        [
            architecture,
            architecture & ~training,
            ~architecture & training,
            architecture & training,
            ~architecture & ~training,
        ],
        axis=1,
    )
    intervals = share_intervals(hits, *seeds_and_rounds(known), bootstraps, seed)
    uniform = uniform_move_shares(space)
    return tuple(
        MoveShare(kind, int(hit.sum()), float(hit.mean()), interval, uniform[kind])
        for kind, hit, interval in zip(KINDS, hits.T, intervals, strict=True)
    )


def _one_factor(
    known: pd.DataFrame, changed: NDArray[np.bool_], space: Space, bootstraps: int, seed: int
) -> OneFactorMoves:
    single = changed.sum(axis=1) == 1
    architectural = _architectural(space)
    hits = changed[single][:, architectural].any(axis=1)
    intervals = share_intervals(hits[:, None], *seeds_and_rounds(known[single]), bootstraps, seed)
    others = np.array(space.shape) - 1
    return OneFactorMoves(
        n=int(single.sum()),
        architecture=float(hits.mean()) if hits.size else math.nan,
        interval=intervals[0],
        uniform=float(others[architectural].sum() / max(1, others.sum())),
    )


def _architectural(space: Space) -> NDArray[np.bool_]:
    return np.array([factor.group == "architecture" for factor in space.factors])
