"""Write the report: one page and its figures, from the analyses of all tasks."""

from pathlib import Path

from dashsearch.clips.splits import read_splits
from dashsearch.clips.window_index import read_marked_clips
from dashsearch.jobs import job
from dashsearch.ledger.calls import join_calls, summarise_calls
from dashsearch.report.page import write_report
from dashsearch.report.task import TaskReport

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    tasks = []
    calls = join_calls(inputs.calls)
    for place, name in enumerate(params.tasks):
        if not inputs.splits:  # looked up in a table: there are no clips to tell of
            tasks.append(TaskReport(name, False, Path(inputs.summary[place]).parent))
            continue
        splits = read_splits(inputs.splits[place])
        tasks.append(
            TaskReport(
                name=name,
                synthetic=params.synthetic[place],
                analysis_folder=Path(inputs.summary[place]).parent,
                marked_clips=read_marked_clips(inputs.windows[place]),
                calls=summarise_calls(calls[calls["task"] == name]),
                sample_frames=Path(inputs.sheets[place]),
                splits={
                    "digest": splits["digest"],
                    "clips": {side: len(clips) for side, clips in splits["clips"].items()},
                },
            )
        )
    write_report(tasks, Path(snakemake.output.page).parent)
