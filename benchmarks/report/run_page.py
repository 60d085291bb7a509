"""A report of 10,000 experiments: how long it takes to make, how large it is, how fast it opens."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "tests/unit", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.analysis.analyse import analyse_task  # noqa: E402
from dashsearch.analysis.findings import write_findings  # noqa: E402
from dashsearch.analysis.inputs.ledgers import analysis_note  # noqa: E402
from dashsearch.analysis.settings import AnalysisSettings  # noqa: E402
from dashsearch.report.page import TaskReport, write_report  # noqa: E402
from dashsearch.report.task import numbered  # noqa: E402
from dashsearch.space.files import load_space  # noqa: E402
from planted import plant_task, planted_ledger  # noqa: E402

SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
SETTINGS = AnalysisSettings(permutations=99, bootstraps=99)
OPENINGS = 5
EXPERIMENTS = 10_000


def page_of(folder: Path) -> tuple[Path, float]:
    """Write the page of one task; its file and the seconds that drawing and writing it took."""
    task = plant_task("town", SPACE, {("backbone",): 0.5, ("encoder",): 0.2}, seed=1)
    half = EXPERIMENTS // 2
    ledger = planted_ledger(task, half, half // 2, half // 2)
    write_findings(
        analyse_task(ledger, SPACE, SETTINGS),
        folder / "town/analysis",
        analysis_note({"designed/1": "ab"}, SPACE, SETTINGS, "trainer/1"),
    )
    ideas = {
        (
            arm,
            int(seed),
            int(round_),
            int(cell),
        ): f"idea {cell}: a slower decay"
        for arm, seed, round_, cell in zip(
            ledger["arm"], ledger["arm_seed"], ledger["round"], ledger["cell"], strict=True
        )
        if arm == "evolution"
    }
    town = TaskReport(
        name="town",
        synthetic=True,
        analysis_folder=folder / "town/analysis",
        experiments=numbered(ledger, ideas),
        factors=SPACE.names,
    )
    start = time.perf_counter()
    write_report([town], folder / "report")
    return folder / "report/index.html", time.perf_counter() - start


def openings(page: Path) -> list[dict[str, float]]:
    """Open the page several times, each in a new context: until loaded, and until it answers."""
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(OPENINGS):
            shown = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            start = time.perf_counter()
            shown.goto(page.as_uri())
            loaded = time.perf_counter() - start
            shown.locator(".filter").first.wait_for(state="visible")
            # A frame that is painted behind the scripts.
            shown.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            found.append({"loaded_s": loaded, "answers_s": time.perf_counter() - start})
            shown.context.close()
        browser.close()
    return found


def main() -> None:
    """Measure, and write results.json."""
    with tempfile.TemporaryDirectory() as folder:
        page, written_s = page_of(Path(folder))
        times = pd.DataFrame(openings(page))
        figures = {
            "experiments": EXPERIMENTS,
            "page_mb": round(page.stat().st_size / 1e6, 2),
            "written_s": round(written_s, 1),
            "openings": OPENINGS,
            **{
                name: {"median": round(float(np.median(v)), 2), "max": round(float(v.max()), 2)}
                for name, v in times.items()
            },
        }
    print(figures)
    record(Path(__file__).with_name("results.json"), "page", figures, "matplotlib", "playwright")


if __name__ == "__main__":
    main()
