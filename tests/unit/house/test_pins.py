"""The pins of the conda environments are those of requirements.txt, and nothing else."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PINS = {
    line for line in (ROOT / "requirements.txt").read_text().splitlines() if re.match(r"\w", line)
}


def test_every_requirement_is_pinned_exactly():
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in PINS)


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_conda_environment_mirrors_the_pins(path):
    packages = yaml.safe_load(path.read_text())["dependencies"][-1]["pip"]
    assert packages
    assert set(packages) <= PINS


def test_every_rule_names_its_log_its_resources_and_its_environment():
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^ *rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            name = rule.split(":")[0]
            for keyword in ("log", "resources", "conda", "script"):
                assert re.search(rf"^ +{keyword}:$", rule, re.MULTILINE), f"{name}: no {keyword}"
            environment = re.search(r'"\.\./(envs/\w+\.yaml)"', rule)[1]
            assert (ROOT / environment).is_file(), f"{name}: {environment} is missing"
            script = re.search(r'"\.\./(scripts/\w+\.py)"', rule)[1]
            assert (ROOT / script).is_file(), f"{name}: {script} is missing"
