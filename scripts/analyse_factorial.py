"""Split the variance between all cells of a factorial table exactly."""

from pathlib import Path

from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.questions.factorial import factorial_findings
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.factorial.table import FactorialTable
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    space = load_space(snakemake.input.space)
    table = FactorialTable.load(snakemake.input.table, space, snakemake.params.tte_s)
    settings = AnalysisSettings.of(snakemake.params.settings)
    frame = table.frame().assign(task=snakemake.wildcards.task)
    folder = Path(snakemake.output.document).parent
    write_findings(factorial_findings(frame, space, settings), folder)
