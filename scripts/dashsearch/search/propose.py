"""One round's proposals: build the policy, tell it the past, ask it, give every answer a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.errors import InputError
from dashsearch.ledger.schema import Proposal, experiment_id
from dashsearch.search.policy import Policy, Result, Suggestion
from dashsearch.search.registry import WHOLE_SEQUENCE, build_policy
from dashsearch.search.terms import Terms, audit_cell, start_cells
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

Past = Sequence[Sequence[Result]]


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
    terms
        Start, audits and budgets.
    """

    task: str
    name: str
    seed: int
    policy: str
    campaign_seed: int
    settings: Mapping[str, Any]
    trainer_version: str
    terms: Terms = field(default_factory=Terms)


def propose_round(arm: Arm, space: Space, past: Past, round_: int, n: int) -> list[Proposal]:
    """Ask for `n` experiments: the shared start first, then audits and the policy's own.

    Parameters
    ----------
    past
        The results of the arm's earlier rounds, all that a policy ever sees.

    Returns
    -------
    list of Proposal
        One per slot. What was proposed before (same cell, replicate and fidelity) has the status
        ``"duplicate"`` and is not trained, but has spent its slot.
    """
    told = sum(map(len, past))
    sources = [_source(arm.terms, space, told + slot) for slot in range(n)]
    start = start_cells(
        space, arm.terms, campaign_seed=arm.campaign_seed, task=arm.task, arm_seed=arm.seed
    )
    given: dict[int, Suggestion] = {}
    for slot, source in enumerate(sources):
        if source == "start":
            given[slot] = Suggestion(start[told + slot], source="start")
        elif source == "audit":
            names = (arm.campaign_seed, arm.task, arm.name, arm.seed, "audit", told + slot)
            given[slot] = Suggestion(audit_cell(space, *names), source="audit")
    pending = [suggestion.cell for suggestion in given.values()]
    asked = iter(_policy(arm, space, past, round_).ask(n - len(given), pending))
    suggestions = [given[slot] if slot in given else next(asked) for slot in range(n)]
    return _as_proposals(suggestions, arm, space, past, round_)


def results_of(history: pd.DataFrame, round_: int) -> list[list[Result]]:
    """Return what a policy is told of its arm's earlier rows, round by round.

    Parameters
    ----------
    history
        The arm's earlier rows with validation scores only, in proposal order.
    round_
        The round that is to be proposed.

    Raises
    ------
    InputError
        If the history holds a test score, or a round that is not before this one.
    """
    sealed = [name for name in history.columns if name.startswith("test_")]
    if sealed:
        raise InputError(
            f"the history holds {sealed[0]}; test scores are sealed until the arm is closed, so "
            "give propose_round the validation tables only."
        )
    if len(history) and int(history["round"].max()) >= round_:
        raise InputError(
            f"the history reaches round {history['round'].max()}, but round {round_} may only read "
            "earlier ones; correct the rule's inputs."
        )
    rounds: dict[int, list[Result]] = {}
    first: dict[str, Result] = {}
    for row in history.to_dict("records"):
        result = Result(
            experiment_id=row["experiment_id"],
            cell=row["cell"],
            replicate=row["replicate"],
            status=row["status"],
            val_map=row["val_map"],
            parent=row["parent"],
            source=row["source"],
            fidelity=row["fidelity"],
        )
        # A duplicate has the outcome of what it repeats.
        result = first.setdefault(result.experiment_id, result)
        rounds.setdefault(row["round"], []).append(result)
    return [rounds[each] for each in sorted(rounds)]


def _source(terms: Terms, space: Space, place: int) -> str:
    start = min(terms.shared_start, space.size)
    if place < start:
        return "start"
    return "audit" if terms.is_audit(place - start) else "policy"


def _policy(arm: Arm, space: Space, past: Past, round_: int) -> Policy:
    """Build the arm's policy with the generator of this round, and tell it the past."""
    names = (arm.campaign_seed, arm.task, arm.name, arm.seed, "policy")
    place = () if arm.policy in WHOLE_SEQUENCE else (round_,)
    rng = np.random.default_rng(derive_seed(*names, *place))
    policy = build_policy(arm.policy, space, rng, arm.settings)
    for results in past:
        policy.tell(results)
    return policy


def _as_proposals(
    suggestions: Sequence[Suggestion], arm: Arm, space: Space, past: Past, round_: int
) -> list[Proposal]:
    known = {result.experiment_id for results in past for result in results}
    proposals = []
    for slot, suggestion in enumerate(suggestions):
        seed = derive_seed(
            arm.campaign_seed, arm.task, "train", suggestion.cell, suggestion.replicate
        )
        identity = experiment_id(
            arm.task,
            space,
            suggestion.cell,
            seed,
            arm.trainer_version,
            fidelity=suggestion.fidelity,
        )
        duplicate = identity in known
        known.add(identity)
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
                source=suggestion.source,
                kind=suggestion.kind,
                parent=suggestion.parent,
                cell=suggestion.cell,
                replicate=suggestion.replicate,
                fidelity=suggestion.fidelity,
                seed=seed,
                status="duplicate" if duplicate else "",
                reason=f"this arm already proposed {identity}" if duplicate else "",
            )
        )
    return proposals
