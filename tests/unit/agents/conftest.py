"""Keys for the stand-ins, and one campaign of Claude and Gemini that several tests look at."""

import pytest

from agent_campaign import FAST, agents, play
from servers.models import StandInModels, serve_models

SECRETS = {"ANTHROPIC_API_KEY": "sk-ant-very-secret", "GEMINI_API_KEY": "g-very-secret"}
# By provider, round and turn; every kind of fault, each on its own, and some together.
SCRIPT = {
    ("anthropic", 1, 1): ["429", "529", "ok"],
    ("google", 1, 1): ["503", "429", "ok"],
    ("anthropic", 2, 1): ["500", "timeout", "ok"],
    ("google", 2, 1): ["timeout", "ok"],
    ("anthropic", 3, 1): ["truncated"],
    ("google", 3, 1): ["malformed"],
    ("anthropic", 4, 1): ["refusal"],
    ("google", 4, 1): ["unknown_level"],
    ("anthropic", 5, 1): ["duplicate"],
    ("google", 5, 1): ["drop", "duplicate"],
    ("anthropic", 6, 1): ["drop", "ok"],
    ("google", 6, 1): ["refusal"],
    ("anthropic", 7, 1): ["unknown_level"],
    ("anthropic", 7, 2): ["unknown_level"],
    ("google", 7, 1): ["empty"],
    ("google", 8, 1): ["malformed"],
    ("google", 8, 2): ["500", "malformed"],
    ("anthropic", 9, 1): ["duplicate"],
    ("anthropic", 9, 2): ["duplicate"],
    ("google", 9, 1): ["529"],
}
ROUNDS, PER_ROUND = 20, 10


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """Give every test both keys, and nothing else that the SDKs would read."""
    for name in ("GOOGLE_API_KEY", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def campaign_settings(url, **arm):
    base = {"rounds": ROUNDS, "experiments_per_round": PER_ROUND, "agents": agents(url)}
    return {"arm": {**base, **arm}, "calls": dict(FAST)}


@pytest.fixture(scope="session")
def scripted(tmp_path_factory):
    """Twenty rounds of Claude and Gemini, faults included: folder, server, ledger and calls."""
    folder = tmp_path_factory.mktemp("scripted")
    models = StandInModels(SCRIPT)
    with pytest.MonkeyPatch.context() as patch, serve_models(models):
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        ledger, calls = play(folder, campaign_settings(models.url))
        yield folder, models, ledger, calls
