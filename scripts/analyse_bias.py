"""Answer what shares of variance say on adaptively chosen cells; a table of all cells is exact."""

from pathlib import Path

from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.inputs.ledgers import read_ledgers
from dashsearch.analysis.inputs.usable import usable_ledger
from dashsearch.analysis.questions.bias import bias_findings
from dashsearch.analysis.questions.factorial import truth_of
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.factorial.table import FactorialTable
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]) as logger:
    params = snakemake.params
    space = load_space(snakemake.input.space)
    ledger, _ = read_ledgers(snakemake.input.ledgers, space, params.tte_s)
    settings = AnalysisSettings.of(params.settings)
    exact = {}
    if snakemake.input.table:
        table = FactorialTable.load(snakemake.input.table, space, params.tte_s)
        truth, reason = truth_of(table.frame(), space, settings)
        exact = {"truth": truth, "truth_reason": reason}
        if truth is None:
            logger.warning("no exact shares: %s", reason)
    findings = bias_findings(usable_ledger(ledger, space, settings), space, settings, **exact)
    write_findings(findings, Path(snakemake.output.document).parent)
