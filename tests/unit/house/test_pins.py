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


# These start Snakemake themselves, and so run where it runs.
WITHOUT_ENVIRONMENT = {"reproduce"}


def test_every_rule_names_its_log_its_resources_and_its_environment():
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^ *rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            name = rule.split(":")[0]
            for keyword in ("log", "resources", "script"):
                assert re.search(rf"^ +{keyword}:$", rule, re.MULTILINE), f"{name}: no {keyword}"
            if name not in WITHOUT_ENVIRONMENT:
                environment = re.search(r'^ +conda:\n +"\.\./(envs/\w+\.yaml)"', rule, re.MULTILINE)
                assert environment, f"{name}: no conda"
                assert (ROOT / environment[1]).is_file(), f"{name}: {environment[1]} is missing"
            script = re.search(r'"\.\./(scripts/\w+\.py)"', rule)[1]
            assert (ROOT / script).is_file(), f"{name}: {script} is missing"
