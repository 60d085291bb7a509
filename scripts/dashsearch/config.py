"""The configuration: every setting with its type, default and bounds, checked before the first job.

The models below are the schema; `resources/schemas/config.schema.json` is made from them for
editors and the workflow catalog. A key that no model knows is an error.
"""

import difflib
import json
from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from dashsearch.clips.adapters import ADAPTERS, DataSetTask
from dashsearch.clips.settings import TaskSettings, Windows
from dashsearch.errors import InputError
from dashsearch.factorial.settings import Factorial, ReplicateRuns
from dashsearch.search.agents.settings import AGENT_SETTINGS, AgentCalls
from dashsearch.search.policies.grid import grid_places
from dashsearch.search.settings import ARM_SETTINGS, AnyArm
from dashsearch.space.space import Space
from dashsearch.strict import StrictModel

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


# Folders beside those of the tasks, and headings of the report.
RESERVED_TASK_NAMES = {
    *("report", "benchmarks", "models", "cross_task", "factorial", "audit"),
    "replicate_runs",
    *("answers", "reading", "provenance", "cost", "luck"),
}


class EmbeddedTask(TaskSettings):
    """A synthetic dashcam task that is rendered and encoded on the spot."""

    source: Literal["embedded"]
    scene: Literal["highway", "crossing"]
    clips: Annotated[int, Field(ge=8, multiple_of=2, description="half of them positive")] = 320


Task = Annotated[EmbeddedTask | DataSetTask, Field(discriminator="source")]


class Split(StrictModel):
    """Shares of the clips, drawn by clip and stratified by label."""

    train: PositiveShare = 0.6
    validation: PositiveShare = 0.2
    test: PositiveShare = 0.2

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError("train, validation and test must add up to 1")
        return self


class Training(StrictModel):
    """How one experiment is trained, beside what its cell says."""

    epochs: Count = 20
    batch_size: Annotated[int, Field(ge=2)] = 32
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_fraction: Share = 0.1
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    layers: Annotated[
        int | None, Field(ge=1, le=12, description="of the encoder; null: as it is used")
    ] = None
    sequence_length: Annotated[
        int | None, Field(ge=1, description="last frames of a window that are seen; null: all")
    ] = None
    feature_dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 2.0
    focal_alpha: PositiveShare = 0.25
    positive_weight: Annotated[float, Field(gt=0)] = 1.0
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    components: Annotated[
        int | None, Field(ge=1, description="principal components of the features; null: all")
    ] = 48
    precision: Annotated[
        Literal["float32", "bfloat16"], Field(description="of matrix products")
    ] = "float32"
    patience: Annotated[
        int | None, Field(ge=1, description="epochs without a better validation mAP; null: never")
    ] = None
    curve_epochs: Annotated[
        list[Count], Field(description="epochs after which the validation mAP is kept")
    ] = Field(default=[])
    encoders: Annotated[
        dict[Name, str], Field(description="encoders of your own: name to <file>:<class>")
    ] = Field(default={})
    device: Literal["cpu", "cuda"] = "cpu"
    stack_size: Annotated[
        int | None, Field(ge=1, description="experiments trained together; null: measured")
    ] = None
    memory_gb: Annotated[float, Field(gt=0, description="of a process's stack")] = 2.0
    checkpoints: Annotated[
        int, Field(ge=0, description="of how many experiments of an arm weights are kept")
    ] = 1
    shards: Annotated[
        int, Field(ge=1, le=1000, description="jobs that a round is trained in, for many devices")
    ] = 1
    usd_per_hour: Annotated[
        float, Field(ge=0, description="price of an hour of training, for arms with budget_usd")
    ] = 0.0


class Features(StrictModel):
    """Where the networks of the backbones run, and where their weights come from."""

    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="auto: a GPU if there is one; the log says which"),
    ] = "auto"
    weights_dir: Annotated[
        str | None, Field(description="folder of weights on a node without network; null: the hub")
    ] = None


class Analysis(StrictModel):
    """Settings of the estimators."""

    min_per_group: Annotated[int, Field(ge=2)] = 2
    window: Annotated[int, Field(ge=2)] = 20
    step: Count = 5
    permutations: Annotated[int, Field(ge=99)] = 999
    bootstraps: Annotated[int, Field(ge=99)] = 2000
    failed_cells: Annotated[
        Literal["refuse", "lowest"],
        Field(description="of a table, in exact shares; lowest: each has its lowest score"),
    ] = "refuse"


class Transfer(StrictModel):
    """The best configurations of the arms, trained again with every backbone and fresh seeds."""

    top: Annotated[
        int, Field(ge=0, le=100, description="configurations, by validation score; 0: no transfer")
    ] = 0
    seeds: Annotated[int, Field(ge=2, le=100, description="of every configuration")] = 3
    arms: Annotated[
        list[Name], Field(description="whose configurations are chosen from; none: all arms")
    ] = Field(default=[])


class Exports(StrictModel):
    """What `snakemake exports` writes."""

    studies: Annotated[
        Literal["journal", "sqlite"], Field(description="file of the Optuna studies")
    ] = "journal"


class Config(StrictModel):
    """The whole configuration."""

    seed: Annotated[int, Field(ge=0)] = 1
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    space: str = "resources/spaces/embedded.yaml"
    windows: Windows = Windows()
    clips_per_shard: Annotated[
        int,
        Field(
            ge=1, description="clips that a job decodes or describes at a time; a crash loses one"
        ),
    ] = 400
    max_marked_share: Share = 0.05
    split: Split = Split()
    shared_start: Annotated[
        int, Field(ge=0, description="cells that all searching arms of a task and seed begin with")
    ] = 16
    arms: Annotated[dict[Name, AnyArm], Field(min_length=1)]
    evaluator: Annotated[
        Literal["train", "table"],
        Field(description="train experiments, or look them up in a factorial file"),
    ] = "train"
    tables: Annotated[
        dict[Name, str], Field(description="factorial file by task, for the evaluator `table`")
    ] = Field(default={})
    agents: AgentCalls = AgentCalls()
    features: Features = Features()
    training: Training = Training()
    analysis: Analysis = Analysis()
    transfer: Transfer = Transfer()
    factorial: Factorial = Factorial()
    replicate_runs: ReplicateRuns = ReplicateRuns()
    exports: Exports = Exports()

    @model_validator(mode="after")
    def _free_names(self) -> Self:
        taken = sorted(RESERVED_TASK_NAMES & set(self.tasks))
        if taken:
            raise ValueError(f"tasks.{taken[0]} has a name that results/ needs; rename the task")
        return self

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        if self.evaluator == "table":
            without = [name for name in self.tasks if name not in self.tables]
            if without:
                raise ValueError(
                    f"tables.{without[0]} is missing; name the factorial file of the task, "
                    "or set evaluator to train"
                )
        elif self.tables:
            raise ValueError("tables is set, but evaluator is train; set evaluator to table")
        return self

    @model_validator(mode="after")
    def _transfer_fits(self) -> Self:
        if self.transfer.top and self.evaluator == "table":
            raise ValueError(
                "transfer trains with fresh seeds, which a table does not hold; set transfer.top "
                "to 0, or evaluator to train"
            )
        unknown = [name for name in self.transfer.arms if name not in self.arms]
        if unknown:
            raise ValueError(
                f"transfer.arms holds {unknown[0]!r}, which is no arm; use {', '.join(self.arms)}"
            )
        return self

    @model_validator(mode="after")
    def _agents_train(self) -> Self:
        names = [name for name, arm in self.arms.items() if arm.policy == "agents"]
        if names and self.evaluator == "table":
            raise ValueError(
                f"arms.{names[0]} asks language models, round by round; set evaluator to train"
            )
        return self

    @model_validator(mode="after")
    def _budgets_can_end(self) -> Self:
        for name, arm in self.arms.items():
            is_free = not self.training.usd_per_hour and arm.policy != "agents"
            if arm.budget_usd is not None and is_free:
                raise ValueError(
                    f"arms.{name}.budget_usd never ends without a price; set training.usd_per_hour"
                )
        return self


def validate_config(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Check a config and fill in its defaults.

    Returns
    -------
    dict
        Plain data with every key present.

    Raises
    ------
    InputError
        Names the first wrong key by its path, what is wrong with it, and how many more there are.
    """
    try:
        config = Config.model_validate(dict(raw))
    except ValidationError as error:
        problems = [_sentence(problem) for problem in error.errors(include_url=False)]
        more = f" ({len(problems) - 1} more after this one)" if len(problems) > 1 else ""
        raise InputError(f"config: {problems[0]}{more}.") from None
    return config.model_dump()


def check_budgets(config: Mapping[str, Any], space: Space) -> None:
    """Check that no arm asks for more than the space, or its part of it, can give.

    Raises
    ------
    InputError
        Names the arm, its budget and the number of cells.
    """
    for name, arm in config["arms"].items():
        budget = arm["rounds"] * arm["experiments_per_round"]
        cells = space.size
        if arm["policy"] == "grid":
            try:
                cells = prod(map(len, grid_places(space, arm["levels"])))
            except InputError as error:
                raise InputError(f"config: arms.{name}.levels: {error}") from None
        if arm["policy"] in NEVER_REPEATS and budget > cells:
            raise InputError(
                f"config: arms.{name}: rounds x experiments_per_round is {budget}, but there are "
                f"{cells} cells and {arm['policy']} never repeats one; lower the budget."
            )
        if arm["policy"] == "bohb_style" and "epochs" in space.names:
            raise InputError(
                f"config: arms.{name}: bohb_style decides on the epochs itself, but they are a "
                f"factor of space {space.name}; use another policy or another space."
            )


def check_transfer(config: Mapping[str, Any], space: Space) -> None:
    """Check that there are backbones to exchange, if a transfer check is asked for.

    Raises
    ------
    InputError
        If the space has one backbone only.
    """
    top = config["transfer"]["top"]
    if top and len(space.factor("backbone").levels) < 2:
        raise InputError(
            f"config: transfer.top is {top}, but space {space.name} has one backbone, so there is "
            "none to exchange it for; set transfer.top to 0."
        )


def _sentence(problem: Mapping[str, Any]) -> str:
    """Say what is wrong with one key, and what would be right."""
    path = ".".join(str(part) for part in _keys(problem["loc"]))
    return f"{path}: {_complaint(problem)}" if path else _complaint(problem)


def _complaint(problem: Mapping[str, Any]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        return "unknown key; " + (
            f"did you mean {close[0]}" if close else f"use {', '.join(known)}"
        )
    if kind == "union_tag_invalid":
        expected = context["expected_tags"].replace("', '", "' or '")
        return f"{context['discriminator']} is {context['tag']!r}; use {expected}"
    if kind == "union_tag_not_found":
        return f"{context['discriminator']} is missing; add it"
    fixed = {
        "missing": "is missing; add it",
        "string_pattern_mismatch": (
            "use a name of lower-case letters, digits and _ that starts with a letter"
        ),
        "value_error": str(context.get("error", "")),
    }
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return fixed.get(kind, f"{message}, but it is {problem['input']!r}")


_UNION_MEMBERS: dict[str, type[StrictModel]] = {
    "embedded": EmbeddedTask,
    **{source: settings for source, (settings, _) in ADAPTERS.items()},
    **ARM_SETTINGS,
}
_UNIONS = ("tasks", "arms")
# Policies that run out of cells at the end of a space, or of a grid.
NEVER_REPEATS = ("random", "grid", "evolution", "local_search", "smac")


def _keys(location: tuple[str | int, ...]) -> list[str | int]:
    """Drop what pydantic adds to a location: the chosen member of a union, and "[key]"."""
    return [
        part
        for place, part in enumerate(location)
        if part != "[key]"
        and not (place == 2 and location[0] in _UNIONS)
        and not (place == 5 and location[3:4] == ("agents",))
    ]


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that a part of the config may have."""
    model: type[StrictModel] = Config
    if location[3:4] == ("agents",) and len(location) > 5:
        return list(AGENT_SETTINGS[str(location[5])].model_fields)
    for place, part in enumerate(location):
        in_union = location[0] in _UNIONS
        if place == 2 and in_union:
            model = _UNION_MEMBERS[str(part)]
        elif place == 0 or place > 2 or not in_union:
            model = _model_of(model, str(part)) or model
    return list(model.model_fields)


def _model_of(model: type[StrictModel], key: str) -> type[StrictModel] | None:
    """Return the model that a key of `model` holds, if it holds one."""
    annotation = model.model_fields[key].annotation
    kinds = (annotation, *get_args(annotation))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, StrictModel)), None)


if __name__ == "__main__":
    print(json.dumps(Config.model_json_schema(), indent=2, sort_keys=True))
