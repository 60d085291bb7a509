"""The one sentence that explains a verdict, made from its numbers."""

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Outcome
from dashsearch.analysis.audit.verdict import Verdict, agrees
from dashsearch.analysis.audit.wording import count, number, span


def explain(claim: Claim, outcome: Outcome, verdict: Verdict) -> str:
    """Say in one sentence what was found and why the verdict follows."""
    failed = [check.found for check in outcome.checks if not check.passed]
    parts = [_lead(claim, outcome)]
    if verdict == "not derivable":
        parts.append(f"needed would be {claim.needs}")
    if failed:
        word = "but " if verdict == "reproduced, but" else ""
        parts.append(word + ", and ".join(failed))
    sentence = "; ".join(part for part in parts if part)
    # A symbol such as ω keeps its case: Ω is another one.
    first = sentence[0].upper() if sentence[0].isascii() else sentence[0]
    return f"{first}{sentence[1:]}."


def _lead(claim: Claim, outcome: Outcome) -> str:
    if outcome.value is None:
        return _undetermined(outcome)
    if outcome.holds is not None:
        return outcome.method
    if isinstance(outcome.value, str):
        word = "as published" if claim.published == outcome.value else "not the published one"
        return f"{outcome.value} ({outcome.method}) is {word}"
    if claim.published is None or isinstance(claim.published, str):
        return outcome.method
    size = f", n = {count(outcome.n)} {outcome.n_of}" if outcome.n and outcome.n_of else ""
    value = f"{number(outcome.value, _digits(claim))}{_unit(claim)}"
    published = number(float(claim.published), _digits(claim))
    if outcome.allowed is not None:
        limits = span(outcome.allowed.low, outcome.allowed.high, 4)
        word = "holds" if agrees(claim, outcome) else "does not hold"
        return (
            f"what is published allows {limits}{_unit(claim)}, which {word} the published "
            f"{published} ({outcome.method}: {value}{size})"
        )
    off = abs(outcome.value - float(claim.published))
    if off == 0:
        relation = "is the published figure"
    elif agrees(claim, outcome):
        relation = f"is within {number(claim.tolerance or 0, 2)} of the published {published}"
    else:
        relation = f"is {number(off, 2)} off the published {published}"
    return f"{value} ({outcome.method}{size}) {relation}"


def _undetermined(outcome: Outcome) -> str:
    passed = [check.name for check in outcome.checks if check.passed]
    if not outcome.checks:
        return outcome.method
    if not passed:
        return "no published figure determines it"
    return f"no published figure determines it, and it is {' and '.join(passed)}"


def _digits(claim: Claim) -> int:
    """Enough significant digits to show the tolerance."""
    return 9 if claim.tolerance is not None and 0 < claim.tolerance < 1e-4 else 4


def _unit(claim: Claim) -> str:
    return f" {claim.unit}" if claim.unit else ""
