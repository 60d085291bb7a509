"""The audit's page in a real browser: it loads alone, and fits a desk and a telephone."""

import pytest

from browser.conftest import WIDTHS, watched


@pytest.fixture(scope="module", params=WIDTHS, ids=list(WIDTHS))
def shown(request, browser, audit_page):
    """The page at one width, with everything that it asked for and complained about."""
    with watched(browser, audit_page, request.param) as page:
        yield page


def test_nothing_but_the_page_is_asked_for(shown, audit_page):
    outside = [url for url in shown.asked if not url.startswith("data:")]
    assert outside == [audit_page.as_uri()]


def test_nothing_is_complained_about(shown):
    assert shown.complaints == []


def test_the_page_is_as_wide_as_its_window(shown):
    width = shown.viewport_size["width"]
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    beyond = shown.evaluate(
        """() => [...document.querySelectorAll('main *')].filter(element => {
            const box = element.getBoundingClientRect();
            return box.width > 0 && box.right > document.documentElement.clientWidth + 1;
        }).map(element => element.outerHTML.slice(0, 80))"""
    )
    assert beyond == []


def test_every_figure_is_drawn(shown):
    shown.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    assert shown.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


def test_no_text_is_smaller_than_twelve_pixels(shown):
    sizes = shown.evaluate(
        """[...document.querySelectorAll('main p, main dd, main dt, main li, main span')]
            .map(element => parseFloat(getComputedStyle(element).fontSize))"""
    )
    assert min(sizes) >= 12


def test_cards_and_figures_stand_side_by_side_on_a_desk_alone(shown):
    lefts = shown.evaluate(
        "[...document.querySelectorAll('.exhibit')].map(one => one.getBoundingClientRect().left)"
    )
    assert len(set(map(round, lefts))) == (2 if shown.viewport_size["width"] == 1280 else 1)


def test_checks_open_without_scripts(browser, audit_page):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(audit_page.as_uri())
    details = page.locator("article.claim details").first
    details.locator("summary").click()
    assert details.locator("p").is_visible()
    context.close()


def test_the_page_prints(browser, audit_page, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    page.goto(audit_page.as_uri())
    page.pdf(path=tmp_path / "audit.pdf", format="A4")
    assert (tmp_path / "audit.pdf").stat().st_size > 50_000
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    context.close()
