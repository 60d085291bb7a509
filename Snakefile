"""dashsearch: clips in, campaign, report out. Targets, config validation and includes."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

sys.path.insert(0, str(Path(workflow.basedir, "scripts")))

# A --configfile replaces the default as a whole: merging would leave the default's tasks in.
if not workflow.config_settings.configfiles:

    configfile: str(Path(workflow.basedir, "config.yaml"))


include: "rules/common.smk"
include: "rules/inputs.smk"


if config["evaluator"] == "train":

    include: "rules/clips.smk"
    include: "rules/features.smk"
    include: "rules/agents.smk"
    include: "rules/search.smk"
    include: "rules/transfer.smk"
    include: "rules/factorial.smk"

else:

    include: "rules/table.smk"


include: "rules/analysis.smk"
include: "rules/report.smk"
include: "rules/audit.smk"


rule all:
    default_target: True
    input:
        "results/report/index.html",
        ANSWERS,


# Off by default: fetches the data sets of the tasks that have a `download:`.
rule download:
    input:
        expand("results/{task}/source/download.json", task=DOWNLOADED_TASKS),
