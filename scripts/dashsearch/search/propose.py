"""One round's proposals: build the policy, tell it the past, ask it, give every answer a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.errors import InputError
from dashsearch.files import digest
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


def arm_of(names: Mapping[str, str], params: Mapping[str, Any], config: Mapping[str, Any]) -> Arm:
    """Return the arm that a job proposes for.

    Parameters
    ----------
    names
        ``task``, ``arm`` and ``seed``.
    params
        What the job's rule says of it, ``terms`` without budgets among them.
    config
        The campaign's. Budgets are read from it, for raising one must not remake what is there.
    """
    budgets = {each: config["arms"][names["arm"]][f"budget_{each}"] for each in ("train_s", "usd")}
    price = config["training"]["usd_per_hour"]
    return Arm(
        task=names["task"],
        name=names["arm"],
        seed=int(names["seed"]),
        policy=params["policy"],
        campaign_seed=params["campaign_seed"],
        settings=params["settings"],
        trainer_version=params["trainer"],
        terms=Terms(**params["terms"], **budgets, usd_per_hour=price),
    )


def propose_round(
    arm: Arm, space: Space, past: Past, round_: int, n: int, *, policy: Policy | None = None
) -> list[Proposal]:
    """Ask for `n` experiments: the shared start first, then audits and the policy's own.

    Parameters
    ----------
    past
        The results of the arm's earlier rounds, all that a policy ever sees.
    policy
        Asked instead of the one that the arm names; it is told the past here.

    Returns
    -------
    list of Proposal
        One per slot; fewer where the policy has no more to suggest, as an agent may. What was
        proposed before (same cell, replicate and fidelity) has the status
        ``"duplicate"`` and is not trained, but has spent its slot.
    """
    told = sum(map(len, past))
    done = sum(result.source == "audit" for results in past for result in results)
    start = start_cells(
        space, arm.terms, campaign_seed=arm.campaign_seed, task=arm.task, arm_seed=arm.seed
    )
    given: dict[int, Suggestion] = {}
    for slot in range(n):
        place = told + slot
        if place < len(start):
            given[slot] = Suggestion(start[place], source="start")
        elif arm.terms.is_audit(place - len(start), done):
            names = (arm.campaign_seed, arm.task, arm.name, arm.seed, "audit", done)
            given[slot] = Suggestion(audit_cell(space, *names), source="audit")
            done += 1
    pending = [suggestion.cell for suggestion in given.values()]
    policy = policy or _policy(arm, space, round_)
    for results in past:
        policy.tell(results)
    asked = iter(policy.ask(n - len(given), pending))
    filled = [given[slot] if slot in given else next(asked, None) for slot in range(n)]
    suggestions = [suggestion for suggestion in filled if suggestion is not None]
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
            agent=row["agent"],
            reason=row["reason"],
        )
        # A duplicate has the outcome of what it repeats; whose idea it was stays its own.
        once = first.setdefault(result.experiment_id, result)
        result = replace(result, status=once.status, val_map=once.val_map, reason=once.reason)
        rounds.setdefault(row["round"], []).append(result)
    return [rounds[each] for each in sorted(rounds)]


def _policy(arm: Arm, space: Space, round_: int) -> Policy:
    """Build the arm's policy with the generator of this round."""
    names = (arm.campaign_seed, arm.task, arm.name, arm.seed, "policy")
    place = () if arm.policy in WHOLE_SEQUENCE else (round_,)
    rng = np.random.default_rng(derive_seed(*names, *place))
    return build_policy(arm.policy, space, rng, arm.settings)


def _as_proposals(
    suggestions: Sequence[Suggestion], arm: Arm, space: Space, past: Past, round_: int
) -> list[Proposal]:
    known = {result.experiment_id for results in past for result in results}
    proposals = []
    for slot, suggestion in enumerate(suggestions):
        seed = _training_seed(arm, suggestion.cell, suggestion.replicate)
        identity = (
            digest([arm.task, arm.name, arm.seed, round_, slot, suggestion.reason])
            if suggestion.status
            else _identity(arm, space, suggestion)
        )
        duplicate = identity in known
        known.add(identity)
        parent = suggestion.parent
        if suggestion.parent_cell is not None:
            parent = _identity(arm, space, Suggestion(suggestion.parent_cell))
        proposals.append(
            Proposal(
                experiment_id=identity,
                task=arm.task,
                arm=arm.name,
                arm_seed=arm.seed,
                round=round_,
                slot=slot,
                agent=suggestion.agent or arm.policy,
                model=suggestion.model,
                source=suggestion.source,
                kind=suggestion.kind,
                parent=parent,
                cell=suggestion.cell,
                replicate=suggestion.replicate,
                fidelity=suggestion.fidelity,
                seed=seed,
                status=suggestion.status or ("duplicate" if duplicate else ""),
                reason=suggestion.reason
                or (f"this arm already proposed {identity}" if duplicate else ""),
            )
        )
    return proposals


def _training_seed(arm: Arm, cell: int, replicate: int) -> int:
    return derive_seed(arm.campaign_seed, arm.task, "train", cell, replicate)


def _identity(arm: Arm, space: Space, suggestion: Suggestion) -> str:
    return experiment_id(
        arm.task,
        space,
        suggestion.cell,
        _training_seed(arm, suggestion.cell, suggestion.replicate),
        arm.trainer_version,
        fidelity=suggestion.fidelity,
    )
