"""Train the transfer check: one table of its experiments, and their test scores by clip."""

import shutil
from functools import partial
from pathlib import Path

import torch

from dashsearch.jobs import job
from dashsearch.ledger.proposals import read_proposals
from dashsearch.ledger.schema import COST_COLUMNS, LEDGER_SCHEMA, ledger_columns
from dashsearch.space.files import load_space
from dashsearch.tables import write_table
from dashsearch.training.proposals import train_proposals, training_note
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.store import PreparedFiles
from dashsearch.training.test_scores import TestScores


def main():
    """Train every proposal of the transfer check."""
    with job(snakemake.log[0]):
        torch.set_num_threads(1)
        training, outputs = snakemake.config["training"], snakemake.output
        space = load_space(snakemake.input.space)
        tte_s = tuple(snakemake.params.tte_s)
        paths = dict(zip(snakemake.params.backbones, snakemake.input.prepared, strict=True))
        prepared = PreparedFiles(paths)
        journal = Path(snakemake.params.journal)
        # Beside the journal and no output, so that it survives when the job is killed.
        scores = TestScores(journal.parent / "test_scores")
        trained = train_proposals(
            read_proposals(snakemake.input.proposals, space),
            space,
            prepared,
            TrainerSettings.planned(training, snakemake.params.trainer),
            journal=journal,
            tte_s=tte_s,
            resources=Resources.of(training, snakemake.threads),
            test_scores=scores,
        )
        note = partial(
            training_note,
            proposals=snakemake.input.proposals,
            prepared=paths,
            trainer=snakemake.params.trainer,
            space=space,
        )
        results = trained.tables.ledger()
        write_table(outputs.results, results, ledger_columns(space, tte_s), note(LEDGER_SCHEMA))
        clips, columns = scores.table(trained.experiments, trained.outcomes, prepared)
        write_table(outputs.clip_scores, clips, columns, note("clip_scores/1"))
        write_table(outputs.costs, trained.tables.costs, COST_COLUMNS, note("costs/1"))
        # The journal first: without the scores, it must not say that nothing is left to train.
        journal.unlink()
        shutil.rmtree(scores.folder, ignore_errors=True)


if __name__ == "__main__":  # worker processes import this file again
    main()
