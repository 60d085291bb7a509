"""How numbers read in explanations."""

import math

MINUS = "\u2212"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 4) -> str:
    """Format a number with so many significant digits, and whole numbers in full."""
    if not math.isfinite(value):
        return "unbounded"
    if value == round(value) and abs(value) < 1e15:
        return f"{round(value):,}".replace("-", MINUS)
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4:
        # Rounded first: 9.9999 of one power of ten is 1 of the next.
        written, _, power = f"{value:.{digits - 1}e}".partition("e")
        factor = written.rstrip("0").rstrip(".") if "." in written else written
        return f"{factor} × 10{str(int(power)).translate(SUPERSCRIPTS)}".replace("-", MINUS)
    decimals = max(0, digits - 1 - exponent)
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if decimals else text
    return text.replace("-", MINUS)


def count(value: float) -> str:
    """Format a whole number with separators."""
    return f"{round(value):,}"


def span(low: float, high: float, digits: int = 3) -> str:
    """Format two limits, such as "0.067 to 0.241"."""
    return f"{number(low, digits)} to {number(high, digits)}"


def probability(p: float) -> str:
    """Format a probability; tiny ones by their bound."""
    return "below 0.0001" if p < 1e-4 else f"{p:.2g}"


def share(value: float) -> str:
    """Format a share as a percentage without decimals."""
    return f"{100 * value:.0f} %".replace("-", MINUS)
