"""Recompute every published claim and judge it."""

from pathlib import Path

from dashsearch.analysis.audit.run import audit_claims, write_audit
from dashsearch.jobs import job

with job(snakemake.log[0]):
    write_audit(
        audit_claims(Path(snakemake.input.claims).parent),
        Path(snakemake.output.document),
        Path(snakemake.output.table),
    )
