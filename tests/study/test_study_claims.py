"""Claims: bound to arms by what these do, decided with known truth, refused where they cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.commands import call
from helpers.made_up import CODES, method, of_rules, plan_of, scores_of, write_store

from xtremor.errors import UserError
from xtremor.study.claims import Verdict, verdicts
from xtremor.study.claims.binding import check_arms, pairs
from xtremor.study.claims.claim import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDECIDED
from xtremor.study.claims.facts import fact
from xtremor.study.claims.judging import judge_table
from xtremor.study.claims.reading import parse_ledger, read_ledger
from xtremor.study.claims.roles import systems
from xtremor.study.plan import Cell, Plan

Captured = pytest.CaptureFixture[str]
HEAD = '[[claims]]\nname = "c"\nkind = "{kind}"\nstatement = "s"\nsource = "we"\n'
STAGE1 = 'treatment = { stage1 = "adversarial" }\ncontrol = { stage1 = "plain" }\n'
ARMS = {"none": (None, "plain"), "standard": ("plain", "plain"), "freelb": ("freelb-2", "plain")}
RULES = 'margin = 0.5\ntreatment = { checkpoint = "best-dev" }\ncontrol = { checkpoint = "oracle" }\n'
Gain = Callable[[str, str, str], float]


def ledger(kind: str, text: str = STAGE1) -> str:
    return HEAD.format(kind=kind) + text


def judged(text: str, plan: Plan, gain: Gain = lambda *_: 0.0, noise: float = 0.1) -> list[Verdict]:
    return judge_table(parse_ledger(text, "file"), plan, systems(plan), scores_of(plan, gain, noise))


def of_arm(points: float) -> Gain:
    return lambda arm, task, code: points if arm == "freelb" else 0.0


@pytest.mark.parametrize(
    ("points", "noise", "more", "verdict"),
    [
        (1.0, 0.3, "", SUPPORTED),
        (-1.0, 0.3, "", CONTRADICTED),
        (0.1, 3.0, "", UNDECIDED),
        # Alike to a tenth of a point: no gain that matters, where it is said what matters.
        (0.0, 0.3, "", UNDECIDED),
        (0.0, 0.3, "margin = 0.5\n", CONTRADICTED),
        # A published figure is decided by its threshold.
        (1.0, 0.3, "threshold = 0.5\n", SUPPORTED),
        (0.5, 0.3, "threshold = 1.0\n", CONTRADICTED),
        (1.0, 3.0, "threshold = 0.9\n", UNDECIDED),
    ],
)
def test_a_gain(points: float, noise: float, more: str, verdict: str) -> None:
    plan = plan_of(ARMS)
    (found,) = judged(ledger("gain", STAGE1 + more), plan, of_arm(points), noise)
    assert found.verdict == verdict, found.why
    assert found.effect is not None and found.low is not None and found.high is not None
    assert found.low < found.effect < found.high and abs(found.effect - points) < 1.5
    assert (found.treatment, found.control) == ("freelb", "standard") and "8 languages, 6 pairs of seeds" in found.why
    # English is no transfer: what happens there alone decides nothing.
    only = judged(ledger("gain"), plan, lambda arm, task, code: 9.0 * (code == "en" and arm == "freelb"), noise)
    assert only[0].effect == pytest.approx(judged(ledger("gain"), plan, noise=noise)[0].effect)


@pytest.mark.parametrize(
    ("points", "noise", "verdict"),
    [(0.0, 0.3, SUPPORTED), (2.0, 0.3, CONTRADICTED), (-2.0, 0.3, SUPPORTED), (0.3, 4.0, UNDECIDED)],
)
def test_as_good(points: float, noise: float, verdict: str) -> None:
    """Noise against the adversary, which is better by so many points."""
    plan = plan_of({**ARMS, "noise": ("noise-k2", "plain")})
    text = 'treatment = { stage1 = "noise", matched = true }\ncontrol = { stage1 = "adversarial" }\nmargin = 0.5\n'
    (found,) = judged(ledger("as-good", text), plan, of_arm(points), noise)
    assert (found.treatment, found.control) == ("noise", "freelb") and found.verdict == verdict, found.why
    assert ("equal within ±0.5" in found.why.lower()) == (points == 0.0)


def test_more_in_one_setting_than_in_another() -> None:
    tasks = (("xnli", False), ("xnli", True))
    plan = plan_of({"plain": (None, "plain"), "pgd": (None, "pgd-3")}, tasks=tasks)
    text = 'treatment = { either = "robust" }\ncontrol = { either = "plain" }\n'
    text += 'where = { setting = "generalized" }\nless = { setting = "standard" }\n'

    def gain(more: float) -> Gain:
        return lambda arm, task, code: (1.0 + more * task.endswith("generalized")) * (arm == "pgd")

    for more, verdict in ((1.0, SUPPORTED), (-1.0, CONTRADICTED)):
        (found,) = judged(ledger("more-in", text), plan, gain(more), 0.3)
        assert found.verdict == verdict, found.why
        assert found.effect == pytest.approx(more, abs=0.4)
        # de+de and the like are no pair of languages.
        assert "xnli generalized, generalized, 6 languages minus xnli, standard, 8 languages" in found.why
    assert judged(ledger("more-in", text), plan, gain(0.0), 2.0)[0].verdict == UNDECIDED
    # As large a gain everywhere is none more, however large.
    assert abs(judged(ledger("more-in", text), plan, gain(0.0), 0.3)[0].effect or 0.0) < 0.4


def test_strata() -> None:
    plan = plan_of(ARMS)
    text = STAGE1 + 'where = { strata = { resource = "low" } }\nless = { strata = { resource = "other" } }\n'
    (found,) = judged(
        ledger("more-in", text), plan, lambda arm, t, code: 2.0 * (arm == "freelb" and code in ("sw", "te"))
    )
    assert found.verdict == SUPPORTED and "resource low, 2 languages" in found.why


def test_everywhere() -> None:
    plan = plan_of(ARMS, tasks=(("panx", False), ("udpos", False), ("xnli", False)))
    text = 'treatment = { stage1 = "plain" }\ncontrol = { stage1 = "none" }\n'

    def gain(least: float) -> Gain:
        return lambda arm, task, code: (least if task == "udpos" else 1.0) * (arm == "standard")

    for least, verdict in ((1.0, SUPPORTED), (-1.0, CONTRADICTED)):
        (found,) = judged(ledger("everywhere", text), plan, gain(least), 0.3)
        assert found.verdict == verdict, found.why
    assert (found.effect or 0) < 0 and "panx +1." in found.why and "udpos −" in found.why
    # Clear in two targets, and nothing in the third, is not everywhere.
    assert judged(ledger("everywhere", text), plan, gain(0.02), 0.3)[0].verdict == UNDECIDED
    (alone,) = judged(ledger("everywhere", text), plan_of(ARMS), gain(1.0))
    assert alone.verdict == NOT_TESTABLE and "One target alone, panx" in alone.why
    assert (
        judged(ledger("everywhere", text), plan_of(ARMS), lambda arm, *_: -1.0 * (arm == "standard"))[0].verdict
        == CONTRADICTED
    )


def test_correlation() -> None:
    plan = plan_of(ARMS)
    far = fact("kinship", CODES)
    assert far["de"] == 0 and far["ru"] == far["sw"] == 0.5 and far["zh"] == 1
    text = STAGE1 + 'against = "kinship"\n'
    for sign, verdict in ((1, SUPPORTED), (-1, CONTRADICTED)):

        def rising(arm: str, task: str, code: str, sign: int = sign) -> float:
            # What a language gains beside, so that no rank is certain.
            beside = CODES.index(code) % 3 / 4 if code in CODES else 0.0
            return (3 * sign * far.get(code, 0.0) + beside) * (arm == "freelb")

        (found,) = judged(ledger("correlation", text), plan, rising, 0.3)
        assert found.verdict == verdict and found.unit == "rho", found.why
        assert (
            found.effect is not None
            and 0.5 < sign * found.effect <= 1
            and -1 <= (found.low or 0) <= (found.high or 0) <= 1
        )
    (flat,) = judged(ledger("correlation", text), plan, of_arm(1.0), 1.0)
    assert flat.verdict == UNDECIDED, flat.why
    (few,) = judged(ledger("correlation", text), plan_of(ARMS, codes=("de", "sw", "zh")))
    assert few.verdict == NOT_TESTABLE and "3 languages with a known" in few.why


def test_correction_is_over_the_whole_ledger() -> None:
    plan = plan_of(ARMS)
    gain = of_arm(0.28)
    (alone,) = judged(ledger("gain"), plan, gain, 0.6)
    many = "".join(ledger("gain").replace('name = "c"', f'name = "c{i}"') for i in range(40))
    together = judged(many, plan, gain, 0.6)
    assert alone.p == together[0].p and alone.adjusted == alone.p
    assert together[0].adjusted == pytest.approx(min(1.0, 40 * (alone.p or 0)))
    assert alone.verdict == SUPPORTED and {each.verdict for each in together} == {UNDECIDED}
    assert "over 40 tests" in together[0].why


def test_what_is_missing_is_named() -> None:
    plan = plan_of(ARMS)
    cases = {
        ledger("gain", STAGE1 + 'where.tasks = ["pawsx"]\n'): "Task pawsx is not among the targets, which are panx.",
        ledger("gain", STAGE1 + 'where = { setting = "generalized" }\n'): "No target in the generalized setting",
        ledger("gain", STAGE1 + 'where = { strata = { script = "Thai" } }\n'): "No test set of panx with script Thai",
        ledger("gain", STAGE1.replace('"plain"', '"noise"')): "No arm with stage 1 noise.",
        ledger("gain", STAGE1.replace('"adversarial"', '"pgd"')): "No arm with stage 1 pgd.",
        ledger("gain", STAGE1.replace('"adversarial"', '"freelb-3"')): "No arm with stage 1 freelb-3.",
        ledger("gain", STAGE1.replace('stage1 = "adv', 'settings = { radius = 0.5 }, stage1 = "adv')): "radius = 0.5.",
        ledger("gain", STAGE1.replace("stage1", "stage2")): "No arm with stage 2 adversarial.",
        ledger("as-good", RULES):
            "It needs scores by the checkpoint rule best-dev, and the study scores last alone.",
        ledger("untestable", 'needs = "no parser"\n'): "No parser.",
    }  # fmt: skip
    for text, said in cases.items():
        (found,) = judged(text, plan)
        assert found.verdict == NOT_TESTABLE and said in found.why and found.effect is None, found.why
    (found,) = judged(ledger("gain"), plan_of(ARMS, seeds=1))
    assert found.verdict == NOT_TESTABLE and found.why.startswith("One seed")
    (found,) = judge_table(parse_ledger(ledger("gain"), "file"), plan, systems(plan), None)
    assert found.why == "No run is finished yet."


def test_arms_that_differ_in_more_than_the_claim_are_no_contrast() -> None:
    text = 'treatment = { stage2 = "adversarial" }\ncontrol = { stage2 = "plain" }\n'
    arms = {"plain": ("plain", "plain"), "pgd": ("freelb-2", "pgd-3")}
    (found,) = judged(ledger("gain", text), plan_of(arms))
    assert found.verdict == NOT_TESTABLE and "'pgd' and 'plain' fit, but their stage 1 is not the same" in found.why
    arms = {"plain": (None, "plain"), "pgd": (None, "pgd-3")}
    (found,) = judged(ledger("gain", text), plan_of(arms, own={"plain": {"l2_sp": 0.01}}))
    assert "differ in more than the method: stage 2 l2_sp none against 0.01" in found.why
    # Stretched epochs match passes: they are no such difference. Named arms are taken as they are.
    assert judged(ledger("gain", text), plan_of(arms, own={"plain": {"epochs": 9.0}}))[0].effect is not None
    named = 'treatment = { arm = "pgd" }\ncontrol = { arm = "plain" }\n'
    assert judged(ledger("gain", named), plan_of(arms, own={"plain": {"l2_sp": 0.01}}))[0].effect is not None
    matched = text.replace('"adversarial"', '"adversarial", matched = true')
    (found,) = judged(ledger("gain", matched), plan_of(arms, work={"pgd": 9000.0}))
    assert found.verdict == NOT_TESTABLE and "not with as many passes" in found.why


def test_discriminators_of_languages_are_compared_on_the_same_text() -> None:
    text = 'treatment = { adversary = "clusters" }\ncontrol = { adversary = "none" }\n'
    read, graph = {"rows": 32}, {"graph": "clusters", "weight": 0.1}
    arms = {"plain": (None, "plain"), "freelb": (None, "plain")}
    own = {"freelb": {"unlabelled": read, "adversary": graph}}
    (found,) = judged(ledger("gain", text), plan_of(arms, own=own))
    assert found.verdict == NOT_TESTABLE and "stage 2 unlabelled" in found.why
    # A discriminator that teaches nothing has read the same text.
    (found,) = judged(
        ledger("gain", text),
        plan_of(arms, own={**own, "plain": {"unlabelled": read, "adversary": {"graph": "clique", "weight": 0.0}}}),
        of_arm(1.0),
    )
    assert (found.verdict, found.treatment, found.control) == (SUPPORTED, "freelb", "plain")
    (found,) = judged(ledger("gain", text.replace("clusters", "permuted")), plan_of(arms, own=own))
    assert "No arm with a language adversary (permuted)" in found.why
    # Nor is an arm with one the plain side of another claim.
    (found,) = judged(
        ledger("gain", 'treatment = { stage2 = "pgd" }\ncontrol = { stage2 = "plain" }\n'),
        plan_of({"plain": (None, "plain"), "pgd": (None, "pgd-3")}, own={"plain": {"adversary": graph}}),
    )
    assert found.verdict == NOT_TESTABLE and "stage 2 adversary" in found.why


def test_of_several_pairs_the_planned_one_is_taken_then_the_one_of_like_passes() -> None:
    arms = {**ARMS, "matched": ("plain", "plain"), "pgd": ("pgd-3", "plain")}
    work = {"freelb": 6000.0, "matched": 6000.0, "pgd": 9000.0}
    (claim,) = parse_ledger(ledger("gain"), "file")
    # Two arms of one method are told apart by their schedules.
    more = {"matched": {"epochs": 4.0}}

    def taken(*contrasts: tuple[str, ...]) -> tuple[str, str, int]:
        plan = plan_of(arms, work=work, contrasts=contrasts, own=more)  # type: ignore[arg-type]
        (found,) = pairs(claim, systems(plan), plan)
        return found.treatment.name, found.control.name, found.others

    assert taken() == ("freelb", "matched", 3)
    assert taken(("pgd", "standard", "secondary")) == ("pgd", "standard", 3)
    assert taken(("pgd", "standard", "secondary"), ("freelb", "standard")) == ("freelb", "standard", 3)


def test_checkpoint_rules_are_compared_on_the_same_runs() -> None:
    plan = of_rules(plan_of({"plain": (None, "plain"), "pgd": (None, "pgd-3")}), ("best-dev", "oracle"))
    text = ledger(
        "as-good", 'margin = 0.5\ntreatment = { checkpoint = "best-dev" }\ncontrol = { checkpoint = "oracle" }\n'
    )
    from xtremor.compare.table import ScoreTable

    base = scores_of(plan, lambda *_: 0.0, 0.3)
    shifts = {"plain": 0.0, "plain (best-dev)": 0.0, "plain (oracle, upper bound)": 2.0}
    scores = {
        name: {
            s: {t: v + shift + 0.01 * int(s) * (shift > 0) for t, v in tests.items()}
            for s, tests in base.scores["plain"].items()
        }
        for name, shift in shifts.items()
    }
    table = ScoreTable(tuple(scores), base.tests, scores)
    (found,) = judge_table(parse_ledger(text, "file"), plan, systems(plan), table)
    assert (found.treatment, found.control) == ("plain (best-dev)", "plain (oracle, upper bound)")
    assert found.verdict == CONTRADICTED and found.effect == pytest.approx(-2, abs=0.1), found.why
    # Other claims are about the primary rule alone.
    (claim,) = parse_ledger(ledger("gain", 'treatment = { stage2 = "pgd" }\ncontrol = { stage2 = "plain" }\n'), "file")
    assert [(p.treatment.name, p.control.name) for p in pairs(claim, systems(plan), plan)] == [("pgd", "plain")]


def test_runs_that_do_not_scatter_decide_nothing() -> None:
    for margin in ("", "margin = 0.5\n"):
        (found,) = judged(ledger("gain", STAGE1 + margin), plan_of(ARMS), of_arm(1.0), noise=0.0)
        assert found.verdict == UNDECIDED and "same difference" in found.why and found.low is None


def test_caveats() -> None:
    plan = plan_of(ARMS, encoder="starter", intermediate="mnli", tasks=(("xnli", False),))
    (found,) = judged(ledger("gain"), plan, of_arm(1.0))
    said = " ".join(found.caveats)
    assert "mnli before xnli trains on the same data twice" in said and "xnli: starter is not new to it" in said
    (found,) = judged(ledger("gain"), plan_of(ARMS), of_arm(1.0))
    assert not found.caveats
    plan = plan_of(ARMS)
    (found,) = judged(ledger("gain"), replace(plan, design={**plan.design, "scale": "tiny"}), of_arm(1.0))
    assert found.caveats == ("a rehearsal at scale tiny: its scores mean nothing",)


def test_the_ledger_that_comes_along() -> None:
    claims = read_ledger()
    assert len({each.name for each in claims}) == len(claims) == 13
    assert all(each.locator and (each.kind == "untestable") == (each.treatment is None) for each in claims)
    for name in ("+2.1 on PAWS-X", "+1.6 on XNLI"):
        (own,) = (each for each in claims if each.name == name)
        assert "secondary sources" in own.source and own.threshold == pytest.approx(float(name.split()[0]) / 2)
    # Every claim that can be tested has a study in which it is.
    tasks = (("xnli", False), ("xnli", True), ("pawsx", False), ("pawsx", True))
    arms = {
        "none": (None, "plain"), "standard": ("plain", "plain"), "freelb": ("freelb-2", "plain"),
        "noise": ("noise-k2", "plain"), "rsda": (None, "rsda"), "rsda English": (None, "rsda"),
    }  # fmt: skip
    own: dict[str, dict[str, object]] = {"rsda English": {"method": method("rsda", english_only=True)}}
    for arm, graph, weight in (
        ("text", "clique", 0.0),
        ("clique", "clique", 0.1),
        ("clusters", "clusters", 0.1),
        ("permuted", "permuted", 0.1),
    ):
        arms[arm] = (None, "plain")
        own[arm] = {"unlabelled": {"rows": 32}, "adversary": {"graph": graph, "weight": weight}}
    plan = of_rules(plan_of(arms, tasks=tasks, own=own), ("best-dev", "oracle"))
    found = {claim.name: pairs(claim, systems(plan), plan) for claim in claims if claim.treatment is not None}
    assert len(found) == 11 and all(found.values())
    graphs = found["a graph of languages helps"][0], found["a uniform language adversary hurts"][0]
    assert [(each.treatment.name, each.control.name) for each in graphs] == [
        ("clusters", "permuted"),
        ("text", "clique"),
    ]
    assert found["noise does as well"][0].control.name == "freelb"
    code = found["substitution works through code-switching"][0]
    assert (code.treatment.name, code.control.name) == ("rsda", "rsda English")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "not TOML"),
        ("claim = []", "unknown key 'claim' (nearest: claims)"),
        ("", "holds no claim"),
        ("claims = 3", "claims must be a list"),
        (ledger("gian"), "claim 1 'c': kind: unknown kind of claim 'gian' (nearest: gain"),
        (ledger("gain").replace('source = "we"\n', ""), "claim 1 'c': source is missing"),
        (ledger("gain") + "treshold = 1\n", "claim 1 'c': unknown key 'treshold' (nearest: threshold"),
        (ledger("gain") + 'threshold = "1"\n', "threshold must be a number of points between -100 and 100, not '1'"),
        (ledger("gain") + "threshold = nan\n", "threshold must be a number of points"),
        (ledger("gain") + "margin = 0\n", "margin must be a positive number of points, not 0"),
        (ledger("as-good"), "margin is missing; a claim of kind 'as-good' needs it"),
        (ledger("gain", 'control = { stage1 = "plain" }\n'), "treatment is missing"),
        (ledger("gain") + "less = {}\n", "less says nothing in a claim of kind 'gain'"),
        (ledger("gain") * 2, "claim 2 'c': name: another claim has this name"),
        (
            ledger("gain").replace('"plain"', '"plian"'),
            "control: stage1: unknown family or method 'plian' (nearest: plain",
        ),
        (ledger("gain").replace('stage1 = "plain"', "stage1 = 1"), "control: stage1 must be text, not 1"),
        (
            ledger("gain").replace('stage1 = "plain"', 'stage3 = "plain"'),
            "control: unknown key 'stage3' (nearest: stage",
        ),
        (ledger("gain").replace('{ stage1 = "plain" }', "{}"), "control names no arm"),
        (ledger("gain").replace('stage1 = "plain"', 'either = "plain"'), "either must be in both"),
        (ledger("gain") + "where = { tasks = 3 }\n", "where: tasks must be text, or a list of texts, not 3"),
        (ledger("gain") + 'where = { tasks = "xnly" }\n', "where: tasks: unknown task 'xnly' (nearest: xnli"),
        (ledger("gain") + 'where = { strata = { scripts = "Latn" } }\n', "strata: unknown scheme of strata 'scripts'"),
        (ledger("gain") + 'where = { setting = "general" }\n', "where: setting: unknown setting 'general'"),
        (
            ledger("gain").replace('stage1 = "plain"', 'adversary = "clik"'),
            "adversary: unknown graph of languages 'clik'",
        ),
        (ledger("correlation") + 'against = "kin"\n', "against: unknown fact about languages 'kin'"),
        (ledger("gain") + "reported = { seed = 1 }\n", "reported: unknown key 'seed' (nearest: seeds)"),
    ],
)
def test_bad_ledgers(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_ledger(path)
    assert said in str(error.value) and str(error.value).startswith(("ledger ", str(path))), error.value
    assert "\n" not in str(error.value)


def test_a_claim_about_an_arm_that_is_not_there(tmp_path: Path, capsys: Captured) -> None:
    plan = plan_of(ARMS)
    text = ledger("gain", 'treatment = { arm = "freelbb" }\ncontrol = { arm = "standard" }\n')
    with pytest.raises(UserError, match=r"file, claim 'c', treatment: arm: unknown arm 'freelbb'.*nearest: freelb"):
        check_arms(parse_ledger(text, "file"), plan.design, "file")
    path = tmp_path / "claims.toml"
    path.write_text(text, encoding="utf-8")
    write_store(tmp_path / "s", plan_of(ARMS, seeds=2))
    assert call(["study", "claims", str(tmp_path / "s"), "--ledger", str(path)]) == 2
    assert "unknown arm 'freelbb'" in capsys.readouterr().err
    assert call(["study", "claims", str(tmp_path / "s"), "--ledger", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: No such file" in capsys.readouterr().err
    assert call(["study", "claims", str(tmp_path / "nowhere")]) == 2


def test_scores_in_a_store_are_percent_however_poor(tmp_path: Path) -> None:
    """0.4 beside 40 is a poor language, and 0.4 everywhere a poor run: neither is a share."""
    path = tmp_path / "claims.toml"
    path.write_text(ledger("gain"), encoding="utf-8")
    for name, poor in (("some", ("te",)), ("all", ("en", *CODES))):

        def score(cell: Cell, code: str, poor: tuple[str, ...] = poor) -> float:
            own = 0.1 * (cell.arm == "freelb") + 0.01 * (cell.stage1_seed * len(cell.arm) % 4)
            return (0.4 if code in poor else 40.0) + own

        (found,) = verdicts(write_store(tmp_path / name, plan_of(ARMS, seeds=4), score), path)
        assert found.effect == pytest.approx(0.1, abs=0.04), name


def test_claims_of_the_study_s_own_file_come_first_and_are_corrected_among_themselves(tmp_path: Path) -> None:
    plan = plan_of(ARMS, seeds=4)
    own = {"name": "ours", "kind": "gain", "statement": "s", "source": "we"}
    own |= {"treatment": {"arm": "freelb"}, "control": {"arm": "standard"}}
    plan = replace(plan, design={**plan.design, "claims": [own]})

    def score(cell: Cell, code: str) -> float:
        return 40.0 + 2.0 * (cell.arm == "freelb") + 0.3 * (cell.stage1_seed * len(cell.arm) % 4)

    folder = write_store(tmp_path / "s", plan, score)
    first, *others = verdicts(folder)
    assert first.claim.name == "ours" and first.adjusted == first.p and first.verdict == SUPPORTED
    assert [each.claim for each in others] == list(read_ledger())
    (alone,) = verdicts(folder, write(tmp_path / "own.toml", ledger("gain")))
    assert alone.claim.name == "c"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_from_a_store(tmp_path: Path, capsys: Captured) -> None:
    plan = plan_of(ARMS, seeds=3)
    folder = tmp_path / "s"

    # The last seed of one arm is not in yet.
    def score(cell: Cell, code: str) -> float:
        own = 0.1 * (len(code + cell.arm) + ord(code[0]) % 3) * cell.stage1_seed
        return 50 + cell.stage1_seed + 4 * (cell.arm == "freelb") + own

    there = write_store(folder, plan, score, left_out=lambda cell: (cell.arm, cell.stage1_seed) == ("freelb", 3))
    path = tmp_path / "claims.toml"
    path.write_text(ledger("gain") + ledger("untestable", 'needs = "much"\n').replace('"c"', '"d"'), encoding="utf-8")
    first, second = verdicts(there, path)
    assert first.effect == pytest.approx(4.0, abs=0.5) and "2 pairs of seeds" in first.why
    assert first.caveats[0].startswith("an early look: 2 of 3 seeds of 'freelb' are in")
    assert second.verdict == NOT_TESTABLE
    capsys.readouterr()
    assert call(["study", "claims", str(folder), "--ledger", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told[0]["claim"]["name"] == "c" and told[0]["effect"] == first.effect and told[1]["why"] == "Much."
    assert call(["study", "claims", str(folder), "--output", str(tmp_path / "out.txt")]) == 0
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert text.startswith("13 verdicts: ") and "NOT TESTABLE HERE  +2.1 on PAWS-X" in text
    assert "source: Huang et al. 2021 (arXiv 2104.08645); abstract; seeds: 1" in text
    assert call(["study", "claims", str(folder), "--output", str(tmp_path)]) == 2
    # A score that somebody edited decides nothing.
    scores = next((folder / "store" / "stages").glob("*/scores.json"))
    scores.write_text(scores.read_text().replace("5", "6"), encoding="utf-8")
    assert call(["study", "claims", str(folder)]) == 2
    assert "scores.json was edited" in capsys.readouterr().err
