"""What tokens cost, from a dated file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dashsearch.errors import InputError
from dashsearch.search.agents.provider import Usage

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """USD for a million tokens of each kind, for prompts of up to `longest_prompt` tokens."""

    input: float
    cache_read: float
    cache_write: float
    output: float
    longest_prompt: int | None = None

    def of(self, usage: Usage) -> float:
        """Return what an answer costs in USD, NaN for a prompt that the price does not cover."""
        prompt = usage.input + usage.cache_read + usage.cache_write
        if self.longest_prompt is not None and prompt > self.longest_prompt:
            return float("nan")
        return (
            usage.input * self.input
            + usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
            + usage.output * self.output
        ) / MILLION

    def at_most(self, prompt_tokens: int, output_tokens: int) -> float:
        """Return the most that a call with such a prompt can cost in USD."""
        dearest = max(self.input, self.cache_write, self.cache_read)
        return (prompt_tokens * dearest + output_tokens * self.output) / MILLION


FREE = Price(0.0, 0.0, 0.0, 0.0)


def load_prices(path: str | Path) -> Mapping[tuple[str, str], Price]:
    """Read prices by provider and model id.

    Raises
    ------
    InputError
        If there is no such file, it holds no list of prices, or an entry lacks a field, has another
        one, or has no date or source.
    """
    try:
        entries = yaml.safe_load(Path(path).read_text())["prices"]
        if not all(isinstance(entry, dict) for entry in entries):
            raise TypeError("an entry is no mapping")
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} holds no list of prices under the key prices ({type(error).__name__}: "
            f"{' '.join(str(error).split())}); correct agents.prices, or the file."
        ) from None
    prices = {}
    for place, entry in enumerate(entries):
        prices[entry.get("provider"), entry.get("model")] = _price(entry, f"{path}: {place + 1}")
    return prices


def check_prices(config: Mapping[str, Any], path: str | Path) -> None:
    """Check that models of arms with a cap on money have a price; InputError if one has none."""
    prices = load_prices(path)
    for name, arm in config["arms"].items():
        for agent in arm.get("agents", ()):
            key = (agent["provider"], agent.get("model", ""))
            if arm["budget_usd"] is not None and key not in prices and "base_url" in agent:
                raise InputError(
                    f"config: arms.{name}.budget_usd is set, but {path} has no price for "
                    f"{key[1]} of {key[0]}; add it to a copy of the file and name that in "
                    "agents.prices."
                )


def _price(entry: Mapping[str, Any], where: str) -> Price:
    needed = {"provider", "model", "date", "source", "input", "cache_read", "cache_write", "output"}
    missing = sorted(needed - set(entry))
    unknown = sorted(set(entry) - needed - {"longest_prompt"})
    if missing or unknown:
        problem = f"lacks {missing[0]}" if missing else f"has the unknown {unknown[0]}"
        raise InputError(f"{where}. entry {problem}; correct it.")
    return Price(
        input=float(entry["input"]),
        cache_read=float(entry["cache_read"]),
        cache_write=float(entry["cache_write"]),
        output=float(entry["output"]),
        longest_prompt=entry.get("longest_prompt"),
    )
