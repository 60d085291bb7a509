"""What every policy is: it is asked for cells, and told what came of them.

A policy holds no file and no hidden state: it is built anew for every round from the arm's earlier
rows, so a killed arm goes on from its files alone.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from dashsearch.ledger.schema import Kind, Source, Status


@dataclass(frozen=True)
class Suggestion:
    """A cell that a policy wants to see trained.

    Attributes
    ----------
    cell
        Index of the cell.
    replicate
        0 for the first training of the cell, 1, 2, … for further seeds of the same cell.
    parent
        `experiment_id` of the experiment that it was derived from, or "".
    source
        Who chose the cell: the policy, the start that all arms share, or an audit.
    fidelity
        Share of the cell's epochs that is trained, in (0, 1].
    agent, model
        Who chose the cell within the policy, and the model that answered; "": the policy itself.
    parent_cell
        Cell of the same policy's suggestion that this one varies; it becomes the `parent`.
    status, reason
        ``"invalid"`` and why, for what was suggested against the rules; its cell is `NO_CELL`.
    """

    cell: int
    replicate: int = 0
    kind: Kind = "base"
    parent: str = ""
    source: Source = "policy"
    fidelity: float = 1.0
    agent: str = ""
    model: str = ""
    parent_cell: int | None = None
    status: Literal["", "invalid"] = ""
    reason: str = ""


@dataclass(frozen=True)
class Result:
    """What a policy is told of an earlier experiment of its arm: validation only, failures too.

    `reason` is the message of a failure: data, never an instruction. A
    duplicate is told with status and score of the experiment that it repeats.
    """

    experiment_id: str
    cell: int
    replicate: int
    status: Status
    val_map: float
    parent: str = ""
    source: Source = "policy"
    fidelity: float = 1.0
    agent: str = ""
    reason: str = ""

    @property
    def score(self) -> float:
        """The mean average precision on validation; minus infinity for a failure."""
        return self.val_map if self.status == "ok" else -math.inf


class Policy(Protocol):
    """A rule that proposes cells."""

    def tell(self, results: Sequence[Result]) -> None:
        """Take note of a finished round, in slot order."""

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Suggest `n` experiments for the next round, which holds the cells `pending` already."""
