"""A comparison as text for a terminal: sentences first, then tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xtremor.compare.comparison import Comparison, Contrast
from xtremor.compare.effects import Effect
from xtremor.compare.sentences import estimand, latex, number, p_text, sentence, signed
from xtremor.compare.table import ONE
from xtremor.stats.hierarchical import FEW
from xtremor.submission.table import aligned

WIDTH = 48
# More languages than this are shown by --languages-table or --json only.
_HEAD = ("", "difference", "95% interval", "p", "corrected")


def text(comparison: Comparison, per_language: bool = True) -> str:
    """Lay a comparison out."""
    lines: list[str] = []
    for contrast in comparison.contrasts:
        lines += [sentence(comparison, contrast), ""]
    lines += [*_overview(comparison), ""]
    for contrast in comparison.contrasts:
        lines += _contrast(comparison, contrast, per_language)
    lines += _scatter(comparison)
    lines += ["LaTeX", *(f"  {row}" for row in latex(comparison)), ""]
    lines += [f"note: {note}" for note in comparison.notes]
    return "\n".join(lines).rstrip()


def _overview(comparison: Comparison) -> Iterator[str]:
    """Every planned contrast with all its tests."""
    main = comparison.contrasts[0].main
    yield f"{estimand(comparison, main.group)}; difference = treatment minus control"
    wanted = comparison.settings
    head = [
        *_HEAD[:4],
        "Holm" if comparison.family > 1 else "",
        "permutation",
        "bootstrap",
        f"seeds for {wanted.effect:g}",
        "sees",
    ]
    rows = [head]
    for contrast in comparison.contrasts:
        each, seeds = contrast.main, contrast.seeds
        cells = _cells(each)
        rows.append(
            [
                f"{each.treatment} − {each.control}",
                *cells[:3],
                cells[3] if comparison.family > 1 else "",
                p_text(each.permutation.p).removeprefix("p = ").removeprefix("p ") if each.permutation else "",
                f"{signed(each.bootstrap.low)} to {signed(each.bootstrap.high)}" if each.bootstrap else "",
                _needed(contrast),
                number(seeds.smallest) if seeds else "",
            ]
        )
    yield from aligned(rows, {0})
    for contrast in comparison.contrasts:
        each = contrast.main
        yield f"  {each.treatment} − {each.control}: {each.pairing.why}"
        if each.customary and each.customary.p is not None:
            yield (
                "  (with the seeds held fixed, as is customary, the bootstrap over items has "
                f"{signed(each.customary.low)} to {signed(each.customary.high)}: it cannot see seed noise)"
            )


def _needed(contrast: Contrast) -> str:
    seeds = contrast.seeds
    if seeds is None:
        return ""
    low, middle, high = (
        "10,000+" if each is None else f"{each:,}" for each in (seeds.needed_low, seeds.needed, seeds.needed_high)
    )
    return f"{middle} ({low} to {high})"


def _contrast(comparison: Comparison, contrast: Contrast, per_language: bool) -> Iterator[str]:
    main = contrast.main
    name = f"{main.treatment} − {main.control}"
    if min(map(len, main.values)) < FEW:
        yield from _dots(main)
        yield ""
    if contrast.tasks:
        yield f"{name}, by task (exploratory, Benjamini-Hochberg)"
        yield from _table([(each.group.task, each) for each in contrast.tasks])
        yield ""
    if contrast.strata:
        correction = contrast.strata[0].correction
        yield f"{name}, by stratum ({'planned' if correction == 'Holm' else 'exploratory'}, {correction})"
        yield from _table([(_stratum(comparison, each), each) for each in contrast.strata])
        yield ""
    if per_language and len(contrast.languages) > 1:
        yield f"{name}, by language (exploratory, Benjamini-Hochberg; shrunk towards their mean)"
        yield from _languages(comparison, contrast)
        yield ""
    if contrast.mixed:
        yield from _mixed(name, contrast)
    elif contrast.unfitted:
        yield f"{name}: {contrast.unfitted}"
        yield ""


def _stratum(comparison: Comparison, effect: Effect) -> str:
    group = effect.group
    task = f"{group.task} " if len(comparison.scores.tasks) > 1 else ""
    count = "" if group.kind == "gap" else f" ({group.languages})"
    return f"{task}{group.scheme.replace('_', ' ')}: {group.value}{count}"


def _table(effects: Sequence[tuple[str, Effect]]) -> list[str]:
    return aligned([[*_HEAD, ""], *([name, *_cells(each), each.verdict] for name, each in effects)], {0, 5})


def _languages(comparison: Comparison, contrast: Contrast) -> list[str]:
    shrunk = {
        (task, code): signed(found.effects[place])
        for task, found in contrast.shrunk.items()
        for place, code in enumerate(test.language for test in comparison.scores.tests if test.task == task)
    }
    rows = [[*_HEAD, "shrunk", ""]]
    for each in contrast.languages:
        group = each.group
        task = f"{group.task} " if len(comparison.scores.tasks) > 1 and group.task != ONE else ""
        rows.append([f"{task}{group.value}", *_cells(each), shrunk.get((group.task, group.value), ""), each.verdict])
    return aligned(rows, {0, 6})


def _cells(effect: Effect) -> list[str]:
    """Difference, interval, p and corrected p."""
    found = effect.difference
    if found is None:
        return [signed(effect.effect), "one seed", "", ""]
    short = [
        p_text(p).removeprefix("p = ").removeprefix("p ") if p is not None else "" for p in (found.p, effect.adjusted)
    ]
    return [signed(effect.effect), f"{signed(found.low)} to {signed(found.high)}", *short]


def _dots(main: Effect) -> Iterator[str]:
    """Every run of both arms on one scale."""
    every = [*main.values[0], *main.values[1]]
    low, high = min(every), max(every)
    width = max(len(main.treatment), len(main.control))
    yield f"every run of {main.treatment} and {main.control}, {number(low)} to {number(high)}"
    for name, values in ((main.control, main.values[1]), (main.treatment, main.values[0])):
        line = [" "] * WIDTH
        for value in values:
            place = round((value - low) / (high - low) * (WIDTH - 1)) if high > low else 0
            # Two runs on one spot are shown as such.
            line[place] = "o" if line[place] == " " else "8"
        yield f"  {name.ljust(width)}  |{''.join(line)}|  {', '.join(map(number, values))}"


def _mixed(name: str, contrast: Contrast) -> Iterator[str]:
    assert contrast.mixed is not None
    arm = contrast.mixed.arm
    yield f"{name}, mixed model (secondary): {contrast.mixed.formula}"
    yield (
        f"  arm {signed(arm.estimate)} ({signed(arm.low)} to {signed(arm.high)}), {p_text(arm.p)} by the normal "
        "distribution, which is too small with few runs"
    )
    yield f"  standard deviations: {', '.join(f'{what} {number(sd)}' for what, sd in contrast.mixed.sds.items())}"
    yield from (f"  the fit says: {each}" for each in contrast.mixed.warnings)
    yield ""


def _scatter(comparison: Comparison) -> Iterator[str]:
    """How much runs scatter."""
    several = len(comparison.scores.tasks) > 1
    rows = [
        [
            "standard deviation of",
            "seed, all alike",
            "seed in a language",
            "of it items",
            "of the mean",
            "test set",
            "runs",
        ]
    ]
    for system, tasks in comparison.variances.items():
        for task, each in tasks.items():
            items = ["" if value is None else number(value) for value in (each.items, each.test_set)]
            name = f"{system}, {task}" if several else system
            figures = [number(each.seed), number(each.language), items[0], number(each.mean), items[1], str(each.seeds)]
            rows.append([name, *figures])
    if len(rows) > 1:
        yield from aligned(rows, {0})
        yield ""
