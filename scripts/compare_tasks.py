"""Put all tasks of a campaign side by side, from the ledgers of all their arms."""

from pathlib import Path

from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.inputs.ledgers import analysis_note, read_ledgers
from dashsearch.analysis.questions.cross_task import cross_task_findings
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params, paths = snakemake.params, snakemake.input.ledgers
    space = load_space(snakemake.input.space)
    arms = len(paths) // len(params.tte_s)
    ledgers, digests = [], {}
    for place, tte_s in enumerate(params.tte_s):
        ledger, found = read_ledgers(paths[place * arms : (place + 1) * arms], space, tte_s)
        ledgers.append((ledger, space))
        task = ledger["task"].iloc[0]
        digests |= {f"{arm} on {task}": digest for arm, digest in found.items()}
    settings = AnalysisSettings.of(params.settings)
    write_findings(
        cross_task_findings(ledgers, settings),
        Path(snakemake.output.document).parent,
        analysis_note(digests, space, settings, params.trainer),
    )
