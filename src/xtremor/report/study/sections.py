"""The page in sections: what stands in each, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.compare.sentences import estimand, sentence
from xtremor.report.study import accounts, claims, shown
from xtremor.report.study.charts import arm_figures, forest, heat_figures, run_rows, strata_title
from xtremor.report.study.cost import cost_figures
from xtremor.report.study.curves import curve_figures, dose_figures
from xtremor.report.study.distance import distance_figures
from xtremor.report.study.figures import Figure
from xtremor.report.study.findings import Findings, reference
from xtremor.report.study.material import Material
from xtremor.report.study.tables import Table

if TYPE_CHECKING:
    from xtremor.study.claims import Verdict
    from xtremor.study.review import Threat


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        id: its anchor.
        title: above it.
        texts: paragraphs before its figures.
        figures, tables: in it.
        folded: title of what its tables are folded under; empty where they lie open.
    """

    id: str
    title: str
    texts: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.figures or any(table.rows for table in self.tables) or self.texts)


def sections(
    study: Material, findings: Findings, verdicts: Sequence[Verdict], threats: Sequence[Threat], out: Path
) -> list[Section]:
    """Every section that has something to show."""
    found = [
        _arms(study, findings),
        *_contrasts(study, findings),
        _languages(study, findings),
        _distance(study, findings),
        _dose(study),
        Section("claims", "Claims of others", (), (), (claims.claims_table(verdicts),)),
        Section("threats", "Threats to these conclusions", *_threats(threats)),
        Section("checkpoints", "Checkpoint rules", (), (), (accounts.checkpoints(study, findings),)),
        _cost(study),
        _calibration(study),
        _curves(study),
        Section("strata", "Strata", (), (), (shown.strata(study),)),
        Section("stages", "Every stage", (), (), (accounts.stages(study, out),)),
    ]
    return [each for each in found if not each.empty]


def _threats(threats: Sequence[Threat]) -> tuple[tuple[str, ...], tuple[Figure, ...], tuple[Table, ...]]:
    if threats:
        return (), (), (claims.threats_table(threats),)
    return ("None of the threats that are looked for was found in the store; others may exist.",), (), ()


def _arms(study: Material, findings: Findings) -> Section:
    text = (
        "A dot is a run, a tick the mean of an arm, the line its 95% t-interval over seeds; an arrow says that it "
        "goes on beyond the chart. Intervals of arms may overlap while their difference is clear: contrasts are "
        "below. Dots lead to their stages."
    )
    return Section("arms", "What each arm scored", (text,), tuple(arm_figures(study)), (shown.arms(study, findings),))


def _contrasts(study: Material, findings: Findings) -> list[Section]:
    if not findings.planned:
        return []
    sentences = tuple(sentence(findings.family(each), findings.main(each)) for each in findings.planned)
    figures = tuple(forest(study, findings, each, at) for at, each in enumerate(findings.planned, start=1))
    margin = study.design["assumed"]["margin"]
    shaded = f"; shaded: the margin of equivalence, ±{margin:g} points" if margin else ""
    first = findings.family(findings.planned[0])
    over = estimand(first, findings.main(findings.planned[0]).main.group)
    text = (
        f"The average is {over}. In the charts a mark is filled where something can be told after correction{shaded}. "
        "The lines are 95% t-intervals, not corrected for their number."
    )
    tables = tuple(shown.effects(study, findings, each, at) for at, each in enumerate(findings.planned, start=1))
    return [
        Section("contrasts", "Contrasts", (text,), figures, (shown.contrasts(study, findings),)),
        Section("sentences", "The contrasts in words, for a paper", sentences),
        Section("effects", "Contrasts by task, stratum and language", (), (), tables, "All effects in figures"),
    ]


def _languages(study: Material, findings: Findings) -> Section:
    chosen = reference(findings)
    what = f"Differences from {chosen.control} in points, a mean over seeds" if chosen else "Mean scores over seeds"
    text = (
        f"{what}; rows are grouped by {strata_title(study)}. Single cells are noisy: their tests, corrected and "
        "shrunk, are in the tables of contrasts."
    )
    tables = tuple(shown.languages(study, task, at) for at, task in enumerate(study.tasks, start=1))
    return Section("languages", "Languages by arm", (text,), tuple(heat_figures(study, findings)), tables, "All scores")


def _distance(study: Material, findings: Findings) -> Section:
    chosen = reference(findings)
    figures = tuple(distance_figures(study, findings, chosen)) if chosen else ()
    text = (
        "A dot is a language of a task. Languages of one run rise and fall together, which the interval of a "
        "correlation allows for; it is exploratory, and no claim. Claims about distance are judged below, strata above."
    )
    return Section("distance", "Gain against distance from English", (text,) if figures else (), figures)


def _dose(study: Material) -> Section:
    figures = tuple(dose_figures(study))
    text = "Arms that differ in the radius alone; all of the grid is shown, and nothing was chosen from it."
    return Section("dose", "Dose and response", (text,) if figures else (), figures)


def _cost(study: Material) -> Section:
    return Section("cost", "What it cost", (), tuple(cost_figures(study)), (accounts.cost(study),))


def _curves(study: Material) -> Section:
    figures = tuple(curve_figures(study))
    text = "Training loss as the method reports it, so that losses of different methods are of different kinds."
    return Section("curves", "Learning curves", (text,) if figures else (), figures)


def _calibration(study: Material) -> Section:
    figures = []
    for at, task in enumerate(study.tasks, start=1):
        own = accounts.calibrated(study, task)
        if own:
            text = (
                f"Expected calibration error on {task} by arm: a dot a run, a tick at the mean, 95% t-intervals over "
                "seeds"
            )
            axis = "expected calibration error, percent"
            figures.append(run_rows(study, f"calibration-{at}", f"{task}: calibration", axis, own, text))
    table = accounts.calibration(study)
    text = "Mean over languages of |accuracy − mean confidence| over 15 bins of confidence; lower is better."
    return Section("calibration", "Calibration", (text,) if table.rows else (), tuple(figures), (table,))
