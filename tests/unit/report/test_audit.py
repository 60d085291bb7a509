import re
from collections import Counter
from pathlib import Path

import pytest

from dashsearch.analysis.audit.run import audit_claims, write_audit
from dashsearch.analysis.audit.verdict import VERDICTS
from dashsearch.errors import InputError
from dashsearch.files import read_json, write_json
from dashsearch.report.audit import EXHIBITS, audit_section, render_audit, write_audit_page
from dashsearch.report.audit_figures import VERDICT_COLOURS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    findings = audit_claims(ROOT / "resources/published")
    write_audit(findings, folder / "audit.json", folder / "audit.csv")
    write_audit_page(folder / "audit.json", folder)
    return folder


@pytest.fixture(scope="module")
def audit(folder):
    return read_json(folder / "audit.json")


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "audit.html").read_text()


@pytest.fixture(scope="module")
def again(audit, tmp_path_factory):
    """The same section once more, with its figures in another folder."""
    folder = tmp_path_factory.mktemp("again")
    return audit_section(audit, folder), folder


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_claim_stands_on_the_page_with_its_verdict_and_reason(page, audit):
    for row in audit["claims"]:
        card = page.split(f'id="{row["id"]}"')[1].split("</article>")[0]
        assert row["verdict"] in card
        assert row["recipe"] in card
    assert page.count('<article class="claim') == len(audit["claims"])


def test_the_page_needs_nothing_but_itself(page):
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("data:", "#", "figures/", "audit.")) for source in sources)
    assert "<script" not in page
    assert "http" not in re.sub(r'src="data:[^"]*"', "", page)


def test_files_that_the_page_names_are_there(page, folder):
    for source in re.findall(r'href="((?:figures/|audit\.)[^"]*)"', page):
        assert (folder / source).is_file()


def test_every_link_of_the_page_has_its_place(page):
    places = set(re.findall(r'id="([^"]*)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= places


def test_every_figure_has_a_text(page):
    texts = re.findall(r'<img src="[^"]*" alt="([^"]*)"', page)
    assert len(texts) == len(EXHIBITS) + 2
    assert all(len(text) > 40 for text in texts)


def test_the_readmes_figure_is_written_beside_the_pages(folder):
    for ending in ("png", "pdf", "svg"):
        assert (folder / f"figures/audit.{ending}").stat().st_size > 1000


def test_equal_audits_give_equal_pages_and_figures(again, folder, page):
    section, figures = again
    assert render_audit(section) == page
    for path in figures.iterdir():
        assert path.read_bytes() == (folder / "figures" / path.name).read_bytes()


def test_the_section_is_data_for_any_page(again):
    section, _ = again
    assert [group["verdict"] for group in section["summary"]] == list(VERDICTS)
    assert sum(group["count"] for group in section["summary"]) == section["n_claims"]
    assert section["n_recomputed"] >= 12


def test_what_comes_from_claims_is_escaped(audit, tmp_path):
    hostile = {**audit["claims"][0], "statement": "<script>alert(1)</script>", "exhibit": ""}
    section = audit_section({**audit, "claims": [hostile]}, tmp_path)
    assert "<script" not in render_audit(section)


def test_answers_of_a_campaign_join_the_page_beside_the_studys(audit, tmp_path):
    asked = {
        "id": "winner",
        "statement": "Another one wins.",
        "claims": ["second_task_best_backbone"],
        "answers": [{"where": "all tasks", "answer": "open", "why": "It takes two tasks."}],
    }
    row = next(row for row in audit["claims"] if row["id"] == "second_task_best_backbone")
    section = audit_section({**audit, "claims": [row]}, tmp_path, {"statements": [asked]})
    page = render_audit(section)
    assert "all tasks: open." in page
    assert 'href="#second_task_best_backbone"' in page.split('id="campaign"')[1]


def test_answers_that_are_none_are_refused(folder, tmp_path):
    write_json(tmp_path / "campaign.json", {"schema": "other/1"})
    with pytest.raises(InputError, match="holds no answers"):
        write_audit_page(folder / "audit.json", tmp_path, tmp_path / "campaign.json")


def test_text_on_every_verdicts_colour_can_be_read():
    styles = (ROOT / "resources/report/page.css").read_text()
    ink, muted, wash = (
        re.search(rf"--{name}: (#\w+)", styles)[1] for name in ("ink", "muted", "wash")
    )
    assert min(contrast(ink, "#ffffff"), contrast(muted, wash)) >= 4.5
    assert set(VERDICT_COLOURS) == set(VERDICTS)
    for colour in VERDICT_COLOURS.values():
        assert max(contrast(colour, "#ffffff"), contrast(colour, ink)) >= 4.5


def test_a_document_that_is_no_audit_is_refused(tmp_path):
    write_json(tmp_path / "audit.json", {"schema": "other/1"})
    with pytest.raises(InputError, match="holds no audit"):
        write_audit_page(tmp_path / "audit.json", tmp_path)


def test_the_table_has_a_row_a_claim_and_the_columns_that_readers_expect(folder, audit):
    lines = (folder / "audit.csv").read_text().splitlines()
    expected = {"id", "edition", "statement", "published", "recomputed", "interval", "verdict"}
    assert expected | {"why"} <= set(lines[0].split(","))
    assert len(lines) == len(audit["claims"]) + 1


def test_the_readme_says_what_the_audit_found(audit):
    text = " ".join((ROOT / "README.md").read_text().split())
    counts = Counter(claim["verdict"] for claim in audit["claims"])
    assert f"each of its {len(audit['claims'])} claims" in text
    for verdict, words in {
        "reproduced": "claims are reproduced as they stand",
        "reproduced, but": "hold with a check that fails beside them",
        "inconsistent": "contradict other published figures",
        "not reproduced": "are not reproduced",
        "not derivable": "cannot be derived",
    }.items():
        assert f"{counts[verdict]} {words}" in text
    for name, (before, after) in {
        "eta2_full_adaptive_map": ("encoder explain", "of the variance of the score (ω², 95 % "),
        "eta2_iid_baselines": ("alone it is", "("),
    }.items():
        claim = next(each for each in audit["claims"] if each["id"] == name)
        share, low, high = (
            round(100 * claim["exhibit_data"][key]) for key in ("omega_squared", "low", "high")
        )
        assert f"{before} {share} % {after}{low} to {high}, n = {claim['n']:,})" in text
