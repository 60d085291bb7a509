"""The F distribution's tails and the noncentral F's interval of a share of variance."""

import math

import numpy as np
from scipy import optimize, special, stats

from dashsearch.analysis.results import Interval
from dashsearch.analysis.settings import CONFIDENCE

# Natural logarithm below which a term of a series adds nothing.
NEGLIGIBLE = 40


def share_interval(f: float, df_between: int, df_within: int, n: int | None = None) -> Interval:
    """95 % interval of the population's share of variance, by inverting the noncentral F.

    With lambda the noncentrality at which F is the 97.5 % (2.5 %) point, the share is
    lambda / (lambda + n). statsmodels' `confint_effectsize_oneway(...).eta2` is the same interval,
    but the routine below it stops silently at lambda = 10,000, which large ledgers exceed.

    Parameters
    ----------
    f, df_between, df_within
        F and its degrees of freedom.
    n
        Number of scores. Without it, df_between + df_within + 1: the number of a one-way analysis.
        In a model of several terms the share is a **partial** one: the effect over the effect and
        the residual.

    References
    ----------
    Steiger (2004), Psychological Methods 9(2).
    """
    n = df_between + df_within + 1 if n is None else n
    low, high = (limit / (limit + n) for limit in noncentralities(f, df_between, df_within))
    return Interval(low, high, "noncentral F")


def noncentralities(f: float, df_between: int, df_within: int) -> tuple[float, float]:
    """95 % limits of the noncentrality behind an F; both are 0 where F is below what chance gives.

    References
    ----------
    Steiger (2004), Psychological Methods 9(2).
    """
    tail = (1 - CONFIDENCE) / 2
    return (
        _noncentrality(f, df_between, df_within, 1 - tail),
        _noncentrality(f, df_between, df_within, tail),
    )


def log10_f_sf(f: float, df_between: int, df_within: int) -> float:
    """Decimal logarithm of the F distribution's upper tail, finite where the tail underflows."""
    tail = float(stats.f.sf(f, df_between, df_within))
    if tail > 1e-290:
        return math.log10(tail)
    return log10_f_sf_series(f, df_between, df_within)


def log10_f_sf_series(f: float, df_between: int, df_within: int) -> float:
    """Return the same by the series of the incomplete beta function, for F beyond its mode.

    The first factor carries the whole magnitude; the series is summed in logarithms, since
    `scipy.special.hyp2f1` has no value at a million degrees of freedom.

    References
    ----------
    NIST Digital Library of Mathematical Functions, 8.17.8.
    """
    a, b = df_within / 2, df_between / 2
    x = df_within / (df_within + df_between * f)
    first = a * math.log(x) + b * math.log1p(-x) - math.log(a) - float(special.betaln(a, b))
    terms = np.zeros(1)
    size = 1024
    while terms[-1] > terms.max() - NEGLIGIBLE or terms.size == 1:
        n = np.arange(size)
        steps = math.log(x) + np.log(a + b + n) - np.log(a + 1 + n)
        terms = np.concatenate([[0.0], np.cumsum(steps)])
        size *= 4
    return (first + float(special.logsumexp(terms))) / math.log(10)


def difference_interval(
    first: float, df_first: int, second: float, df_second: int
) -> tuple[float, float]:
    """95 % limits of the difference of two variances, from independent mean squares.

    The modified large-sample method: exact where either variance is 0, and close to 95 % between.
    A limit may be negative.

    References
    ----------
    Ting, Burdick, Graybill, Jeyaratnam & Lu (1990), J. Stat. Comput. Simul. 35; Burdick & Graybill
    (1992), *Confidence Intervals on Variance Components*, eq. 3.3.1 and 3.3.2.
    """
    tail = (1 - CONFIDENCE) / 2
    upper, lower = (float(stats.f.ppf(p, df_first, df_second)) for p in (1 - tail, tail))
    (g1, h1), (g2, h2) = (
        (1 - df / float(stats.chi2.ppf(1 - tail, df)), df / float(stats.chi2.ppf(tail, df)) - 1)
        for df in (df_first, df_second)
    )
    g12 = ((upper - 1) ** 2 - (g1 * upper) ** 2 - h2**2) / upper
    h12 = ((1 - lower) ** 2 - (h1 * lower) ** 2 - g2**2) / lower
    below = (g1 * first) ** 2 + (h2 * second) ** 2 + g12 * first * second
    above = (h1 * first) ** 2 + (g2 * second) ** 2 + h12 * first * second
    difference = first - second
    return difference - math.sqrt(max(below, 0.0)), difference + math.sqrt(max(above, 0.0))


def proportion_interval(count: int, of: int) -> Interval:
    """95 % interval of a probability from `count` of `of` independent trials, of at least one.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26(4).
    """
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if count == 0 else float(special.betaincinv(count, of - count + 1, tail))
    high = 1.0 if count == of else float(special.betaincinv(count + 1, of - count, 1 - tail))
    return Interval(low, high, "95 % Clopper-Pearson")


def _noncentrality(f: float, df_between: int, df_within: int, p: float) -> float:
    """Noncentrality at which P(F <= f) = p, or 0 if even the central F is beyond."""

    def excess(noncentrality: float) -> float:
        if noncentrality <= 0:
            return float(stats.f.cdf(f, df_between, df_within)) - p
        below = float(stats.ncf.cdf(f, df_between, df_within, noncentrality))
        if math.isnan(below):
            below = _patnaik(f, df_between, df_within, noncentrality)
        return below - p

    if excess(0) <= 0:
        return 0.0
    high = max(1.0, f * df_between)
    while excess(high) > 0:
        high *= 2
    return float(optimize.brentq(excess, 0, high, xtol=1e-10 * high))


def _patnaik(f: float, df_between: int, df_within: int, noncentrality: float) -> float:
    """P(F <= f) by a scaled central F (Patnaik 1949), where scipy has no value.

    That is at noncentralities beyond about 10^10, where the two agree to ten digits.
    """
    scale = 1 + noncentrality / df_between
    freedom = (df_between + noncentrality) ** 2 / (df_between + 2 * noncentrality)
    return float(stats.f.cdf(f / scale, freedom, df_within))


def difference_limits(
    first: tuple[float, Interval], second: tuple[float, Interval]
) -> tuple[float, float]:
    """Limits of a difference of two independent estimates from the interval of each (MOVER).

    An estimate outside its interval, as a negative ω² is, has no distance to the end it passed.

    References
    ----------
    Zou & Donner (2008), Stat. Med. 27(10).
    """
    difference = first[0] - second[0]
    below, above = (
        math.hypot(max(one - own.low, 0.0), max(its.high - other, 0.0))
        for (one, own), (other, its) in ((first, second), (second, first))
    )
    return difference - below, difference + above
