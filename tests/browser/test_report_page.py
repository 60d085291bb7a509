"""The report in a real browser: it loads alone, answers a pointer and keys, and needs no script."""

import pytest

from browser.conftest import WIDTHS, watched
from dashsearch.analysis.analyse import analyse_task
from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.inputs.ledgers import analysis_note
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.report.clips import ClipExample
from dashsearch.report.page import TaskReport, write_report
from dashsearch.report.task import numbered
from planted import FOUR_FACTORS, plant_task, planted_ledger

SPACE = FOUR_FACTORS
SETTINGS = AnalysisSettings(permutations=99, bootstraps=99, window=10)
SECTIONS = ("answers", "town", "cost", "reading", "provenance")
PARTS = ("shares", "landscape", "convergence", "experiments", "dynamics", "validity", "transfer",
         "clips", "failures")  # fmt: skip


@pytest.fixture(scope="module")
def report_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    task = plant_task("town", SPACE, {("backbone",): 0.6, ("loss",): 0.1}, seed=5)
    ledger = planted_ledger(task, 60, 24, 24)
    note = analysis_note({"designed/1": "ab"}, SPACE, SETTINGS, "trainer/1-cd")
    write_findings(analyse_task(ledger, SPACE, SETTINGS), folder / "town", note)
    last = ledger[(ledger["arm"] == "evolution") & (ledger["status"] == "ok")].iloc[-1]
    key = ("evolution", int(last["arm_seed"]), int(last["round"]), int(last["cell"]))
    town = TaskReport(
        name="town",
        synthetic=True,
        analysis_folder=folder / "town",
        experiments=numbered(ledger, {key: "slow <b>decay</b>"}),
        factors=SPACE.names,
        examples=[ClipExample("clip_1", "miss", (1.5, 0.5), (0.2, 0.4), 6)],
    )
    write_report([town], folder / "report")
    return folder / "report/index.html"


@pytest.fixture(scope="module", params=WIDTHS, ids=list(WIDTHS))
def shown(request, browser, report_page):
    """The page at one width, with everything that it asked for and complained about."""
    with watched(browser, report_page, request.param) as page:
        yield page


def test_the_page_asks_for_nothing_and_complains_of_nothing(shown, report_page):
    assert [url for url in shown.asked if not url.startswith("data:")] == [report_page.as_uri()]
    assert shown.complaints == []


def test_every_section_is_there_and_fits_its_window(shown):
    for name in (*SECTIONS, *(f"town-{part}" for part in PARTS)):
        assert shown.locator(f"#{name}").count() == 1, name
    assert shown.evaluate("document.documentElement.scrollWidth") == shown.viewport_size["width"]
    for link in shown.evaluate("[...document.querySelectorAll('nav a')].map(a => a.hash)"):
        assert shown.locator(link).count() == 1


def test_a_pointer_is_told_the_configuration_and_the_hypothesis(shown):
    tooltip = shown.locator(".tooltip")
    assert tooltip.is_hidden()
    with_idea = shown.evaluate(
        """() => {
            const data = JSON.parse(document.querySelector('.explorer script').textContent);
            return data.rows.findIndex(row => row[6] >= 0);
        }"""
    )
    shown.locator(f"circle[data-i='{with_idea}']").dispatch_event("pointermove")
    text = tooltip.inner_text()
    assert "evolution, seed" in text and "backbone: " in text and "test mAP 0." in text
    # What a model wrote is text, never markup.
    assert "slow <b>decay</b>" in text and tooltip.locator("b").count() == 0
    box = tooltip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= shown.viewport_size["width"]


def test_keys_go_through_the_experiments(shown):
    shown.locator("svg.experiments").focus()
    shown.keyboard.press("ArrowRight")
    first = shown.locator(".tooltip .who").inner_text()
    shown.keyboard.press("ArrowRight")
    assert shown.locator(".tooltip .who").inner_text() != first
    shown.keyboard.press("Escape")
    assert shown.locator(".tooltip").is_hidden()


def test_the_filter_hides_an_arm_in_the_chart_and_the_tables(shown):
    box = shown.locator(".filter input[value=random]")
    rows = shown.locator("#town tr[data-arm=random]:visible").count()
    assert rows > 0 and shown.locator("g[data-arm=random]").is_visible()
    box.uncheck()
    assert shown.locator("#town tr[data-arm=random]:visible").count() == 0
    assert not shown.locator("g[data-arm=random]").is_visible()
    assert shown.locator("g[data-arm=evolution]").is_visible()
    box.check()
    assert shown.locator("#town tr[data-arm=random]:visible").count() == rows


def test_without_scripts_figures_and_tables_are_there(browser, report_page):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report_page.as_uri())
    assert page.locator("svg.experiments circle").count() > 50
    assert page.locator("figure img:visible").count() >= 7
    assert page.locator("#town table:visible").count() >= 4
    assert page.locator(".filter").is_hidden() and page.locator(".scripted").is_hidden()
    context.close()


def test_the_page_prints(browser, report_page, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    page.goto(report_page.as_uri())
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 100_000
    context.close()


def test_colours_of_text_have_enough_contrast(shown):
    """WCAG 2 AA asks for 4.5 between text and ground."""
    worst = shown.evaluate(
        """() => {
            const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
            const light = rgb => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1])
                + 0.0722 * channel(rgb[2]);
            const parse = text => text.match(/[\\d.]+/g).map(Number);
            const ground = element => {
                for (let e = element; e; e = e.parentElement) {
                    const colour = parse(getComputedStyle(e).backgroundColor);
                    if (colour.length < 4 || colour[3] > 0) return colour;
                }
                return [255, 255, 255];
            };
            const words = document.querySelectorAll('p, td, th, dt, dd, a, figcaption, summary');
            const ratios = [...words].map(e => {
                const [text, below] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
                return (Math.max(text, below) + 0.05) / (Math.min(text, below) + 0.05);
            });
            return Math.min(...ratios);
        }"""
    )
    assert worst >= 4.5
