"""The validated config, and what all rules are told by it."""

import json

from dashsearch.clips.adapters import read_data_set
from dashsearch.config.validation import (
    check_budgets,
    check_fidelities,
    check_transfer,
    validate_config,
)
from dashsearch.errors import InputError
from dashsearch.factorial.plan import part_of, shards_of
from dashsearch.features.registry import load_registry, with_own_backbones
from dashsearch.own_code import source_digest
from dashsearch.search.agents.prices import check_prices
from dashsearch.search.agents.secrets import check_keys
from dashsearch.search.agents.settings import EMBEDDED_MODEL, HOSTED
from dashsearch.search.settings import TERMS, batches_of, default_settings
from dashsearch.space.files import load_space
from dashsearch.training.levels import check_space
from dashsearch.training.settings import TrainerSettings


def resource_path(path):
    """A path of the user's if it exists from the working directory, else one of the workflow's."""
    return path if Path(path).exists() else str(Path(HOME, path))


def replicate_table(name):
    """A table that comes with dashsearch, by its name."""
    return resource_path(f"resources/tables/{name}.parquet")


def is_to_be_fetched(task):
    """Whether a task's data set is hosted on a hub and has not been downloaded yet."""
    return bool(task.get("download")) and not download_record(task).exists()


def download_record(task):
    """The file that a finished download leaves in the data set's folder."""
    return Path(task["folder"], "download.json")


def check_download(name, task):
    """Check that what lies in the folder was fetched from where the config says."""
    if not task.get("download") or not download_record(task).exists():
        return
    found = json.loads(download_record(task).read_text())
    for key in ("repository", "revision", "patterns"):
        wanted, there = task["download"][key], found.get(key)
        if there != wanted:
            raise InputError(
                f"config: tasks.{name}.download.{key} is {wanted!r}, but {task['folder']} was "
                f"fetched with {there!r}; fetch into another folder, or delete this one's files."
            )


try:
    config = validate_config(config)
    SPACE_FILE = resource_path(config["space"])
    SPACE = load_space(SPACE_FILE)
    check_budgets(config, SPACE)
    check_fidelities(config, SPACE)
    check_transfer(config, SPACE)
    check_keys(config)
    check_prices(config, resource_path(config["agents"]["prices"]))
    # Digests of the files of own policies: another file is another arm.
    OWN_POLICIES = {
        name: source_digest(f"arms.{name}.source", arm["source"])
        for name, arm in config["arms"].items()
        if arm["policy"] == "own"
    }
    TABLES = {name: resource_path(path) for name, path in config["tables"].items()}
    for name, path in config["tables"].items():
        if not Path(TABLES[name]).is_file():
            raise InputError(
                f"config: tables.{name} is {path!r}, which does not exist."
            )
    for name in config["replicate_runs"]["tables"]:
        if not Path(replicate_table(name)).is_file():
            raise InputError(
                f"config: replicate_runs.tables holds {name!r}, which is no table; use the name of "
                "one in resources/tables."
            )
    IS_TRAINED = config["evaluator"] == "train"
    TRAINER = TrainerSettings.of(config["training"]).identity if IS_TRAINED else "table"
    REGISTRY_FILE = resource_path("resources/backbones.yaml")
    REGISTRY = with_own_backbones(
        load_registry(REGISTRY_FILE), config["features"]["backbones"]
    )
    # A table may be of any space; what is trained has to be known to the trainer.
    if IS_TRAINED:
        FACTORIAL_SPACE = part_of(
            SPACE, config["factorial"]["levels"], config["factorial"]["part"]
        )
        check_space(
            SPACE,
            {
                "encoder": config["training"]["encoders"],
                "loss": config["training"]["losses"],
            },
        )
        REGISTRY.require(SPACE.factor("backbone").levels)
    BACKBONES = SPACE.factor("backbone").levels if IS_TRAINED else ()
    for name, task in config["tasks"].items():
        check_download(name, task)
    # Every data set is read once a start; what is rendered or still to be fetched is not there yet.
    DATA_SETS = {
        name: read_data_set(task)
        for name, task in config["tasks"].items()
        if IS_TRAINED and task["source"] != "embedded" and not is_to_be_fetched(task)
    }
except InputError as error:
    raise WorkflowError(str(error))

DOWNLOADED_TASKS = [
    name for name, task in config["tasks"].items() if task.get("download")
]
# What has to be extracted: a fusion's parts instead of itself.
EXTRACTED = REGISTRY.parts(BACKBONES)
FUSED = [name for name in BACKBONES if REGISTRY.get(name).multi]
READ_OUTS = REGISTRY.shared(EXTRACTED)
TRAINED_TASKS = list(config["tasks"]) if IS_TRAINED else []
TRANSFER_TASKS = list(config["tasks"]) if config["transfer"]["top"] else []
SHARDS = config["training"]["shards"]
if IS_TRAINED:
    FACTORIAL_BACKBONES = FACTORIAL_SPACE.factor("backbone").levels
    CELL_SHARDS, REPLICATE_SHARDS = map(
        range, shards_of(FACTORIAL_SPACE, **config["factorial"])
    )
# The policies of `replicate_runs` with their default settings.
REPLICATE_POLICIES = {
    name: default_settings(name) for name in config["replicate_runs"]["policies"]
}
AGENT_ARMS = [name for name, arm in config["arms"].items() if arm["policy"] == "agents"]
POLICY_ARMS = [name for name in config["arms"] if name not in AGENT_ARMS]
# Jobs that decide when the run ends: features before all training, then what asks models.
FEATURE_PRIORITY, CHAIN_PRIORITY = 450, 400
ASKS_HOSTED_MODELS = any(
    agent["provider"] in HOSTED
    for name in AGENT_ARMS
    for agent in config["arms"][name]["agents"]
)
# On a cluster, a proposal and the training that waits for it are one job, unless shards of the
# training are to run side by side on several nodes.
ROUND = "{task}-{arm}-seed{seed}-round{round}" if SHARDS == 1 else None
PROMPT_FOLDER = resource_path("resources/prompts")
REFERENCE = resource_path(config["reference"])
RATES_FILE = resource_path("resources/rates.yaml")
PRICE_FILE = resource_path(config["agents"]["prices"])
# Seeds of an arm that one job looks up in a table, by the name of their file.
BATCHES = {name: batches_of(arm["seeds"]) for name, arm in config["arms"].items()}


def one_of(names):
    """A pattern that only these names match; none of them matches an impossible one."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    model=EMBEDDED_MODEL,
    task="|".join(config["tasks"]),
    arm="|".join(config["arms"]),
    seed=r"\d+",
    seeds=r"\d+(-\d+)?",
    shard=r"\d+",
    round=r"\d+",
    backbone="|".join(dict.fromkeys([*EXTRACTED, *BACKBONES])),


def growing(amount):
    """A resource that grows with every attempt: what was too little is not asked for again."""
    return lambda wildcards, attempt: amount * attempt
