"""What a provider is: a small class around a vendor's SDK, or around a model that runs here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Outcome = Literal[
    "ok",
    # Answered and paid for, but of no use.
    "truncated",
    "refused",
    "empty",
    # Never answered, after all attempts.
    "rate_limited",
    "overloaded",
    "server_error",
    "timeout",
    "connection",
    # Not sent.
    "budget",
]


@dataclass(frozen=True)
class Prompt:
    """A prompt in its parts.

    Attributes
    ----------
    stable
        Task, space, rules: equal in every round of an arm, so that providers can cache it.
    turns
        What was said since, the user first: the round's context, a reply, its problems.
    schema
        JSON schema of the reply.
    seed
        For models that draw from a seed.
    """

    stable: str
    turns: tuple[str, ...]
    schema: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class Request:
    """A request as it is sent: what its recording is found by."""

    provider: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Usage:
    """Tokens that an answer is billed for.

    Attributes
    ----------
    input
        Tokens of the prompt that no cache served or stored.
    cache_read, cache_write
        Tokens that a cache served, and that were stored in one.
    output
        Tokens of the reply, thoughts included.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.cache_read + self.cache_write + self.output


@dataclass(frozen=True)
class Answer:
    """What a response says, whichever provider it is from."""

    text: str
    outcome: Outcome
    model: str
    request_id: str
    usage: Usage


class AttemptError(Exception):
    """An attempt that led to no answer and may be repeated.

    Attributes
    ----------
    outcome
        What kind of fault it was.
    status
        HTTP status, 0 if there was none.
    retry_after_s
        How long the provider asked to wait, 0.0 if it did not say.
    """

    def __init__(self, outcome: Outcome, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{outcome} ({status})" if status else outcome)
        self.outcome = outcome
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Response:
    """A response as it is recorded: chosen headers, and the body as the SDK gave it."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Provider(Protocol):
    """One vendor, or one local model."""

    def request(self, prompt: Prompt) -> Request:
        """Return the request for a prompt; equal prompts give equal requests."""

    def count(self, request: Request) -> int:
        """Return the number of tokens that the request would be billed for as input."""

    def send(self, request: Request) -> Response:
        """Make one attempt; AttemptError if it may be repeated, InputError if that cannot help."""

    def read(self, response: Response) -> Answer:
        """Read a response, from the wire or from a recording."""


# Headers of a response that are worth keeping; none of them is secret.
KEPT_HEADERS = ("request-id", "x-request-id", "retry-after", "x-should-retry", "server-timing")


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a response that are recorded, in lower case."""
    found = {name.lower(): value for name, value in headers.items()}
    return {name: found[name] for name in KEPT_HEADERS if name in found}


def fault_of(status: int, message: str, retry_after: str | None) -> AttemptError | None:
    """Return the fault that a status stands for, None for one that no repetition helps.

    Overload comes as 529 or 503, and also in the body under another status.
    """
    wait = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else 0.0
    if "overloaded" in message.lower() or status == 529:
        return AttemptError("overloaded", status, wait)
    if status == 429:
        return AttemptError("rate_limited", status, wait)
    if status == 408:
        return AttemptError("timeout", status, wait)
    if status == 409 or status >= 500:
        return AttemptError("server_error", status, wait)
    return None
