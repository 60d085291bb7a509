"""What agents had in mind: the lines of ideas.jsonl, for people."""

from collections.abc import Iterable
from pathlib import Path

from dashsearch.files import read_json_lines

# An arm's name, its seed and a round.
Place = tuple[str, int, int]


def read_hypotheses(
    files: Iterable[tuple[Place, str | Path]],
) -> dict[tuple[str, int, int, int], str]:
    """Return the hypothesis behind each proposed cell, by arm, seed, round and cell.

    Lines that are no ideas, such as how many experiments of sweeps were dropped, have no cells.
    """
    return {
        (*place, cell): idea["hypothesis"]
        for place, path in files
        for idea in read_json_lines(path)
        for cell in idea.get("cells", ())
    }
