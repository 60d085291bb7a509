"""A policy that the user wrote, whose answers are checked before they become proposals."""

import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from dashsearch.errors import InputError
from dashsearch.own_code import check_unchanged, load_callable
from dashsearch.search.policy import Policy, Result, Suggestion
from dashsearch.space.space import Space


class OwnPolicy:
    """Asks the user's policy, which may answer with suggestions or with plain cells.

    Parameters
    ----------
    source
        "<file>:<class or function>", called with (space, generator, **settings); what it gives has
        `tell` and `ask` as `Policy` does.
    sha256
        Of the file when the workflow was planned.

    Raises
    ------
    InputError
        If the file is another one now, or what it defines is no policy.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        source: str,
        settings: Mapping[str, Any],
        sha256: str,
    ) -> None:
        self._space, self._where = space, f"policy {source}"
        check_unchanged("arms.source", source, sha256)
        build = load_callable("arms.source", source)
        try:
            inspect.signature(build).bind(space, rng, **settings)
        except TypeError as error:
            raise InputError(
                f"{self._where} cannot be called with (space, rng) and its settings ({error}); "
                "correct its arguments, or the arm's settings."
            ) from None
        self._policy: Policy = build(space, rng, **settings)
        for name in ("tell", "ask"):
            if not callable(getattr(self._policy, name, None)):
                raise InputError(
                    f"{self._where} has no method `{name}`; docs/extending.md shows it."
                )

    def tell(self, results: Sequence[Result]) -> None:
        """Pass a finished round on."""
        self._policy.tell(results)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Ask for `n` cells; InputError for an answer that is none, or for more than `n`."""
        answers = list(self._policy.ask(n, pending))
        if len(answers) > n:
            raise InputError(f"{self._where} was asked for {n} cells and gave {len(answers)}.")
        return [self._suggestion(answer) for answer in answers]

    def _suggestion(self, answer: Suggestion | int) -> Suggestion:
        suggestion = answer if isinstance(answer, Suggestion) else Suggestion(_whole(answer))
        if not 0 <= suggestion.cell < self._space.size:
            raise InputError(
                f"{self._where} suggested {answer!r}; the cells of space {self._space.name} are "
                f"0 to {self._space.size - 1}."
            )
        return suggestion


def _whole(answer: Any) -> int:
    """Return a cell as an int, and -1 for what is none."""
    return int(answer) if isinstance(answer, int | np.integer) else -1
