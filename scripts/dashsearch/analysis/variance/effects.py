"""One effect of a linear model: its share of variance, with chance level, interval and test."""

from dataclasses import dataclass

from scipy import stats

from dashsearch.analysis.inference.intervals import log10_f_sf, noncentralities, share_interval
from dashsearch.analysis.results import Interval

HELD = "noncentral F, the other terms held at their estimates"


@dataclass(frozen=True)
class Effect:
    """What a comparison of two nested linear models says of the terms between them.

    Attributes
    ----------
    ss, df
        Sum of squares and degrees of freedom of the terms.
    ss_error, df_error
        Those of the residual that the terms are tested against.
    n
        Number of scores.
    f, p, log10_p
        F, its p value, and the p value's decimal logarithm, which stays finite where p underflows.
    eta_squared, chance_level
        The terms' part of the total sum of squares, and what pure noise gives on average:
        df / (n - 1).
    omega_squared
        The population's share **of the total variance**, bias-corrected as if the design were
        orthogonal; negative where the terms explain less than chance gives.
    epsilon_squared
        The same share, corrected by the total sum of squares alone.
    partial_eta_squared, partial_omega_squared
        The same of the effect and the residual alone: other terms are out of the denominator.
    share, n_effective
        The same share where the design is not orthogonal: the sum of squares grows by
        `n_effective`, not by n, for each unit of the terms' variance, because the part of them that
        looks like other terms is not theirs. Equal to `omega_squared` in an orthogonal design, and
        never cut: few scores of a crooked design can give less than 0.
    interval
        95 % interval of what `share` estimates: the noncentral F's, with the other terms' variance
        held at its estimate. Never negative.
    partial_interval
        95 % interval of the partial share (what `partial_omega_squared` estimates), by the
        noncentral F alone.
    """

    ss: float
    df: int
    ss_error: float
    df_error: int
    n: int
    f: float
    p: float
    log10_p: float
    eta_squared: float
    chance_level: float
    omega_squared: float
    epsilon_squared: float
    partial_eta_squared: float
    partial_omega_squared: float
    share: float
    n_effective: float
    interval: Interval
    partial_interval: Interval


def effect_of_sums(
    ss: float,
    df: int,
    ss_error: float,
    df_error: int,
    *,
    ss_total: float,
    n: int,
    n_effective: float | None = None,
    others: float | None = None,
) -> Effect:
    """Return the effect of terms with sum of squares `ss` among `n` scores.

    The noncentral F bounds the terms' variance over the residual's, s = lambda / n_effective. Their
    share of the total is s / (s + o), where o is all other variance over the residual's, held at
    its estimate. With no other term that is lambda / (lambda + n), and at the estimate of s it is
    `share`.

    Parameters
    ----------
    ss, df
        Sum of squares of the terms, at least 0, with its degrees of freedom, at least 1.
    ss_error, df_error
        The residual's; both above 0.
    ss_total
        Sum of squares around the mean.
    n
        Number of scores.
    n_effective
        Growth of the sum of squares' expectation per unit of the terms' variance; `n` by default.
    others
        Variance of all but the terms; by default what the terms leave of the total variance.

    References
    ----------
    Olejnik & Algina (2003), Psychol. Methods 8(4); Steiger (2004), Psychol. Methods 9(2);
    Henderson (1953), Biometrics 9(2), method 3 (the expected sum of squares).
    """
    mean_square = ss_error / df_error
    f = ss / df / mean_square
    effective = float(n) if n_effective is None else n_effective
    variance = (ss_total + mean_square) / n
    component = (ss - df * mean_square) / effective
    left = variance - component if others is None else others
    # All other variance holds the residual's, however little of the terms the design lets through.
    other = max(left / mean_square, 1.0)
    low, high = (limit / effective for limit in noncentralities(f, df, df_error))
    return Effect(
        ss=ss,
        df=df,
        ss_error=ss_error,
        df_error=df_error,
        n=n,
        f=f,
        p=float(stats.f.sf(f, df, df_error)),
        log10_p=log10_f_sf(f, df, df_error),
        eta_squared=ss / ss_total,
        chance_level=df / (n - 1),
        omega_squared=(ss - df * mean_square) / (ss_total + mean_square),
        epsilon_squared=(ss - df * mean_square) / ss_total,
        partial_eta_squared=ss / (ss + ss_error),
        partial_omega_squared=(ss - df * mean_square) / (ss + (n - df) * mean_square),
        share=component / (component + left),
        n_effective=effective,
        interval=Interval(low / (low + other), high / (high + other), HELD),
        partial_interval=share_interval(f, df, df_error, n),
    )
