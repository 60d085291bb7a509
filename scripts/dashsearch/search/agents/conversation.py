"""One agent in one round: what it is asked, what it answers, and the one turn to repair that."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from dashsearch.errors import InputError
from dashsearch.ledger.schema import NO_CELL
from dashsearch.search.agents.calls import Call, Caller
from dashsearch.search.agents.prompt import PromptBuilder, Round, outcome_of
from dashsearch.search.agents.provider import Prompt, Provider
from dashsearch.search.agents.reply import Idea, read_reply, reply_schema, spread
from dashsearch.search.agents.settings import HostedAgent, Ideas, LocalAgent, ModelAgent
from dashsearch.search.agents.veil import Veil
from dashsearch.search.policy import Result, Suggestion

# A reply of these kinds can be repaired by another turn; after all others there is none.
REPAIRABLE = ("ok", "truncated", "empty")
Turn = Literal["base", "repair"]


@dataclass(frozen=True)
class Judged:
    """An idea, or what should have been one.

    Attributes
    ----------
    idea
        None where nothing could be read.
    cells
        Its real cells, the base first.
    problem
        Why it cannot be run as it is, "" if it can.
    """

    turn: Turn
    idea: Idea | None
    cells: tuple[int, ...]
    problem: str


@dataclass
class Conversation:
    """What an agent needs for one round, and what it leaves behind.

    Attributes
    ----------
    seed
        For the rows that are drawn into the prompt, and for models that draw their replies.
    calls
        Its calls, in order.
    ideas
        What it had in mind, one record an idea: for people, never for a later prompt.
    """

    agent: ModelAgent
    provider: Provider
    caller: Caller
    prompts: PromptBuilder
    veil: Veil
    settings: Ideas
    seed: int
    calls: list[Call] = field(default_factory=list)
    ideas: list[dict[str, Any]] = field(default_factory=list)

    def ask(
        self, round_: int, experiments: int, history: Sequence[Result], pending: Collection[int]
    ) -> list[Suggestion]:
        """Ask for up to `experiments` experiments.

        Returns
        -------
        list of Suggestion
            Every idea's base, then what is left as invalid, then the sweeps in turn; repeated cells
            are among them and become duplicates.

        Raises
        ------
        InputError
            If another model answered than the one asked for.
        """
        quota = min(experiments, self.settings.sweep_cap)
        now = Round(round_, quota, self.caller.allowance.left())
        context = self.prompts.round(now, history, np.random.default_rng(self.seed))
        known = _known(history, pending, told=self.settings.history)
        least, most = (min(each, quota) for each in (self.settings.least, self.settings.most))
        judged = self._turn("base", (context,), (least, most), history, known)
        bad = [each for each in judged if each.problem]
        good = [each for each in judged if not each.problem]
        if bad and self.calls[-1].outcome in REPAIRABLE:
            repaired = self._repair(context, bad, history, {**known, **_queued(good)}, most)
            better = [each for each in repaired if not each.problem]
            worse = [each for each in repaired if each.problem]
            bad = (worse + bad)[: max(0, len(bad) - len(better))]
            good += better
        return self._suggestions(good, bad, quota, history)

    def _repair(
        self,
        context: str,
        bad: Sequence[Judged],
        history: Sequence[Result],
        known: Mapping[int, str],
        most: int,
    ) -> list[Judged]:
        answer = self.calls[-1].answer
        wanted = min(len(bad), most)
        turns = (
            context,
            (answer.text if answer else "") or "(nothing)",
            self.prompts.repair([each.problem for each in bad], wanted),
        )
        return self._turn("repair", turns, (1, wanted), history, known)

    def _turn(
        self,
        turn: Turn,
        turns: tuple[str, ...],
        count: tuple[int, int],
        history: Sequence[Result],
        known: Mapping[int, str],
    ) -> list[Judged]:
        """Make one call and judge every idea of the reply."""
        is_local = isinstance(self.agent, LocalAgent)
        schema = reply_schema(
            self.veil.shown,
            *count,
            self.agent.hypothesis_chars,
            experiments=len(history) if is_local else None,
        )
        prompt = Prompt(self.prompts.stable(), turns, schema, self.seed + len(turns))
        call = self.caller.call(self.provider.request(prompt), self.agent.max_output_tokens)
        self.calls.append(call)
        self._check_model(call)
        if call.answer is None or call.outcome not in REPAIRABLE:
            return []
        reply = read_reply(call.answer.text, self.veil.shown, schema, len(history))
        taken = dict(known)
        judged = []
        for place in sorted({*reply.ideas, *reply.problems}):
            idea = reply.ideas.get(place)
            cells = tuple(map(self.veil.lift, idea.cells)) if idea else ()
            problem = reply.problems.get(place, "") or taken.get(cells[0], "")
            if place < 0 and call.outcome != "ok":
                problem = f"the reply was {call.outcome}"
            judged.append(Judged(turn, idea, cells, problem))
            taken |= dict.fromkeys(cells, "duplicate of another idea of this reply")
            self._note(turn, judged[-1])
        if reply.surplus:
            self.ideas.append({"turn": turn, "surplus_ideas": reply.surplus})
        return judged

    def _suggestions(
        self,
        good: Sequence[Judged],
        bad: Sequence[Judged],
        quota: int,
        history: Sequence[Result],
    ) -> list[Suggestion]:
        answer = next((call.answer for call in reversed(self.calls) if call.answer), None)
        model = answer.model if answer else ""
        runnable = [each for each in (*good, *bad) if each.cells]
        invalid = [
            Suggestion(NO_CELL, kind=each.turn, status="invalid", reason=each.problem)
            for each in bad
            if not each.cells
        ]
        bases, sweeps = [], []
        for place, turn in spread([each.cells for each in runnable]):
            judged = runnable[place]
            if turn == 0:
                parent = judged.idea.parent if judged.idea else 0
                name = history[parent - 1].experiment_id if parent else ""
                bases.append(Suggestion(judged.cells[0], kind=judged.turn, parent=name))
            else:
                sweeps.append(
                    Suggestion(judged.cells[turn], kind="sweep", parent_cell=judged.cells[0])
                )
        suggestions = [*bases, *invalid, *sweeps]
        if len(suggestions) > quota:
            self.ideas.append({"dropped_experiments": len(suggestions) - quota})
        return [replace(each, agent=self.agent.name, model=model) for each in suggestions[:quota]]

    def _note(self, turn: Turn, judged: Judged) -> None:
        idea = judged.idea
        self.ideas.append(
            {
                "turn": turn,
                "title": idea.title if idea else "",
                "hypothesis": idea.hypothesis if idea else "",
                "cells": list(judged.cells),
                "parent": idea.parent if idea else 0,
                "problem": judged.problem,
            }
        )

    def _check_model(self, call: Call) -> None:
        agent, answer = self.agent, call.answer
        if answer is None or not isinstance(agent, HostedAgent) or agent.allow_other_model:
            return
        if answer.model != agent.model:
            raise InputError(
                f"agent {agent.name}: {agent.model} was asked and {answer.model} answered; name "
                f"that one in the config, or set allow_other_model. The answer is kept in "
                f"{call.recording}.json."
            )


def _known(history: Sequence[Result], pending: Collection[int], *, told: bool) -> dict[int, str]:
    """Say, for every cell that is run or queued, why it must not be asked for again.

    Parameters
    ----------
    told
        With what came of it; an agent without history may not learn that either.
    """
    known = dict.fromkeys(pending, "duplicate of an experiment that is queued in this round")
    for number, result in reversed(list(enumerate(history, start=1))):
        if result.status != "invalid":
            outcome = f", {outcome_of(result)}" if told else ""
            known[result.cell] = f"duplicate of #{number}{outcome}"
    return known


def _queued(good: Sequence[Judged]) -> dict[int, str]:
    return {cell: "duplicate of an idea that is kept" for each in good for cell in each.cells}
