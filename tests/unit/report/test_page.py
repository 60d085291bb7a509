import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from shutil import copy2

import pandas as pd
import pytest

from dashsearch.errors import InputError
from dashsearch.report.clock import without_clock
from dashsearch.report.page import TEMPLATES, Run, write_report
from dashsearch.report.style import percent, score

# Figures: of a task with an unbiased arm and its experiments, and of one with neither.
TOWN = ("shares", "pairs", "best-so-far", "entropy", "proposed", "steps", "agreement")
CITY = ("best-so-far", "entropy", "steps")


class Page(HTMLParser):
    """What a test asks of a page: its tags, its text, and whether every tag is closed."""

    VOID = frozenset({"img", "meta", "link", "br", "hr", "input"})

    def __init__(self, path):
        super().__init__()
        self.tags, self.open, self.words, self.source = [], [], [], path.read_text()
        self.feed(self.source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def city(town, analysed):
    adaptive = analysed(lambda ledger: ledger[ledger["arm"] == "evolution"].assign(task="city"))
    return replace(
        town,
        name="city",
        synthetic=False,
        analysis_folder=adaptive,
        marked_clips={},
        experiments=pd.DataFrame(),
        examples=(),
    )


@pytest.fixture(scope="module")
def folder(town, city, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report([town, city], folder)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return Page(folder / "index.html")


def test_the_page_is_well_formed_and_asks_the_network_for_nothing(page):
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in {"iframe", "object"}
        # Our own script and data, both inside the page; the policy lets no other run.
        assert tag != "script" or set(attributes) <= {"type"}
        source = attributes.get("src", "")
        assert not source or source.startswith("data:")
        target = attributes.get("href", "")
        assert not target or target.startswith(("#", "data:", "figures/"))
    assert "url(" not in page.source and "@import" not in page.source
    scripts = [attributes.get("type") for attributes in page.all("script")]
    assert sorted(map(str, scripts)) == ["None", "application/json"]
    source = (TEMPLATES / "page.js").read_text()
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    (policy,) = [each for each in page.all("meta") if "http-equiv" in each]
    assert "default-src 'none'" in policy["content"] and f"'sha256-{digest}'" in policy["content"]
    assert f"<script>{source}</script>" in page.source


def test_every_picture_has_words_and_every_table_a_caption(page):
    assert len(page.all("img")) == 1 + len(TOWN) + len(CITY)
    assert all(len(image["alt"]) > 40 for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))


def test_what_comes_from_data_is_escaped(page):
    assert "<script>alert" not in page.source
    assert "the file <script>alert(1)</script>.mp4 is empty" in page.text


def test_only_synthetic_tasks_are_called_synthetic(page):
    assert "The task town is rendered, not filmed." in page.text
    city = page.source[page.source.index('<section id="city"') :]
    assert "synthetic" not in city[: city.index("</section>")]


def test_the_numbers_of_the_answer_are_those_of_the_files(page, town):
    variance = json.loads((town.analysis_folder / "variance.json").read_text())
    designed = next(arm for arm in variance["scores"]["test_map"] if arm["primary"])
    architecture = designed["groups"][0]["estimate"]
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    shown = percent(architecture["omega_squared"]).replace("\N{NO-BREAK SPACE}", " ")
    assert f"Architecture explains {shown} of the variance of test mAP" in text
    assert f"n = {architecture['n']} configurations" in text
    assert "Architecture explains more of the score than all training factors together." in text
    for _, arm in pd.read_csv(town.analysis_folder / "arms.csv").iterrows():
        assert score(arm["test_map_of_best"]) in text


def test_every_marked_number_is_that_of_its_file(page, town, city):
    folders = {task.name: task.analysis_folder for task in (town, city)}
    marks = re.findall(r'<data value="(.*?)" data-file="(.*?)" data-at="(.*?)">(.*?)</data>',
                       page.source)  # fmt: skip
    assert len(marks) == page.source.count("<data ") > 500
    for exact, file, pointer, text in marks:
        _, name, _, document = file.split("/")
        value = json.loads((folders[name] / document).read_text())
        for key in pointer.split("/")[1:]:
            value = value[int(key) if isinstance(value, list) else key.replace("~1", "/")]
        assert float(exact) == value
        assert_text_is_rounded(text, value)


def assert_text_is_rounded(text, value):
    """Check that a shown number is the value, rounded to as many digits as are shown."""
    plain = text.replace("\N{MINUS SIGN}", "-").replace(",", "").replace("\N{NO-BREAK SPACE}", "")
    if " × 10" in plain:
        head, _, power = plain.partition(" × 10")
        power = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        assert float(head) == pytest.approx(value / 10 ** int(power), abs=0.51)
        return
    unit = 100 if plain.endswith("%") else 1
    number = plain.removesuffix("%")
    half = 0.5001 * 10.0 ** -len(number.partition(".")[2])
    # The lower end of a range of percentages has no sign of its own.
    assert any(abs(float(number) - unit * value) <= half for unit in {unit, 100})


def test_hypotheses_stand_in_the_data_and_cannot_leave_it(page):
    start = page.source.index('<script type="application/json">') + 32
    data = json.loads(page.source[start : page.source.index("</script>", start)])
    assert data["ideas"] == ["</script><script>alert(2)</script>"]
    assert sum(row[6] == 0 for row in data["rows"]) >= 1
    assert data["columns"][3:] == ["val_map", "test_map"]


def test_what_a_clock_says_is_apart_from_the_rest(city, folder, tmp_path):
    run = Run(
        rules=[{"rule": "train_round", "jobs": 3, "wall_s": 12.0, "cpu_s": None, "peak_mb": 200}],
        costs={"city": [{"arm": "random", "device": "x86", "n": 4, "seconds": 36.0, "usd": None}]},
        machine={"processor": "x86", "cores": "2", "system": "Linux", "python": "3.11"},
    )
    write_report([city], tmp_path / "timed", run)
    write_report([city], tmp_path / "plain")
    timed, plain = ((tmp_path / name / "index.html").read_text() for name in ("timed", "plain"))
    assert "train round" in timed and "36\N{NO-BREAK SPACE}s" in timed
    assert timed != plain and without_clock(timed) == without_clock(plain)


def test_a_task_without_an_unbiased_arm_gets_no_share(page):
    assert "Every arm chose its cells by earlier scores" in page.text
    assert "there is no unbiased sample to compute shares on" in page.text


def test_figures_lie_beside_the_page_and_are_the_ones_inside_it(folder, page):
    names = {path.name for path in (folder / "figures").iterdir()}
    stems = ["headline", *(f"town-{name}" for name in TOWN), *(f"city-{name}" for name in CITY)]
    assert names == {f"{stem}.{ending}" for stem in stems for ending in ("png", "pdf", "svg")}
    inside = {base64.b64decode(image["src"].partition(",")[2]) for image in page.all("img")}
    assert inside == {path.read_bytes() for path in (folder / "figures").glob("*.svg")}


def test_the_rule_names_every_file_of_an_analysis_that_the_page_reads(town, tmp_path):
    rule = (Path(__file__).parents[3] / "rules/report.smk").read_text()
    names = re.findall(r"results/\{task\}/analysis/([\w.]+)", rule)
    names.remove("transfer.json")  # not every campaign has it
    for name in names:
        copy2(town.analysis_folder / name, tmp_path)
    task = replace(town, analysis_folder=tmp_path)
    write_report([task], tmp_path / "report")
    for name in names:
        (tmp_path / name).rename(tmp_path / "hidden")
        with pytest.raises(InputError, match=f"{name} does not exist; analyse task town first"):
            write_report([replace(task)], tmp_path / "report")
        (tmp_path / "hidden").rename(tmp_path / name)


def test_the_page_names_what_made_its_numbers(page, town):
    for row in ("libraries.scipy", "inputs.ledger of designed/1", "settings.analysis.bootstraps",
                "settings.trainer", "splits.clips.train"):  # fmt: skip
        assert row in page.text
    assert "statsmodels" not in page.text


def test_equal_analyses_give_equal_figures(folder, city, tmp_path):
    write_report([city], tmp_path)
    again = sorted(path for path in (tmp_path / "figures").iterdir() if "city" in path.name)
    assert len(again) == 3 * len(CITY)
    for path in again:
        assert path.read_bytes() == (folder / "figures" / path.name).read_bytes()


def test_impossible_reports_are_refused(town, tmp_path):
    with pytest.raises(InputError, match="at least one"):
        write_report([], tmp_path)
    with pytest.raises(InputError, match="two tasks"):
        write_report([town, town], tmp_path)
    with pytest.raises(InputError, match="analyse task town first"):
        write_report([replace(town, analysis_folder=tmp_path)], tmp_path)


def test_language_models_are_billed_on_the_page_and_tiny_ones_called_so(town, tmp_path):
    bill = {
        "arm": "local",
        "agent": "tiny<b>",
        "models": ["smollm2"],
        "n": 12,
        "useful": 11,
        "repetitions": 2,
        "prompts": 34567,
        "replies": 890,
        "usd": None,
        "seconds": 7.25,
    }
    write_report([replace(town, calls=[bill])], tmp_path)
    page = Page(tmp_path / "index.html")
    assert "local tiny<b> smollm2 12 11 2 34,567 890 no price 7.2" in page.text
    assert "a model of 135 million parameters" in page.text
    write_report([replace(town, calls=[bill | {"models": ["other"], "usd": 1.234}])], tmp_path)
    other = Page(tmp_path / "index.html").text
    assert "135 million" not in other and "1.23" in other
    write_report([town], tmp_path)
    assert "Language models" not in Page(tmp_path / "index.html").text
