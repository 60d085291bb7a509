"""The tables of a trained round: validation for the next proposals, test sealed, costs apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from dashsearch.ledger.schema import (
    COST_COLUMNS,
    SCORES,
    Proposal,
    sealed_columns,
    validation_columns,
)
from dashsearch.space.space import Space
from dashsearch.tables import frame_of
from dashsearch.training.metrics import SplitScores
from dashsearch.training.outcome import Outcome


@dataclass(frozen=True)
class RoundTables:
    """One row a proposal in each, in slot order."""

    validation: pd.DataFrame
    test: pd.DataFrame
    costs: pd.DataFrame

    def ledger(self) -> pd.DataFrame:
        """Join validation and test scores, as a closed ledger has them."""
        return pd.concat([self.validation, self.test.drop(columns="experiment_id")], axis=1)


def tabulate_round(
    proposals: Sequence[Proposal],
    outcomes: Mapping[str, Outcome],
    space: Space,
    tte_s: tuple[float, ...],
    device: str,
) -> RoundTables:
    """Give every proposal its row in the three tables.

    Parameters
    ----------
    outcomes
        Outcome by `experiment_id`, of every proposal that had to be trained. A proposal that was
        rejected before training keeps its status, and has no score and no cost.
    """
    validation, test, costs = [], [], []
    for proposal in proposals:
        outcome = None if proposal.status else outcomes[proposal.experiment_id]
        row = proposal.row(space)
        if outcome is not None:
            row |= {"status": outcome.status, "reason": outcome.reason}
        identity = {"experiment_id": proposal.experiment_id}
        validation.append({**row, **_scores("val", outcome.validation if outcome else None)})
        test.append({**identity, **_scores("test", outcome.test if outcome else None)})
        duration = outcome.duration_s if outcome is not None else 0.0
        costs.append({**identity, "train_duration_s": duration, "device": device})
    return RoundTables(
        frame_of(validation, validation_columns(space, tte_s)),
        frame_of(test, sealed_columns(tte_s)),
        frame_of(costs, COST_COLUMNS),
    )


def _scores(split: Literal["val", "test"], scores: SplitScores | None) -> dict[str, Any]:
    """Columns of `ledger.schema.score_columns`; none for an experiment without scores."""
    if scores is None:
        return {}
    return {
        **{f"{split}_{name}": getattr(scores, name) for name in SCORES},
        **{f"{split}_ap_at_{tte}s": ap for tte, ap in scores.ap_at.items()},
    }
