"""Train one round of an arm; validation and sealed test scores go to files of their own."""

import platform
from functools import cache
from pathlib import Path

import torch

from dashsearch.files import file_digest
from dashsearch.jobs import job
from dashsearch.ledger.proposals import read_proposals
from dashsearch.ledger.schema import COST_COLUMNS, sealed_columns, validation_columns
from dashsearch.provenance import provenance
from dashsearch.space.files import load_space
from dashsearch.tables import write_table
from dashsearch.training.rounds import Experiment, run_round
from dashsearch.training.settings import TrainerSettings
from dashsearch.training.store import read_prepared
from dashsearch.training.tables import tabulate_round

with job(snakemake.log[0]):
    torch.set_num_threads(1)
    settings = TrainerSettings(**snakemake.params.training)
    space = load_space(snakemake.input.space)
    proposals = read_proposals(snakemake.input.proposals, space)
    paths = dict(zip(snakemake.params.backbones, snakemake.input.prepared, strict=True))

    @cache
    def data_of(backbone):
        """Read a backbone's data when the first experiment asks for them."""
        return read_prepared(paths[backbone])

    experiments = [
        Experiment(proposal.experiment_id, space.cell(proposal.cell), proposal.seed)
        for proposal in proposals
        if not proposal.status
    ]
    journal = Path(snakemake.params.journal)
    outcomes = run_round(experiments, data_of, settings, journal)
    tte_s = tuple(snakemake.params.tte_s)
    tables = tabulate_round(
        proposals,
        {e.experiment_id: outcome for e, outcome in zip(experiments, outcomes, strict=True)},
        space,
        tte_s,
        platform.processor() or platform.machine(),
    )

    def note(schema):
        """Say what made a table of this schema."""
        return provenance(
            schema,
            libraries=("numpy", "torch"),
            inputs={
                "proposals": file_digest(snakemake.input.proposals),
                **{name: file_digest(path) for name, path in paths.items()},
            },
            settings={"trainer": snakemake.params.trainer, "space": space.digest},
        )

    columns = validation_columns(space, tte_s)
    write_table(snakemake.output.validation, tables.validation, columns, note("validation/1"))
    write_table(snakemake.output.test, tables.test, sealed_columns(tte_s), note("test/1"))
    write_table(snakemake.output.costs, tables.costs, COST_COLUMNS, note("costs/1"))
    journal.unlink()
