"""Run arms many times against a measured table: nothing is trained."""

import numpy as np
import pandas as pd

from dashsearch.analysis.questions.factorial import truth_of
from dashsearch.analysis.replicate_runs import replicate_runs
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.factorial import FactorialBenchmark
from dashsearch.files import write_json
from dashsearch.jobs import job
from dashsearch.progress import Progress
from dashsearch.search.propose import Arm
from dashsearch.search.table_runs import Evaluation, run_arm
from dashsearch.search.terms import Terms


def run_ledger(benchmark, policy, settings, seed):
    """Run one arm against the table and return its ledger."""
    table, runs = benchmark.table, snakemake.params.runs
    arm = Arm(
        task=benchmark.task,
        name=policy,
        seed=seed,
        policy=policy,
        campaign_seed=snakemake.params.campaign_seed,
        settings=settings,
        trainer_version=table.trainer,
        terms=Terms(shared_start=runs["shared_start"]),
    )
    rounds = -(-runs["experiments"] // runs["experiments_per_round"])
    proposals = run_arm(
        arm,
        benchmark.space,
        rounds,
        runs["experiments_per_round"],
        lambda proposal: Evaluation(**table.validation(proposal)),
    )
    return table.ledger(proposals)


with job(snakemake.log[0]):
    params = snakemake.params
    benchmark = FactorialBenchmark.load(snakemake.input.table)
    seeds = range(1, params.runs["seeds"] + 1)
    ledgers = []
    with Progress("runs", len(seeds) * len(params.policies)) as progress:
        for policy, settings in params.policies.items():
            for seed in seeds:
                ledgers.append(run_ledger(benchmark, policy, settings, seed))
                progress.add()
    first = benchmark.query(np.arange(benchmark.space.size), metrics=["val_map", "test_map"])
    settings = AnalysisSettings.of(params.settings)
    truth, reason = truth_of(benchmark.table.frame(), benchmark.space, settings)
    document = replicate_runs(
        pd.concat(ledgers, ignore_index=True),
        pd.DataFrame(first.scores),
        benchmark.space,
        truth,
        reason,
    )
    write_json(snakemake.output.document, {"task": benchmark.task, **document})
