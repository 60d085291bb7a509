from dataclasses import replace
from shutil import copytree

import pytest

from dashsearch.analysis.analyse import analyse_task
from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.inputs.ledgers import analysis_note
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.files import read_json, write_json
from dashsearch.report.clips import ClipExample
from dashsearch.report.page import TaskReport
from dashsearch.report.task import numbered
from planted import FIVE_FACTORS, plant_task, planted_ledger

SPACE = FIVE_FACTORS
SETTINGS = AnalysisSettings(permutations=99, bootstraps=99, window=10)


@pytest.fixture(scope="session")
def planted():
    """The ledger of a task whose score is mostly its backbone."""
    task = plant_task("town", SPACE, {("backbone",): 0.7, ("loss",): 0.1}, seed=5)
    return planted_ledger(task, 100, 24, 24)


@pytest.fixture(scope="session")
def analysed(planted, tmp_path_factory):
    """Write the analysis of (a part of) the planted ledger and return its folder."""

    def write(keep=lambda ledger: ledger):
        folder = tmp_path_factory.mktemp("analysis")
        note = analysis_note({"designed/1": "ab"}, SPACE, SETTINGS, "trainer/1-cd")
        write_findings(analyse_task(keep(planted), SPACE, SETTINGS), folder, note)
        return folder

    return write


@pytest.fixture(scope="session")
def town(analysed, planted):
    last = planted[(planted["arm"] == "evolution") & (planted["status"] == "ok")].iloc[-1]
    key = ("evolution", int(last["arm_seed"]), int(last["round"]), int(last["cell"]))
    return TaskReport(
        name="town",
        synthetic=True,
        analysis_folder=analysed(),
        marked_clips={"clip_7": "the file <script>alert(1)</script>.mp4 is empty; remove it."},
        splits={"digest": "ef", "clips": {"train": 40, "test": 20}},
        experiments=numbered(planted, {key: "</script><script>alert(2)</script>"}),
        factors=SPACE.names,
        examples=[ClipExample("clip_<b>", "miss", (1.5, 0.5), (0.2, 0.4), 6)],
    )


@pytest.fixture
def altered(town, tmp_path):
    """Copy the analysis of town with one document changed in place by a function."""

    def alter(name, change):
        folder = copytree(town.analysis_folder, tmp_path / "altered", dirs_exist_ok=True)
        document = read_json(folder / name)
        change(document)
        write_json(folder / name, document)
        return replace(town, analysis_folder=folder)

    return alter
