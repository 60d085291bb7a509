"""Analyse a task's ledgers: variance shares, convergence and the dynamics of proposals."""

from pathlib import Path

from dashsearch.analysis.analyse import analyse_task, write_analysis
from dashsearch.analysis.ledgers import analysis_note, read_ledgers
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params = snakemake.params
    space = load_space(snakemake.input.space)
    ledger, digests = read_ledgers(snakemake.input.ledgers, space, params.tte_s)
    settings = dict(params.settings)
    for name in ("designed_arms", "uniform_arms"):
        settings[name] = tuple(settings[name])
    settings = AnalysisSettings(**settings)
    write_analysis(
        analyse_task(ledger, space, settings),
        Path(snakemake.output.summary).parent,
        analysis_note(digests, space, settings, params.trainer),
    )
