"""One task's analysis as the report reads it: everything comes from the files of its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.errors import InputError
from dashsearch.files import read_json
from dashsearch.report.clips import ClipExample
from dashsearch.report.traced import trace


@dataclass(frozen=True)
class TaskReport:
    """What the report is told about one task.

    Attributes
    ----------
    name
        Name of the task.
    synthetic
        Whether its clips are rendered: the page then says so wherever the task appears.
    analysis_folder
        Folder that `dashsearch.analysis.findings.write_findings` wrote.
    marked_clips
        Sentence of every clip that could not be used, by clip.
    sample_frames
        A picture of sampled frames, or None.
    splits
        Digest of the split and the number of clips on each of its sides; may be nested.
    calls
        What language models were asked, from `dashsearch.ledger.calls.summarise_calls`.
    experiments
        Rows of the task's ledgers, with `n`, the experiment's number within its run, and `idea`,
        the hypothesis of an agent or ""; see `numbered`. Empty: the page has no chart of them.
    factors
        The space's factors, in order.
    examples
        Test clips that were told rightly and wrongly.
    """

    name: str
    synthetic: bool
    analysis_folder: Path
    marked_clips: Mapping[str, str] = field(default_factory=dict)
    sample_frames: Path | None = None
    splits: Mapping[str, Any] = field(default_factory=dict)
    calls: Sequence[Mapping[str, Any]] = ()
    experiments: pd.DataFrame = field(default_factory=pd.DataFrame)
    factors: Sequence[str] = ()
    examples: Sequence[ClipExample] = ()

    @property
    def title(self) -> str:
        """Name of the task, with "synthetic" where it is."""
        return f"{self.name} (synthetic)" if self.synthetic else self.name

    @cached_property
    def variance(self) -> dict[str, Any]:
        """The document variance.json."""
        return self._document("variance.json")

    @cached_property
    def convergence(self) -> dict[str, Any]:
        """The document convergence.json."""
        return self._document("convergence.json")

    @cached_property
    def dynamics(self) -> dict[str, Any]:
        """The document dynamics.json."""
        return self._document("dynamics.json")

    @cached_property
    def validity(self) -> dict[str, Any]:
        """The document validity.json."""
        return self._document("validity.json")

    @cached_property
    def transfer(self) -> dict[str, Any] | None:
        """The document transfer.json, or None if nothing was transferred."""
        is_there = (self.analysis_folder / "transfer.json").is_file()
        return self._document("transfer.json") if is_there else None

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The document summary.json."""
        return self._document("summary.json")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """The document provenance.json: what made the analysis."""
        return self._document("provenance.json")

    @cached_property
    def pair_means(self) -> pd.DataFrame:
        """The table pair_means.csv."""
        return pd.read_csv(self._file("pair_means.csv"))

    @property
    def score(self) -> str:
        """Column that results are reported on."""
        return str(self.summary["score"])

    @property
    def scored_on(self) -> str:
        """What a test score is a score of, such as ", 32 clips"; "" where no split is known."""
        clips = self.splits.get("clips", {}).get("test")
        return f", {clips:,} clips" if clips else ""

    @property
    def selection(self) -> str:
        """Column that incumbents are chosen by."""
        return str(self.summary["selection"])

    @property
    def arms(self) -> list[str]:
        """Arm names, in the order of the ledger."""
        return [str(arm["arm"]) for arm in self.convergence["arms"]]

    @cached_property
    def primary_shares(self) -> dict[str, Any] | None:
        """Shares of the unbiased sample on the reported score, or None if there is none."""
        shares = self.variance["scores"][self.score]
        return next((arm for arm in shares if arm["primary"]), None)

    def _document(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = trace(
            read_json(self._file(name)), f"../{self.name}/analysis/{name}"
        )
        return document

    def _file(self, name: str) -> Path:
        path = self.analysis_folder / name
        if not path.is_file():
            raise InputError(f"{path} does not exist; analyse task {self.name} first.")
        return path


def numbered(ledger: pd.DataFrame, ideas: Mapping[tuple[str, int, int, int], str]) -> pd.DataFrame:
    """Return the experiments with their number in their run, from 1, and the idea behind each.

    Parameters
    ----------
    ledger
        Rows of all arms of a task, in proposal order.
    ideas
        Hypotheses by arm, seed, round and cell.
    """
    keys = zip(ledger["arm"], ledger["arm_seed"], ledger["round"], ledger["cell"], strict=True)
    return ledger.assign(
        n=ledger.groupby(["arm", "arm_seed"]).cumcount() + 1,
        idea=[ideas.get((arm, int(seed), int(r), int(cell)), "") for arm, seed, r, cell in keys],
    )
