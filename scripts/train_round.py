"""Train one round of an arm; validation and sealed test scores go to files of their own."""

import shutil
from functools import partial
from pathlib import Path

import torch

from dashsearch.files import replacing_folder
from dashsearch.jobs import job
from dashsearch.ledger.proposals import read_proposals
from dashsearch.ledger.schema import COST_COLUMNS, sealed_columns, validation_columns
from dashsearch.space.files import load_space
from dashsearch.tables import write_table
from dashsearch.training.checkpoints import Checkpoints
from dashsearch.training.proposals import train_proposals, training_note
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.sharding import shard_of
from dashsearch.training.store import PreparedFiles


def main():
    """Train the round that the rule names."""
    with job(snakemake.log[0]):
        torch.set_num_threads(1)
        training = snakemake.config["training"]
        settings = TrainerSettings.planned(training, snakemake.params.trainer)
        space = load_space(snakemake.input.space)
        tte_s = tuple(snakemake.params.tte_s)
        paths = dict(zip(snakemake.params.backbones, snakemake.input.prepared, strict=True))
        proposals = shard_of(
            read_proposals(snakemake.input.proposals, space),
            space,
            int(snakemake.wildcards.get("shard", 0)),
            training["shards"],
        )
        journal = Path(snakemake.params.journal)
        # Beside the journal and no output, so that it survives when the round is killed.
        best = Checkpoints(journal.parent / "best", training["checkpoints"], settings)
        tables = train_proposals(
            proposals,
            space,
            PreparedFiles(paths),
            settings,
            journal=journal,
            tte_s=tte_s,
            resources=Resources.of(training, snakemake.threads),
            checkpoints=best,
        ).tables
        note = partial(
            training_note,
            proposals=snakemake.input.proposals,
            prepared=paths,
            trainer=snakemake.params.trainer,
            space=space,
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
