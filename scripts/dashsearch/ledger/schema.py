"""The columns of an experiment's row, from its proposal to its sealed test scores.

A row is written in three steps, each into its own file: the proposal, the validation scores (all
that a later proposal may read) and the test scores (sealed until the arm is closed). Durations and
devices live beside the ledger in `costs.parquet`, because two equal runs must give equal ledgers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dashsearch.files import digest
from dashsearch.space.space import Space

LEDGER_SCHEMA = "ledger/5"
NO_CELL = -1

Status = Literal["ok", "diverged", "failed", "invalid", "duplicate"]
STATUSES: tuple[Status, ...] = ("ok", "diverged", "failed", "invalid", "duplicate")

Kind = Literal["base", "sweep", "repair"]
# Who chose the cell: the policy, the start that all arms share, a uniform audit of the arm, or the
# transfer check or a factorial, which are no arms.
Source = Literal["policy", "start", "audit", "transfer", "factorial"]

IDENTITY_COLUMNS: dict[str, str] = {
    "experiment_id": "string",
    "task": "string",
    "arm": "string",
    "arm_seed": "int64",
    "round": "int64",
    "slot": "int64",
    "agent": "string",
    "model": "string",
    "source": "string",
    "kind": "string",
    "parent": "string",
    "cell": "int64",
    "replicate": "int64",
    "fidelity": "float64",
    "seed": "int64",
}
OUTCOME_COLUMNS: dict[str, str] = {"status": "string", "reason": "string"}
# One row per call of a language model, beside the ledger: latencies are clocks.
CALL_COLUMNS: dict[str, str] = {
    "task": "string",
    "arm": "string",
    "arm_seed": "int64",
    "round": "int64",
    "agent": "string",
    "turn": "int64",
    "provider": "string",
    "model_asked": "string",
    "model": "string",
    "request_id": "string",
    "outcome": "string",
    "attempts": "int64",
    "input_tokens": "int64",
    "cache_read_tokens": "int64",
    "cache_write_tokens": "int64",
    "output_tokens": "int64",
    "usd": "float64",
    "latency_s": "float64",
    "recording": "string",
}
COST_COLUMNS: dict[str, str] = {
    "experiment_id": "string",
    "train_duration_s": "float64",
    "device": "string",
}


SCORES = ("ap", "map", "map_low", "map_high", "auc", "logloss", "brier", "accuracy")


def factor_columns(space: Space) -> dict[str, str]:
    """Columns that hold the cell's levels: text, integers or floats, as the levels need.

    All of them may be missing: a rejected proposal may have no cell.
    """
    columns = {}
    for factor in space.factors:
        if any(isinstance(level, str) for level in factor.levels):
            columns[factor.name] = "string"
        elif all(isinstance(level, int) for level in factor.levels):
            columns[factor.name] = "Int64"
        else:
            columns[factor.name] = "float64"
    return columns


def score_columns(split: Literal["val", "test"], tte_s: tuple[float, ...]) -> dict[str, str]:
    """Columns of one split's scores.

    `*_map` is the mean over the TTEs of the AP at each, and `*_map_low` and `*_map_high` are the
    ends of its 95 % interval under resampling of the split's clips.
    """
    names = [*SCORES, *(f"ap_at_{tte}s" for tte in tte_s)]
    return {f"{split}_{name}": "float64" for name in names}


def proposal_columns(space: Space) -> dict[str, str]:
    """Columns known as soon as a cell has been proposed."""
    return {**IDENTITY_COLUMNS, **factor_columns(space), **OUTCOME_COLUMNS}


def validation_columns(space: Space, tte_s: tuple[float, ...]) -> dict[str, str]:
    """Columns of `validation.parquet`: the proposal and its validation scores, nothing of test."""
    return {**proposal_columns(space), **score_columns("val", tte_s)}


def sealed_columns(tte_s: tuple[float, ...]) -> dict[str, str]:
    """Columns of the sealed `test.parquet`."""
    return {"experiment_id": "string", **score_columns("test", tte_s)}


def ledger_columns(space: Space, tte_s: tuple[float, ...]) -> dict[str, str]:
    """Columns of a closed arm's ledger."""
    return {**validation_columns(space, tte_s), **score_columns("test", tte_s)}


def clip_score_columns(classes: int) -> dict[str, str]:
    """Columns of a table of test scores by clip, one row per experiment and window.

    `score` is the probability of the second class of a binary task; with more classes, `score_0`,
    `score_1`, … are the probabilities of each.
    """
    scores = ["score"] if classes == 2 else [f"score_{place}" for place in range(classes)]
    return {
        "experiment_id": "string",
        "clip_id": "string",
        "tte_s": "float64",
        "label": "int64",
        **dict.fromkeys(scores, "float64"),
    }


@dataclass(frozen=True)
class Proposal:
    """One experiment that a policy asked for, or one that was rejected on the way.

    `status` is "" while the experiment is still to be trained; otherwise it is ``"invalid"`` or
    ``"duplicate"`` and `reason` says why. `seed` initialises the training; `fidelity` is the share
    of the cell's epochs that it runs, 1.0 for all. A proposal without a cell (`NO_CELL`) has no
    levels and is invalid.
    """

    experiment_id: str
    task: str
    arm: str
    arm_seed: int
    round: int
    slot: int
    agent: str
    model: str
    source: Source
    kind: Kind
    parent: str
    cell: int
    replicate: int
    fidelity: float
    seed: int
    status: str = ""
    reason: str = ""

    def row(self, space: Space) -> dict[str, Any]:
        """Return the row of `proposal_columns`."""
        none: Mapping[str, Any] = dict.fromkeys(space.names)
        return {**self.__dict__, **(none if self.cell == NO_CELL else space.cell(self.cell))}


def experiment_id(
    task: str, space: Space, cell: int, seed: int, trainer_version: str, *, fidelity: float = 1.0
) -> str:
    """Identity of an experiment: equal for equal work, whoever asked for it."""
    identity = {
        "task": task,
        "space": space.digest,
        "cell": cell,
        "seed": seed,
        "trainer": trainer_version,
    }
    return digest(identity if fidelity == 1 else {**identity, "fidelity": fidelity})
