"""What do arms and agents propose over time, and do they search architectures or tune?"""

from itertools import combinations
from typing import Any

import pandas as pd

from dashsearch.analysis.dynamics.cycles import RunCycles, cycles_of_runs
from dashsearch.analysis.dynamics.distances import step_lengths
from dashsearch.analysis.dynamics.divergence import (
    GroupDivergence,
    agent_divergence,
    arms_divergence,
)
from dashsearch.analysis.dynamics.divergence_decay import divergence_over_time
from dashsearch.analysis.dynamics.entropy import entropy_by_agent
from dashsearch.analysis.dynamics.innovation import innovation_of_runs
from dashsearch.analysis.dynamics.moves import Moves, architecture_moves
from dashsearch.analysis.dynamics.proposals import own_proposals
from dashsearch.analysis.findings import Findings
from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.questions.dynamics_tables import (
    cycles_table,
    divergence_table,
    entropy_table,
    innovation_table,
    moves_table,
    steps_table,
)
from dashsearch.analysis.results import TooFewScores, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Space


def dynamics_findings(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Say what every run and agent proposed: entropy, moves, steps, cycles, divergence, novelty.

    Tests that are read together are adjusted by Holm: one family of the cycles of all runs, one of
    the divergences of all arms and groupings.
    """
    entropy = entropy_by_agent(ledger, space, settings)
    moves, no_moves = _moves(ledger, space, settings)
    steps = step_lengths(ledger, space, settings)
    cycles = cycles_of_runs(ledger, space, settings)
    divergence = (*agent_divergence(ledger, space, settings), *_arms(ledger, space, settings))
    decay = divergence_over_time(ledger, space, settings)
    innovation = innovation_of_runs(ledger, space, settings)
    adjusted_cycles = holm([None if each.test is None else each.test.p for each in cycles])
    adjusted = holm([None if each.estimate is None else each.estimate.p for each in divergence])
    document: dict[str, Any] = {
        "schema": "dynamics/2",
        "task": str(ledger["task"].iloc[0]),
        "window": settings.window,
        "step": settings.step,
        "runs": plain([each for each in entropy if not each.agent]),
        "agents": plain([each for each in entropy if each.agent]),
        "moves": plain(moves),
        "moves_reason": no_moves,
        "steps": plain(steps),
        "cycles": _with_p_holm(cycles, adjusted_cycles),
        "divergence": _with_p_holm(divergence, adjusted),
        "divergence_over_time": plain(decay),
        "innovation": plain(innovation),
    }
    return Findings(
        {"dynamics.json": document},
        {
            "entropy.csv": entropy_table(entropy),
            "moves.csv": moves_table(moves),
            "steps.csv": steps_table(steps),
            "cycles.csv": cycles_table(cycles, adjusted_cycles),
            "divergence.csv": divergence_table(divergence, adjusted),
            "innovation.csv": innovation_table(innovation),
        },
    )


def _moves(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[tuple[Moves, ...], str]:
    try:
        return architecture_moves(ledger, space, settings), ""
    except TooFewScores as refusal:
        return (), str(refusal)


def _arms(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[GroupDivergence, ...]:
    """Compare the arm names that ran several of the same seeds, two by two."""
    seeds = {
        str(arm): set(rows["arm_seed"].unique())
        for arm, rows in own_proposals(ledger).groupby("arm", sort=False)
    }
    return tuple(
        each
        for one, other in combinations(seeds, 2)
        if len(seeds[one] & seeds[other]) > 1
        for each in arms_divergence(ledger, space, settings, (one, other))
    )


def _with_p_holm(
    tests: tuple[RunCycles, ...] | tuple[GroupDivergence, ...], adjusted: list[float | None]
) -> list[dict[str, Any]]:
    return [{**plain(test), "p_holm": p} for test, p in zip(tests, adjusted, strict=True)]
