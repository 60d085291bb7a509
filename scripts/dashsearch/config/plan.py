"""What a campaign will do, in sentences, before it does it: clips, experiments, time and money."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashsearch.search.agents.prices import Price
from dashsearch.search.agents.settings import HOSTED

# Of a call in rounds of 25 on the embedded space, in SmolLM2's tokens: docs/agents.md.
PROMPT_TOKENS, REPLY_TOKENS = 3400, 1200
MINUTE_S, HOUR_S = 60.0, 3600.0


@dataclass(frozen=True)
class Rates:
    """Seconds of one core, measured: `resources/rates.yaml` says where and when.

    They are of the default's windows and training; other sizes take other times.

    Attributes
    ----------
    render_s, decode_s, describe_s
        Of a clip; to describe it, by backbone.
    train_s
        Of one visit of a training clip by one experiment, on average over the embedded space.
    round_s
        Of every round, beside its training.
    local_call_s
        Of one call of the packaged language model.
    rest_s
        Of a task's analyses and its share of the report.
    """

    date: str
    device: str
    render_s: float
    decode_s: float
    describe_s: Mapping[str, float]
    train_s: float
    round_s: float
    local_call_s: float
    rest_s: float


@dataclass(frozen=True)
class Extent:
    """How much a campaign is, counted over all tasks, arms, seeds and rounds.

    Attributes
    ----------
    clips
        By task; None where a data set has still to be fetched.
    decoded
        Tasks whose windows are there already.
    described
        Backbones whose features are there already, by task.
    experiments
        By arm name, at most: a budget may end an arm earlier.
    rounds, done
        In all, and those that are there already.
    calls
        Of language models, by (provider, model), without repair turns.
    """

    clips: Mapping[str, int | None]
    decoded: Collection[str]
    described: Mapping[str, Collection[str]]
    experiments: Mapping[str, int]
    rounds: int
    done: int
    calls: Mapping[tuple[str, str], int]


def extent_of(
    config: Mapping[str, Any],
    clips: Mapping[str, int | None],
    decoded: Collection[str],
    described: Mapping[str, Collection[str]],
    done: int,
) -> Extent:
    """Count what a validated config asks for; the arguments are attributes of the result."""
    experiments: dict[str, int] = {}
    calls: dict[tuple[str, str], int] = {}
    rounds = 0
    for name, arm in config["arms"].items():
        runs = len(config["tasks"]) * len(arm["seeds"])
        rounds += runs * arm["rounds"]
        experiments[name] = runs * arm["rounds"] * arm["experiments_per_round"]
        for agent in arm.get("agents", ()):
            if agent["provider"] != "policy":
                key = (agent["provider"], agent.get("model", ""))
                calls[key] = calls.get(key, 0) + runs * arm["rounds"]
    return Extent(clips, decoded, described, experiments, rounds, done, calls)


def describe_plan(
    config: Mapping[str, Any],
    extent: Extent,
    backbones: Sequence[str],
    rates: Rates,
    *,
    prices: Mapping[tuple[str, str], Price],
    cores: int | None,
) -> list[str]:
    """Return the plan's sentences.

    Parameters
    ----------
    backbones
        What is extracted.
    cores
        That the run may use; None: unknown, as on a cluster.
    """
    tasks = ", ".join(f"{name} ({_clips(count)})" for name, count in extent.clips.items())
    arms = ", ".join(f"{name} {count:,}" for name, count in extent.experiments.items())
    total = sum(extent.experiments.values())
    lines = [
        f"Tasks: {tasks}.",
        f"Experiments: {total:,} at most ({arms}), in {extent.rounds} rounds of which "
        f"{extent.done} are there already.",
    ]
    if config["evaluator"] == "table":
        return [*lines, "They are looked up in tables; nothing is trained."]
    lines += [f"Backbones: {', '.join(backbones)}."]
    lines += [_calls(config, key, count, prices) for key, count in extent.calls.items()]
    return [*lines, _time(config, extent, backbones, rates, cores)]


def _clips(count: int | None) -> str:
    return "still to be fetched" if count is None else f"{count:,} clips"


def _calls(
    config: Mapping[str, Any],
    key: tuple[str, str],
    count: int,
    prices: Mapping[tuple[str, str], Price],
) -> str:
    """Say how often a model is asked, and what that costs at least and at most."""
    provider, model = key
    asked = f"{model} ({provider}) is asked {count:,} times, twice as often at most"
    if config["agents"]["mode"] == "replay":
        return f"{asked}, all of it replayed from recordings: no money."
    if provider not in HOSTED:
        return f"{asked}, on this machine: no money."
    if key not in prices:
        return f"{asked}; {config['agents']['prices']} has no price for it."
    agents = [a for arm in config["arms"].values() for a in arm.get("agents", ())]
    longest = max(a["max_output_tokens"] for a in agents if a.get("model") == model)
    price = prices[key]
    least = count * price.at_most(PROMPT_TOKENS, REPLY_TOKENS)
    # The repair turn's prompt repeats the first one and holds its reply.
    most = count * price.at_most(2 * PROMPT_TOKENS + longest, 2 * longest)
    capped = _caps(config)
    caps = f"never more than the arms' caps together, {_usd(capped)}"
    if not capped:
        caps = "not every arm has a cap, budget_usd"
    return (
        f"{asked}: roughly {_usd(least)} if replies are short, {_usd(most)} if all are as long as "
        f"they may be; {caps}. Recorded replies are not paid again."
    )


def _caps(config: Mapping[str, Any]) -> float:
    """Return the sum of the caps of all arms that ask hosted models; 0 if one of them has none."""
    total = 0.0
    for arm in config["arms"].values():
        if any(agent["provider"] in HOSTED for agent in arm.get("agents", ())):
            if arm["budget_usd"] is None:
                return 0.0
            total += arm["budget_usd"] * len(arm["seeds"]) * len(config["tasks"])
    return total


def _time(
    config: Mapping[str, Any],
    extent: Extent,
    backbones: Sequence[str],
    rates: Rates,
    cores: int | None,
) -> str:
    """Say how long it would take one core, and what that does not hold for."""
    unknown = [name for name in backbones if name not in rates.describe_s]
    seconds = {"clips": 0.0, "features": 0.0, "training": 0.0, "language models": 0.0}
    for name, task in config["tasks"].items():
        count = extent.clips[name] or 0
        rendered = rates.render_s if task["source"] == "embedded" else 0.0
        if name not in extent.decoded:
            seconds["clips"] += count * (rendered + rates.decode_s)
        missing = set(backbones) - set(extent.described[name])
        seconds["features"] += count * sum(rates.describe_s.get(each, 0.0) for each in missing)
    train = config["split"]["train"] * sum(count or 0 for count in extent.clips.values())
    visits = config["training"]["epochs"] * train / len(extent.clips)
    left = 1 - extent.done / extent.rounds if extent.rounds else 0.0
    fresh = sum(extent.experiments.values()) + _transfer(config, len(backbones))
    rounds_s = rates.round_s * extent.rounds
    seconds["training"] = left * (rounds_s + fresh * visits * rates.train_s)
    local = sum(count for (provider, _), count in extent.calls.items() if provider == "local")
    seconds["language models"] = left * local * rates.local_call_s
    seconds["analyses and report"] = rates.rest_s * len(config["tasks"])
    total = sum(seconds.values())
    parts = ", ".join(f"{name} {_duration(part)}" for name, part in seconds.items() if part)
    share = f", so about {_duration(total / cores)} on {cores} cores" if cores and cores > 1 else ""
    gaps = [f"features of {', '.join(unknown)}"] if unknown else []
    gaps += [f"task {name}" for name, count in extent.clips.items() if count is None]
    rest = f" Not in it, since never measured: {'; '.join(gaps)}." if gaps else ""
    return (
        f"Time: what is not there yet takes some {_duration(total)} of one core ({parts}){share}; "
        f"rates of {rates.date} on {rates.device}, so expect a factor of two.{rest}"
    )


def _transfer(config: Mapping[str, Any], backbones: int) -> int:
    transfer = config["transfer"]
    return int(transfer["top"] * transfer["seeds"] * backbones * len(config["tasks"]))


def _duration(seconds: float) -> str:
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:,.0f} h"


def _usd(amount: float) -> str:
    return f"${amount:,.2f}"
