"""The configuration: every setting with its type, default and bounds, checked before the first job.

The models below are the schema; `resources/schemas/config.schema.json` is made from them for
editors and the workflow catalog. A key that no model knows is an error.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from dashsearch.clips.adapters import DataSetTask
from dashsearch.clips.settings import TaskSettings, Windows
from dashsearch.factorial.settings import Factorial, ReplicateRuns
from dashsearch.search.agents.settings import AgentCalls
from dashsearch.search.settings import AnyArm
from dashsearch.strict import StrictModel

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


def check_gamma(gamma: float) -> float:
    """Refuse exponents below 1, whose loss has no gradient at a score that is right; 0 has one."""
    if 0 < gamma < 1:
        raise ValueError("must be 0, or from 1 to 10")
    return gamma


# Folders beside those of the tasks, and headings of the report.
RESERVED_TASK_NAMES = {
    *("report", "benchmarks", "models", "cross_task", "factorial", "audit", "bundle"),
    *("replicate_runs", "reproduce"),
    *("answers", "reading", "provenance", "cost", "luck"),
}


class EmbeddedTask(TaskSettings):
    """A synthetic dashcam task that is rendered and encoded on the spot."""

    source: Literal["embedded"]
    scene: Annotated[
        Literal["highway", "crossing"],
        Field(description="what is rendered: traffic ahead on a highway, or traffic that crosses"),
    ]
    clips: Annotated[int, Field(ge=8, multiple_of=2, description="half of them positive")] = 320


Task = Annotated[EmbeddedTask | DataSetTask, Field(discriminator="source")]


class Split(StrictModel):
    """Shares of the clips, drawn by clip and stratified by label."""

    train: Annotated[PositiveShare, Field(description="of the clips, to train on")] = 0.6
    validation: Annotated[PositiveShare, Field(description="of the clips, to choose by")] = 0.2
    test: Annotated[
        PositiveShare, Field(description="of the clips, sealed until an arm has ended")
    ] = 0.2

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError("train, validation and test must add up to 1")
        return self


class Training(StrictModel):
    """How one experiment is trained, beside what its cell says."""

    epochs: Annotated[Count, Field(description="visits of every training clip")] = 20
    batch_size: Annotated[int, Field(ge=2, description="clips of a step")] = 32
    schedule: Annotated[
        Literal["cosine", "linear", "constant"],
        Field(description="of the learning rate after the warm-up"),
    ] = "cosine"
    warmup_fraction: Annotated[
        Share, Field(description="of the steps, in which the learning rate rises from 0")
    ] = 0.1
    gradient_clip: Annotated[
        float, Field(gt=0, description="largest norm of an experiment's gradient")
    ] = 1.0
    beta2: Annotated[float, Field(ge=0, lt=1, description="of AdamW")] = 0.999
    layers: Annotated[
        int | None, Field(ge=1, le=12, description="of the encoder; null: as it is used")
    ] = None
    sequence_length: Annotated[
        int | None, Field(ge=1, description="last frames of a window that are seen; null: all")
    ] = None
    feature_dropout: Annotated[
        float, Field(ge=0, le=0.9, description="share of the inputs that is dropped")
    ] = 0.0
    focal_gamma: Annotated[
        float,
        AfterValidator(check_gamma),
        Field(ge=0, le=10, description="exponent of the loss focal: 0, or 1 and more"),
    ] = 2.0
    focal_alpha: Annotated[
        PositiveShare,
        Field(description="weight of positives in the loss focal; negatives have the rest of 1"),
    ] = 0.25
    positive_weight: Annotated[
        float, Field(gt=0, description="of positives against negatives in the loss bce")
    ] = 1.0
    smoothing: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="share of the target that label_smoothing spreads over all classes",
        ),
    ] = 0.1
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
    losses: Annotated[
        dict[Name, str], Field(description="losses of your own: name to <file>:<function>")
    ] = Field(default={})
    device: Annotated[
        Literal["cpu", "cuda"], Field(description="where experiments are trained")
    ] = "cpu"
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


class OwnBackbone(StrictModel):
    """A backbone of your own: docs/extending.md."""

    source: Annotated[
        str, Field(description="<file>:<function> of a frame, or of a frame and the previous one")
    ]
    sees: Annotated[
        Literal["frame", "motion"],
        Field(description="what a frame's features depend on; motion: also the previous frame"),
    ]
    dimension: Annotated[int, Field(ge=1, description="length of a frame's feature vector")]


class Features(StrictModel):
    """Where the networks of the backbones run, and where their weights come from."""

    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="auto: a GPU if there is one; the log says which"),
    ] = "auto"
    weights_dir: Annotated[
        str | None, Field(description="folder of weights on a node without network; null: the hub")
    ] = None
    backbones: Annotated[
        dict[Name, OwnBackbone], Field(description="of your own, beside those of the registry")
    ] = Field(default={})


class Analysis(StrictModel):
    """Settings of the estimators."""

    min_per_group: Annotated[
        int, Field(ge=2, description="fewest scores of a group in an analysis of variance")
    ] = 2
    window: Annotated[
        int, Field(ge=2, description="consecutive proposals whose entropy is taken")
    ] = 20
    step: Annotated[Count, Field(description="proposals between the ends of two windows")] = 5
    permutations: Annotated[
        int, Field(ge=99, description="of every permutation test and null distribution")
    ] = 999
    bootstraps: Annotated[
        int, Field(ge=99, description="resamples of every bootstrap interval")
    ] = 2000
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
    """What `snakemake exports` and `snakemake bundle` write."""

    studies: Annotated[
        Literal["journal", "sqlite"], Field(description="file of the Optuna studies")
    ] = "journal"
    licence: Annotated[
        str, Field(description="of a bundle: an SPDX name, an address or a sentence; yours to say")
    ] = "not stated; ask the authors"


class Config(StrictModel):
    """The whole configuration."""

    seed: Annotated[
        int, Field(ge=0, description="every random draw of the campaign derives from it")
    ] = 1
    tasks: Annotated[
        dict[Name, Task], Field(min_length=1, description="what is searched on, by a name of yours")
    ]
    space: Annotated[str, Field(description="file of factors and levels")] = (
        "resources/spaces/embedded.yaml"
    )
    windows: Windows = Windows()
    clips_per_shard: Annotated[
        int,
        Field(
            ge=1, description="clips that a job decodes or describes at a time; a crash loses one"
        ),
    ] = 400
    max_marked_share: Annotated[
        Share,
        Field(
            description="share of a task's clips that may be unusable; a larger one stops the run"
        ),
    ] = 0.05
    split: Split = Split()
    shared_start: Annotated[
        int, Field(ge=0, description="cells that all searching arms of a task and seed begin with")
    ] = 16
    arms: Annotated[
        dict[Name, AnyArm], Field(min_length=1, description="who searches, by a name of yours")
    ]
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
    reference: Annotated[
        str, Field(description="campaign that `snakemake reproduce` repeats: ours, or a bundle")
    ] = "resources/reference"

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
