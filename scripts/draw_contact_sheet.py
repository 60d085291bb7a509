"""Draw a page of sample windows of the training split, to look at the data."""

from dashsearch.clips.contact_sheet import draw_contact_sheet
from dashsearch.clips.splits import read_splits
from dashsearch.jobs import job

with job(snakemake.log[0]):
    draw_contact_sheet(
        snakemake.input.windows,
        snakemake.input.index,
        read_splits(snakemake.input.splits)["clips"]["train"],
        snakemake.output.sheet,
    )
