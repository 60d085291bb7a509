import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from dashsearch.analysis.audit.run import audit_claims, write_audit
from dashsearch.report.audit import write_audit_page

ROOT = Path(__file__).parents[2]
# No profile of the user's, no background traffic, no sandbox that a container lacks.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("chromium is not installed; run tests/browser/install.sh.", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


WIDTHS = {"desk": (1280, 900), "telephone": (400, 800)}


@contextmanager
def watched(browser, path, width):
    """Open a page at a width; what it asks for and complains about is kept with it."""
    across, down = WIDTHS[width]
    context = browser.new_context(viewport={"width": across, "height": down})
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(path.as_uri())
    page.screenshot(path=path.parent / f"{width}.png", full_page=True)
    yield page
    context.close()


@pytest.fixture(scope="session")
def audit_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    findings = audit_claims(ROOT / "resources/published")
    write_audit(findings, folder / "audit.json", folder / "audit.csv")
    write_audit_page(folder / "audit.json", folder)
    return folder / "audit.html"
