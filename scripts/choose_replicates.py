"""Choose the cells that are measured again: some drawn uniformly, and the best on validation."""

import pandas as pd

from dashsearch.factorial.plan import SELECTION, FactorialPlan, best_cells, part_of
from dashsearch.files import write_json
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params = snakemake.params
    space = part_of(load_space(snakemake.input.space), params.levels, params.part)
    # Without the columns of test scores: nothing is chosen by them.
    columns = ["cell", "fidelity", "status", SELECTION]
    measured = pd.concat(
        [pd.read_parquet(path, columns=columns) for path in snakemake.input.measured],
        ignore_index=True,
    )
    # A draw does not depend on the trainer.
    plan = FactorialPlan(space, snakemake.wildcards.task, params.campaign_seed, trainer="")
    uniform = plan.uniform(params.uniform)
    best = [cell for cell in best_cells(measured, params.best) if cell not in set(uniform)]
    write_json(snakemake.output.chosen, {"uniform": uniform, "best": best})
