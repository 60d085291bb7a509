"""The one visual language: colours that all can tell apart, fixed per arm; how numbers read."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap, to_hex

INK = "#1d2733"
MUTED = "#5c6773"
FAINT = "#d9dee4"
BAND = "#e9ecf0"

# Okabe and Ito (2008), without the yellow that a white page swallows. A name keeps its colour in
# every figure of every report; names that are not listed take the rest in alphabetical order.
ARM_COLOURS = {
    "designed": "#5c6773",
    "random": "#0072b2",
    "evolution": "#d55e00",
    "tpe": "#009e73",
    "smac": "#cc79a7",
}
OTHER_COLOURS = ("#56b4e9", "#a6761d", "#7b3294", "#117733", "#882255", "#332288")
# Paul Tol's muted scheme (2021): apart from each other, and from the arms'.
BACKBONE_COLOURS = {
    "flow": "#332288",
    "efficientnet_lite0": "#44aa99",
    "efficientnet_lite0_mid": "#117733",
    "hog": "#ddcc77",
    "frame_difference": "#cc6677",
    "color": "#aa4499",
}
OTHER_BACKBONES = ("#88ccee", "#882255", "#999933", "#5c6773")
GROUP_COLOURS = {"architecture": "#0b6e8a", "training": "#e08e1b", "noise": "#8b95a1"}
TASK_COLOURS = ("#1d2733", "#c2410c", "#0072b2", "#009e73", "#cc79a7", "#5c6773")
TASK_MARKERS = ("o", "s", "D", "^", "v", "P")
SCORES = LinearSegmentedColormap.from_list(
    "scores", ["#f4f8fa", "#c3dde6", "#7fb8c9", "#3a8ba3", "#0b6e8a", "#063f52"]
)

# A no-break space keeps a number and its sign together.
PERCENT_SIGN = "\u00a0%"
MISSING = "–"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

SETTINGS: Mapping[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "dashsearch",
    "pdf.fonttype": 42,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the report's style, whatever the user's matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in SETTINGS.items():
            mpl.rcParams[name] = value  # type: ignore[index]  # the stub lists every name
        yield


def arm_colours(arms: Sequence[str]) -> dict[str, str]:
    """Give every arm its colour; pass all arms of a report so that no two figures differ."""
    others = sorted(set(arms) - set(ARM_COLOURS))
    extra = {
        arm: OTHER_COLOURS[place]
        if place < len(OTHER_COLOURS)
        else to_hex(mpl.colormaps["cividis"](place / len(others)))
        for place, arm in enumerate(others)
    }
    return {arm: ARM_COLOURS.get(arm) or extra[arm] for arm in arms}


def backbone_colours(backbones: Sequence[str]) -> dict[str, str]:
    """Give every backbone its colour, the same in every figure."""
    others = sorted(set(backbones) - set(BACKBONE_COLOURS))
    extra = {name: OTHER_BACKBONES[n % len(OTHER_BACKBONES)] for n, name in enumerate(others)}
    return {name: BACKBONE_COLOURS.get(name) or extra[name] for name in backbones}


def score_name(column: str) -> str:
    """Name of a score column as prose has it: ``test_map`` is "test mAP"."""
    split, _, metric = column.partition("_")
    splits = {"val": "validation", "test": "test"}
    metrics = {"map": "mAP", "ap": "AP", "logloss": "log loss"}
    if split not in splits:
        return column
    return f"{splits[split]} {metrics.get(metric, metric.replace('_', ' '))}"


def readable(name: str) -> str:
    """Name of a factor, level or group as prose has it."""
    return name.replace("_", " ")


def percent(value: float | None) -> str:
    """Format a share as a whole percentage; one decimal below 1 %, a dash if missing."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{points(value)}{PERCENT_SIGN}"


def percent_range(interval: dict[str, Any] | None) -> str:
    """Format an interval of shares, such as "40 to 65 %"."""
    if interval is None:
        return MISSING
    return f"{points(interval['low'])} to {percent(interval['high'])}"


def unbroken(text: str) -> str:
    """Keep every percent sign of a sentence on the line of its number."""
    return text.replace(" %", PERCENT_SIGN)


def score(value: float | None) -> str:
    """Format a score with three decimals; a missing one is a dash."""
    return fixed(value, 3)


def fixed(value: float | None, digits: int) -> str:
    """Format a number with so many decimals and a true minus sign; a missing one is a dash."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:.{digits}f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Format a duration in the unit that fits: "12 s", "3.4 min" or "2.1 h"."""
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s" if seconds < 10 else f"{seconds:.0f}\u00a0s"
    return f"{seconds / 60:.1f}\u00a0min" if seconds < 3600 else f"{seconds / 3600:.1f}\u00a0h"


def score_range(interval: dict[str, Any] | None) -> str:
    """Format an interval of scores, such as "0.801 to 0.832"."""
    if interval is None:
        return MISSING
    return f"{score(interval['low'])} to {score(interval['high'])}"


def p_value(p: float | None, log10_p: float | None = None) -> str:
    """Format a p value to two digits, or to one power of ten where it is tiny ("9 × 10⁻¹¹")."""
    if p is None:
        return MISSING
    if p == 0 and log10_p is None:
        return "< 10⁻³⁰⁰"  # less than a float holds
    logarithm = log10_p if log10_p is not None else math.log10(p)
    if logarithm >= -3:
        return f"{p:.2g}"
    if logarithm >= -4:
        return f"{p:.4f}"
    # Rounded first: 9.96 of one power of ten is 1 of the next.
    exponent = math.floor(logarithm - math.log10(0.95))
    factor = 10 ** (logarithm - exponent)
    return f"{max(factor, 1):.0f} × 10{str(exponent).translate(SUPERSCRIPTS)}"


def points(value: float) -> str:
    """Format a share in percent, without the sign: whole, or one decimal below 1."""
    hundred = 100 * value
    text = f"{hundred:.1f}" if 0.05 <= abs(hundred) < 0.95 else f"{hundred:.0f}"
    return "0" if text == "-0" else text.replace("-", "−")
