"""Write the report: one page and its figures, from the analyses of all tasks."""

from pathlib import Path

from dashsearch.clips.manifest import read_manifest
from dashsearch.clips.splits import read_splits
from dashsearch.clips.windows import read_marked
from dashsearch.jobs import job
from dashsearch.provenance import provenance
from dashsearch.report.page import write_report
from dashsearch.report.task import TaskReport


def read_marked_clips(manifest, windows):
    """Sentences of the clips that could not be used, whether found in the index or on decoding."""
    marked = read_manifest(manifest).query("status == 'marked'")
    return {**dict(zip(marked["clip_id"], marked["problem"], strict=True)), **read_marked(windows)}


with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    tasks = []
    for place, name in enumerate(params.tasks):
        splits = read_splits(inputs.splits[place])
        note = provenance(
            "analysis/1",
            libraries=("matplotlib", "numpy", "pandas", "scipy", "statsmodels"),
            inputs={"splits": splits["digest"], "space": params.space},
            settings={
                "campaign_seed": params.seed,
                "trainer": params.trainer,
                "clips": {split: len(clips) for split, clips in splits["clips"].items()},
            },
        )
        tasks.append(
            TaskReport(
                name=name,
                synthetic=params.synthetic[place],
                analysis_folder=Path(inputs.analyses[place]).parent,
                marked_clips=read_marked_clips(inputs.manifests[place], inputs.windows[place]),
                sample_frames=Path(inputs.sheets[place]),
                provenance=note,
            )
        )
    write_report(tasks, Path(snakemake.output.page).parent)
