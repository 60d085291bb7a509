"""What a config says of an arm: its policy and that one's settings, its seeds, its budget."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from dashsearch.search.agents.settings import AnyAgent, Ideas, check_names
from dashsearch.strict import StrictModel

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
AuditShare = Annotated[
    float,
    Field(ge=0, le=1, description="of the experiments after the start, drawn uniformly instead"),
]
Startup = Annotated[
    int, Field(ge=2, description="experiments before which the policy draws at random")
]


def spread_seeds(seeds: Any) -> Any:
    """Write a range of seeds such as "1-30" out; everything else is left to the schema."""
    found = re.fullmatch(r"(\d+)-(\d+)", seeds) if isinstance(seeds, str) else None
    return list(range(int(found[1]), int(found[2]) + 1)) if found else seeds


Seeds = Annotated[
    list[Annotated[int, Field(ge=0)]],
    Field(min_length=1, description='a list, or a range such as "1-30"'),
    BeforeValidator(spread_seeds, json_schema_input_type=list[int] | str),
]


class ArmSettings(StrictModel):
    """What all arms share: a policy, seeds, and a budget; whichever part of it ends first."""

    seeds: Seeds = Field(default=[1])
    rounds: Annotated[
        Count, Field(description="proposals, training and what is told, so many times")
    ] = 1
    experiments_per_round: Annotated[
        Count, Field(description="proposed in a round, failures and repetitions included")
    ]
    budget_train_s: Annotated[
        Positive | None, Field(description="seconds of training; null: as long as it takes")
    ] = None
    budget_usd: Annotated[
        Positive | None, Field(description="money, at training.usd_per_hour; null: no limit")
    ] = None

    @model_validator(mode="after")
    def _distinct_seeds(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds holds the same seed twice; give every repetition its own")
        return self


class DesignedArm(ArmSettings):
    """The balanced sample that unbiased variance shares are computed on."""

    policy: Literal["designed"]
    replicates: Annotated[Count, Field(description="seeds of a cell that is replicated")] = 2
    replicated_share: Annotated[
        Share, Field(description="of the architectures, each in one cell, for the seed noise")
    ] = 0.25
    training_levels: Annotated[
        Literal["uniform", "sobol"],
        Field(description="of every cell: independent draws, or a scrambled Sobol sequence"),
    ] = "uniform"


class GridArm(ArmSettings):
    """Every combination of chosen levels, in the order of the cell index."""

    policy: Literal["grid"]
    levels: Annotated[
        dict[str, list[str | int | float]],
        Field(description="by factor; a factor that is not listed keeps all of its levels"),
    ] = Field(default={})


class RandomArm(ArmSettings):
    """Uniform random search without replacement."""

    policy: Literal["random"]


class AdaptiveArm(ArmSettings):
    """What all arms share whose proposals depend on earlier scores."""

    audit_share: AuditShare = 0.1


class EvolutionArm(AdaptiveArm):
    """Regularised evolution."""

    policy: Literal["evolution"]
    population: Annotated[
        int, Field(ge=2, description="youngest experiments that may become parents")
    ] = 16
    sample: Annotated[
        int, Field(ge=2, description="drawn from them; the best becomes the parent")
    ] = 5

    @model_validator(mode="after")
    def _sample_fits(self) -> Self:
        if self.sample > self.population:
            raise ValueError("sample cannot exceed population; a tournament is drawn from it")
        return self


class LocalSearchArm(AdaptiveArm):
    """Iterated local search."""

    policy: Literal["local_search"]


class TpeArm(AdaptiveArm):
    """Optuna's tree-structured Parzen estimator, joint over all factors."""

    policy: Literal["tpe"]
    startup: Startup = 16


class GaussianProcessArm(AdaptiveArm):
    """Optuna's Gaussian process."""

    policy: Literal["gp"]
    startup: Startup = 16


class SmacArm(AdaptiveArm):
    """SMAC3's random forest."""

    policy: Literal["smac"]
    startup: Startup = 16


class BohbStyleArm(AdaptiveArm):
    """Optuna's TPE with Hyperband over the epochs: in the style of BOHB, not its code."""

    policy: Literal["bohb_style"]
    startup: Startup = 16
    eta: Annotated[int, Field(ge=2, description="one in eta experiments of a rung goes on")] = 3
    rungs: Annotated[
        int, Field(ge=2, le=6, description="the lowest trains eta^(1 - rungs) of the epochs")
    ] = 3


class OwnArm(AdaptiveArm):
    """A policy of your own: docs/extending.md."""

    policy: Literal["own"]
    source: Annotated[str, Field(description="<file>:<class>")]
    settings: Annotated[
        dict[str, str | int | float | bool | None], Field(description="what it is built with")
    ] = Field(default={})


class AgentsArm(AdaptiveArm):
    """Language models, alone or together, and classical policies beside them.

    The budgets are hard caps of the arm, checked before and after every call.
    """

    policy: Literal["agents"]
    agents: Annotated[
        list[AnyAgent],
        Field(min_length=1, max_length=8, description="who proposes; several see one leaderboard"),
    ]
    ideas: Ideas = Ideas()
    budget_usd: Annotated[
        Positive | None,
        Field(description="money for calls, and for training at training.usd_per_hour; null: any"),
    ] = None
    budget_calls: Annotated[
        Count | None, Field(description="requests that are sent, repetitions included")
    ] = None
    budget_tokens: Annotated[Count | None, Field(description="of prompts and replies")] = None
    budget_wall_s: Annotated[
        Positive | None, Field(description="seconds in calls, waits included")
    ] = None

    @model_validator(mode="after")
    def _names(self) -> Self:
        check_names(self.agents)
        if all(agent.provider == "policy" for agent in self.agents):
            raise ValueError("agents holds no language model; use the policy itself as an arm")
        return self


AnyArm = Annotated[
    DesignedArm
    | GridArm
    | RandomArm
    | EvolutionArm
    | LocalSearchArm
    | TpeArm
    | GaussianProcessArm
    | SmacArm
    | BohbStyleArm
    | OwnArm
    | AgentsArm,
    Field(discriminator="policy"),
]

ARM_SETTINGS: dict[str, type[ArmSettings]] = {
    "designed": DesignedArm,
    "grid": GridArm,
    "random": RandomArm,
    "evolution": EvolutionArm,
    "local_search": LocalSearchArm,
    "tpe": TpeArm,
    "gp": GaussianProcessArm,
    "smac": SmacArm,
    "bohb_style": BohbStyleArm,
    "own": OwnArm,
    "agents": AgentsArm,
}
# What an arm has beside the settings that its policy is built with.
TERMS = (
    *ArmSettings.model_fields,
    *("policy", "audit_share", "budget_calls", "budget_tokens", "budget_wall_s"),
)
# These are samples, not searches: a shared start would spoil the balance that they are made for.
WITHOUT_START = ("designed", "grid")
# Seeds that one job looks up in a table.
SEEDS_PER_JOB = 50


def default_settings(policy: str) -> dict[str, Any]:
    """Return the settings that a policy has when an arm sets none of its own."""
    arm = ARM_SETTINGS[policy].model_validate({"policy": policy, "experiments_per_round": 1})
    return {name: value for name, value in arm if name not in TERMS}


def batches_of(seeds: Sequence[int]) -> dict[str, list[int]]:
    """Divide seeds into runs of consecutive ones, cut at multiples of `SEEDS_PER_JOB`.

    Returns
    -------
    dict
        Seeds by the name of their run, such as ``"1-50"`` or ``"7"``. More seeds leave the runs
        that were complete before as they are.
    """
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1 and (seed - 1) % SEEDS_PER_JOB:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return {f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}": run for run in runs}
