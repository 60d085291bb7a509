"""The audit as a whole: every claim with its verdict, as data for files and pages."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.analysis.audit.claims import Claim, load_claims
from dashsearch.analysis.audit.outcome import Outcome
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.recipes import RECIPES
from dashsearch.analysis.audit.sentences import explain
from dashsearch.analysis.audit.verdict import VERDICTS, Verdict, judge
from dashsearch.analysis.results import Interval, plain
from dashsearch.files import replacing, write_json

COLUMNS = (
    "id",
    "edition",
    "statement",
    "kind",
    "published",
    "unit",
    "tolerance",
    "recomputed",
    "interval",
    "interval_kind",
    "n",
    "verdict",
    "why",
)


@dataclass(frozen=True)
class Finding:
    """One claim, what was recomputed, and what follows."""

    claim: Claim
    outcome: Outcome
    verdict: Verdict
    why: str


def audit_claims(folder: str | Path) -> tuple[Finding, ...]:
    """Audit every claim of a folder of published figures, in the order of its claims.yaml.

    Raises
    ------
    InputError
        If a table or a claim breaks the schema, or a claim asks for what is not there.
    """
    published = Published(folder)
    return tuple(audit_claim(published, claim) for claim in load_claims(published, RECIPES))


def audit_claim(published: Published, claim: Claim) -> Finding:
    """Audit one claim."""
    outcome = RECIPES[claim.recipe](published, claim, **claim.arguments)
    verdict = judge(claim, outcome)
    return Finding(claim, outcome, verdict, explain(claim, outcome, verdict))


def audit_document(findings: tuple[Finding, ...]) -> dict[str, Any]:
    """Return everything that the audit found, ready for JSON."""
    counts = Counter(finding.verdict for finding in findings)
    return {
        "schema": "audit/1",
        "verdicts": {verdict: counts[verdict] for verdict in VERDICTS},
        "claims": [_row(finding) for finding in findings],
    }


def write_audit(findings: tuple[Finding, ...], document: Path, table: Path) -> None:
    """Write audit.json and audit.csv."""
    content = audit_document(findings)
    write_json(document, content)
    rows = [
        {
            **{name: row[name] for name in COLUMNS if name in row},
            "recomputed": row["value"],
            **_limits(finding.outcome.interval or finding.outcome.allowed),
        }
        for finding, row in zip(findings, content["claims"], strict=True)
    ]
    with replacing(table) as path:
        pd.DataFrame(rows)[list(COLUMNS)].to_csv(path, index=False, lineterminator="\n")


def _row(finding: Finding) -> dict[str, Any]:
    claim, outcome = finding.claim, finding.outcome
    row: dict[str, Any] = plain(
        {
            "id": claim.id,
            "edition": claim.edition,
            "statement": claim.statement,
            "kind": claim.kind,
            "source": claim.source,
            "published": claim.published,
            "unit": claim.unit,
            "tolerance": claim.tolerance,
            "recipe": claim.recipe,
            "value": outcome.value,
            "interval": outcome.interval,
            "allowed": outcome.allowed,
            "basis": outcome.basis,
            "compared": outcome.holds is not None,
            "n": outcome.n,
            "n_of": outcome.n_of,
            "method": outcome.method,
            "checks": outcome.checks,
            "verdict": finding.verdict,
            "why": finding.why,
            "needs": claim.needs,
            "exhibit": claim.exhibit,
            "exhibit_data": outcome.exhibit if claim.exhibit else {},
        }
    )
    return row


def _limits(interval: Interval | None) -> dict[str, str]:
    if interval is None:
        return {"interval": "", "interval_kind": ""}
    return {
        "interval": f"[{interval.low:.6g}, {interval.high:.6g}]",
        "interval_kind": interval.kind,
    }
