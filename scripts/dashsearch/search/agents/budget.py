"""How much an arm may still spend on calls: calls, tokens, money, seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

import pandas as pd


@dataclass(frozen=True)
class Allowance:
    """What is left of the hard caps; None where there is none.

    Attributes
    ----------
    calls
        Requests that may still be sent, repetitions included.
    tokens
        Tokens, of prompts and replies.
    usd
        Money for tokens.
    wall_s
        Seconds in calls, waits included.
    """

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    wall_s: float | None = None

    @property
    def ended(self) -> str:
        """Name the cap that is used up, "" while none is."""
        for name, left in self.left().items():
            if left <= 0:
                return name
        return ""

    def left(self) -> dict[str, float]:
        """Return what is left, by name, of the caps that are set."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def less(self, calls: int, tokens: int, usd: float, wall_s: float) -> "Allowance":
        """Return what is left after spending."""
        return Allowance(
            calls=None if self.calls is None else self.calls - calls,
            tokens=None if self.tokens is None else self.tokens - tokens,
            usd=None if self.usd is None else self.usd - usd,
            wall_s=None if self.wall_s is None else self.wall_s - wall_s,
        )

    def share(self, place: int, of: int) -> Self:
        """Return the part of one of several agents, which spend at the same time.

        Fixed beforehand, so that it does not matter who is faster.
        """
        return replace(
            self,
            calls=None if self.calls is None else (self.calls + of - 1 - place) // of,
            tokens=None if self.tokens is None else (self.tokens + of - 1 - place) // of,
            usd=None if self.usd is None else self.usd / of,
            wall_s=None if self.wall_s is None else self.wall_s / of,
        )


def left_of(caps: Mapping[str, float | None], spent: pd.DataFrame) -> Allowance:
    """Return what earlier calls have left of the caps.

    Parameters
    ----------
    caps
        By the names of `Allowance`.
    spent
        Rows of `CALL_COLUMNS`. A call without a price has cost an unknown amount, which a cap on
        money cannot survive: it counts as infinite.
    """
    kinds = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    whole = Allowance(
        calls=None if caps["calls"] is None else int(caps["calls"]),
        tokens=None if caps["tokens"] is None else int(caps["tokens"]),
        usd=caps["usd"],
        wall_s=caps["wall_s"],
    )
    return whole.less(
        calls=int(spent["attempts"].sum()),
        tokens=int(spent[list(kinds)].sum().sum()),
        usd=float(spent["usd"].fillna(float("inf")).sum()),
        wall_s=float(spent["latency_s"].sum()),
    )
