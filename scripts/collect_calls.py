"""Join the calls of an arm's rounds: what language models were asked, and what it cost."""

from dashsearch.jobs import job
from dashsearch.ledger.calls import join_calls
from dashsearch.ledger.schema import CALL_COLUMNS
from dashsearch.provenance import provenance
from dashsearch.tables import write_table

with job(snakemake.log[0]):
    calls = join_calls(snakemake.input.calls)
    write_table(snakemake.output.calls, calls, CALL_COLUMNS, provenance("calls/1"))
