"""`snakemake audit` where nothing has run yet."""

import time
from shutil import copy

import pandas as pd
import pytest

from workflow.campaign import ROOT, Campaign

# Python reads this module at its start: what the audit must do without is not there.
WITHOUT = """
import socket
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers"}:
            raise ImportError(f"{name} is not for the audit")


def refuse(*_, **__):
    raise OSError("the audit needs no network")


sys.meta_path.insert(0, Absent())
socket.getaddrinfo = refuse
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    (folder / "without").mkdir()
    (folder / "without/sitecustomize.py").write_text(WITHOUT)
    copy(ROOT / "config.yaml", folder)
    start = time.monotonic()
    result = Campaign(folder).snakemake("audit", PYTHONPATH=str(folder / "without"))
    return folder, result, time.monotonic() - start


def test_the_audit_needs_no_campaign_no_network_and_no_torch(audited):
    _, result, seconds = audited
    assert result.returncode == 0, result.stderr
    assert seconds < 120


def test_its_page_table_and_document_are_there(audited):
    folder, _, _ = audited
    table = pd.read_csv(folder / "results/audit/audit.csv")
    claims = (ROOT / "resources/published/claims.yaml").read_text().count("  - id: ")
    assert len(table) == claims
    assert (folder / "results/audit/audit.html").is_file()
    assert (folder / "results/audit/audit.json").is_file()
    assert not (folder / "results/highway").exists()
