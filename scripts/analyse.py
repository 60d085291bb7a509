"""Answer one question from a task's ledgers; the summary also says what made all answers."""

from pathlib import Path

from dashsearch.analysis.analyse import analyse
from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.inputs.ledgers import analysis_note, read_ledgers
from dashsearch.analysis.inputs.measured import read_measured
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params = snakemake.params
    space = load_space(snakemake.input.space)
    ledger, digests = read_ledgers(snakemake.input.ledgers, space, params.tte_s)
    settings = AnalysisSettings.of(params.settings)
    table = snakemake.input.get("table")
    measured = read_measured(table, settings) if table else None
    note = analysis_note(digests, space, settings, params.trainer)
    write_findings(
        analyse(params.question, ledger, space, settings, measured),
        Path(snakemake.output.document).parent,
        note if params.question == "summary" else None,
    )
