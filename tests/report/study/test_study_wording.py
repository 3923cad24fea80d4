"""The three sentences: what they claim, and that they claim nothing where nothing can be told."""

from __future__ import annotations

from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
from helpers.invented import invent
from scipy.stats import t

from xtremor.report.study.findings import find
from xtremor.report.study.material import gather
from xtremor.report.study.wording import Answer, answer
from xtremor.stats.planning import smallest_effect
from xtremor.study.design import Assumed

PAIR = [("pgd", "plain")]
CLAIMS = ("higher", "lower", "equivalent")


def said(folder: Path, gains: dict[str, Any], **facts: Any) -> Answer:
    study = gather(invent(folder / "s", gains, **facts))
    return answer(study, find(study))


def test_a_clear_gain(tmp_path: Path) -> None:
    found = said(tmp_path, {"plain": 0.0, "pgd": [1.0, 1.2, 0.9, 1.1, 0.8]}, noise=0.0, contrasts=PAIR)
    assert found.verdict == "clear"
    assert found.sentences[0] == (
        "This study compares 2 arms (plain and pgd) of starter, trained on xnli first where an arm says so, on panx "
        "(6 languages besides English), over 5 seeds an arm."
    )
    # Differences 1.0, 1.2, 0.9, 1.1, 0.8: mean 1, sd 0.1581, half-width 2.776445 sd / sqrt(5) = 0.196.
    assert found.sentences[1] == (
        "In the primary contrast, pgd scored higher than plain (+1.00 points, 95% interval +0.80 to +1.20, p < 0.001)."
    )
    assert found.sentences[2].startswith("The intervals are about other training seeds")


def test_a_clear_loss_beside_what_cannot_be_told(tmp_path: Path) -> None:
    gains = {"plain": 0.0, "pgd": [-2.0, -2.1, -1.9, -2.2, -1.8], "noise": [1.0, -1.0, 0.5, -0.6, 0.2]}
    found = said(tmp_path, gains, noise=0.0, contrasts=[*PAIR, ("noise", "plain"), ("pgd", "noise", "secondary")])
    assert found.verdict == "clear"
    assert "pgd scored lower than plain (−2.00 points" in found.sentences[1]
    assert "these runs cannot tell noise from plain (+0.02 points, 95% interval −" in found.sentences[1]
    assert found.sentences[1].endswith("(p-values after Holm's correction for 2 tests).")
    assert "pgd from noise" not in found.sentences[1]


def test_cannot_tell_says_how_many_seeds_would(tmp_path: Path) -> None:
    gains = [1.0, -1.0, 0.5, -0.6, 0.2]
    found = said(tmp_path, {"plain": 0.0, "pgd": gains}, noise=0.0, contrasts=PAIR)
    assert found.verdict == "cannot tell" and not any(word in found.sentences[1] for word in CLAIMS)
    least = smallest_effect((stdev(gains),), 5)
    # The usual approximation: 0.6 points are found once (t + t) sd / sqrt(n) is no more than that.
    needed = next(n for n in range(2, 99) if sum(t.ppf([0.975, 0.8], n - 1)) * stdev(gains) / n**0.5 <= 0.6)
    assert found.sentences[2] == (
        f"To find a difference of 0.6 points four times in five would take about {needed} seeds an arm for pgd − plain "
        f"(these runs find {least:.2f} or more)."
    )


def test_equivalence_names_its_margin(tmp_path: Path) -> None:
    alike = {"plain": 0.0, "pgd": [0.1, -0.1, 0.05, -0.05, 0.02]}
    found = said(tmp_path, alike, noise=0.0, contrasts=PAIR)
    assert found.verdict == "equivalent"
    assert "pgd and plain are equivalent within ±0.5 points (0.00, 90% interval −0.0" in found.sentences[1].replace(
        "+0.00,", "0.00,"
    )
    none = said(tmp_path / "none", alike, noise=0.0, contrasts=PAIR, assumed=Assumed(margin=0.0))
    assert none.verdict == "cannot tell" and "equivalent" not in " ".join(none.sentences)
    small = said(tmp_path / "small", {"plain": 0.0, "pgd": [0.2, 0.22, 0.18, 0.2, 0.21]}, noise=0.0, contrasts=PAIR)
    assert "though by less than the margin of 0.5 points" in small.sentences[1]


def test_one_seed_claims_nothing(tmp_path: Path) -> None:
    found = said(tmp_path, {"plain": 0.0, "pgd": 9.0}, seeds=(1,), noise=0.0, contrasts=PAIR)
    assert found.verdict == "no claim" and not any(word in found.sentences[1] for word in CLAIMS)
    assert "one run an arm cannot tell pgd from plain (+9.00 points were seen)" in found.sentences[1]
    # Assumed 0.4 shared and 0.6 in each of 6 languages: 0.469; Welch's test needs 11 seeds for 0.6 points.
    assert "would take about 11 seeds an arm if they scatter as the plan assumes (0.47 points)" in found.sentences[2]


def test_one_arm_and_no_contrast_claim_nothing(tmp_path: Path) -> None:
    alone = said(tmp_path / "a", {"plain": [0.0, 1.0, 0.5, 0.2, 0.9]}, noise=0.0)
    assert alone.verdict == "no claim" and alone.sentences[1].startswith("One arm is compared with nothing")
    assert "standard deviation of 0.43 points between seeds; two arms that scatter so find" in alone.sentences[2]
    several = said(tmp_path / "b", {"plain": 0.0, "pgd": [5.0, 6.0, 5.5, 5.2, 5.1]}, noise=0.0)
    assert several.verdict == "no claim" and "plans no contrast" in several.sentences[1]
    assert "of pgd has a standard deviation" in several.sentences[2]
    assert not any(word in text for each in (alone, several) for text in each.sentences for word in CLAIMS)


def test_copies_of_one_run_claim_nothing(tmp_path: Path) -> None:
    found = said(tmp_path, {"plain": 0.0, "pgd": 1.0}, noise=0.0, contrasts=PAIR)
    assert found.verdict == "no claim"
    assert "a difference that is the same in every seed cannot tell pgd from plain" in found.sentences[1]


def test_a_rehearsal_claims_nothing(tmp_path: Path) -> None:
    gains = {"plain": 0.0, "pgd": [1.0, 1.2, 0.9, 1.1, 0.8]}
    found = said(tmp_path, gains, noise=0.0, contrasts=PAIR, scale="tiny")
    assert found.verdict == "no claim" and "its scores mean nothing" in found.sentences[1]
    assert not any(word in text for text in found.sentences for word in CLAIMS)


def test_secondary_alone_says_so(tmp_path: Path) -> None:
    found = said(
        tmp_path, {"plain": 0.0, "pgd": [1.0, 1.2, 0.9, 1.1, 0.8]}, noise=0.0, contrasts=[("pgd", "plain", "secondary")]
    )
    assert found.sentences[1].startswith("In the secondary contrast, with no primary one planned, pgd scored higher")


def test_half_finished_says_how_much(tmp_path: Path) -> None:
    gains = {"plain": 0.0, "pgd": [1.0, 1.2, 0.9, 1.1, 0.8], "late": 0.0}
    gone = [("late", seed) for seed in range(1, 6)]
    found = said(tmp_path, gains, noise=0.0, contrasts=[*PAIR, ("late", "plain")], missing=gone)
    assert found.sentences[0].endswith("; 10 of its 15 runs are finished, and what follows is of these alone.")
    assert found.sentences[1].startswith("So far, in the primary contrast, pgd scored higher than plain")
    assert "late − plain cannot be compared yet" in found.sentences[1]
    assert "stopping when it suits makes such findings too frequent" in found.sentences[2]
    lone = said(tmp_path / "b", gains, noise=0.0, contrasts=[("late", "plain")], missing=gone)
    assert lone.verdict == "no claim" and "late − plain still lacks runs of one side" in lone.sentences[1]


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_the_effect_that_matters_is_the_plans(tmp_path: Path, effect: float) -> None:
    gains = {"plain": 0.0, "pgd": [1.0, -1.0, 0.5, -0.6, 0.2]}
    found = said(tmp_path, gains, noise=0.0, contrasts=PAIR, assumed=Assumed(effect=effect))
    assert f"difference of {effect or 0.5:g} points four times in five" in found.sentences[2]
