"""How many tokens a round of the presets costs on the embedded space, and what that is in money.

The prompts are those of an arm of eight rounds of 25: the stable part, and the volatile part of
every round over a random history on a planted task. Vendors' tokenizers are not public, so tokens
are counted with SmolLM2's, next to characters; the reply counted is the longest that the schema
allows to five ideas with full hypotheses, and nobody knows beforehand how much a model thinks: the
price is given without thoughts, and with the whole of `max_output_tokens`.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "tests/unit", "benchmarks")]

from record import record  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from dashsearch.search.agents.causal_model import SMOLLM2  # noqa: E402
from dashsearch.search.agents.prices import load_prices  # noqa: E402
from dashsearch.search.agents.prompt import PromptBuilder, Round  # noqa: E402
from dashsearch.search.agents.provider import Usage  # noqa: E402
from dashsearch.search.agents.reply import reply_schema  # noqa: E402
from dashsearch.search.agents.settings import AnthropicAgent, Ideas  # noqa: E402
from dashsearch.search.agents.veil import obfuscate, plain  # noqa: E402
from dashsearch.search.policy import Result  # noqa: E402
from dashsearch.space.files import load_space  # noqa: E402
from planted import plant_task  # noqa: E402

SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
ROUNDS, PER_ROUND, START, AUDITS = 8, 25, 16, 0.1
# Tokens of the message that lists what was wrong, with room to spare.
REPAIR = 500
MOST = AnthropicAgent(provider="anthropic", name="x", model="x").max_output_tokens


def history() -> list[Result]:
    """Return a whole arm of random cells: its first ones are the start, then a tenth audits."""
    rng = np.random.default_rng(1)
    cells = rng.choice(SPACE.size, size=ROUNDS * PER_ROUND, replace=False)
    scores = plant_task("x", SPACE, {("backbone",): 0.5}, seed=1).scores(cells, [0] * len(cells))
    sources = np.where(rng.random(len(cells)) < AUDITS, "audit", "policy")
    sources[:START] = "start"
    return [
        Result(str(cell), int(cell), 0, "ok", float(score), source=str(source))
        for cell, score, source in zip(cells, scores, sources, strict=True)
    ]


def longest_reply(space: Any, ideas: Ideas) -> str:
    """Return five ideas with full hypotheses and a sweep each."""
    cell = space.cell(0)
    sweep = {factor.name: list(factor.levels[:3]) for factor in space.factors[-2:]}
    words = "A wider state keeps more of the approach, since braking shows late in the window. "
    idea = {"title": words[:60], "hypothesis": (words * 9)[:400], "levels": cell, "sweep": sweep}
    return json.dumps({"ideas": [idea] * ideas.most})


def measure(tokenizer: Any, *, is_opaque: bool) -> dict[str, Any]:
    """Count a preset's prompts and reply."""
    veil = obfuscate(SPACE, np.random.default_rng(1)) if is_opaque else plain(SPACE)
    ideas = Ideas(obfuscated=is_opaque)
    builder = PromptBuilder(ROOT / "resources/prompts", veil, ideas, "highway")
    past = history()
    schema = json.dumps(reply_schema(veil.shown, ideas.least, ideas.most, 400))
    rounds = [
        builder.round(
            Round(round_, PER_ROUND, {"usd": 10.0}),
            past[: round_ * PER_ROUND],
            np.random.default_rng(round_),
        )
        for round_ in range(ROUNDS)
    ]
    texts = {
        "stable": builder.stable(),
        "schema": schema,
        "reply": longest_reply(veil.shown, ideas),
    }

    def count(text: str) -> int:
        return len(tokenizer(text)["input_ids"])

    return {
        "characters": {name: len(text) for name, text in texts.items()},
        "tokens": {name: count(text) for name, text in texts.items()},
        "tokens_by_round": [count(text) for text in rounds],
        "characters_by_round": [len(text) for text in rounds],
    }


def money(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Price a round: one call without thoughts, and at most; and at most with the repair turn.

    Nothing is taken as cached: stable part and schema together are shorter than what vendors cache.
    """
    tokens, rounds = figures["tokens"], figures["tokens_by_round"]
    prompts = [tokens["stable"] + tokens["schema"] + each for each in rounds]
    repairs = [each + MOST + REPAIR for each in prompts]
    rows = []
    for (provider, model), price in load_prices(ROOT / "resources/prices.yaml").items():

        def mean(inputs: list[int], output: int, price: Any = price) -> float:
            return sum(price.of(Usage(each, 0, 0, output)) for each in inputs) / len(inputs)

        most = mean(prompts, MOST)
        usd = {
            "one_call_without_thoughts": mean(prompts, tokens["reply"]),
            "one_call_at_most": most,
            "with_repair_at_most": most + mean(repairs, MOST),
        }
        rows.append(
            {
                "provider": provider,
                "model": model,
                "usd_a_round": {name: round(each, 3) for name, each in usd.items()},
            }
        )
    return rows


def main() -> None:
    """Measure, and write the section "tokens" of results.json."""
    package, file = SMOLLM2
    folder = Path(str(find_spec(package).origin)).parent
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    figures: dict[str, Any] = {"rounds": ROUNDS, "experiments_per_round": PER_ROUND}
    for name, is_opaque in (("plain", False), ("obfuscated", True)):
        figures[name] = measure(tokenizer, is_opaque=is_opaque)
    figures["max_output_tokens"] = MOST
    figures["money"] = money(figures["plain"])
    record(HERE / "results.json", "tokens", figures, "transformers")
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
