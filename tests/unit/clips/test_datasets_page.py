"""Every snippet of docs/datasets.md is a valid config, and every source is documented."""

import re
from pathlib import Path

import pytest
import yaml

from dashsearch.clips.adapters import ADAPTERS
from dashsearch.config.validation import validate_config

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/datasets.md").read_text()
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_a_valid_config(snippet):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    tasks = yaml.safe_load(snippet)["tasks"]
    assert set(validate_config({**config, "tasks": tasks})["tasks"]) == set(tasks)


def test_every_source_has_a_snippet():
    shown = {
        task["source"] for snippet in SNIPPETS for task in yaml.safe_load(snippet)["tasks"].values()
    }
    assert shown == set(ADAPTERS)
