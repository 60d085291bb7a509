"""Train one round of an arm; validation and sealed test scores go to files of their own."""

import platform
import shutil
from pathlib import Path

import torch

from dashsearch.files import file_digest, replacing_folder
from dashsearch.jobs import job
from dashsearch.ledger.proposals import read_proposals
from dashsearch.ledger.schema import COST_COLUMNS, sealed_columns, validation_columns
from dashsearch.provenance import provenance
from dashsearch.space.files import load_space
from dashsearch.tables import write_table
from dashsearch.training.checkpoints import Checkpoints
from dashsearch.training.members import Experiment
from dashsearch.training.recipe import at_fidelity
from dashsearch.training.rounds import run_round
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.sharding import shard_of
from dashsearch.training.store import PreparedFiles
from dashsearch.training.tables import tabulate_round


def main():
    """Train the round that the rule names."""
    with job(snakemake.log[0]):
        torch.set_num_threads(1)
        training = snakemake.config["training"]
        settings = TrainerSettings.of(training)
        resources = Resources(
            device=training["device"],
            workers=1 if training["device"] == "cuda" else snakemake.threads,
            stack_size=training["stack_size"],
            memory_gb=training["memory_gb"],
        )
        space = load_space(snakemake.input.space)
        proposals = shard_of(
            read_proposals(snakemake.input.proposals, space),
            space,
            int(snakemake.wildcards.get("shard", 0)),
            training["shards"],
        )
        paths = dict(zip(snakemake.params.backbones, snakemake.input.prepared, strict=True))

        experiments = [
            Experiment(
                proposal.experiment_id,
                at_fidelity(space.cell(proposal.cell), proposal.fidelity, settings),
                proposal.seed,
            )
            for proposal in proposals
            if not proposal.status
        ]
        journal = Path(snakemake.params.journal)
        # Beside the journal and no output, so that it survives when the round is killed.
        best = Checkpoints(journal.parent / "best", training["checkpoints"], settings)
        outcomes = run_round(
            experiments,
            PreparedFiles(paths),
            settings,
            journal,
            resources=resources,
            checkpoints=best,
        )
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
                libraries=("numpy", "scipy", "torch"),
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
        with replacing_folder(snakemake.output.checkpoints) as folder:
            shutil.copytree(best.folder, folder, dirs_exist_ok=True)
        # The journal first: without the best, it must not say that there is nothing left to train.
        journal.unlink()
        shutil.rmtree(best.folder)


if __name__ == "__main__":  # worker processes import this file again
    main()
