"""The same figures as Markdown, for documents."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from xtremor.report.collect import Collection
from xtremor.report.context import arm_row, interval
from xtremor.report.groups import headline_codes
from xtremor.report.places import describe, word
from xtremor.report.summary import means, summarise
from xtremor.report.verdict import estimand, number, signed
from xtremor.stats.intervals import paired_difference


def markdown_table(runs: Collection, rows: Literal["languages", "arms"] = "languages") -> str:
    """Scores of every language and arm: the mean over seeds, each seed's value in brackets.

    Args:
        runs: what `xtremor.report.collect.collect` returns.
        rows: ``languages`` gives a row per language and ends with averages and differences; ``arms`` gives a
            row per arm and a column per language.

    Returns:
        A Markdown table without a trailing newline.
    """
    head = ["Language", "Items", *runs.arms]
    body = [
        [f"`{code}`", f"{runs.items(code)}", *(_cell([run.scores[code] for run in runs.of(arm)]) for arm in runs.arms)]
        for code in runs.languages
    ]
    body.extend(_averages(runs))
    if rows == "arms":
        head, *body = (list(column) for column in zip(head, *body, strict=True))
        head[0] = "Arm"
    return _markdown(head, body)


def markdown_summary(runs: Collection) -> str:
    """The summary by arm: averages with t-intervals, differences to plain, counted passes, time."""
    places = describe(runs.languages, runs.runs[0].encoder)
    summary = summarise(runs, places)
    above = f"{word(runs.languages).capitalize()} above {summary.plain}"
    head = ["Arm", "Seeds", "English", "Without English", "95% t-interval", "Low-resource", above, "Lowest"]
    keys = ("arm", "seeds", "english", "average", "interval", "low", "improved", "worst", "passes", "time")
    body = [[str(row[key]) for key in keys] for row in (arm_row(arm, places) for arm in summary.arms)]
    return _markdown([*head, "Passes", "Time"], body)


def _averages(runs: Collection) -> list[list[str]]:
    places = describe(runs.languages)
    summary = summarise(runs, places)
    codes = headline_codes(runs)
    items = f"{sum(runs.items(code) for code in codes)}"
    averages = [f"**{number(arm.average.mean)}**" for arm in summary.arms]
    seeds = [_seeds(arm.average.values) for arm in summary.arms]
    body = [
        [
            f"**{estimand(runs)}**",
            items,
            *(f"{mean} {each}".strip() for mean, each in zip(averages, seeds, strict=True)),
        ],
        ["95% t-interval over seeds", "", *(interval(arm.average) for arm in summary.arms)],
    ]
    if summary.plain:
        plain = means(runs, summary.plain, codes)
        found = [
            None
            if arm.role == "frozen" or arm.arm == summary.plain
            else paired_difference(means(runs, arm.arm, codes), plain)
            for arm in summary.arms
        ]
        body.append([f"difference to {summary.plain}", "", *(signed(each.mean) if each else "" for each in found)])
        body.append(["95% t-interval, paired by seed", "", *(interval(each, sign=True) for each in found)])
    # Rows that stay empty with one seed would only puzzle.
    return [row for row in body if any(row[2:])]


def _cell(values: Sequence[float]) -> str:
    return f"{number(fmean(values))} {_seeds(values)}".strip()


def _seeds(values: Sequence[float]) -> str:
    return f"({', '.join(number(value) for value in values)})" if len(values) > 1 else ""


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    # The first column is text, all others are figures.
    rule = ["---", *["---:"] * (len(head) - 1)]
    lines = [head, rule, *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
