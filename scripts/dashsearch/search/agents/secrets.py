"""API keys: from the environment, or from a file that is named there; from nowhere else."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashsearch.errors import InputError
from dashsearch.search.agents.recording import FINISHED, round_folder

KEY_VARIABLES = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
}


def read_key(provider: str) -> str:
    """Return the key of a provider.

    Raises
    ------
    InputError
        If neither a variable nor the file that one names holds it.
    """
    key = _find(provider)
    if not key:
        names = " or ".join(KEY_VARIABLES[provider])
        raise InputError(
            f"there is no key for {provider}; set {names} in the environment, or the same name "
            "with _FILE to a file that holds it."
        )
    return key


def check_keys(config: Mapping[str, Any]) -> None:
    """Check that every provider that will be asked has a key.

    Raises
    ------
    InputError
        If one has none, and not every round that needs it is recorded.
    """
    if config["agents"]["mode"] == "replay":
        return
    for task in config["tasks"]:
        for name, arm in config["arms"].items():
            for provider in {each["provider"] for each in arm.get("agents", ())}:
                if provider in KEY_VARIABLES and not _find(provider):
                    _check_recorded(config, task, name, provider)


def _check_recorded(config: Mapping[str, Any], task: str, arm: str, provider: str) -> None:
    settings = config["arms"][arm]
    start = config["shared_start"] // settings["experiments_per_round"]
    for seed in settings["seeds"]:
        for round_ in range(start, settings["rounds"]):
            folder = round_folder(config, task, arm, seed, round_)
            if not (folder / FINISHED).exists():
                try:
                    read_key(provider)
                except InputError as error:
                    raise InputError(
                        f"config: arms.{arm}: {folder} is not recorded, and {error}"
                    ) from None


def _find(provider: str) -> str:
    for name in KEY_VARIABLES[provider]:
        if os.environ.get(name):
            return os.environ[name]
        file = os.environ.get(f"{name}_FILE")
        if file:
            if not Path(file).is_file():
                raise InputError(f"{name}_FILE is {file!r}, which does not exist; correct it.")
            return Path(file).read_text().strip()
    return ""
