"""What a config says of the agents of an arm, and of how all arms call them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from dashsearch.strict import StrictModel

# The language model that a package carries: it needs neither key nor network.
EMBEDDED_MODEL = "smollm2"
# Providers whose models cost money.
HOSTED = ("anthropic", "google")

Count = Annotated[int, Field(ge=1)]
AgentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Seconds = Annotated[float, Field(gt=0)]


class Agent(StrictModel):
    """What all agents share."""

    name: Annotated[AgentName, Field(description="in ledgers and in the report")]


class ModelAgent(Agent):
    """A language model: its id is sent as it is, and the id that answers is kept."""

    model: Annotated[str, Field(min_length=1, max_length=200, description="the vendor's id")]
    max_output_tokens: Annotated[
        int, Field(ge=256, le=64000, description="of one reply, thoughts included")
    ] = 8000
    hypothesis_chars: Annotated[
        int, Field(ge=20, le=400, description="longest hypothesis that a reply may hold")
    ] = 400


class HostedAgent(ModelAgent):
    """A model behind a vendor's API."""

    base_url: Annotated[str | None, Field(description="null: the vendor's, or its variable's")] = (
        None
    )
    allow_other_model: Annotated[
        bool, Field(description="go on if another model answers than the one asked for")
    ] = False


class AnthropicAgent(HostedAgent):
    """Claude."""

    provider: Literal["anthropic"]
    effort: Annotated[
        Literal["low", "medium", "high"] | None,
        Field(description="how much it thinks; null: as the model has it"),
    ] = "medium"
    thinking: Annotated[
        Literal["adaptive", "disabled"] | None, Field(description="null: as the model has it")
    ] = "adaptive"


class GoogleAgent(HostedAgent):
    """Gemini."""

    provider: Literal["google"]
    thinking_level: Annotated[
        Literal["minimal", "low", "medium", "high"] | None,
        Field(description="how much it thinks; null: as the model has it"),
    ] = "medium"


class LocalAgent(ModelAgent):
    """A causal language model that runs here, with its replies held to the schema."""

    provider: Literal["local"]
    model: Annotated[
        str, Field(min_length=1, description="smollm2, or a folder that transformers can load")
    ] = EMBEDDED_MODEL
    max_output_tokens: Annotated[int, Field(ge=256, le=64000, description="of one reply")] = 1500
    hypothesis_chars: Annotated[
        int, Field(ge=20, le=400, description="longest hypothesis that a reply may hold")
    ] = 100
    temperature: Annotated[float, Field(gt=0, le=2, description="of the draws of tokens")] = 0.8


class PolicyAgent(Agent):
    """A classical policy that shares the arm's leaderboard."""

    provider: Literal["policy"]
    policy: Annotated[
        Literal["random", "evolution", "local_search", "tpe", "gp", "smac"],
        Field(description="which one, with its default settings"),
    ]


AnyAgent = Annotated[
    AnthropicAgent | GoogleAgent | LocalAgent | PolicyAgent, Field(discriminator="provider")
]
AGENT_SETTINGS: dict[str, type[Agent]] = {
    "anthropic": AnthropicAgent,
    "google": GoogleAgent,
    "local": LocalAgent,
    "policy": PolicyAgent,
}


class Ideas(StrictModel):
    """What agents are shown, and how much they may ask for in a round."""

    least: Annotated[int, Field(ge=1, le=10, description="base ideas of a reply, at least")] = 3
    most: Annotated[int, Field(ge=1, le=10, description="base ideas of a reply, at most")] = 5
    sweep_cap: Annotated[
        int, Field(ge=1, le=200, description="experiments of an agent in a round, sweeps spread")
    ] = 25
    top: Annotated[int, Field(ge=0, le=50, description="best rows of the history")] = 10
    sampled: Annotated[int, Field(ge=0, le=50, description="other rows, drawn at random")] = 5
    obfuscated: Annotated[
        bool, Field(description="opaque names for factors and levels, drawn by the arm's seed")
    ] = False
    history: Annotated[bool, Field(description="false: agents never see a result")] = True

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.least > self.most:
            raise ValueError("ideas.least exceeds ideas.most; lower it")
        return self


class AgentCalls(StrictModel):
    """How models are called, for all arms."""

    mode: Annotated[
        Literal["record", "replay", "live-missing"],
        Field(description="replay never asks a model; live-missing asks for what a record lacks"),
    ] = "record"
    recordings: Annotated[str, Field(description="folder of every request and reply")] = (
        "recordings"
    )
    prices: Annotated[str, Field(description="dated prices of tokens")] = "resources/prices.yaml"
    timeout_s: Annotated[Seconds, Field(description="of one attempt")] = 300.0
    deadline_s: Annotated[Seconds, Field(description="of a call with all its attempts")] = 900.0
    attempts: Annotated[int, Field(ge=1, le=20, description="of one call, the first included")] = 7
    first_wait_s: Annotated[
        float, Field(ge=0, description="seconds before the second attempt, doubled with each")
    ] = 1.0
    longest_wait_s: Annotated[
        float, Field(ge=0, description="seconds between two attempts, at most")
    ] = 60.0


def needs_embedded_model(agents: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether one of an arm's agents is the model that a package carries."""
    return any(each["provider"] == "local" and each["model"] == EMBEDDED_MODEL for each in agents)


def check_names(agents: list[Any]) -> None:
    """Check that no two agents of an arm have one name; ValueError if they have."""
    names = [agent.name for agent in agents]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"agents holds the name {name!r} twice; give every agent its own")
