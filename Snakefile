"""dashsearch: clips in, campaign, report out. Targets, config validation and includes."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

# Where this file lies; `workflow.basedir` is that of whoever uses it as a module.
HOME = Path(workflow.current_basedir)
sys.path.insert(0, str(HOME / "scripts"))


report: "resources/report/captions/workflow.rst"


# A --configfile replaces the default as a whole: merging would leave the default's tasks in.
if not workflow.config_settings.configfiles:

    configfile: str(HOME / "config.yaml")


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
include: "rules/replicates.smk"
include: "rules/report.smk"
include: "rules/audit.smk"
include: "rules/exports.smk"
include: "rules/bundle.smk"
include: "rules/plan.smk"


rule all:
    default_target: True
    input:
        "results/report/index.html",
        ANSWERS,


# Off by default: fetches the data sets of the tasks that have a `download:`.
rule download:
    input:
        expand("results/{task}/source/download.json", task=DOWNLOADED_TASKS),


# Off by default: minutes to days of training, as `factorial:` in the config says.
rule factorial:
    input:
        rules.stack_factorial.output if IS_TRAINED else [],
        expand("results/{task}/factorial/functional_anova.json", task=TRAINED_TASKS),


# Off by default: the campaign in other programs' formats.
rule exports:
    input:
        expand("results/{task}/exports/{kind}", task=config["tasks"], kind=EXPORTS),


# Off by default: ledgers, transcripts, report and environment in one file, with checksums.
rule bundle:
    input:
        BUNDLE,
