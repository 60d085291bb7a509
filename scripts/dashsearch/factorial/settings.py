"""The config's section on what a factorial measures."""

from typing import Annotated, Literal

from pydantic import Field

from dashsearch.strict import StrictModel

Count = Annotated[int, Field(ge=1)]


class ReplicateRuns(StrictModel):
    """Arms that are run many times against measured tables, beside the campaign."""

    tables: Annotated[
        list[str],
        Field(description="names of tables that come with dashsearch; none: no runs"),
    ] = Field(default=[])
    policies: Annotated[
        list[Literal["random", "evolution", "local_search", "tpe", "smac"]],
        Field(min_length=1, description="that are run, with their default settings"),
    ] = Field(default=["random", "evolution"])
    seeds: Annotated[Count, Field(description="runs of a policy")] = 100
    experiments: Annotated[Count, Field(description="of a run")] = 64
    experiments_per_round: Annotated[Count, Field(description="told to the policy together")] = 16
    shared_start: Annotated[
        int, Field(ge=0, description="cells that all policies of a seed begin with")
    ] = 16


class Factorial(StrictModel):
    """What `snakemake factorial` measures: all cells of the space, or of a part of it."""

    levels: Annotated[
        dict[str, list[str | int | float]],
        Field(description="levels that the part has, by factor; a factor without: all of its own"),
    ] = Field(default={})
    part: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, description="name of the part")
    ] = "part"
    fidelities: Annotated[
        list[Annotated[float, Field(gt=0, lt=1)]],
        Field(description="shares of the epochs that are measured beside the whole"),
    ] = Field(default=[])
    seeds: Annotated[int, Field(ge=1, description="of every cell that is measured again")] = 10
    uniform: Annotated[
        int, Field(ge=0, description="cells drawn uniformly and measured again: seed noise")
    ] = 1000
    best: Annotated[
        int, Field(ge=0, description="cells that lead on validation and are measured again")
    ] = 1000
    cells_per_shard: Annotated[int, Field(ge=1, description="that a job measures")] = 1000
