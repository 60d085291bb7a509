import math

import pytest
from matplotlib.colors import to_rgb

from dashsearch.report.style import ARM_COLOURS, arm_colours, p_value, percent, percent_range, score

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.544, "54"), (0.004, "0.4"), (-0.018, "−2"), (-0.0001, "0"), (0, "0"), (0.0096, "1")],
)
def test_shares_read_as_percentages(value, text):
    assert percent(value) == f"{text}{SPACE}%"


def test_missing_numbers_are_dashes():
    assert percent(None) == score(None) == percent(math.nan) == p_value(None) == "–"
    assert percent_range(None) == "–"


def test_ranges_name_their_unit_once():
    assert percent_range({"low": 0.4, "high": 0.65}) == f"40 to 65{SPACE}%"


def test_tiny_p_values_read_as_powers_of_ten():
    assert p_value(0.0, -432.7) == "2 × 10⁻⁴³³"
    assert p_value(0.04) == "0.04"
    assert p_value(0.0004) == "0.0004"
    assert p_value(9.1e-11) == "9 × 10⁻¹¹"
    assert p_value(9.4e-11) == "9 × 10⁻¹¹"
    assert p_value(9.6e-11) == "1 × 10⁻¹⁰"


def test_an_arm_keeps_its_colour_whatever_else_is_drawn():
    few, many = arm_colours(["random", "opus"]), arm_colours(["opus", "random", "evolution", "x"])
    assert few["random"] == many["random"] == ARM_COLOURS["random"]
    assert few["opus"] == many["opus"]
    names = [f"arm{i}" for i in range(20)]
    assert len(set(arm_colours(names).values())) == 20


def test_every_colour_of_an_arm_stands_out_from_white():
    for colour in arm_colours(["random", "evolution", "designed", "a", "b"]).values():
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        )
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        assert 1.05 / (luminance + 0.05) > 2.2
