"""Puts an arm's agents together for one round, and notes their calls when it is over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from dashsearch.ledger.schema import CALL_COLUMNS
from dashsearch.search.agents.budget import Allowance
from dashsearch.search.agents.calls import Call, Caller
from dashsearch.search.agents.conversation import Conversation
from dashsearch.search.agents.policy import AgentsPolicy
from dashsearch.search.agents.prices import FREE, Price, load_prices
from dashsearch.search.agents.prompt import PromptBuilder
from dashsearch.search.agents.provider import Provider
from dashsearch.search.agents.recording import Recorder
from dashsearch.search.agents.settings import (
    EMBEDDED_MODEL,
    AgentCalls,
    AnthropicAgent,
    AnyAgent,
    GoogleAgent,
    Ideas,
    LocalAgent,
    ModelAgent,
    PolicyAgent,
)
from dashsearch.search.agents.veil import obfuscate, plain
from dashsearch.search.policy import Policy
from dashsearch.search.propose import Arm
from dashsearch.search.registry import build_policy
from dashsearch.search.settings import default_settings
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

# Module and class of the provider of each kind of agent.
PROVIDERS: Mapping[type[ModelAgent], tuple[str, str]] = {
    AnthropicAgent: ("anthropic_api", "AnthropicProvider"),
    GoogleAgent: ("google_api", "GoogleProvider"),
    LocalAgent: ("local", "LocalProvider"),
}


@dataclass(frozen=True)
class Places:
    """Where an arm of agents finds things.

    Attributes
    ----------
    prompts
        Folder of the templates.
    recordings
        Folder of this round's recordings.
    prices
        File of prices.
    model
        Folder of the unpacked embedded model, None where no agent needs it.
    """

    prompts: Path
    recordings: Path
    prices: Path
    model: Path | None


def build_agents(
    arm: Arm,
    space: Space,
    round_: int,
    *,
    places: Places,
    calls: AgentCalls,
    allowance: Allowance,
) -> tuple[AgentsPolicy, Recorder]:
    """Build the policy of an arm of agents for one round.

    Parameters
    ----------
    arm
        Its settings are those of `AgentsArm`: ``agents`` and ``ideas``.
    allowance
        What the arm may still spend; models share it evenly.
    """
    agents = [TypeAdapter(AnyAgent).validate_python(each) for each in arm.settings["agents"]]
    ideas = Ideas.model_validate(arm.settings["ideas"])
    names = (arm.campaign_seed, arm.task, arm.name, arm.seed)
    veil = (
        obfuscate(space, np.random.default_rng(derive_seed(*names, "veil")))
        if ideas.obfuscated
        else plain(space)
    )
    prompts = PromptBuilder(places.prompts, veil, ideas, arm.task)
    recorder = Recorder(places.recordings, calls.mode)
    prices = load_prices(places.prices)
    models = [agent.name for agent in agents if isinstance(agent, ModelAgent)]
    members: dict[str, Conversation | Policy] = {}
    for agent in agents:
        seed = derive_seed(*names, "agent", agent.name, round_)
        if isinstance(agent, PolicyAgent):
            rng = np.random.default_rng(seed)
            settings = default_settings(agent.policy)
            members[agent.name] = build_policy(agent.policy, space, rng, settings)
            continue
        provider = _provider(agent, calls, places)
        caller = Caller(
            agent.name,
            provider,
            recorder,
            calls,
            _price(agent, prices),
            allowance.share(models.index(agent.name), len(models)),
            np.random.default_rng(seed),
        )
        members[agent.name] = Conversation(agent, provider, caller, prompts, veil, ideas, seed)
    return AgentsPolicy(members, round_), recorder


def call_rows(arm: Arm, round_: int, policy: AgentsPolicy) -> list[dict[str, Any]]:
    """Return the rows of `CALL_COLUMNS` of a round, agent by agent."""
    return [
        _row(arm, round_, conversation.agent, turn, call)
        for conversation in policy.conversations
        for turn, call in enumerate(conversation.calls, start=1)
    ]


def idea_rows(policy: AgentsPolicy) -> list[dict[str, Any]]:
    """Return what the agents of a round had in mind, agent by agent."""
    return [
        {"agent": conversation.agent.name, **idea}
        for conversation in policy.conversations
        for idea in conversation.ideas
    ]


def _provider(agent: ModelAgent, calls: AgentCalls, places: Places) -> Provider:
    """Build a provider; its library is imported only if an agent uses it."""
    module, name = PROVIDERS[type(agent)]
    build: Callable[..., Provider] = getattr(
        import_module(f"dashsearch.search.agents.{module}"), name
    )
    if isinstance(agent, LocalAgent):
        return build(agent, places.model if agent.model == EMBEDDED_MODEL else Path(agent.model))
    return build(agent, calls.timeout_s)


def _price(agent: ModelAgent, prices: Mapping[tuple[str, str], Price]) -> Price | None:
    if isinstance(agent, LocalAgent):
        return FREE
    provider = "anthropic" if isinstance(agent, AnthropicAgent) else "google"
    return prices.get((provider, agent.model))


def _row(arm: Arm, round_: int, agent: ModelAgent, turn: int, call: Call) -> dict[str, Any]:
    answer, usage = call.answer, call.usage
    row = {
        "task": arm.task,
        "arm": arm.name,
        "arm_seed": arm.seed,
        "round": round_,
        "agent": agent.name,
        "turn": turn,
        "provider": getattr(agent, "provider", ""),
        "model_asked": agent.model,
        "model": answer.model if answer else "",
        "request_id": answer.request_id if answer else "",
        "outcome": call.outcome,
        "attempts": call.attempts,
        "input_tokens": usage.input,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "output_tokens": usage.output,
        "usd": call.usd,
        "latency_s": call.latency_s,
        "recording": call.recording,
    }
    assert list(row) == list(CALL_COLUMNS)
    return row
