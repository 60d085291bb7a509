"""Write the report: one page and its figures, from the analyses of all tasks."""

from pathlib import Path

import pandas as pd

from dashsearch.analysis.inputs.ledgers import read_ledgers
from dashsearch.clips.splits import read_splits
from dashsearch.clips.thumbnails import clip_strips
from dashsearch.clips.window_index import read_marked_clips
from dashsearch.jobs import job
from dashsearch.ledger.calls import join_calls, summarise_calls
from dashsearch.ledger.ideas import read_hypotheses
from dashsearch.report.clips import choose_examples, with_pictures
from dashsearch.report.clock import arm_costs, machine, rule_durations
from dashsearch.report.page import Run, write_report
from dashsearch.report.tables import write_tables
from dashsearch.report.task import TaskReport, numbered
from dashsearch.space.files import load_space


def read_examples(place):
    """Choose test clips that were told rightly and wrongly, with their pictures."""
    examples = choose_examples(pd.read_parquet(inputs.clip_scores[place]))
    clips = [example.clip_id for example in examples]
    pictures = clip_strips(inputs.frames[place], inputs.windows[place], clips)
    return with_pictures(examples, pictures)


with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    space = load_space(inputs.space)
    calls = join_calls(inputs.calls)
    tasks, costs = [], {}
    for place, name in enumerate(params.tasks):
        ledger, _ = read_ledgers(params.ledgers[name], space, params.tte_s[name])
        ideas = read_hypotheses(params.ideas[name])
        spent = [
            pd.read_parquet(path).assign(arm=Path(path).parts[-3]) for path in params.costs[name]
        ]
        costs[name] = arm_costs(pd.concat(spent), params.usd_per_hour)
        of_clips = {}
        if inputs.splits:  # what was looked up in a table has no clips to tell of
            splits = read_splits(inputs.splits[place])
            of_clips = {
                "synthetic": params.synthetic[place],
                "marked_clips": read_marked_clips(inputs.windows[place]),
                "sample_frames": Path(inputs.sheets[place]),
                "splits": {
                    "digest": splits["digest"],
                    "clips": {side: len(clips) for side, clips in splits["clips"].items()},
                },
                "examples": read_examples(place) if inputs.clip_scores else (),
            }
        tasks.append(
            TaskReport(
                name=name,
                analysis_folder=Path(inputs.summary[place]).parent,
                calls=summarise_calls(calls[calls["task"] == name]),
                experiments=numbered(ledger, ideas),
                factors=space.names,
                **({"synthetic": False} | of_clips),
            )
        )
    run = Run(rule_durations(params.benchmarks), costs, machine())
    write_tables(tasks, Path(snakemake.output.tables))
    folder = Path(snakemake.output.page).parent
    write_report(tasks, folder, run, audit=Path(inputs.audit), replicates=inputs.replicates)
