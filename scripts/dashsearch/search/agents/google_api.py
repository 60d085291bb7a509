"""Gemini, through the vendor's SDK."""

import json
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

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
from dashsearch.search.agents.settings import GoogleAgent

_OUTCOMES: dict[str, Outcome] = {
    "STOP": "ok",
    "MAX_TOKENS": "truncated",
    "CONTINUATION": "truncated",
    "SAFETY": "refused",
    "RECITATION": "refused",
    "BLOCKLIST": "refused",
    "PROHIBITED_CONTENT": "refused",
    "SPII": "refused",
    "MODEL_ARMOR": "refused",
}


class GoogleProvider:
    """Content with a JSON schema; no tools, and no calls that the SDK would add by itself.

    The SDK repeats nothing unless told to, and then ignores `retry-after`; `agents.calls` repeats.
    """

    def __init__(self, agent: GoogleAgent, timeout_s: float) -> None:
        self._agent = agent
        self._timeout_s = timeout_s
        self._opened: genai.Client | None = None

    def request(self, prompt: Prompt) -> Request:
        """Return the request for a prompt."""
        roles = ("user", "model")
        config: dict[str, Any] = {
            "system_instruction": prompt.stable,
            "response_mime_type": "application/json",
            "response_json_schema": json.loads(json.dumps(dict(prompt.schema))),
            "max_output_tokens": self._agent.max_output_tokens,
            "seed": prompt.seed % 2**31,
            "automatic_continuation": False,
        }
        if self._agent.thinking_level:
            config["thinking_config"] = {"thinking_level": self._agent.thinking_level.upper()}
        contents = [
            {"role": roles[place % 2], "parts": [{"text": text}]}
            for place, text in enumerate(prompt.turns)
        ]
        path = f"/models/{self._agent.model}:generateContent"
        body = {"model": self._agent.model, "contents": contents, "config": config}
        return Request("google", path, body)

    def count(self, request: Request) -> int:
        """Ask the API how many tokens the prompt has; the stable part counts as a first turn."""
        system = {"role": "user", "parts": [{"text": request.body["config"]["system_instruction"]}]}
        contents = [system, *request.body["contents"]]
        try:
            found = self._client().models.count_tokens(
                model=request.body["model"], contents=contents
            )
        except (errors.APIError, httpx2.HTTPError) as error:
            raise _translate(error) from None
        return int(found.total_tokens or 0)

    def send(self, request: Request) -> Response:
        """Make one attempt."""
        try:
            found = self._client().models.generate_content(
                model=request.body["model"],
                contents=request.body["contents"],
                config=types.GenerateContentConfig.model_validate(request.body["config"]),
            )
        except (errors.APIError, httpx2.HTTPError) as error:
            raise _translate(error) from None
        wire = found.sdk_http_response
        headers = dict(wire.headers or {}) if wire else {}
        body = found.model_dump(
            mode="json", exclude_none=True, exclude={"sdk_http_response", "parsed"}
        )
        return Response(200, kept_headers(headers), body)

    def read(self, response: Response) -> Answer:
        """Read a response."""
        body = response.body
        candidate: dict[str, Any] = next(iter(body.get("candidates", [])), {})
        parts = candidate.get("content", {}).get("parts", [])
        text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
        outcome = _OUTCOMES.get(candidate.get("finish_reason", ""), "empty")
        if not candidate and body.get("prompt_feedback", {}).get("block_reason"):
            outcome = "refused"
        usage = body.get("usage_metadata", {})
        cached = usage.get("cached_content_token_count", 0)
        return Answer(
            text=text,
            outcome="empty" if outcome == "ok" and not text.strip() else outcome,
            model=body.get("model_version", ""),
            request_id=body.get("response_id", ""),
            usage=Usage(
                input=usage.get("prompt_token_count", 0) - cached,
                cache_read=cached,
                output=usage.get("candidates_token_count", 0)
                + usage.get("thoughts_token_count", 0),
            ),
        )

    def _client(self) -> genai.Client:
        if self._opened is None:
            self._opened = genai.Client(
                api_key=read_key("google"),
                http_options=types.HttpOptions(
                    base_url=self._agent.base_url,
                    timeout=int(1000 * self._timeout_s),
                    retry_options=types.HttpRetryOptions(attempts=1),
                ),
            )
        return self._opened


def _translate(error: errors.APIError | httpx2.HTTPError) -> Exception:
    if isinstance(error, httpx2.TimeoutException):
        return AttemptError("timeout")
    if isinstance(error, httpx2.HTTPError):
        return AttemptError("connection")
    headers = getattr(error.response, "headers", None) or {}
    fault = fault_of(error.code, str(error), headers.get("retry-after"))
    return fault or InputError(
        f"Gemini refused the request ({error.code}): {str(error)[:300]}; correct model, key or "
        "settings."
    )
