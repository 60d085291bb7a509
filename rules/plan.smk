"""What a run or a dry run will do, in words, before Snakemake's own table of jobs."""

import yaml
from snakemake.logging import logger

from dashsearch.config.plan import Rates, describe_plan, extent_of
from dashsearch.search.agents.prices import load_prices


def count_clips(task):
    """How many clips a task has; None if its data set has still to be fetched."""
    if config["tasks"][task]["source"] == "embedded":
        return config["tasks"][task]["clips"]
    return len(DATA_SETS[task].records) if task in DATA_SETS else None


def count_trained_rounds():
    """How many rounds of all arms, tasks and seeds have been trained."""
    return sum(
        Path(
            f"results/{task}/arms/{arm}/seed{seed}/round{each}/validation.parquet"
        ).exists()
        for task in config["tasks"]
        for arm, settings in config["arms"].items()
        for seed in settings["seeds"]
        for each in range(settings["rounds"])
    )


def log_plan():
    """Log the plan's sentences."""
    extent = extent_of(
        config,
        {task: count_clips(task) for task in config["tasks"]},
        [
            task
            for task in config["tasks"]
            if Path(f"results/{task}/clips/windows.h5").exists()
        ],
        {
            task: [
                name
                for name in EXTRACTED
                if Path(f"results/{task}/features/{name}.h5").exists()
            ]
            for task in config["tasks"]
        },
        count_trained_rounds(),
    )
    rates = Rates(**yaml.safe_load(Path(RATES_FILE).read_text()))
    cores = workflow.resource_settings.cores
    for sentence in describe_plan(
        config, extent, EXTRACTED, rates, prices=load_prices(PRICE_FILE), cores=cores
    ):
        logger.info(sentence)


# Not in the processes that run single jobs.
if workflow.is_main_process:
    log_plan()
