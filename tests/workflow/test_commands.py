"""Every `make` and `snakemake` command of README and docs works, as far as a dry run shows."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from workflow.campaign import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "config/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# Words that stand for something of the reader's own.
STAND_INS = {"mine.yaml": "config.yaml", "…": "key", "<id>": "id"}
NEEDS_CONDA = "--sdm conda"  # Snakemake asks conda for its version before anything else
FINISHED = "--report"  # reads a finished run: tests/workflow/test_exports.py


def commands():
    """Commands in code blocks and between single backticks, without comments, each once."""
    found = {}
    for page in PAGES:
        text = page.read_text()
        blocks = re.findall(r"^```(?:\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose, re.DOTALL)]
        for line in lines:
            for part in re.split(r" && |; ", re.sub(r"\s+#.*", "", line.strip().lstrip("$ "))):
                found.setdefault(part, page.name)
    return found


def different(found):
    """One of several commands that differ by the number of cores only."""
    return list({re.sub(r" --cores \w+", "", each): each for each in found}.values())


COMMANDS = commands()
MAKE = [command for command in COMMANDS if re.match(r"make [a-z]", command)]
SNAKEMAKE = different(
    command
    for command in COMMANDS
    if re.match(r"([A-Z_]+=\S+ )*snakemake ", command) and NEEDS_CONDA not in command
)


def test_commands_are_found():
    assert {"make demo", "make test"} <= set(MAKE)
    assert "snakemake --dry-run" in SNAKEMAKE
    assert len(SNAKEMAKE) > 10


@pytest.mark.parametrize("command", MAKE)
def test_make_knows_the_target(command):
    done = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{COMMANDS[command]}: {done.stderr}"


@pytest.mark.parametrize("command", SNAKEMAKE)
def test_snakemake_takes_the_command(command, tmp_path):
    for word, own in STAND_INS.items():
        command = command.replace(word, own)
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    arguments = [word for word in words[len(variables) + 1 :] if word != "--unlock"]
    if FINISHED in arguments:
        place = arguments.index(FINISHED)
        del arguments[place : place + 2]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--dry-run", "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SNAKEMAKE_OUTPUT_CACHE": str(tmp_path), **variables},
    )
    assert done.returncode == 0, f"{done.stdout[-800:]}{done.stderr[-800:]}"
