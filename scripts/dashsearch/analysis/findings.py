"""What one question's analysis finds, and the files that hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.files import replacing, write_json


@dataclass(frozen=True)
class Findings:
    """What is written of one question: JSON documents and tables, by file name."""

    documents: dict[str, dict[str, Any]]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def write_findings(
    findings: Findings, folder: str | Path, note: Mapping[str, Any] | None = None
) -> None:
    """Write every document as strict JSON and every table as CSV (empty: no value) to `folder`.

    `note` says what made them, from `dashsearch.analysis.inputs.ledgers.analysis_note`; it becomes
    provenance.json.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if note is not None:
        write_json(folder / "provenance.json", note)
    for name, document in findings.documents.items():
        write_json(folder / name, document)
    for name, table in findings.tables.items():
        with replacing(folder / name) as path:
            table.to_csv(path, index=False, lineterminator="\n")
