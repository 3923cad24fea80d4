"""What may be concluded, as a sentence to paste into a paper, and as a row of LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from xtremor.compare.comparison import Comparison, Contrast
from xtremor.compare.effects import Effect
from xtremor.compare.groups import Group
from xtremor.compare.table import ONE
from xtremor.languages import counted


def number(value: float, digits: int = 2) -> str:
    """With a true minus sign; never minus zero."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """As `number`, with a plus sign above zero."""
    text = number(value, digits)
    return text if text.startswith("−") or float(text) == 0 else f"+{text}"


def p_text(p: float | None) -> str:
    """``p = 0.012``, ``p < 0.001``, or ``no p-value``."""
    if p is None:
        return "no p-value"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def estimand(comparison: Comparison, group: Group) -> str:
    """What a figure is over: ``the mean over 46 languages of panx``."""
    count = group.languages
    tests = zip(comparison.scores.tests, group.weights, strict=True)
    what = counted([test.language for test, weight in tests if weight])
    of = f" of {group.task}" if group.task not in ("", ONE) else ""
    if group.kind == "language":
        return f"{group.value}{of}"
    if group.kind == "gap":
        return f"the gap {group.value} ({group.scheme}){of}"
    if group.kind == "stratum":
        return f"the mean over the {what}{of} with {group.scheme} {group.value}"
    if group.task:
        if count == 1:
            test = next(test for test, weight in zip(comparison.scores.tests, group.weights, strict=True) if weight)
            return "the score" + of if test.language == ONE else f"{test.language}{of}"
        return f"the mean over {what}{of}"
    counts = {task: sum(test.task == task for test in comparison.scores.tests) for task in comparison.scores.tasks}
    each = ", ".join(f"{task} {n}" for task, n in counts.items())
    return f"the mean of {len(counts)} tasks, each the mean over its languages ({each})"


def sentence(comparison: Comparison, contrast: Contrast) -> str:
    """The answer to one planned contrast, complete enough for a paper."""
    main = contrast.main
    if main.verdict == "one seed":
        return _one_seed(comparison, main)
    if main.verdict == "no spread":
        return (
            f"Every run gives the same difference between {main.treatment} and {main.control} on "
            f"{estimand(comparison, main.group)} ({_points(comparison, main.effect)}): without any spread between "
            "seeds there is nothing to judge it by; are the runs copies of one another?"
        )
    if main.verdict in ("better", "worse"):
        return _clear(comparison, main)
    if main.verdict == "equivalent":
        return _equivalent(comparison, main)
    return _cannot_tell(comparison, contrast)


def _clear(comparison: Comparison, main: Effect) -> str:
    side = "higher" if main.effect > 0 else "lower"
    text = (
        f"Over {_runs(main)}, {main.treatment} scored {side} than {main.control} on "
        f"{estimand(comparison, main.group)}: "
        f"{_points(comparison, main.effect)} ({_tested(comparison, main)}{_beside(comparison, main)})."
    )
    if main.equivalence and main.adjusted_equivalence is not None and main.adjusted_equivalence <= comparison.alpha:
        text += f" The difference lies within the margin of ±{main.equivalence.margin:g} all the same."
    return text


def _equivalent(comparison: Comparison, main: Effect) -> str:
    found = main.equivalence
    assert found is not None
    level = 100 * (1 - 2 * found.alpha)
    return (
        f"Over {_runs(main)}, {main.treatment} and {main.control} are equivalent within ±{found.margin:g} points on "
        f"{estimand(comparison, main.group)}: {_points(comparison, main.effect)} ({level:.0f}% t-interval "
        f"{signed(found.low)} to {signed(found.high)}; two one-sided {_name(main)}s, "
        f"{p_text(found.p)}{_correction(comparison, main.adjusted_equivalence)})."
    )


def _cannot_tell(comparison: Comparison, contrast: Contrast) -> str:
    main, seeds = contrast.main, contrast.seeds
    text = (
        f"Over {_runs(main)}, these runs cannot tell {main.treatment} from {main.control} on "
        f"{estimand(comparison, main.group)}: {_points(comparison, main.effect)} ({_tested(comparison, main)}"
        f"{_beside(comparison, main)})."
    )
    if seeds:
        power = f"{100 * comparison.settings.power:.0f}%"
        many = "more than 10,000" if seeds.needed is None else f"about {seeds.needed:,}"
        text += (
            f" With this scatter they find differences of {number(seeds.smallest)} or more with {power} power; "
            f"{seeds.effect:g} would take {many} seeds an arm."
        )
    if main.equivalence:
        text += f" Nor do they show that the two are equivalent within ±{main.equivalence.margin:g}."
    return text


def _one_seed(comparison: Comparison, main: Effect) -> str:
    counts = {len(values) for values in main.values}
    arms = (
        "one run of each"
        if counts == {1}
        else f"one run of {main.treatment if len(main.values[0]) == 1 else main.control}"
    )
    return (
        f"Cannot tell {main.treatment} from {main.control} on {estimand(comparison, main.group)}: there is {arms}, "
        f"and what another seed would give is not known ({_points(comparison, main.effect)} is what was seen). Train "
        "two seeds or more of every arm, better five."
    )


def _tested(comparison: Comparison, main: Effect) -> str:
    found = main.difference
    assert found is not None
    return (
        f"{100 * found.confidence:.0f}% t-interval {signed(found.low)} to {signed(found.high)}, {_name(main)}, "
        f"{p_text(found.p)}{_correction(comparison, main.adjusted)}"
    )


def _correction(comparison: Comparison, adjusted: float | None) -> str:
    if adjusted is None or comparison.family < 2:
        return ""
    return f", {p_text(adjusted)} after Holm's correction for {comparison.family} tests"


def _beside(comparison: Comparison, main: Effect) -> str:
    """What the other tests say."""
    said = []
    if main.permutation:
        said.append(f"permutation test {p_text(main.permutation.p)}")
    if main.bootstrap:
        said.append(f"bootstrap over seeds and items {signed(main.bootstrap.low)} to {signed(main.bootstrap.high)}")
    if comparison.settings.looks:
        said.append(f"an interim look at level {comparison.alpha:.2g}" if _interim(comparison) else "the last look")
    return f"; {', '.join(said)}" if said else ""


def _interim(comparison: Comparison) -> bool:
    looks = comparison.settings.looks
    return bool(looks) and min(len(seeds) for seeds in comparison.scores.seeds.values()) < (looks or (0,))[-1]


def _name(main: Effect) -> str:
    return "paired t-test" if main.pairing.paired else "Welch t-test"


def _runs(main: Effect) -> str:
    one, two = (len(values) for values in main.values)
    if main.pairing.paired:
        return f"{one} seeds that both arms share"
    return f"{one} runs an arm" if one == two else f"{one} and {two} runs"


def _points(comparison: Comparison, value: float) -> str:
    return f"{signed(value)} points" if comparison.percent else signed(value)


HEAD = r"System & Runs & Mean & Difference & 95\% interval & $p$ \\"


def latex(comparison: Comparison) -> list[str]:
    """A header as a comment, a row for each control, and a row for each contrast; p is the corrected one."""
    rows = [f"% {HEAD}"]
    for contrast in comparison.contrasts:
        main = contrast.main
        row = f"{escaped(main.control)} & {len(main.values[1])} & {main.means[1]:.2f} & & & \\\\"
        if row not in rows:
            rows.append(row)
        rows.append(latex_row(main))
    return rows


def latex_row(effect: Effect) -> str:
    """``freelb-2 & 10 & 62.14 & $+0.84$ & $[+0.31, +1.37]$ & $0.015$ \\\\``; a dash where there is no test."""
    found = effect.difference
    interval = f"$[{found.low:+.2f}, {found.high:+.2f}]$" if found else "--"
    p = effect.adjusted
    shown = "--" if p is None else "$<0.001$" if p < 0.001 else f"${p:.3f}$"
    cells = [escaped(effect.treatment), str(len(effect.values[0])), f"{effect.means[0]:.2f}"]
    return " & ".join([*cells, f"${effect.effect:+.2f}$", interval, shown]) + r" \\"


def escaped(name: str) -> str:
    """Text for LaTeX."""
    replaced: Sequence[tuple[str, str]] = (
        ("\\", r"\textbackslash{}"), *((mark, f"\\{mark}") for mark in "&%$#_{}"),
        ("~", r"\textasciitilde{}"), ("^", r"\textasciicircum{}"),
    )  # fmt: skip
    table = {ord(mark): by for mark, by in replaced}
    return name.translate(table)
