"""What may be concluded, in words: one honest sentence, the figures behind it, and the caveats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from xtremor.languages import is_english
from xtremor.report.collect import Collection
from xtremor.report.groups import headline_codes
from xtremor.report.places import pretraining, word
from xtremor.report.summary import Contrast, Summary

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a report.

    Attributes:
        headline: one sentence (two at most).
        comparisons: one sentence per contrast.
        baseline: a sentence on the frozen baseline, empty without one.
        caveats: what must travel with the answer.
    """

    headline: str
    comparisons: tuple[str, ...]
    baseline: str
    caveats: tuple[str, ...]


def number(value: float) -> str:
    """One decimal, with a true minus sign."""
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def signed(value: float) -> str:
    """One decimal with its sign; zero has none."""
    text = number(value)
    return text if text.startswith("−") or text == "0.0" else f"+{text}"


def listing(names: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def finding(contrast: Contrast) -> str:
    """``up``, ``down``, ``fragile`` (zero excluded only before correction), ``unclear``, ``single`` seed,
    ``constant`` (no spread between seeds) or ``unpaired`` (no shared seed)."""
    found = contrast.difference
    if found is None:
        return "unpaired"
    if found.low is None or found.high is None:
        return "single"
    if found.p is None or contrast.holm is None:
        return "constant"
    if found.low <= 0 <= found.high:
        return "unclear"
    if contrast.holm > ALPHA:
        return "fragile"
    return "up" if found.mean > 0 else "down"


def conclude(runs: Collection, summary: Summary) -> Verdict:
    """Say what the runs show about each arm against plain fine-tuning and against its random-noise twin."""
    over = estimand(runs)
    comparisons = tuple(_sentence(contrast, summary) for contrast in summary.contrasts)
    return Verdict(_headline(summary, over), comparisons, _baseline(summary), tuple(_caveats(runs, summary)))


def estimand(runs: Collection) -> str:
    """What an average is over: ``48 locales without English``."""
    codes = headline_codes(runs)
    if all(is_english(code) for code in codes):
        return "English alone"
    what = word(runs.languages) if len(codes) > 1 else word(runs.languages).removesuffix("s")
    return f"{len(codes)} {what} without English"


def _headline(summary: Summary, over: str) -> str:
    contrasts = [each for each in summary.contrasts if each.against == "plain"]
    if summary.plain is None:
        return (
            "There is no plainly fine-tuned arm among these runs, so they cannot say whether any method helps: "
            f"only averages over {over} are shown."
        )
    plain = summary.arm(summary.plain)
    at = f"{number(plain.average.mean)} on average over {over}"
    if not contrasts:
        return f"Only the arm {plain.arm} was trained ({at}): there is nothing to compare it with."
    by_finding: dict[str, list[Contrast]] = {}
    for contrast in contrasts:
        by_finding.setdefault(finding(contrast), []).append(contrast)
    clear = by_finding.get("up", []) + by_finding.get("down", [])
    if clear:
        return _clear(clear, contrasts, over) + _credit(clear, summary)
    if set(by_finding) <= {"single", "unpaired"}:
        return _without_interval(contrasts, at)
    return _nothing(contrasts, plain.arm, at, bool(by_finding.get("fragile")), bool(by_finding.get("constant")))


def _without_interval(contrasts: Sequence[Contrast], at: str) -> str:
    means = [each.difference.mean for each in contrasts if each.difference]
    if not means:
        return "The arms share no seed, so they cannot be compared: train them with the same seeds."
    return (
        f"One seed per arm cannot tell any method from plain fine-tuning ({at}): {_span(means)}, "
        "and another seed could turn that round."
    )


def _nothing(contrasts: Sequence[Contrast], plain: str, at: str, fragile: bool, constant: bool) -> str:
    found = [each.difference for each in contrasts if each.difference]
    seeds = _seeds([each.n for each in found])
    intervals = "the 95% t-interval includes" if len(found) == 1 else "every 95% t-interval includes"
    why = f"{intervals} zero"
    if fragile:
        why = f"no 95% t-interval keeps clear of zero once {len(contrasts)} or more comparisons are corrected for"
        if len(contrasts) == 1:
            why = "the interval keeps clear of zero only until all comparisons of this page are corrected for"
    if constant:
        why += " or has no spread between seeds to judge by"
    names = listing([each.treatment for each in contrasts], "or")
    return (
        f"Over {seeds} these runs cannot tell {names} from {plain} ({at}): {_span([d.mean for d in found])} and {why}."
    )


def _span(means: Sequence[float]) -> str:
    if len(means) == 1:
        return f"the difference is {signed(means[0])} points"
    return f"the differences are {signed(min(means))} to {signed(max(means))} points"


def _clear(clear: Sequence[Contrast], contrasts: Sequence[Contrast], over: str) -> str:
    parts = []
    for each in clear:
        assert each.difference is not None
        side = "higher" if each.difference.mean > 0 else "lower"
        parts.append(f"{each.treatment} scored {side} than {each.control} ({_interval(each)})")
    seeds = _seeds([each.difference.n for each in clear if each.difference])
    rest = [each.treatment for each in contrasts if each not in clear]
    said = f"Over {seeds}, on average over {over}, {listing(parts)}"
    return f"{said}; {listing(rest)} cannot be told from it." if rest else f"{said}."


def _credit(clear: Sequence[Contrast], summary: Summary) -> str:
    """A gain over plain is the adversarial direction's only where it also beats noise of the same size."""
    gained = {each.treatment for each in clear if finding(each) == "up"}
    rivals = [each for each in summary.contrasts if each.against == "noise" and each.treatment in gained]
    open_ = [each for each in rivals if finding(each) != "up"]
    said = [f"{each.treatment} from {each.control}" for each in open_]
    if not said:
        return ""
    return f" The same runs cannot tell {listing(said, 'or')}, so that gain may be that of random noise."


def _interval(contrast: Contrast) -> str:
    found = contrast.difference
    assert found is not None
    if found.low is None or found.high is None:
        return f"{signed(found.mean)} points, one seed"
    return f"{signed(found.mean)} points, 95% t-interval {signed(found.low)} to {signed(found.high)}"


def _seeds(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low} to {high} seeds" if low != high else f"{low} seed{'s' if low != 1 else ''}"


def _sentence(contrast: Contrast, summary: Summary) -> str:
    one, two = summary.arm(contrast.treatment), summary.arm(contrast.control)
    scores = f"{one.arm} {number(one.average.mean)}, {two.arm} {number(two.average.mean)}"
    if contrast.difference is None:
        return f"{scores}: no seed is shared, so there is no paired difference."
    means = {
        "up": "the interval lies above zero, after correction too",
        "down": "the interval lies below zero, after correction too",
        "fragile": "the interval excludes zero, but not after Holm's correction",
        "unclear": "the interval includes zero: cannot tell",
        "single": "cannot tell from one seed",
        "constant": "every seed gives the same difference, so there is no spread to judge it by",
    }[finding(contrast)]
    holm = f" (corrected p = {contrast.holm:.2g})" if contrast.holm is not None else ""
    return f"{scores}: difference {_interval(contrast)}; {means}{holm}."


def _baseline(summary: Summary) -> str:
    frozen = summary.frozen
    if frozen is None:
        return ""
    above = [each for each in summary.trained if each.average.mean > frozen.average.mean]
    if not summary.trained:
        tail = ""
    elif not above:
        tail = ": no trained arm is above it"
    elif len(above) == len(summary.trained):
        tail = ": every trained arm is above it" if len(above) > 1 else f": {above[0].arm} is above it"
    else:
        tail = f": only {listing([each.arm for each in above])} {'are' if len(above) > 1 else 'is'} above it"
    return (
        f"The frozen baseline “{frozen.arm}”, for which nothing is trained, scores {number(frozen.average.mean)}{tail}."
    )


def _caveats(runs: Collection, summary: Summary) -> list[str]:
    trained = summary.trained or summary.arms
    fewest = min(len(arm.seeds) for arm in trained)
    caveats = []
    if fewest < 2:
        caveats.append("An arm with one seed has no interval: train two or more, better five, with --seed.")
    elif fewest < 5:
        caveats.append(
            f"{_seeds([len(arm.seeds) for arm in trained])} per arm are few: t-intervals are wide, and that the seeds "
            "scatter normally is assumed, not checked."
        )
    caveats.append(
        "Intervals are over training seeds only. They do not cover other test items, other training rows, other "
        "languages or another encoder."
    )
    if any(is_english(code) for code in runs.languages):
        caveats.append("English is the training language: it is left out of every average and shown apart.")
    caveats.extend(_item_caveat(runs, summary))
    encoders = {str(pretraining(run.encoder)): run.encoder for run in runs.runs}
    named = " ".join(
        str(e.get(key) or "").rsplit("/", 1)[-1] for e in encoders.values() for key in ("name", "resolved")
    )
    if "e5" in named.lower() or "starter" in named.lower():
        caveats.append(
            "The encoder (multilingual-e5) was trained on translation pairs and tuned on labelled pairs such as "
            "natural-language inference, so transfer is not strictly zero-shot."
        )
    if runs.task in ("intents", "slots"):
        caveats.append(
            "The sentences are generated from templates: short commands about a home, which say little about free text."
        )
    return caveats


def _item_caveat(runs: Collection, summary: Summary) -> list[str]:
    codes = headline_codes(runs)
    counts = sorted(runs.items(code) for code in codes)
    middle = median(counts)
    share = (summary.trained or summary.arms)[0].average.mean / 100
    what = word(runs.languages).removesuffix("s")
    many = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]} (median {middle:g})"
    text = f"Each {what} is scored on {many} items"
    if runs.metric == "accuracy" and 0 < share < 1:
        error = 196 * math.sqrt(share * (1 - share) / middle)
        text += f": the items alone leave the score of one {what} uncertain by about ±{number(error)} points"
    return [f"{text}. Read single {what}s as examples, not as findings."]
