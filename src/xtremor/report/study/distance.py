"""Gain in each language against what may explain it: kinship to English, size of its Wikipedia and of pretraining, seen
or not. Languages of one run rise and fall together: `xtremor.stats.association` allows for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremor.compare.sentences import signed
from xtremor.errors import UserError
from xtremor.languages import Language, lookup
from xtremor.report.charts import Drawing
from xtremor.report.places import pretraining
from xtremor.report.study.figures import Figure, arm_scale, sized
from xtremor.report.study.findings import Findings, Planned
from xtremor.report.study.marks import span
from xtremor.report.study.material import Material
from xtremor.stats.association import Association, association

HEIGHT = 210
FEWEST = 4


@dataclass(frozen=True)
class Explained:
    """A fact about languages on a horizontal axis.

    Attributes:
        name: of the chart.
        title: of the axis.
        values: code -> value.
        log: whether the axis is logarithmic.
        labels: of the values, where they are steps.
    """

    name: str
    title: str
    values: Mapping[str, float]
    log: bool = False
    labels: Mapping[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Gain:
    """The difference of a contrast in one language of one task."""

    task: str
    code: str
    effect: float


def gains(findings: Findings, planned: Planned) -> list[Gain]:
    """Effect in each language, as compared."""
    return [Gain(each.group.task, each.group.value, each.effect) for each in findings.wide(planned).languages]


def facts(study: Material, codes: Sequence[str], system: str) -> list[Explained]:
    """What is known of the languages, and of the encoder of a system.

    A fact that is the same for all, or known of few, is left out.
    """
    from xtremor.analysis.selection.distances import kinship

    known = {code: found for code in codes if (found := _language(code)) is not None}
    near = dict(zip(known, kinship(["en", *known]).values[0, 1:].tolist(), strict=True)) if known else {}
    record = study.encoder(study.of(system)[0])
    column = pretraining(record)
    xlmr = column is not None and column[0] in ("in_xlmr", "in_me5")
    seen = {code: float(study.places[code].seen or 0) for code in known if study.places[code].seen is not None}
    whose = f"{column[1]} pretraining text" if column else ""
    kin = {0.0: "family and script of English", 0.5: "one of them", 1.0: "neither"}
    text = _sizes(known, lambda each: each.xlmr_gib) if xlmr else {}
    explained = [
        Explained("kinship", "kinship with English", near, labels=kin),
        Explained("wikipedia", "MB of Wikipedia text (2020)", _sizes(known, lambda each: each.wiki_text_mb), True),
        Explained("pretraining", "GiB in XLM-R's pretraining", text, True),
        Explained("seen", f"seen in {whose}", seen, labels={0.0: "not seen", 1.0: "seen"}),
    ]  # fmt: skip
    return [each for each in explained if len(each.values) >= FEWEST and len(set(each.values.values())) > 1]


def _sizes(known: Mapping[str, Language], size: Callable[[Language], float | None]) -> dict[str, float]:
    return {code: value for code, each in known.items() if (value := size(each))}


def _language(code: str) -> Language | None:
    try:
        return lookup(code)
    except UserError:
        # A pair of languages, or one of the user's own.
        return None


def correlation(findings: Findings, planned: Planned, fact: Explained) -> Association | None:
    """Rank correlation of gain and fact within tasks, over runs and languages; None where there are too few."""
    assert findings.every is not None
    scores, pairing = findings.every.scores, findings.wide(planned).main.pairing
    kept = [place for place, test in enumerate(scores.tests) if test.language in fact.values]
    treatment, control = (
        scores.scores[name][[scores.seeds[name].index(seed) for seed in seeds]][:, kept]
        for name, seeds in ((planned.treatment, pairing.treatment), (planned.control, pairing.control))
    )
    tests = [scores.tests[place] for place in kept]
    values = np.array([fact.values[test.language] for test in tests])
    codes, tasks = [test.language for test in tests], [test.task for test in tests]
    return association(treatment, control, pairing.paired, values, codes, tasks) if kept else None


def distance_figures(study: Material, findings: Findings, planned: Planned) -> list[Figure]:
    """A chart for each fact."""
    own = gains(findings, planned)
    found = []
    for fact in facts(study, list(dict.fromkeys(each.code for each in own)), planned.treatment):
        rank = correlation(findings, planned, fact)
        text = f"{planned.treatment} minus {planned.control} against {fact.title}"
        more = (
            f"; Spearman's rank correlation within tasks {signed(rank.rho)}, 95% interval "
            f"{span(rank.low, rank.high, True)} over seeds and {rank.languages} languages"
            if rank
            else ""
        )
        found.append(
            Figure(f"gain-{fact.name}", f"Gain against {fact.title}", text + more, _chart(study, planned, own, fact))
        )
    return found


def _chart(study: Material, planned: Planned, own: Sequence[Gain], fact: Explained) -> Callable[[int, bool], Drawing]:
    arm = study.arm_of[planned.treatment]

    def build(width: int, alone: bool) -> Drawing:
        import altair as alt

        tasks = list(dict.fromkeys(each.task for each in own))
        rows = [
            {"x": _spread(fact, each, at), "gain": round(each.effect, 4), "arm": arm, "task": each.task,
             "code": each.code, "tip": f"{study.places[each.code].name}, {each.task}: {signed(each.effect)} points"}
            for at, each in enumerate(own)
            if each.code in fact.values
        ]  # fmt: skip
        y = alt.Y("gain:Q", title=f"points above {planned.control}", axis=alt.Axis(tickCount=6))
        shape = alt.Shape("task:N", scale=alt.Scale(domain=tasks), legend=_legend(tasks))
        base = alt.Chart(alt.NamedData("gains")).encode(x=_axis(fact, width), y=y, description="tip:N")
        dots = base.mark_point(size=42, filled=True, opacity=0.75).encode(
            color=alt.Color("arm:N", scale=arm_scale([arm], study.arms, alone)["scale"], legend=None), shape=shape
        )
        names = base.mark_text(dy=-8, fontSize=9, color="var(--faint)", aria=False).encode(text="code:N")
        zero = alt.Chart(alt.NamedData("zero")).mark_rule(style="zero", aria=False).encode(y="gain:Q")
        title = f"{planned.treatment} minus {planned.control}"
        layers = [zero, dots, names] if len(rows) <= 60 else [zero, dots]
        return Drawing(sized(alt.layer(*layers), width, HEIGHT, alone, title), {"gains": rows, "zero": [{"gain": 0.0}]})

    return build


def _legend(tasks: Sequence[str]) -> Any:
    import altair as alt

    return alt.Legend(orient="bottom", title=None, columns=3) if len(tasks) > 1 else None


def _spread(fact: Explained, gain: Gain, at: int) -> float:
    """The value; where values are steps, moved a little so that languages of one step can be told apart."""
    value = fact.values[gain.code]
    if fact.labels is None:
        return value
    step = min(b - a for a, b in zip(sorted(fact.labels), sorted(fact.labels)[1:], strict=False))
    return round(value + ((at * 0.618034) % 1 - 0.5) * 0.5 * step, 4)


def _axis(fact: Explained, width: int) -> Any:
    import altair as alt

    if fact.labels is None:
        scale = alt.Scale(type="log", nice=False, padding=10)
        return alt.X("x:Q", title=fact.title, scale=scale, axis=alt.Axis(grid=False, tickCount=5, format="~s"))
    ends = sorted(fact.labels)
    step = ends[1] - ends[0]
    names = " : ".join(f"datum.value == {value} ? '{fact.labels[value]}'" for value in ends) + " : ''"
    axis = alt.Axis(values=list(ends), labelExpr=names, grid=False, ticks=False, labelLimit=width / (len(ends) + 1))
    return alt.X("x:Q", title=fact.title, scale=alt.Scale(domain=[ends[0] - step / 2, ends[-1] + step / 2]), axis=axis)
