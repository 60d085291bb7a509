"""Compare the backbones at equal configuration, with intervals over seeds and over clips."""

from pathlib import Path

from dashsearch.analysis.analyse import analyse_transfer
from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.inputs.clip_scores import read_clip_scores
from dashsearch.analysis.inputs.ledgers import read_ledgers
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params = snakemake.params
    space = load_space(snakemake.input.space)
    results, _ = read_ledgers([snakemake.input.results], space, params.tte_s)
    settings = AnalysisSettings(seed=params.seed, bootstraps=params.bootstraps)
    clips = read_clip_scores(snakemake.input.clip_scores)
    write_findings(
        analyse_transfer(results, space, settings, clips),
        Path(snakemake.output.document).parent,
    )
