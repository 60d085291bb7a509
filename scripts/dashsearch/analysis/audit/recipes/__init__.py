"""The recipes by name: each recomputes one kind of claim from published figures."""

from collections.abc import Callable

from dashsearch.analysis.audit.outcome import Outcome
from dashsearch.analysis.audit.recipes import (
    arithmetic,
    comparisons,
    curves,
    dynamics,
    nulls,
    orders,
    variance,
)

Recipe = Callable[..., Outcome]

RECIPES: dict[str, Recipe] = {
    recipe.__name__: recipe
    for recipe in (
        arithmetic.product_of_levels,
        arithmetic.quotient,
        arithmetic.total,
        arithmetic.cycles_times,
        arithmetic.lead,
        arithmetic.same_figure,
        arithmetic.bounded,
        comparisons.winner,
        comparisons.gap,
        comparisons.scale_of_scores,
        curves.value_at,
        curves.power_law,
        curves.highest,
        dynamics.extreme_window,
        dynamics.slope_ratio,
        dynamics.late_mean,
        dynamics.peak,
        dynamics.spike,
        dynamics.decay,
        nulls.r_squared_of_shuffles,
        nulls.threshold_rule,
        nulls.bootstrap_floor,
        orders.improvements,
        orders.innovation_rate,
        variance.one_way,
        variance.share_of_design,
        variance.implied_by_designs,
        variance.complement,
        variance.equal_design,
    )
}
