"""Measure one shard of a factorial: trainings of every cell, or of some with more seeds."""

from pathlib import Path

import torch

from dashsearch.factorial.plan import FactorialPlan, part_of
from dashsearch.factorial.table import TABLE_SCHEMA, measured_rows, table_columns
from dashsearch.files import file_digest, read_json
from dashsearch.jobs import job
from dashsearch.provenance import provenance
from dashsearch.space.files import load_space
from dashsearch.tables import write_table
from dashsearch.training.proposals import train_proposals
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.sharding import shard_of
from dashsearch.training.store import PreparedFiles


def main():
    """Measure the shard that the rule names."""
    with job(snakemake.log[0]):
        torch.set_num_threads(1)
        params, training = snakemake.params, snakemake.config["training"]
        space = part_of(load_space(snakemake.input.space), params.levels, params.part)
        tte_s = tuple(params.tte_s)
        paths = dict(zip(params.backbones, snakemake.input.prepared, strict=True))
        task = snakemake.wildcards.task
        plan = FactorialPlan(space, task, params.campaign_seed, params.trainer)
        if chosen := snakemake.input.get("chosen"):
            cells = read_json(chosen)
            planned = {name: plan.replicates(cells[name], params.seeds) for name in cells}
        else:
            planned = {"all": plan.cells(params.fidelities)}
        sample_of = {p.experiment_id: name for name, part in planned.items() for p in part}
        proposals = shard_of(
            [proposal for part in planned.values() for proposal in part],
            space,
            int(snakemake.wildcards.shard),
            params.shards,
        )
        journal = Path(params.journal)
        tables = train_proposals(
            proposals,
            space,
            PreparedFiles(paths),
            TrainerSettings.planned(training, params.trainer),
            journal=journal,
            tte_s=tte_s,
            resources=Resources.of(training, snakemake.threads),
        ).tables
        samples = [sample_of[proposal.experiment_id] for proposal in proposals]
        rows = measured_rows(tables.ledger(), tables.costs, tte_s, samples)
        note = provenance(
            TABLE_SCHEMA,
            libraries=("numpy", "torch"),
            inputs={name: file_digest(path) for name, path in paths.items()},
            settings={"trainer": params.trainer, "space": space.digest},
        )
        write_table(snakemake.output.measured, rows, table_columns(tte_s), note)
        journal.unlink(missing_ok=True)


if __name__ == "__main__":  # worker processes import this file again
    main()
