"""Reading and writing proposals: JSON Lines that people can read."""

import json
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from dashsearch.errors import InputError
from dashsearch.files import write_json_lines
from dashsearch.ledger.schema import NO_CELL, Proposal
from dashsearch.space.space import Space


def write_proposals(
    target: str | os.PathLike[str], proposals: Sequence[Proposal], space: Space
) -> None:
    """Write one proposal a line, with the levels of its cell spelt out."""
    write_json_lines(target, [proposal.row(space) for proposal in proposals])


def read_proposals(path: str | os.PathLike[str], space: Space) -> list[Proposal]:
    """Read proposals and check that every line's levels are those of its cell.

    Raises
    ------
    InputError
        With the line, if it is not JSON, lacks a field, or contradicts the space.
    """
    proposals = []
    names = [field.name for field in fields(Proposal)]
    for number, line in enumerate(Path(path).read_text().splitlines(), start=1):
        try:
            row = json.loads(line)
            proposal = Proposal(**{name: row[name] for name in names})
            cell = {name: row[name] for name in space.names}
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} line {number} is not a proposal ({error}); propose the round again."
            ) from None
        if proposal.cell == NO_CELL and proposal.status == "invalid":
            proposals.append(proposal)
            continue
        if space.index(cell) != proposal.cell:
            raise InputError(
                f"{path} line {number}: its levels are not those of cell {proposal.cell} in space "
                f"{space.name}; propose the round again with one space."
            )
        proposals.append(proposal)
    return proposals
