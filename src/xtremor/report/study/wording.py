"""The answer of a study in three sentences: what was compared, what came out, and what it takes to know more.

Whatever a sentence claims was decided in `xtremor.compare`; here it is only said, and where runs are missing, said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

from xtremor.compare.comparison import Comparison, Contrast
from xtremor.compare.sentences import number, p_text, signed
from xtremor.languages import counted, is_english
from xtremor.report.study.findings import Findings, Planned, by_seed
from xtremor.report.study.marks import span
from xtremor.report.study.material import Material, listed, named
from xtremor.stats.planning import seeds_needed, smallest_effect
from xtremor.study.power import run_sd
from xtremor.wording import number_of

# Seeds that the scatter of a single arm is projected to.
AHEAD = (5, 10, 20)
REHEARSAL = (
    "It is a rehearsal at tiny scale with a random encoder: its scores mean nothing, and nothing is claimed.",
    "Everything below shows what the report of the real study will hold; run it at full scale for an answer.",
)


@dataclass(frozen=True)
class Answer:
    """What stands above everything else.

    Attributes:
        sentences: three.
        verdict: ``clear``, ``equivalent``, ``cannot tell`` or ``no claim``.
    """

    sentences: tuple[str, str, str]
    verdict: str


def answer(study: Material, findings: Findings) -> Answer:
    """The answer from what is finished."""
    first = compared(study)
    if study.design.get("scale") == "tiny":
        return Answer((first, *REHEARSAL), "no claim")
    chosen = [each for each in findings.planned if each.role == "primary"] or list(findings.planned)
    if not chosen:
        return Answer((first, _nothing(study, findings), _scatter(study)), "no claim")
    mains = [(each, findings.main(each)) for each in chosen]
    verdicts = {contrast.main.verdict for _, contrast in mains}
    kind = "cannot tell"
    if verdicts & {"better", "worse"}:
        kind = "clear"
    elif verdicts == {"equivalent"}:
        kind = "equivalent"
    elif verdicts <= {"one seed", "no spread"}:
        kind = "no claim"
    second = _outcome(study, findings, mains, chosen[0].role)
    return Answer((first, second, _more(study, findings, mains)), kind)


def compared(study: Material) -> str:
    """The first sentence: arms, intermediate task, targets, languages, seeds."""
    design = study.design
    arms = [arm["name"] for arm in design["arms"]]
    encoders = listed([named(each) for each in design["encoders"]])
    before = listed([each["task"] for each in design["intermediate"]], "or")
    stage = f", trained on {before} first where an arm says so," if before else ""
    tasks = []
    for task in study.tasks:
        away = [
            code
            for code in dict.fromkeys(c for run in study.of(None, task) for c in run.scores)
            if not is_english(code)
        ]
        tasks.append(f"{task} ({counted(away)} besides English)" if away else f"{task} (English)")
    seeds = design["seeds"]
    runs = number_of(len(seeds["stage1"]), "seeds")
    nested = f" with {len(seeds['stage2'])} runs nested in each" if len(seeds["stage2"]) > 1 else ""
    what = f"compares {len(arms)} arms ({listed(arms)})" if len(arms) > 1 else f"has one arm, {arms[0]},"
    text = f"This study {what} of {encoders}{stage} on {listed(tasks)}, over {runs} an arm{nested}"
    if study.done:
        return f"{text}."
    return (
        f"{text}; {len(study.runs)} of its {len(study.plan.cells)} runs are finished, and what follows is of these "
        "alone."
    )


def _nothing(study: Material, findings: Findings) -> str:
    if len(study.design["arms"]) == 1:
        return (
            "One arm is compared with nothing, so nothing is claimed: its runs show how much seeds alone change a "
            "score."
        )
    if not study.design["contrasts"]:
        return (
            "The study file plans no contrast, so nothing is claimed: add [[contrasts]] before the next study, and "
            "freeze it."
        )
    if findings.refused:
        return f"Nothing can be compared yet, so nothing is claimed: {findings.refused}."
    names = listed([each.name for each in findings.waiting])
    return f"Nothing can be compared yet, so nothing is claimed: {names} still lacks runs of one side."


def _scatter(study: Material) -> str:
    """What a single arm, or arms without a contrast, can say: how large seed noise is."""
    sds = {system: stdev(own) for system in study.systems if len(own := list(by_seed(study, system).values())) > 1}
    if not sds:
        return "With one run an arm nothing is known of seed noise: train two seeds or more, better five."
    system, sd = max(sds.items(), key=lambda each: each[1])
    seen = ", ".join(f"{n} seeds {number(smallest_effect((sd, sd), n))}" for n in AHEAD) if sd > 0 else ""
    of = f" of {system}" if len(sds) > 1 else ""
    least = f"; two arms that scatter so find, with 80% power, differences of {seen} points or more" if seen else ""
    return f"The mean score{of} has a standard deviation of {number(sd)} points between seeds{least}."


def _outcome(study: Material, findings: Findings, mains: Sequence[tuple[Planned, Contrast]], role: str) -> str:
    family = findings.family(mains[0][0])
    clear = [_claim(each, family) for each in mains if each[1].main.verdict in ("better", "worse")]
    alike = [_alike(each) for each in mains if each[1].main.verdict == "equivalent"]
    open_ = [_open(each, family) for each in mains if each[1].main.verdict == "cannot tell"]
    single = [each for each in mains if each[1].main.verdict in ("one seed", "no spread")]
    parts = [*clear, *alike]
    if open_:
        parts.append(f"these runs cannot tell {listed(open_, 'or')}")
    if single:
        seen = listed(
            [f"{a.treatment} from {a.control} ({signed(c.main.effect)} points were seen)" for a, c in single], "or"
        )
        why = (
            "one run an arm"
            if any(c.main.verdict == "one seed" for _, c in single)
            else "a difference that is the same in every seed"
        )
        parts.append(f"{why} cannot tell {seen}")
    text = "; ".join(parts)
    many = "s" if len(mains) > 1 else ""
    head = f"In the {role} contrast{many}{'' if role == 'primary' else ', with no primary one planned'}"
    if not study.done:
        head = f"So far, {head[:1].lower()}{head[1:]}"
    waiting = f"; {listed([each.name for each in findings.waiting])} cannot be compared yet" if findings.waiting else ""
    return f"{head}, {text}{waiting}{_corrected(family)}."


def _corrected(family: Comparison) -> str:
    return f" (p-values after Holm's correction for {family.family} tests)" if family.family > 1 else ""


def _claim(each: tuple[Planned, Contrast], family: Comparison) -> str:
    planned, contrast = each
    main = contrast.main
    side = "higher" if main.effect > 0 else "lower"
    text = f"{planned.treatment} scored {side} than {planned.control} ({_figures(contrast, family)})"
    if main.equivalence and main.adjusted_equivalence is not None and main.adjusted_equivalence <= family.alpha:
        text += f", though by less than the margin of {main.equivalence.margin:g} points"
    return text


def _alike(each: tuple[Planned, Contrast]) -> str:
    planned, contrast = each
    found = contrast.main.equivalence
    assert found is not None
    level = 100 * (1 - 2 * found.alpha)
    return (
        f"{planned.treatment} and {planned.control} are equivalent within ±{found.margin:g} points "
        f"({signed(contrast.main.effect)}, {level:.0f}% interval {span(found.low, found.high, True)}, "
        f"{p_text(contrast.main.adjusted_equivalence)})"
    )


def _open(each: tuple[Planned, Contrast], family: Comparison) -> str:
    planned, contrast = each
    return f"{planned.treatment} from {planned.control} ({_figures(contrast, family)})"


def _figures(contrast: Contrast, family: Comparison) -> str:
    main = contrast.main
    assert main.difference is not None
    p = main.adjusted if family.family > 1 else main.difference.p
    test = main.difference
    return (
        f"{signed(main.effect)} points, {100 * test.confidence:.0f}% interval {span(test.low, test.high, True)}, "
        f"{p_text(p)}"
    )


def _more(study: Material, findings: Findings, mains: Sequence[tuple[Planned, Contrast]]) -> str:
    """The third sentence: how many seeds would tell, or how far a clear result reaches."""
    effect = findings.family(mains[0][0]).settings.effect
    early = "" if study.done else " Looking before the end and stopping when it suits makes such findings too frequent."
    if any(contrast.main.verdict == "one seed" for _, contrast in mains):
        return f"{_one_seed(study, effect)}{early}"
    open_ = [(each, contrast) for each, contrast in mains if contrast.main.verdict == "cannot tell" and contrast.seeds]
    if open_:
        needs = []
        for each, contrast in open_:
            seeds = contrast.seeds
            assert seeds is not None
            many = "more than 10,000" if seeds.needed is None else f"about {seeds.needed:,}"
            needs.append(f"{many} seeds an arm for {each.name} (these runs find {number(seeds.smallest)} or more)")
        return f"To find a difference of {effect:g} points four times in five would take {listed(needs)}.{early}"
    if any(contrast.main.verdict == "no spread" for _, contrast in mains):
        return (
            f"Without any spread between seeds there is nothing to judge by: are the runs copies of one another?{early}"
        )
    return (
        "The intervals are about other training seeds of the same recipes, on the same rows, encoder, languages and "
        f"test items, and about nothing else.{early}"
    )


def _one_seed(study: Material, effect: float) -> str:
    """How many seeds would tell, by the standard deviations that the plan assumes."""
    assumed = study.design["assumed"]
    languages = min(
        (len({code for run in study.of(None, task) for code in run.headline}) for task in study.tasks), default=1
    )
    sd = run_sd(assumed["sd_seed"], assumed["sd_language"], languages)
    needed = seeds_needed(effect, (sd, sd)) if sd > 0 else None
    said = f"about {needed:,}" if needed else "an unknown number of"
    return (
        f"Another seed could turn that round: to find a difference of {effect:g} points four times in five would take "
        f"{said} seeds an arm if they scatter as the plan assumes ({number(sd)} points), which two seeds or more "
        "would measure."
    )
