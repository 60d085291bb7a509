"""The audit's page: every published claim with its verdict, readable without anything else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from dashsearch import __version__
from dashsearch.analysis.audit.verdict import VERDICTS
from dashsearch.analysis.audit.wording import count, number, span
from dashsearch.errors import InputError
from dashsearch.files import read_json, replacing
from dashsearch.report import audit_figures as draw
from dashsearch.report.drawing import Drawing
from dashsearch.report.page import TEMPLATES, embed, template_environment
from dashsearch.report.style import house_style, unbroken

MEANINGS = {
    "reproduced": "Recomputed within the tolerance, and every check beside it passes.",
    "reproduced, but": "The number holds, and a stated check beside it fails.",
    "not reproduced": "Recomputed, and outside the tolerance; or a comparison that does not hold.",
    "inconsistent": "It contradicts another published figure.",
    "not derivable": "What is published does not determine it; the page says what would.",
}
MARKS = {
    "reproduced": "✓",
    "reproduced, but": "✓ !",
    "not reproduced": "✗",
    "inconsistent": "≠",
    "not derivable": "?",
}


@dataclass(frozen=True)
class Exhibit:
    """A figure of the re-analysis: its claims are those whose `exhibit` is its name."""

    name: str
    title: str
    caption: str
    drawer: Callable[[Axes, Any], None]
    takes_all: bool = False
    height: float = 3.3
    left: float = 0.12


EXHIBITS = (
    Exhibit(
        "shuffles",
        "R² of a law that any order gives",
        "R² of a − b N^−c fitted to best-so-far curves whose order carries no information: "
        "simulated (grey) and the study's own shuffles (bar). Left out: the first point.",
        draw.draw_shuffles,
        left=0.07,
    ),
    Exhibit(
        "law",
        "A law that passes AP = 1",
        "The published best-so-far curve after the bug fix, and the power law with the asymptote "
        "that the study allowed and with one that AP allows.",
        draw.draw_law,
    ),
    Exhibit(
        "records",
        "Improvements, and those of a random order",
        "In a random order of n different scores the t-th improves with probability 1/t. Band: "
        "middle 95 %, normal approximation; p from the exact distribution.",
        draw.draw_records,
        takes_all=True,
    ),
    Exhibit(
        "steep",
        "Steep against flat, measured alike",
        "Share of the variance between backbone and encoder combinations in random and TPE runs "
        "of both tasks, corrected for chance, with noncentral F intervals.",
        draw.draw_steep,
        left=0.2,
    ),
    Exhibit(
        "threshold",
        "A threshold that noise passes",
        "η² of normal scores without any effect: boxes hold half, whiskers 95 %. At the right, the "
        "exact chance to pass the published threshold.",
        draw.draw_threshold,
        left=0.16,
    ),
    Exhibit(
        "bootstrap",
        "An interval that cannot hold zero",
        "Lower limits of the published kind of bootstrap interval in the published design, "
        "without any effect; the noncentral F's lower limit beside them.",
        draw.draw_bootstrap,
        left=0.07,
    ),
    Exhibit(
        "spike",
        "Divergence of identical agents",
        "Jensen-Shannon divergence of two agents that draw from one distribution, by how much the "
        "second has proposed; middle 95 % of simulations.",
        draw.draw_spike,
    ),
    Exhibit(
        "decay",
        "A decay that identical agents show",
        "Cumulative divergence from the second agent's start on, published and of two identical "
        "agents whose proposals arrive at an even pace.",
        draw.draw_decay,
    ),
)


def write_audit_page(document: Path, folder: Path, campaign: Path | None = None) -> None:
    """Write `folder`/audit.html and `folder`/figures/* from an audit.json.

    Parameters
    ----------
    campaign
        A campaign.json: what a campaign of one's own answers to the same questions.

    Raises
    ------
    InputError
        If a document is not what it should be, or the audit holds no claim.
    """
    audit = read_json(document)
    if audit.get("schema") != "audit/1" or not audit.get("claims"):
        raise InputError(f"{document} holds no audit; write it with the rule audit_claims.")
    folder = Path(folder)
    answers = None if campaign is None else read_json(campaign)
    if answers is not None and answers.get("schema") != "campaign/1":
        raise InputError(f"{campaign} holds no answers; write it with the rule audit_campaign.")
    page = render_audit(audit_section(audit, folder / "figures", answers))
    with replacing(folder / "audit.html") as path:
        path.write_text(page, encoding="utf-8")


def audit_section(
    audit: Mapping[str, Any], figures: Path, campaign: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the template `audit_body.html.j2` needs, with its figures drawn to a folder.

    Any page that has the report's styles can include that template with this section.
    """
    claims = [_claim(row) for row in audit["claims"]]
    headlines = [embed(drawing, figures) for drawing in draw_audit(audit["claims"])]
    by_id = {claim["id"]: claim for claim in claims}
    return {
        "campaign": [
            {**asked, "claims": [by_id[name] for name in asked["claims"] if name in by_id]}
            for asked in (campaign["statements"] if campaign else ())
        ],
        "n_claims": len(claims),
        "n_recomputed": sum(row["value"] is not None for row in audit["claims"]),
        "summary": [
            {
                "verdict": verdict,
                "key": _key(verdict),
                "mark": MARKS[verdict],
                "meaning": MEANINGS[verdict],
                "count": audit["verdicts"][verdict],
                "claims": [claim for claim in claims if claim["verdict"] == verdict],
            }
            for verdict in VERDICTS
        ],
        # The one that joins the others is for documents without the page.
        "headlines": [figure for figure in headlines if figure.name != "audit"],
        "exhibits": [
            section
            for exhibit in EXHIBITS
            if (section := _exhibit(exhibit, audit["claims"], figures)) is not None
        ],
    }


def render_audit(section: Mapping[str, Any]) -> str:
    """Render the page; everything that comes from data is escaped by the template engine."""
    environment = template_environment()
    return environment.get_template("audit.html.j2").render(
        audit=section,
        versions={"dashsearch": __version__, "matplotlib": mpl.__version__},
        stylesheet=(TEMPLATES / "page.css").read_text() + (TEMPLATES / "audit.css").read_text(),
    )


def draw_audit(claims: Sequence[Mapping[str, Any]]) -> Iterator[Drawing]:
    """Draw the figures that hold the audit: verdicts, shares of variance, and both side by side.

    The last one is for readers of a document without the page.
    """
    shares = [row for row in claims if row["exhibit"] == "shares"]
    counts = {verdict: sum(row["verdict"] == verdict for row in claims) for verdict in VERDICTS}
    told = ", ".join(f"{count(total)} {verdict}" for verdict, total in counts.items() if total)
    titles = f"{len(claims)} published claims, recomputed", "How much of the score is architecture"
    texts = [f"Verdicts on {len(claims)} published claims: {told}.", _told_shares(shares)]
    captions = [
        "Claims by edition and verdict.",
        "Shares of variance as published (η²) and corrected for chance (ω²), with 95 % intervals "
        "that invert the noncentral F; in runs whose cells earlier scores chose, neither is "
        "unbiased.",
    ]
    with house_style():
        canvas = Canvas(figsize=(5.6, 4.2))
        axis = canvas.add_axes((0.19, 0.32, 0.78, 0.58))
        draw.draw_verdicts(axis, claims)
        axis.set_title(titles[0])
    yield Drawing("audit-verdicts", "audit", canvas, texts[0], captions[0])
    if not shares:
        return
    with house_style():
        canvas = Canvas(figsize=(5.6, 4.2))
        axis = canvas.add_axes((0.325, 0.12, 0.635, 0.74))
        draw.draw_shares(axis, shares)
        axis.set_title(titles[1], pad=26)
    yield Drawing("audit-shares", "audit", canvas, texts[1], captions[1])
    with house_style():
        canvas = Canvas(figsize=(11.4, 4.6))
        left = canvas.add_axes((0.095, 0.31, 0.29, 0.55))
        right = canvas.add_axes((0.6, 0.11, 0.38, 0.75))
        draw.draw_verdicts(left, claims)
        draw.draw_shares(right, shares)
        left.set_title(titles[0], pad=26)
        right.set_title(titles[1], pad=26)
    yield Drawing("audit", "audit", canvas, " ".join(texts), " ".join(captions))


def _told_shares(shares: Sequence[Mapping[str, Any]]) -> str:
    """Say in words what the figure of shares shows."""
    return " ".join(
        f"{draw.label_of(row)}: published {number(row['published'], 2)}, corrected for chance "
        f"{number(row['exhibit_data']['omega_squared'], 2)} "
        f"({span(row['exhibit_data']['low'], row['exhibit_data']['high'], 2)})."
        for row in shares
    ).replace("\n", ", ")


def _exhibit(
    exhibit: Exhibit, claims: Sequence[Mapping[str, Any]], figures: Path
) -> dict[str, Any] | None:
    rows = [row for row in claims if row["exhibit"] == exhibit.name and row["exhibit_data"]]
    if not rows:
        return None
    with house_style():
        canvas = Canvas(figsize=(5.6, exhibit.height))
        right = 0.84 if exhibit.name == "threshold" else 0.97
        axis = canvas.add_axes((exhibit.left, 0.15, right - exhibit.left, 0.8))
        exhibit.drawer(axis, rows if exhibit.takes_all else rows[0])
    shown = rows if exhibit.takes_all else rows[:1]
    drawing = Drawing(
        name=f"audit-{exhibit.name}",
        kind=exhibit.name,
        canvas=canvas,
        alt=f"{exhibit.title}. {' '.join(row['why'] for row in shown)}",
        caption=exhibit.caption,
    )
    return {
        "title": exhibit.title,
        "figure": embed(drawing, figures),
        "claims": [_claim(row) for row in rows],
    }


def _claim(row: Mapping[str, Any]) -> dict[str, Any]:
    """One claim as the page shows it."""
    interval = row["interval"] or row["allowed"]
    return {
        **{name: row[name] for name in ("id", "edition", "kind", "source", "verdict", "recipe")},
        "statement": unbroken(row["statement"]),
        "why": unbroken(row["why"]),
        "key": _key(row["verdict"]),
        "mark": MARKS[row["verdict"]],
        "published": _figure(row["published"], row),
        "recomputed": _figure(row["value"], row),
        "recomputed_label": _label(row),
        "interval": span(interval["low"], interval["high"]) if interval else "",
        "interval_kind": interval["kind"] if interval else "",
        "n": f"{count(row['n'])} {row['n_of']}" if row["n"] and row["n_of"] else "",
        "tolerance": number(row["tolerance"], 2) if row["tolerance"] is not None else "",
        "checks": [
            {**check, "name": unbroken(check["name"]), "found": unbroken(check["found"])}
            for check in row["checks"]
        ],
    }


def _figure(value: float | str | None, row: Mapping[str, Any]) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    tight = row["tolerance"] is not None and 0 < row["tolerance"] < 1e-4
    text = number(value, 9 if tight else 4)
    return f"{text} {row['unit']}" if row["unit"] else text


def _label(row: Mapping[str, Any]) -> str:
    """Say what the value beside the published one is."""
    if row["compared"]:
        return "to compare with"
    return "by other figures" if row["basis"] == "figures" else "recomputed"


def _key(verdict: str) -> str:
    """Name of a verdict in style sheets and anchors."""
    return verdict.replace(",", "").replace(" ", "-")
