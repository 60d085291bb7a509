"""Draw a sheet of sample windows of the training split for the report."""

from dashsearch.clips.samples import draw_sample_frames
from dashsearch.clips.splits import read_splits
from dashsearch.jobs import job

with job(snakemake.log[0]):
    splits = read_splits(snakemake.input.splits)
    draw_sample_frames(snakemake.input.windows, splits["clips"]["train"], snakemake.output.sheet)
