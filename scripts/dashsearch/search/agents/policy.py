"""The policy of an arm of agents: they propose for one round, from one history, side by side."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import zip_longest

from dashsearch.search.agents.conversation import Conversation
from dashsearch.search.policy import Policy, Result, Suggestion


class AgentsPolicy:
    """Asks all members at once and deals their suggestions out in turn, in the config's order.

    No member sees what another one proposes for the same round. One that has less than its share
    leaves the round shorter.

    Parameters
    ----------
    members
        By name: conversations with language models, and classical policies.
    round_
        The round that is asked for, from 0.
    """

    def __init__(self, members: Mapping[str, Conversation | Policy], round_: int) -> None:
        self._members = members
        self._round = round_
        self._history: list[Result] = []

    @property
    def conversations(self) -> list[Conversation]:
        """Members that are language models."""
        return [each for each in self._members.values() if isinstance(each, Conversation)]

    def tell(self, results: Sequence[Result]) -> None:
        """Take note of a finished round; classical members never hear of what has no cell."""
        self._history += results
        runnable = [result for result in results if result.status != "invalid"]
        for member in self._members.values():
            if not isinstance(member, Conversation):
                member.tell(runnable)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Suggest up to `n` experiments; nobody is asked for none."""
        if n == 0:
            return []
        with ThreadPoolExecutor(len(self._members)) as pool:
            asked = [
                pool.submit(self._ask, name, member, _share(n, place, len(self._members)), pending)
                for place, (name, member) in enumerate(self._members.items())
            ]
            suggestions = [each.result() for each in asked]
        dealt = [
            suggestion
            for turn in zip_longest(*suggestions)
            for suggestion in turn
            if suggestion is not None
        ]
        return dealt[:n]

    def _ask(
        self, name: str, member: Conversation | Policy, n: int, pending: Collection[int]
    ) -> list[Suggestion]:
        if n == 0:
            return []
        if isinstance(member, Conversation):
            return member.ask(self._round, n, self._history, pending)
        return [replace(suggestion, agent=name) for suggestion in member.ask(n, pending)]


def _share(n: int, place: int, of: int) -> int:
    """Return how many of `n` the member at `place` is asked for: the first ones get the rest."""
    return (n + of - 1 - place) // of
