"""Training what was proposed: from proposals to the tables of their outcomes."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dashsearch.files import file_digest
from dashsearch.ledger.schema import Proposal
from dashsearch.provenance import provenance
from dashsearch.space.space import Space
from dashsearch.training.checkpoints import Checkpoints
from dashsearch.training.members import Experiment
from dashsearch.training.outcome import Outcome
from dashsearch.training.recipe import at_fidelity
from dashsearch.training.rounds import run_round
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.store import PreparedFiles
from dashsearch.training.tables import RoundTables, tabulate_round
from dashsearch.training.test_scores import TestScores


@dataclass(frozen=True)
class TrainedProposals:
    """What training came to: the tables of all proposals, and every trained experiment's outcome.

    Attributes
    ----------
    experiments, outcomes
        Of the proposals that had to be trained, in slot order.
    """

    tables: RoundTables
    experiments: tuple[Experiment, ...]
    outcomes: tuple[Outcome, ...]


def train_proposals(
    proposals: Sequence[Proposal],
    space: Space,
    prepared: PreparedFiles,
    settings: TrainerSettings,
    *,
    journal: Path,
    tte_s: tuple[float, ...],
    resources: Resources,
    checkpoints: Checkpoints | None = None,
    test_scores: TestScores | None = None,
) -> TrainedProposals:
    """Train all proposals that were not rejected, and give every one its row in the tables.

    See `run_round` for the parameters and errors.
    """
    experiments = tuple(
        Experiment(
            proposal.experiment_id,
            at_fidelity(space.cell(proposal.cell), proposal.fidelity, settings),
            proposal.seed,
        )
        for proposal in proposals
        if not proposal.status
    )
    outcomes = run_round(
        experiments,
        prepared,
        settings,
        journal,
        resources=resources,
        checkpoints=checkpoints,
        test_scores=test_scores,
    )
    tables = tabulate_round(
        proposals,
        {e.experiment_id: outcome for e, outcome in zip(experiments, outcomes, strict=True)},
        space,
        tte_s,
        _device_name(resources.device),
    )
    return TrainedProposals(tables, experiments, tuple(outcomes))


def _device_name(device: str) -> str:
    """Name what experiments are trained on, such as the GPU's model."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return platform.processor() or platform.machine()


def training_note(
    schema: str,
    proposals: str | Path,
    prepared: Mapping[str, str | Path],
    trainer: str,
    space: Space,
) -> dict[str, Any]:
    """Say what made a table of trained proposals: their file and the backbones' prepared data."""
    return provenance(
        schema,
        libraries=("numpy", "scipy", "torch"),
        inputs={
            "proposals": file_digest(proposals),
            **{name: file_digest(path) for name, path in prepared.items()},
        },
        settings={"trainer": trainer, "space": space.digest},
    )
