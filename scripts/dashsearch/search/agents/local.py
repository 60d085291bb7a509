"""A causal language model that runs here, held to the reply's schema while it writes."""

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dashsearch.search.agents.provider import Answer, Prompt, Request, Response, Usage
from dashsearch.search.agents.settings import LocalAgent

if TYPE_CHECKING:
    from dashsearch.search.agents.causal_model import CausalModel

PATH = "/generate"


class LocalProvider:
    """Draws token by token from what the schema allows (llguidance), at a temperature, by a seed.

    Equal requests give equal replies on one machine; a recording is needed on another one.
    """

    def __init__(self, agent: LocalAgent, folder: Path) -> None:
        self._agent = agent
        self._folder = folder
        self._model: CausalModel | None = None

    def request(self, prompt: Prompt) -> Request:
        """Return the request for a prompt."""
        roles = ("user", "assistant")
        body = {
            "model": self._agent.model,
            "messages": [
                {"role": "system", "content": prompt.stable},
                *(
                    {"role": roles[place % 2], "content": text}
                    for place, text in enumerate(prompt.turns)
                ),
            ],
            "schema": json.loads(json.dumps(dict(prompt.schema))),
            "max_output_tokens": self._agent.max_output_tokens,
            "temperature": self._agent.temperature,
            "seed": prompt.seed % 2**31,
        }
        return Request("local", PATH, body)

    def count(self, request: Request) -> int:
        """Count the tokens of the prompt."""
        return self._loaded().count(request.body["messages"])

    def send(self, request: Request) -> Response:
        """Write a reply; InputError if the prompt leaves no room for one."""
        written = self._loaded().write(request.body)
        body = {
            "model": self._agent.model,
            "text": written.text,
            "finish_reason": "stop" if written.is_whole else "length",
            "usage": {
                "input_tokens": written.prompt_tokens,
                "output_tokens": written.reply_tokens,
            },
        }
        return Response(200, {}, body)

    def read(self, response: Response) -> Answer:
        """Read a response."""
        body = response.body
        return Answer(
            text=body["text"],
            outcome="ok" if body["finish_reason"] == "stop" else "truncated",
            model=body["model"],
            request_id="",
            usage=Usage(body["usage"]["input_tokens"], 0, 0, body["usage"]["output_tokens"]),
        )

    def _loaded(self) -> "CausalModel":
        """Load the model, and its heavy libraries, when it is needed: a replay needs neither."""
        if self._model is None:
            module = import_module("dashsearch.search.agents.causal_model")
            self._model = module.CausalModel(self._folder)
        return self._model
