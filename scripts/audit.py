"""Write the audit's page and its figures."""

from pathlib import Path

from dashsearch.jobs import job
from dashsearch.report.audit import write_audit_page

with job(snakemake.log[0]):
    campaign = snakemake.params.campaign
    write_audit_page(
        Path(snakemake.input.document),
        Path(snakemake.output.page).parent,
        Path(campaign["path"]) if campaign else None,
    )
