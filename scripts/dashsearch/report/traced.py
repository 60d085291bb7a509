"""Numbers that know the file they were read from, so that a page can say where each comes from."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup, escape

from dashsearch.report import style


class TracedFloat(float):
    """A float from a document.

    Attributes
    ----------
    file, pointer
        The document, and the place in it as a JSON pointer (RFC 6901).
    """

    file: str
    pointer: str


class TracedInt(int):
    """An integer from a document; attributes as of `TracedFloat`."""

    file: str
    pointer: str


def trace(value: Any, file: str, pointer: str = "") -> Any:
    """Return a document whose numbers know `file` and their place in it."""
    if isinstance(value, Mapping):
        return {
            key: trace(each, file, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [trace(each, file, f"{pointer}/{place}") for place, each in enumerate(value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    traced = TracedInt(value) if isinstance(value, int) else TracedFloat(value)
    traced.file, traced.pointer = file, pointer
    return traced


def marked(value: Any, text: str) -> Markup:
    """Return a number's text with its exact value and its source, or the text where it has none."""
    if not isinstance(value, TracedFloat | TracedInt):
        return Markup(escape(text))
    exact = int(value) if isinstance(value, TracedInt) else float(value)
    return Markup('<data value="{}" data-file="{}" data-at="{}">{}</data>').format(
        repr(exact), value.file, value.pointer, text
    )


def shown(value: Any) -> Any:
    """Return what a template shows of any value: of a traced one, its source, too."""
    return marked(value, str(value)) if isinstance(value, TracedFloat | TracedInt) else value


def _one(write: Callable[[Any], str]) -> Callable[[Any], Markup]:
    return lambda value: marked(value, write(value))


def _range(low: Callable[[Any], str], high: Callable[[Any], str]) -> Callable[[Any], Markup]:
    def write(interval: Mapping[str, Any] | None) -> Markup:
        if interval is None:
            return Markup(style.MISSING)
        ends = (interval["low"], low), (interval["high"], high)
        return Markup(" to ").join(marked(value, as_text(value)) for value, as_text in ends)

    return write


def fixed(value: float | None, digits: int) -> Markup:
    """Show a number with so many decimals."""
    return marked(value, style.fixed(value, digits))


def p_value(p: float | None, log10_p: float | None = None) -> Markup:
    """Show a p value as `style.p_value` writes it."""
    return marked(p, style.p_value(p, log10_p))


FILTERS: Mapping[str, Callable[..., Markup]] = {
    "percent": _one(style.percent),
    "percent_range": _range(style.points, style.percent),
    "score": _one(style.score),
    "score_range": _range(style.score, style.score),
    "count": _one(lambda value: style.MISSING if value is None else f"{value:,}"),
    "fixed": fixed,
}
