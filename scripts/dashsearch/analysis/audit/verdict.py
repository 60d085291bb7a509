"""From a claim and what was recomputed to one of five verdicts."""

import math
from typing import Literal, get_args

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Outcome

Verdict = Literal[
    "reproduced", "reproduced, but", "not reproduced", "inconsistent", "not derivable"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# Decimal figures have no exact binary form: a difference of exactly the tolerance is within it.
ROUNDING = 1e-9


def judge(claim: Claim, outcome: Outcome) -> Verdict:
    """Return the verdict that value, tolerance and checks give.

    In this order: two published figures that cannot both be right make a claim inconsistent; what
    the figures do not determine is not derivable; a value outside the tolerance is not reproduced
    (or inconsistent, where other published figures imply it); and a number that holds beside a
    check that fails is reproduced with a "but".
    """
    failed = [check for check in outcome.checks if not check.passed]
    if any(check.contradicts for check in failed):
        return "inconsistent"
    if outcome.value is None:
        return "not derivable"
    if not agrees(claim, outcome):
        return "inconsistent" if outcome.basis == "figures" else "not reproduced"
    return "reproduced, but" if failed else "reproduced"


def agrees(claim: Claim, outcome: Outcome) -> bool:
    """Whether the recomputed value is the published one, within the claim's tolerance."""
    if outcome.holds is not None:
        return outcome.holds
    published = claim.published
    if isinstance(published, str) or isinstance(outcome.value, str):
        return published == outcome.value
    if published is None or outcome.value is None:
        return False
    allowance = (claim.tolerance or 0.0) + ROUNDING * max(1.0, abs(published))
    if claim.tolerance is not None and claim.tolerance < ROUNDING:
        allowance = claim.tolerance + math.ulp(abs(published))
    if outcome.allowed is not None:
        return outcome.allowed.low - allowance <= published <= outcome.allowed.high + allowance
    return abs(outcome.value - published) <= allowance
