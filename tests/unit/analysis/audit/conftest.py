from pathlib import Path
from shutil import copytree

import pytest
import yaml

from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.run import audit_claims

PUBLISHED = Path(__file__).parents[4] / "resources/published"


@pytest.fixture(scope="session")
def findings():
    """The audit of the figures as they are published, by claim."""
    return {finding.claim.id: finding for finding in audit_claims(PUBLISHED)}


@pytest.fixture
def published():
    return Published(PUBLISHED)


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the published figures, to break."""
    return Path(copytree(PUBLISHED, tmp_path / "published"))


@pytest.fixture
def with_claims(copy):
    """Give a copy of the published figures with other claims."""

    def write(*claims):
        (copy / "claims.yaml").write_text(yaml.safe_dump({"claims": list(claims)}))
        return copy

    return write


@pytest.fixture(scope="session")
def entries():
    """Every entry of claims.yaml as it is written, by id."""
    document = yaml.safe_load((PUBLISHED / "claims.yaml").read_text())
    return {entry["id"]: entry for entry in document["claims"]}
