"""One round's proposals: build the policy, tell it the past, ask it, give every answer a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.errors import InputError
from dashsearch.ledger.schema import Proposal, experiment_id
from dashsearch.search.policies.designed import DesignedSample
from dashsearch.search.policies.evolution import RegularisedEvolution
from dashsearch.search.policies.random_search import RandomSearch
from dashsearch.search.policy import Policy, Result, Suggestion
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space


@dataclass(frozen=True)
class Arm:
    """One search policy run once on one task with one seed.

    Attributes
    ----------
    seed
        The arm's own seed; `campaign_seed` is the config's, which everything shares.
    settings
        The policy's settings, by name.
    trainer_version
        Part of every experiment's identity.
    """

    task: str
    name: str
    seed: int
    policy: str
    campaign_seed: int
    settings: Mapping[str, Any]
    trainer_version: str


def build_policy(arm: Arm, space: Space, round_: int) -> Policy:
    """Build the arm's policy for one round, with the random generator of that round.

    Raises
    ------
    InputError
        If no policy has this name.
    """
    names = (arm.campaign_seed, arm.task, arm.name, arm.seed, "policy")
    # The design is one sequence over all rounds; adaptive policies draw anew in every round.
    place = () if arm.policy == "designed" else (round_,)
    rng = np.random.default_rng(derive_seed(*names, *place))
    match arm.policy:
        case "random":
            return RandomSearch(space, rng, **arm.settings)
        case "designed":
            return DesignedSample(space, rng, **arm.settings)
        case "evolution":
            return RegularisedEvolution(space, rng, **arm.settings)
    raise InputError(
        f"arm {arm.name} has the unknown policy {arm.policy!r}; use designed, random or evolution."
    )


def propose_round(
    arm: Arm, space: Space, history: pd.DataFrame, round_: int, n: int
) -> list[Proposal]:
    """Ask the arm's policy for `n` experiments.

    Parameters
    ----------
    history
        The arm's earlier rows with validation scores only, in proposal order: all that a policy
        ever sees.

    Returns
    -------
    list of Proposal
        One per slot. What was proposed before (same cell, same replicate) has the status
        ``"duplicate"`` and is not trained, but has spent its slot.

    Raises
    ------
    InputError
        If the history holds a test score, or a round that is not before this one.
    """
    sealed = [name for name in history.columns if name.startswith("test_")]
    if sealed:
        raise InputError(
            f"the history of arm {arm.name} holds {sealed[0]}; test scores are sealed until the "
            "arm is closed, so give propose_round the validation tables only."
        )
    if len(history) and int(history["round"].max()) >= round_:
        raise InputError(
            f"the history of arm {arm.name} reaches round {history['round'].max()}, but round "
            f"{round_} may only read earlier ones; correct the rule's inputs."
        )
    policy = build_policy(arm, space, round_)
    for _, rows in history.groupby("round", sort=True):
        policy.tell([_result(row) for row in rows.to_dict("records")])
    return _as_proposals(policy.ask(n), arm, space, history, round_)


def _result(row: Mapping[Any, Any]) -> Result:
    return Result(
        row["experiment_id"], row["cell"], row["replicate"], row["status"], row["val_map"]
    )


def _as_proposals(
    suggestions: list[Suggestion], arm: Arm, space: Space, history: pd.DataFrame, round_: int
) -> list[Proposal]:
    known: set[tuple[int, int]] = set(zip(history["cell"], history["replicate"], strict=True))
    proposals = []
    for slot, suggestion in enumerate(suggestions):
        key = (suggestion.cell, suggestion.replicate)
        seed = derive_seed(arm.campaign_seed, arm.task, "train", *key)
        identity = experiment_id(arm.task, space, suggestion.cell, seed, arm.trainer_version)
        duplicate = key in known
        known.add(key)
        proposals.append(
            Proposal(
                experiment_id=identity,
                task=arm.task,
                arm=arm.name,
                arm_seed=arm.seed,
                round=round_,
                slot=slot,
                agent=arm.policy,
                model="",
                kind=suggestion.kind,
                parent=suggestion.parent,
                cell=suggestion.cell,
                replicate=suggestion.replicate,
                seed=seed,
                status="duplicate" if duplicate else "",
                reason=f"this arm already proposed {identity}" if duplicate else "",
            )
        )
    return proposals
