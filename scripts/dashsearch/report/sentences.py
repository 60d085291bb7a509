"""The answers in words, made from the numbers of the analysis files and nothing else."""

from collections.abc import Mapping
from typing import Any

from dashsearch.report.style import percent, percent_range, readable, score, score_name, score_range
from dashsearch.report.task import TaskReport

Document = Mapping[str, Any]


def verdict(task: TaskReport) -> str:
    """Say in one line whether architecture or training explains more, or that it is open."""
    architecture, training = _group(task, "architecture"), _group(task, "training")
    if architecture is None or training is None:
        return _why_no_verdict(task)
    first, second = architecture["interval"], training["interval"]
    if first["low"] <= 0 and second["low"] <= 0:
        return "Open: neither architecture nor training factors are told from chance."
    for kind, interval in (("architecture", first), ("training", second)):
        if interval["high"] <= 0:
            return (
                f"Open: {kind} factors differ by even less than chance gives, so their share has "
                "no interval to compare with."
            )
    if first["low"] > second["high"]:
        return "Architecture explains more of the score than all training factors together."
    if second["low"] > first["high"]:
        return "Training factors explain more of the score than the whole architecture."
    return "Open: the intervals of architecture and training factors overlap."


def key_numbers(task: TaskReport) -> list[dict[str, str]]:
    """Return the shares that the answer rests on, each with its interval and n."""
    numbers = [
        (estimate["omega_squared"], estimate["interval"], estimate["n"], f"{group} factors")
        for group in ("architecture", "training")
        if (estimate := _group(task, group)) is not None
    ]
    noise: dict[str, Any] | None = (task.primary_shares or {}).get("noise")
    if noise is not None:
        numbers.append((noise["share"], noise["interval"], noise["replicates"], "another seed"))
    return [
        {
            "value": percent(value),
            "interval": f"{percent_range(interval)}, n\u00a0=\u00a0{n}",
            "label": label,
        }
        for value, interval, n, label in numbers
    ]


def shares_sentence(task: TaskReport) -> str:
    """Say how much of the variance architecture explains, with interval, n and chance."""
    arm, joint = task.primary_shares, task.variance["one_way"]
    if arm is None:
        return "Every arm chose its cells by earlier scores, so no share of variance is unbiased."
    parts = []
    architecture, training = _group(task, "architecture"), _group(task, "training")
    if architecture is not None and training is not None:
        parts.append(
            f"Architecture explains {percent(architecture['omega_squared'])} of the variance of "
            f"{score_name(task.score)} (95 % interval {percent_range(architecture['interval'])}) "
            f"and the training factors {percent(training['omega_squared'])} "
            f"({percent_range(training['interval'])}), in n = {architecture['n']} configurations "
            "of which no score influenced the choice; chance gives 0 %."
        )
    if joint is not None:
        parts.append(
            f"The published measure, η² of backbone × encoder, is "
            f"{percent(joint['eta_squared'])} here; chance alone gives "
            f"{percent(joint['chance_level'])}, and corrected for it, it is "
            f"{percent(joint['omega_squared'])} ({percent_range(joint['interval'])}; "
            f"{joint['groups']} groups)."
        )
    else:
        share = next((share for share in arm["shares"] if share["role"] == "pairs"), None)
        reason = share["reason"] if share else "the space has no backbone and encoder."
        parts.append(f"The share of backbone × encoder cannot be estimated: {reason}")
    return " ".join(parts)


def factors_sentence(task: TaskReport) -> str:
    """Name the strongest architecture factor, the strongest training factor and seed noise."""
    architecture = _strongest(task, "architecture")
    training = _strongest(task, "training")
    if architecture is None or training is None:
        return ""
    parts = [
        f"the strongest {kind} factor is {readable(share['name'])} with "
        f"{percent(share['estimate']['omega_squared'])} "
        f"({percent_range(share['estimate']['interval'])})"
        for kind, share in (("architecture", architecture), ("training", training))
    ]
    noise: dict[str, Any] | None = (task.primary_shares or {}).get("noise")
    text = f"Taken one by one, {parts[0]}, and {parts[1]}."
    if noise is not None:
        text += (
            f" Training the same configuration with another seed makes {percent(noise['share'])} "
            f"of the variance ({percent_range(noise['interval'])}; n = {noise['cells']} "
            "replicated configurations)."
        )
    return text


def arms_sentence(task: TaskReport) -> str:
    """Compare the arm names at the largest budget that all seeds spent; say whose mean lacks."""
    n = task.convergence["equal_n"]["n"]
    rows = _best_rows(task)
    scored = sorted(
        (row for row in rows if row["reported"] is not None), key=lambda row: -row["reported"]
    )
    parts = [f"{score(row['reported'])} for {readable(row['arm'])} ({_how(row)})" for row in scored]
    text = (
        f"After {n} experiments each, the configuration chosen on validation scores a "
        f"{score_name(task.score)} of {_listed(parts)}."
        if parts
        else f"After {n} experiments each, no arm has a mean."
    )
    missing = [
        f"{readable(row['arm'])} ({row['seeds'] - row['succeeded']} of n = {row['seeds']})"
        for row in rows
        if row["reported"] is None
    ]
    if missing:
        text += f" Without a mean, since seeds have no successful experiment: {_listed(missing)}."
    return text


def dynamics_sentence(task: TaskReport) -> str:
    """Say whether the adaptive arms' last proposals narrowed down, and in which factors."""
    adaptive = {arm["arm"] for arm in task.convergence["arms"] if arm["sampling"] == "adaptive"}
    sentences = []
    for arm in [arm for arm in task.arms if arm in adaptive]:
        runs = [run for run in task.dynamics["runs"] if run["arm"] == arm]
        parts = []
        for group, noun in (("architecture", "architectures"), ("training", "training settings")):
            series = [
                entry
                for run in runs
                for entry in run["series"]
                if entry["group"] == group and entry["ends"]
            ]
            if not series:
                continue
            below = sum(entry["entropy_bits"][-1] < entry["uniform"]["low"] for entry in series)
            bits = [entry["entropy_bits"][-1] for entry in series]
            uniform = series[0]["uniform"]
            parts.append(
                f"{_bits(bits)} over {noun} (a uniform policy: {uniform['low']:.1f} to "
                f"{uniform['high']:.1f}; below that in {below} of {len(series)} "
                f"{'seed' if len(series) == 1 else 'seeds'})"
            )
        if parts:
            sentences.append(
                f"The entropy of the last {task.dynamics['window']} proposals of {readable(arm)} "
                f"is {_listed(parts)}."
            )
    return " ".join(sentences)


def power_law_sentence(arm: Document) -> str:
    """Describe an arm name's power law, the worth of its R squared, and if it is a finding."""
    fit, null = arm["power_law"], arm["null"]
    name = readable(arm["arm"])
    if fit is None:
        return f"{name}: {arm['power_law_reason']}"
    if fit["r_squared"] is None:
        return f"{name}: the curve is flat."
    text = (
        f"{name}: {fit['a']:.3f} − {fit['b']:.3f} N^(−{fit['c']:.2f}), "
        f"R² = {fit['r_squared']:.2f} over {fit['points']} budgets up to {fit['n_max']}"
    )
    if null is not None:
        text += (
            f"; shuffled orders of the same scores give {null['q05']:.2f} to {null['q95']:.2f} "
            f"(R² ranks above {percent(null['rank'])} of {null['permutations']})"
        )
    if fit["identified"]:
        interval = fit["c_interval"]
        return f"{text}; exponent {interval['low']:.2f} to {interval['high']:.2f}, descriptive."
    return f"{text}; not identified, since it ends on a bound ({', '.join(fit['at_bound'])})."


def _why_no_verdict(task: TaskReport) -> str:
    if task.primary_shares is None:
        return (
            "Every arm chose its configurations by earlier scores, so no unbiased sample can tell "
            "architecture from tuning."
        )
    groups = {entry["group"]: entry for entry in task.primary_shares["groups"]}
    lacking = [kind for kind in ("architecture", "training") if kind not in groups]
    if lacking:
        return f"The space has no {lacking[0]} factors, so there is nothing to compare."
    refused = next(entry for entry in groups.values() if entry["estimate"] is None)
    return (
        f"Open: the unbiased sample cannot carry the share of all {refused['group']} factors: "
        f"{refused['reason']}"
    )


def _how(row: Document) -> str:
    """Say what a score is the mean of, and what its interval is or why it has none."""
    interval = row["reported_interval"]
    many = row["method"] == "expectation"
    what = f"expectation over draws from {row['pool']}" if many else "mean over seeds"
    if interval is not None:
        return f"{what}; {interval['kind']}: {score_range(interval)}"
    if many:
        return f"{what}; no interval, since {row['n']} is more than half of them"
    return "one seed, so without an interval"


def _best_rows(task: TaskReport) -> list[dict[str, Any]]:
    """One row per arm name at the common budget: expectations where the order says nothing."""
    budget = task.convergence["equal_n"]
    rows = [row for row in budget["rows"] if row["n"] == budget["n"]]
    by_arm: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["arm"] not in by_arm or row["method"] == "expectation":
            by_arm[row["arm"]] = row
    return list(by_arm.values())


def _group(task: TaskReport, group: str) -> dict[str, Any] | None:
    entries = (task.primary_shares or {"groups": []})["groups"]
    return next((entry["estimate"] for entry in entries if entry["group"] == group), None)


def _strongest(task: TaskReport, group: str) -> dict[str, Any] | None:
    shares = (task.primary_shares or {"shares": []})["shares"]
    candidates = [
        share
        for share in shares
        if share["role"] == "factor" and share["group"] == group and share["estimate"]
    ]
    return max(candidates, key=lambda share: share["estimate"]["omega_squared"], default=None)


def _bits(values: list[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return f"{low} bits" if low == high else f"{low} to {high} bits"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
