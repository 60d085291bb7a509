"""Analyse a task's ledgers: variance shares, convergence and the dynamics of proposals."""

from pathlib import Path

import pandas as pd

from dashsearch.analysis.analyse import analyse_task, write_analysis
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.jobs import job
from dashsearch.ledger.schema import ledger_columns
from dashsearch.space.files import load_space
from dashsearch.tables import read_table

with job(snakemake.log[0]):
    space = load_space(snakemake.input.space)
    columns = ledger_columns(space, tuple(snakemake.params.tte_s))
    ledger = pd.concat(
        [read_table(path, columns) for path in snakemake.input.ledgers], ignore_index=True
    )
    settings = dict(snakemake.params.settings)
    for name in ("designed_arms", "uniform_arms"):
        settings[name] = tuple(settings[name])
    analysis = analyse_task(ledger, space, AnalysisSettings(**settings))
    write_analysis(analysis, Path(snakemake.output.summary).parent)
