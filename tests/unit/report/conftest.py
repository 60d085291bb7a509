import pytest

from dashsearch.analysis.analyse import analyse_task, write_analysis
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.report.page import TaskReport
from dashsearch.space.space import Factor, Space
from planted import plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color", "mid")),
        Factor("encoder", "architecture", ("gru", "retnet", "hybrid")),
        Factor("pooling", "architecture", ("mean", "max")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
        Factor("learning_rate", "training", (1e-4, 1e-3, 1e-2)),
    ),
)
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
        write_analysis(analyse_task(keep(planted), SPACE, SETTINGS), folder)
        return folder

    return write


@pytest.fixture(scope="session")
def town(analysed):
    return TaskReport(
        name="town",
        synthetic=True,
        analysis_folder=analysed(),
        marked_clips={"clip_7": "the file <script>alert(1)</script>.mp4 is empty; remove it."},
        provenance={"libraries": {"scipy": "1.17"}, "seed": 1},
    )
