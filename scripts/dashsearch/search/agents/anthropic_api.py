"""Claude, through the vendor's SDK."""

import json
from typing import Any

from anthropic import (
    Anthropic,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    transform_schema,
)

from dashsearch.errors import InputError
from dashsearch.search.agents.provider import (
    Answer,
    AttemptError,
    Outcome,
    Prompt,
    Request,
    Response,
    Usage,
    fault_of,
    kept_headers,
)
from dashsearch.search.agents.secrets import read_key
from dashsearch.search.agents.settings import AnthropicAgent

PATH = "/v1/messages"
# A pause is a reply that the model wants to go on with; without tools it has no reason to.
_OUTCOMES: dict[str, Outcome] = {
    "end_turn": "ok",
    "stop_sequence": "ok",
    "refusal": "refused",
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "pause_turn": "truncated",
}


class AnthropicProvider:
    """Messages with a JSON schema as output format; the stable part of the prompt is cached.

    Sampling parameters are not sent: current models refuse them. The SDK's own repetitions are
    off, because it obeys any `retry-after`; `agents.calls` repeats instead.
    """

    def __init__(self, agent: AnthropicAgent, timeout_s: float) -> None:
        self._agent = agent
        self._timeout_s = timeout_s
        self._opened: Anthropic | None = None

    def request(self, prompt: Prompt) -> Request:
        """Return the request for a prompt."""
        agent = self._agent
        roles = ("user", "assistant")
        schema = transform_schema(json.loads(json.dumps(dict(prompt.schema))))
        output: dict[str, Any] = {"format": {"type": "json_schema", "schema": schema}}
        if agent.effort:
            output["effort"] = agent.effort
        body: dict[str, Any] = {
            "model": agent.model,
            "max_tokens": agent.max_output_tokens,
            "system": [
                {
                    "type": "text",
                    "text": prompt.stable,
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                }
            ],
            "messages": [
                {"role": roles[place % 2], "content": text}
                for place, text in enumerate(prompt.turns)
            ],
            "output_config": output,
        }
        if agent.thinking:
            body["thinking"] = {"type": agent.thinking}
        return Request("anthropic", PATH, body)

    def count(self, request: Request) -> int:
        """Ask the API how many tokens the prompt has."""
        body = {name: value for name, value in request.body.items() if name != "max_tokens"}
        try:
            return int(self._client().messages.count_tokens(**body).input_tokens)
        except APIError as error:
            raise _translate(error) from None

    def send(self, request: Request) -> Response:
        """Make one attempt."""
        try:
            raw = self._client().messages.with_raw_response.create(**request.body)
            body = raw.parse().model_dump(mode="json", exclude_none=True)
        except APIError as error:
            raise _translate(error) from None
        return Response(raw.status_code, kept_headers(dict(raw.headers)), body)

    def read(self, response: Response) -> Answer:
        """Read a response."""
        body = response.body
        text = "".join(part["text"] for part in body["content"] if part["type"] == "text")
        outcome = _OUTCOMES.get(body.get("stop_reason") or "", "empty")
        usage = body["usage"]
        return Answer(
            text=text,
            outcome="empty" if outcome == "ok" and not text.strip() else outcome,
            model=body["model"],
            request_id=response.headers.get("request-id", body["id"]),
            usage=Usage(
                input=usage["input_tokens"],
                cache_read=usage.get("cache_read_input_tokens", 0),
                cache_write=usage.get("cache_creation_input_tokens", 0),
                output=usage["output_tokens"],
            ),
        )

    def _client(self) -> Anthropic:
        if self._opened is None:
            self._opened = Anthropic(
                api_key=read_key("anthropic"),
                base_url=self._agent.base_url,
                timeout=self._timeout_s,
                max_retries=0,
            )
        return self._opened


def _translate(error: APIError) -> Exception:
    if isinstance(error, APITimeoutError):
        return AttemptError("timeout")
    if isinstance(error, APIConnectionError):
        return AttemptError("connection")
    status = error.status_code if isinstance(error, APIStatusError) else 0
    headers = error.response.headers if isinstance(error, APIStatusError) else {}
    fault = fault_of(status, str(error), headers.get("retry-after"))
    return fault or InputError(
        f"Claude refused the request ({status}): {str(error)[:300]}; correct model, key or "
        "settings."
    )
