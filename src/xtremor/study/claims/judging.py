"""From a ledger to verdicts: bind, measure, correct over the whole ledger, decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xtremor.compare.sentences import p_text, signed
from xtremor.compare.table import Row, ScoreTable, Target
from xtremor.stats.intervals import holm
from xtremor.study.claims.binding import Missing, Pair, Tested, check_arms, chosen, pairs, targets
from xtremor.study.claims.claim import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDECIDED, Claim, Verdict
from xtremor.study.claims.measuring import ALPHA, Measured, interval, measured, unfinished
from xtremor.study.claims.roles import System, all_cells, systems
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Plan
from xtremor.study.results import finished_scores
from xtremor.study.review.exposure import exposure, named, twice


@dataclass(frozen=True)
class Case:
    """A claim with the systems that it is tested with, and what was measured; or what is missing."""

    claim: Claim
    pair: Pair | None = None
    found: Measured | None = None
    missing: str = ""
    caveats: tuple[str, ...] = ()


def judge(folder: StudyFolder, plan: Plan, ledgers: Mapping[str, Sequence[Claim]]) -> list[Verdict]:
    """Verdicts on the claims of ledgers, each by its file and corrected by itself; scores are read once for all."""
    for where, ledger in ledgers.items():
        check_arms(ledger, plan.design, where)
    known = systems(plan)
    table = read_scores(folder, plan, known)
    return [verdict for ledger in ledgers.values() for verdict in judge_table(ledger, plan, known, table)]


def judge_table(
    ledger: Sequence[Claim], plan: Plan, known: Sequence[System], table: ScoreTable | None
) -> list[Verdict]:
    """As `judge`, from run-level scores; None where nothing is finished."""
    return decide([case for claim in ledger for case in _cases(claim, plan, known, table)])


def read_scores(folder: StudyFolder, plan: Plan, known: Sequence[System]) -> ScoreTable | None:
    """Scores of every finished evaluation, by system; None where there is none.

    Raises:
        UserError: a stage whose scores were edited.
    """
    store = folder.store(plan)
    if not store.path.is_dir():
        return None
    owner = {cell.evaluation: system.name for system in known for cell in system.cells}
    rows = []
    for cell, place, scores in finished_scores(store.open(), all_cells(plan)):
        trained = plan.labelled(cell)
        for code, told in scores["languages"].items():
            test, nested = Target(cell.task, code), str(cell.stage2_seed)
            seed, name = str(cell.stage1_seed), owner[cell.evaluation]
            where, labelled = str(place / "scores.json"), code in trained
            rows.append(Row(name, test, seed, float(told["score"]), nested, where, labelled))
    return ScoreTable.of(rows, percent=True) if rows else None


def _cases(claim: Claim, plan: Plan, known: Sequence[System], table: ScoreTable | None) -> Iterator[Case]:
    if claim.kind == "untestable":
        yield Case(claim, missing=claim.needs)
        return
    tested = targets(plan)
    try:
        for where in filter(None, (claim.where, claim.less)):
            chosen(where, tested)
        found = pairs(claim, known, plan)
    except Missing as error:
        yield Case(claim, missing=str(error))
        return
    for pair in found:
        try:
            if table is None:
                raise Missing("no run is finished yet")
            figures = measured(claim, pair, table, tested)
            caveats = (*_rehearsed(plan), *unfinished(table, pair), *_caveats(claim, pair, tested))
            yield Case(claim, pair, figures, caveats=caveats)
        except Missing as error:
            yield Case(claim, pair, missing=str(error))


def _rehearsed(plan: Plan) -> Iterator[str]:
    if plan.design.get("scale", "full") != "full":
        yield f"a rehearsal at scale {plan.design['scale']}: its scores mean nothing"


def _caveats(claim: Claim, pair: Pair, tested: Sequence[Tested]) -> Iterator[str]:
    tasks = list(dict.fromkeys(each.task for each in chosen(claim.where, tested)))
    first = pair.treatment.intermediate or pair.control.intermediate
    double = [task for task in tasks if first and twice(first, task)]
    if double:
        yield f"{first} before {' and '.join(double)} trains on the same data twice"
    for task in dict.fromkeys([*(name.strip() for name in first.split(",") if first), *tasks]):
        seen = exposure(pair.treatment.encoder, task)
        if seen is not None and seen[1]:
            yield f"{task}: {named(pair.treatment.encoder)} is not new to it ({seen[0]})"


def decide(cases: Sequence[Case]) -> list[Verdict]:
    """Correct all tests of the ledger by Holm together, and decide.

    A claim with a margin has two tests: of the difference, and of the equivalence.
    """
    tests = [case.found.p if case.found else None for case in cases]
    tests += [case.found.alike if case.found else None for case in cases]
    adjusted = holm(tests)
    count = sum(p is not None for p in tests)
    return [
        _verdict(case, p, alike, count)
        for case, p, alike in zip(cases, adjusted[: len(cases)], adjusted[len(cases) :], strict=True)
    ]


def _verdict(case: Case, p: float | None, alike: float | None, count: int) -> Verdict:
    claim, pair, found = case.claim, case.pair, case.found
    treatment, control = ("", "") if pair is None else (pair.treatment.name, pair.control.name)
    if pair is None or found is None:
        return Verdict(claim, NOT_TESTABLE, _sentence(case.missing), treatment=treatment, control=control)
    verdict, adjusted, reason = _decided(claim, found, p, alike)
    points = claim.kind != "correlation"
    tested = f"{p_text(adjusted)} after Holm's correction over {count} tests" if adjusted is not None else "no test"
    others = f"; {pair.others} other pair{'s' if pair.others > 1 else ''} would fit too" if pair.others else ""
    figures = interval(found, points) if found.p is not None else signed(found.effect)
    sets = f"{treatment} minus {control}, {found.what}, {found.runs}"
    why = f"{reason}: {sets}: {figures}, {tested}{others}."
    # Without scatter there is no interval: one of no width would look like certainty.
    low, high = (None, None) if found.p is None else (found.low, found.high)
    return Verdict(
        claim, verdict, _sentence(why), found.effect, low, high, treatment, control, found.p, adjusted,
        tuple(dict.fromkeys((*case.caveats, *found.notes))),
    )  # fmt: skip


def _decided(claim: Claim, found: Measured, p: float | None, alike: float | None) -> tuple[str, float | None, str]:
    """Verdict, the p-value that decided, and the reason in words."""
    sure, same = p is not None and p <= ALPHA, alike is not None and alike <= ALPHA
    threshold = f"{claim.threshold:g}"
    over = "above zero" if not claim.threshold else f"above the threshold of {threshold}"
    under = "below zero" if not claim.threshold else f"below the threshold of {threshold}"
    if claim.kind == "as-good" and same:
        return SUPPORTED, alike, f"equal within ±{claim.margin:g} points"
    if sure and found.above:
        return SUPPORTED, p, over
    if sure:
        return CONTRADICTED, p, under
    if same and claim.kind == "gain":
        return CONTRADICTED, alike, f"no gain that matters: equal within ±{claim.margin:g} points"
    if p is None:
        return UNDECIDED, None, "every run gives the same difference, so that nothing says what another seed would give"
    return UNDECIDED, p, "it cannot be told"


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
