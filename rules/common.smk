"""The validated config, and the input functions that the rules share."""

from dashsearch.clips.adapters import read_clips, videos_state
from dashsearch.config import check_budgets, validate_config
from dashsearch.errors import InputError
from dashsearch.features.registry import load_registry
from dashsearch.space.files import load_space
from dashsearch.training.levels import check_space
from dashsearch.training.settings import TrainerSettings


def resource_path(path):
    """A path of the user's if it exists from the working directory, else one of the workflow's."""
    return path if Path(path).exists() else str(Path(workflow.basedir, path))


try:
    config = validate_config(config)
    SPACE_FILE = resource_path(config["space"])
    SPACE = load_space(SPACE_FILE)
    check_space(SPACE)
    REGISTRY_FILE = resource_path("resources/backbones.yaml")
    BACKBONES = SPACE.factor("backbone").levels
    REGISTRY = load_registry(REGISTRY_FILE)
    REGISTRY.require(BACKBONES)
    check_budgets(config["arms"], SPACE.size)
    for task in config["tasks"].values():
        if task["source"] != "embedded":
            read_clips(
                task["source"], task.get("file") or Path(task["folder"], "train.csv")
            )
except InputError as error:
    raise WorkflowError(str(error))

READ_OUTS = REGISTRY.shared(BACKBONES)
TRAINER = TrainerSettings(**config["training"]).identity


wildcard_constraints:
    task="|".join(config["tasks"]),
    arm="|".join(config["arms"]),
    seed=r"\d+",
    round=r"\d+",
    backbone="|".join(BACKBONES),


def get_source(wildcards):
    """The table that lists a task's clips: rendered by us, or where the user's data set is."""
    task = config["tasks"][wildcards.task]
    match task["source"]:
        case "embedded":
            return f"results/{wildcards.task}/source/train.csv"
        case "nexar":
            return str(Path(task["folder"], "train.csv"))
        case "csv":
            return task["file"]


def get_videos(wildcards):
    """The rendered videos, which have to exist first; a user's own are there already."""
    if config["tasks"][wildcards.task]["source"] == "embedded":
        return f"results/{wildcards.task}/source/train"
    return []


def get_adapter(wildcards):
    """The adapter that reads the task's table: an embedded task is laid out like Nexar's set."""
    source = config["tasks"][wildcards.task]["source"]
    return "nexar" if source == "embedded" else source


def get_round_files(name):
    """An input function: this file of every round of an arm."""

    def get_files(wildcards):
        return expand(
            "results/{task}/arms/{arm}/seed{seed}/round{round}/{name}.parquet",
            task=wildcards.task,
            arm=wildcards.arm,
            seed=wildcards.seed,
            round=range(config["arms"][wildcards.arm]["rounds"]),
            name=name,
        )

    return get_files


def get_history(wildcards):
    """The validation results of all earlier rounds: everything that a proposal may know."""
    return expand(
        "results/{task}/arms/{arm}/seed{seed}/round{round}/validation.parquet",
        task=wildcards.task,
        arm=wildcards.arm,
        seed=wildcards.seed,
        round=range(int(wildcards.round)),
    )


def get_arm_files(name):
    """An input function: this file of every arm and seed of a task."""

    def get_files(wildcards):
        return [
            f"results/{wildcards.task}/arms/{arm}/seed{seed}/{name}.parquet"
            for arm, settings in config["arms"].items()
            for seed in settings["seeds"]
        ]

    return get_files


def get_arms_of(policy):
    """The names of the arms that run a policy."""
    return [name for name, arm in config["arms"].items() if arm["policy"] == policy]


def get_policy_settings(wildcards):
    """The policy's own settings: those of the arm that are not its budget."""
    budget = ("policy", "seeds", "rounds", "experiments_per_round")
    arm = config["arms"][wildcards.arm]
    return {name: value for name, value in arm.items() if name not in budget}


def get_videos_state(wildcards):
    """What a user's own videos are now: a replaced or added file has to be seen."""
    if config["tasks"][wildcards.task]["source"] == "embedded":
        return ""
    return videos_state(get_adapter(wildcards), get_source(wildcards))


def get_embedded(wildcards):
    """Scene, number of clips and seed of an embedded task."""
    task = config["tasks"][wildcards.task]
    return task["scene"], task["clips"], config["seed"]
