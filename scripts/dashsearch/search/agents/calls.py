"""One call of a model: recorded, repeated within bounds, paid for once, never beyond a budget."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dashsearch.errors import InputError
from dashsearch.search.agents.budget import Allowance
from dashsearch.search.agents.prices import Price
from dashsearch.search.agents.provider import Answer, AttemptError, Provider, Request, Usage
from dashsearch.search.agents.recording import Recorder, Recording
from dashsearch.search.agents.settings import AgentCalls

LOGGER = logging.getLogger("dashsearch")


@dataclass(frozen=True)
class Call:
    """What came of a call.

    Attributes
    ----------
    answer
        None if nobody answered, or nothing was sent.
    attempts
        Requests that were sent.
    usd
        NaN where no price is known.
    latency_s
        Seconds, waits between attempts included.
    recording
        Name of its file, "" if nothing was sent.
    """

    outcome: str
    answer: Answer | None
    attempts: int
    usd: float
    latency_s: float
    recording: str

    @property
    def usage(self) -> Usage:
        """Tokens that are billed; none where nobody answered."""
        return self.answer.usage if self.answer else Usage()


@dataclass
class Caller:
    """Calls one model for one agent in one round.

    Attributes
    ----------
    price
        None if it is not known.
    allowance
        What this agent may still spend in this round.
    rng
        For the jitter of waits.
    sleep, clock
        Seconds; replaced in tests that cannot wait.
    """

    agent: str
    provider: Provider
    recorder: Recorder
    settings: AgentCalls
    price: Price | None
    allowance: Allowance
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def call(self, request: Request, output_tokens: int) -> Call:
        """Return the recorded answer to a request, or ask for it and record it.

        Parameters
        ----------
        output_tokens
            The longest reply that the request allows: what it may cost is known before it is sent.

        Raises
        ------
        InputError
            If a recording is needed and missing, money is capped without a price, or the provider
            refuses the request for good.
        """
        found = self.recorder.find(self.agent, request)
        if found is None:
            earlier = self.recorder.earlier_attempts(self.agent, request)
            if self._may_send(request, output_tokens, len(earlier)):
                found = self._ask(request, earlier)
            else:
                found = Recording("budget", tuple(earlier), None)
            self.recorder.keep(self.agent, request, found)
        name = self.recorder.path(self.agent, request).stem
        call = self._call(found, name)
        self.allowance = self.allowance.less(
            call.attempts, call.usage.total, call.usd, call.latency_s
        )
        return call

    def _may_send(self, request: Request, output_tokens: int, earlier: int) -> bool:
        allowance = self.allowance.less(earlier, 0, 0.0, 0.0)
        if allowance.ended:
            return False
        if allowance.tokens is None and allowance.usd is None:
            return True
        prompt = self._count(request)
        if allowance.usd is not None:
            if self.price is None:
                raise InputError(
                    f"agent {self.agent}: money is capped, but its model has no price; add it to "
                    "the file of agents.prices."
                )
            longest = self.price.longest_prompt
            if longest is not None and prompt > longest:
                raise InputError(
                    f"agent {self.agent}: the prompt has {prompt} tokens, but its price is known "
                    f"for up to {longest}; correct the file of agents.prices."
                )
            if self.price.at_most(prompt, output_tokens) > allowance.usd:
                return False
        return allowance.tokens is None or prompt + output_tokens <= allowance.tokens

    def _count(self, request: Request) -> int:
        """Count tokens, which is free, with the same patience as a call."""
        start = self.clock()
        for attempt in range(self.settings.attempts):
            try:
                return self.provider.count(request)
            except AttemptError as fault:
                wait = self._wait(attempt, fault)
                if self.clock() - start + wait > self.settings.deadline_s:
                    break
                self.sleep(wait)
        raise InputError(
            f"agent {self.agent}: the tokens of a prompt could not be counted, so its budget "
            "cannot be kept; try again later."
        )

    def _ask(self, request: Request, earlier: list[dict[str, Any]]) -> Recording:
        attempts = list(earlier)
        spent = sum(each["latency_s"] + each["waited_s"] for each in attempts)
        while len(attempts) < self._most_attempts(len(earlier)):
            self.recorder.begin_attempt(self.agent, request)
            start = self.clock()
            try:
                response = self.provider.send(request)
            except AttemptError as fault:
                seconds = self.clock() - start
                wait = self._wait(len(attempts), fault)
                is_last = (
                    len(attempts) + 1 >= self._most_attempts(len(earlier))
                    or spent + seconds + wait > self.settings.deadline_s
                )
                wait = 0.0 if is_last else wait
                attempt = _attempt(fault.outcome, fault.status, seconds, wait)
                self.recorder.end_attempt(self.agent, request, attempt)
                attempts.append(attempt)
                LOGGER.warning("agent %s, attempt %d: %s", self.agent, len(attempts), fault)
                spent += seconds + wait
                if is_last:
                    break
                self.sleep(wait)
            else:
                seconds = self.clock() - start
                attempts.append(_attempt("ok", response.status, seconds, 0.0))
                outcome = self.provider.read(response).outcome
                return Recording(outcome, tuple(attempts), response)
        return Recording(attempts[-1]["outcome"], tuple(attempts), None)

    def _most_attempts(self, earlier: int) -> int:
        """Return how many attempts a call has in all; the one that a crash cut is given back."""
        most = self.settings.attempts + (1 if earlier else 0)
        left = self.allowance.calls
        return most if left is None else min(most, left)

    def _wait(self, attempt: int, fault: AttemptError) -> float:
        """Exponential, with jitter; what the provider asks for counts, up to the longest wait."""
        grown = self.settings.first_wait_s * 2**attempt
        wait = float(min(grown, self.settings.longest_wait_s) * self.rng.uniform(0.5, 1.0))
        return max(wait, min(fault.retry_after_s, self.settings.longest_wait_s))

    def _call(self, found: Recording, name: str) -> Call:
        answer = self.provider.read(found.response) if found.response else None
        usd = 0.0
        if answer is not None:
            usd = self.price.of(answer.usage) if self.price else float("nan")
        seconds = sum(each["latency_s"] + each["waited_s"] for each in found.attempts)
        return Call(found.outcome, answer, len(found.attempts), usd, seconds, name)


def _attempt(outcome: str, status: int, seconds: float, waited: float) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "status": status,
        "latency_s": round(seconds, 3),
        "waited_s": round(waited, 3),
    }
