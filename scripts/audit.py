"""Write the audit's page and its figures."""

from pathlib import Path

from dashsearch.jobs import job
from dashsearch.report.audit import write_audit_page

with job(snakemake.log[0]):
    write_audit_page(Path(snakemake.input.document), Path(snakemake.output.page).parent)
