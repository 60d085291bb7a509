"""A whole arm against results that are there already: no training, so many seeds in one job."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from dashsearch.ledger.schema import Proposal, Status
from dashsearch.search.policy import Result
from dashsearch.search.propose import Arm, propose_round
from dashsearch.space.space import Space


@dataclass(frozen=True)
class Evaluation:
    """What is known of an experiment: validation only."""

    status: Status
    reason: str
    val_map: float
    train_s: float


def run_arm(
    arm: Arm,
    space: Space,
    rounds: int,
    experiments_per_round: int,
    evaluate: Callable[[Proposal], Evaluation],
) -> list[Proposal]:
    """Play all rounds of an arm.

    Returns
    -------
    list of Proposal
        With their outcome in `status` and `reason`, in proposal order: the same as if each round
        had been a job of its own with these evaluations.
    """
    past: list[list[Result]] = []
    done: list[Proposal] = []
    known: dict[str, Evaluation] = {}
    train_s = 0.0
    for round_ in range(rounds):
        if arm.terms.spent(train_s):
            break
        results = []
        for proposal in propose_round(arm, space, past, round_, experiments_per_round):
            if proposal.status:
                done.append(proposal)
            else:
                found = evaluate(proposal)
                train_s += found.train_s
                known[proposal.experiment_id] = found
                done.append(replace(proposal, status=found.status, reason=found.reason))
            results.append(_result(proposal, known[proposal.experiment_id]))
        past.append(results)
    return done


def _result(proposal: Proposal, found: Evaluation) -> Result:
    return Result(
        proposal.experiment_id,
        proposal.cell,
        proposal.replicate,
        found.status,
        found.val_map,
        proposal.parent,
        proposal.source,
        proposal.fidelity,
        proposal.agent,
        found.reason,
    )
