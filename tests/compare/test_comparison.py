"""What is concluded from tables whose truth is known, in figures and in the sentence for the paper."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.compared import CODES, scores
from scipy import stats

from xtremor.compare.comparison import Comparison, compare
from xtremor.compare.record import record
from xtremor.compare.sentences import estimand, latex, latex_row, p_text, sentence
from xtremor.compare.settings import CompareSettings, find_baseline, parse_contrasts
from xtremor.compare.table import Row, ScoreTable, Target
from xtremor.compare.text import text
from xtremor.errors import UserError


def table(rows: list[dict[str, object]]) -> ScoreTable:
    """From rows of `helpers.compared.scores`."""
    return ScoreTable.of(
        Row(str(r["system"]), Target(str(r["task"]), str(r["language"])), str(r["seed"]), float(str(r["score"])))
        for r in rows
    )


def exact(gains: dict[str, list[float]], codes: tuple[str, ...] = ("de", "sw"), task: str = "panx") -> ScoreTable:
    """System -> its points above 50 in every language, one number a seed."""
    return ScoreTable.of(
        Row(system, Target(task, code), str(seed), 50 + 10 * place + gain)
        for system, each in gains.items()
        for seed, gain in enumerate(each, start=1)
        for place, code in enumerate(codes)
    )


def said(found: Comparison) -> str:
    """The sentence of the first contrast."""
    return sentence(found, found.contrasts[0])


def test_a_clear_win_word_by_word() -> None:
    # Paired differences 1.0, 1.1, 1.2, 0.9, 1.3: mean 1.1, sd sqrt(0.025), half-width 2.776445 sd / sqrt(5) = 0.196.
    plain = [0.0, 1.0, -1.0, 0.5, 0.2]
    better = [a + b for a, b in zip(plain, (1.0, 1.1, 1.2, 0.9, 1.3), strict=True)]
    found = compare(exact({"plain": plain, "pgd": better}))
    assert said(found) == (
        "Over 5 seeds that both arms share, pgd scored higher than plain on the mean over 2 languages of panx: +1.10 "
        "points "
        "(95% t-interval +0.90 to +1.30, paired t-test, p < 0.001; permutation test p = 0.062)."
    )
    main = found.contrasts[0].main
    assert main.verdict == "better" and main.pairing.why == "paired by seed: both have the same seeds"
    assert any("cannot fall below p = 0.0625" in note for note in found.notes)
    assert latex(found)[1:] == [
        r"plain & 5 & 55.14 & & & \\",
        r"pgd & 5 & 56.24 & $+1.10$ & $[+0.90, +1.30]$ & $<0.001$ \\",
    ]


def test_a_clear_loss_and_no_pairs() -> None:
    rows = scores({"plain": 0.0}, range(1, 9)) + scores({"pgd": -3.0}, range(11, 19), draw=0)
    found = compare(table(rows))
    main = found.contrasts[0].main
    assert main.verdict == "worse" and not main.pairing.paired and "share no seed" in main.pairing.why
    assert "Over 8 runs an arm, pgd scored lower than plain on the mean over 4 languages of panx: −" in said(found)
    assert "Welch t-test" in said(found)
    one, two = (np.array(values) for values in main.values)
    expected = stats.ttest_ind(one, two, equal_var=False)
    assert main.difference is not None and main.difference.p == pytest.approx(expected.pvalue)


def test_a_clear_null_cannot_tell_and_says_what_it_would_take() -> None:
    found = compare(exact({"plain": [0.0, 1.0, 2.0], "pgd": [0.5, 0.4, 2.3]}), CompareSettings(effect=0.5, margin=0.3))
    seeds = found.contrasts[0].seeds
    assert seeds is not None and seeds.needed is not None and found.contrasts[0].main.verdict == "cannot tell"
    assert said(found).startswith(
        "Over 3 seeds that both arms share, these runs cannot tell pgd from plain on the mean over 2 languages of "
        "panx: "
        "+0.07 points"
    )
    assert f"0.5 would take about {seeds.needed} seeds an arm. Nor do they show" in said(found)
    assert seeds.needed_low is not None and seeds.needed_low < seeds.needed < (seeds.needed_high or 10_001)
    shown = text(found)
    assert "every run of pgd and plain, 55.00 to 57.30" in shown and shown.count("o") > 6
    assert "a bootstrap over them misses too often" in shown


def test_equivalence_is_said_with_its_margin() -> None:
    plain = [0.0, 0.5, 1.0, -0.5, 0.2, 0.1]
    alike = [a + b for a, b in zip(plain, (0.1, -0.1, 0.05, -0.05, 0.1, -0.1), strict=True)]
    found = compare(exact({"plain": plain, "pgd": alike}), CompareSettings(margin=0.5))
    assert found.contrasts[0].main.verdict == "equivalent"
    assert said(found).startswith(
        "Over 6 seeds that both arms share, pgd and plain are equivalent within ±0.5 points on the mean over 2 "
        "languages of "
        "panx: 0.00 points (90% t-interval −0.08 to +0.08; two one-sided paired t-tests, p < 0.001)."
    )
    # A difference that is clear, and too small to matter: both are said.
    small = [a + b for a, b in zip(plain, (0.10, 0.11, 0.09, 0.1, 0.12, 0.1), strict=True)]
    both = compare(exact({"plain": plain, "pgd": small}), CompareSettings(margin=0.5))
    assert both.contrasts[0].main.verdict == "better"
    assert said(both).endswith("The difference lies within the margin of ±0.5 all the same.")


@pytest.mark.parametrize(
    ("gains", "message"),
    [
        ({"plain": [0.0], "pgd": [2.0]}, "tell pgd from plain on the mean over 2 languages of panx: there is one run"),
        ({"plain": [0.0], "pgd": [2.0, 2.1]}, "one run of plain, and what another seed would give is not known (+2.05"),
        ({"plain": [0.0, 1.0], "pgd": [2.0, 3.0]}, "Every run gives the same difference between pgd and plain"),
    ],
)  # fmt: skip
def test_what_no_test_can_decide(gains: dict[str, list[float]], message: str) -> None:
    found = compare(exact(gains))
    assert message in said(found)
    assert "one seed" in latex_row(found.contrasts[0].main) or "--" in latex_row(found.contrasts[0].main)
    json.dumps(record(found), allow_nan=False)
    assert text(found)


def test_several_systems_are_corrected_by_holm() -> None:
    rows = scores({"plain": 0.0, "a": 0.6, "b": 0.7, "c": 0.0}, range(1, 11), draw=3)
    found = compare(table(rows))
    p = [each.main.difference.p for each in found.contrasts if each.main.difference]
    assert found.family == 3 and [each.main.correction for each in found.contrasts] == ["Holm"] * 3
    order = np.argsort(p)
    expected = np.maximum.accumulate([min(1, (3 - rank) * p[i]) for rank, i in enumerate(order)])
    assert [found.contrasts[i].main.adjusted for i in order] == pytest.approx(expected.tolist())
    assert "after Holm's correction for 3 tests" in said(found)
    # Cells of languages are exploratory: over all contrasts together.
    cells = [each for contrast in found.contrasts for each in contrast.languages]
    plain = stats.false_discovery_control([each.difference.p for each in cells if each.difference])
    assert [each.adjusted for each in cells] == pytest.approx(plain.tolist())


@pytest.mark.parametrize(("low", "other", "told"), [(0.4, -6.0, True), (-1.0, -6.0, True), (5.0, -1.0, False)])
def test_a_gap_that_closes_because_the_others_lost_is_no_gain(low: float, other: float, told: bool) -> None:
    noise = (0.0, 0.3, -0.2, 0.1)
    rows = [
        Row(system, Target("xnli", code), str(seed), 50 + each + (gain * (1 + each) if system == "pgd" else 0.0))
        for seed, each in enumerate(noise)
        for system in ("plain", "pgd")
        for code, gain in (("sw", low), ("yo", low), ("de", other), ("fr", other))
    ]
    found = compare(ScoreTable.of(rows), CompareSettings(strata=("resource",)))
    gap = next(each for each in found.contrasts[0].strata if each.group.kind == "gap")
    assert gap.verdict == "better"
    notes = [note for note in found.notes if "That is a loss" in note]
    assert len(notes) == told
    if told:
        # The four seeds scale a gain by 1.05 on average.
        grew, lost, own = 1.05 * (low - other), -1.05 * other, 1.05 * low
        assert notes == [
            f"pgd − plain: the gap low minus other (resource) of xnli grew by {grew:.2f} because resource "
            f"other lost {lost:.2f}; resource low changed by {own:+.2f}. That is a loss, not a gain that spread."
        ]


def test_planned_strata_join_the_family_and_others_do_not() -> None:
    rows = scores({"plain": 0.0, "pgd": 0.5}, range(1, 7), draw=4)
    loose, planned = compare(table(rows)), compare(table(rows), CompareSettings(strata=("resource",)))
    assert loose.family == 1 and {each.correction for each in loose.contrasts[0].strata} == {"Benjamini-Hochberg"}
    # Low, other, and the gap between them, beside the average.
    assert planned.family == 4 and {each.correction for each in planned.contrasts[0].strata} == {"Holm"}
    by_name = {(each.group.kind, each.group.value): each for each in planned.contrasts[0].strata}
    low, other = by_name["stratum", "low"], by_name["stratum", "other"]
    gap = by_name["gap", "low minus other"]
    assert gap.effect == pytest.approx(low.effect - other.effect) and low.group.languages == 2
    for name, message in (("resorce", "nearest: resource"), ("family", "does not divide")):
        codes = ("de", "sw") if name != "family" else ("de", "en")
        with pytest.raises(UserError, match=message):
            compare(exact({"a": [1, 2], "b": [1, 3]}, codes), CompareSettings(strata=(name,)))


def test_strata_stay_within_their_task() -> None:
    rows = scores({"plain": 0.0, "pgd": 1.0}, task="panx") + scores({"plain": 0.0, "pgd": 1.0}, task="xnli", draw=1)
    found = compare(table(rows))
    contrast = found.contrasts[0]
    assert {each.group.task for each in contrast.strata} == {"panx", "xnli"}
    for each in contrast.strata:
        tasks = {test.task for test, weight in zip(found.scores.tests, each.group.weights, strict=True) if weight}
        assert tasks == {each.group.task}
    assert contrast.main.effect == pytest.approx(np.mean([each.effect for each in contrast.tasks]))
    assert (
        estimand(found, contrast.main.group) == "the mean of 2 tasks, each the mean over its languages (panx 4, xnli 4)"
    )


def test_a_shift_of_all_scores_changes_nothing_and_order_neither() -> None:
    rows = scores({"plain": 0.0, "pgd": 0.4}, range(1, 7), draw=5)
    moved = [{**row, "score": float(row["score"]) - 7.0} for row in reversed(rows)]
    one = compare(table(rows), CompareSettings(baseline="plain"))
    other = compare(table(moved), CompareSettings(baseline="plain"))
    first, second = one.contrasts[0], other.contrasts[0]
    assert first.main.effect == pytest.approx(second.main.effect)
    assert first.main.permutation == second.main.permutation
    assert first.main.difference is not None and second.main.difference is not None
    assert first.main.difference.low == pytest.approx(second.main.difference.low)


def test_shrunk_languages_stand_with_their_names() -> None:
    codes = (*CODES, "fr", "ta", "th")
    found = compare(table(scores({"plain": 0.0, "pgd": 1.0}, range(1, 9), codes, draw=6)))
    shrunk = found.contrasts[0].shrunk["panx"]
    assert len(shrunk.effects) == 7 and shrunk.mean == pytest.approx(found.contrasts[0].main.effect, abs=0.2)
    raw = [each.effect for each in found.contrasts[0].languages]
    assert np.std(shrunk.effects) < np.std(raw)
    told = record(found)["contrasts"][0]["shrunk"]["panx"]["languages"]
    assert list(told) == [each.group.value for each in found.contrasts[0].languages]


def test_pairs_as_asked() -> None:
    rows = scores({"plain": 0.0, "pgd": 0.5}, range(1, 7))
    some = table([row for row in rows if not (row["system"] == "pgd" and row["seed"] == 6)])
    loose = compare(some).contrasts[0].main
    assert not loose.pairing.paired and "they share 5 seeds, but have others too" in loose.pairing.why
    pairs = compare(some, CompareSettings(pair="yes")).contrasts[0].main
    assert pairs.pairing.paired and len(pairs.values[1]) == 5 and "1 other run is left out" in pairs.pairing.why
    assert not compare(table(rows), CompareSettings(pair="no")).contrasts[0].main.pairing.paired
    apart = table(scores({"a": 0.0}, (1, 2)) + scores({"b": 0.0}, (3, 4)))
    with pytest.raises(UserError, match="share no seed"):
        compare(apart, CompareSettings(pair="yes"))


def test_interim_looks_spend_alpha() -> None:
    rows = scores({"plain": 0.0, "pgd": 0.8}, range(1, 6), draw=8)
    found = compare(table(rows), CompareSettings(looks=(5, 10)))
    # O'Brien and Fleming: |z| > 2.96 at the half (Reboussin et al. 2000).
    assert found.alpha == pytest.approx(2 * stats.norm.sf(2.9626), rel=1e-3)
    assert "an interim look at level 0.0031" in said(found)
    with pytest.raises(UserError, match="plans to look at 4, 8 seeds, but there are 5"):
        compare(table(rows), CompareSettings(looks=(4, 8)))


BAD = [
    ({"pair": "maybe"}, "unknown --pair 'maybe'"),
    ({"effect": 0.0}, "--effect must be a positive number"),
    ({"margin": -1.0}, "--margin must be a positive number"),
    ({"alpha": 1.5}, "--alpha must lie between 0 and 1"),
    ({"power": 0.0}, "--power must lie between 0 and 1"),
    ({"replicates": 10}, "--replicates must be 0 or at least 100"),
    ({"seed": -1}, "--seed must not be negative"),
    ({"looks": (10, 5)}, "--looks must be two or more ascending"),
]


@pytest.mark.parametrize(("facts", "message"), BAD, ids=[each[1] for each in BAD])
def test_settings_that_make_no_sense(facts: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        CompareSettings(**facts)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_who_is_compared_with_whom() -> None:
    assert CompareSettings().pairs(["a", "plain", "b"]) == (("a", "plain"), ("b", "plain"))
    assert CompareSettings(baseline="b").pairs(["a", "b"]) == (("a", "b"),)
    assert find_baseline(["x", "y"]) == "x"
    with pytest.raises(UserError, match="there are 3 systems"):
        find_baseline(["x", "y", "z"])
    with pytest.raises(UserError, match="one system only, 'x'"):
        CompareSettings().pairs(["x"])
    with pytest.raises(UserError, match="unknown system 'z'"):
        CompareSettings(baseline="z").pairs(["x", "y"])
    systems = ["a:b", "a", "b", "plain, after x"]
    assert parse_contrasts("a:b:a,b:plain, after x", systems) == (("a:b", "a"), ("b", "plain, after x"))
    for given, message in (("a", "is not treatment:control"), ("a:c", "unknown system 'c'"), ("", "names nothing")):
        with pytest.raises(UserError, match=message):
            parse_contrasts(given, systems)
    with pytest.raises(UserError, match="compares 'a' with itself"):
        CompareSettings(contrasts=(("a", "a"),)).pairs(systems)


def test_numbers_as_text_and_names_in_latex() -> None:
    assert [p_text(p) for p in (None, 0.0004, 0.0123, 0.0999, 0.5)] == [
        "no p-value",
        "p < 0.001",
        "p = 0.012",
        "p = 0.10",
        "p = 0.50",
    ]
    found = compare(exact({"a_b": [0.0, 1.0], "c & d": [1.0, 3.0]}))
    assert latex(found)[1].startswith(r"a\_b & 2") and latex(found)[2].startswith(r"c \& d & 2")


def test_one_language_and_unknown_codes() -> None:
    found = compare(exact({"a": [0.0, 1.0, 0.5], "b": [1.0, 2.5, 1.2]}, ("xx-unknown",), task="all"))
    assert estimand(found, found.contrasts[0].main.group) == "xx-unknown" and not found.contrasts[0].strata
    only = ScoreTable.of(Row(s, Target("all", "all"), str(n), 50.0 + n) for s in "ab" for n in range(3))
    assert estimand(compare(only), compare(only).contrasts[0].main.group) == "the score"
