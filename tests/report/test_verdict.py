"""The sentence on what may be concluded, on data made to have one answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import XNLI, write_grid, write_run

from xtremor.report.collect import Collection, collect
from xtremor.report.groups import uniform
from xtremor.report.places import describe
from xtremor.report.summary import Summary, summarise
from xtremor.report.verdict import Verdict, conclude, listing, number, signed


def read(tmp_path: Path, **facts: Any) -> tuple[Collection, Summary, Verdict]:
    write_grid(tmp_path, **facts)
    runs = collect([tmp_path])
    summary = summarise(runs, describe(runs.languages, runs.runs[0].info["encoder"]))
    return runs, summary, conclude(runs, summary)


def test_a_clear_gain_is_stated_with_its_interval(tmp_path: Path) -> None:
    _, summary, verdict = read(tmp_path, arms=("plain", "pgd-1"), gains={"pgd-1": (3.0, 3.1, 3.2)})
    # Mean 3.1, sd 0.1: half-width 4.302653 * 0.1 / sqrt(3) = 0.248.
    assert verdict.headline == (
        "Over 3 seeds, on average over 48 locales without English, pgd-1 scored higher than plain "
        "(+3.1 points, 95% t-interval +2.9 to +3.3)."
    )
    improved = summary.arm("pgd-1").improved
    assert improved is not None
    assert (improved.part, improved.whole) == (48, 48)


def test_a_clear_loss_is_stated(tmp_path: Path) -> None:
    verdict = read(tmp_path, arms=("plain", "pgd-1"), gains={"pgd-1": (-3.0, -3.1, -3.2)})[2]
    assert "pgd-1 scored lower than plain (−3.1 points, 95% t-interval −3.3 to −2.9)" in verdict.headline


def test_an_interval_with_zero_in_it_cannot_tell(tmp_path: Path) -> None:
    # Mean 1, sd 1: half-width 2.484.
    verdict = read(tmp_path, arms=("plain", "pgd-1"), gains={"pgd-1": (0.0, 1.0, 2.0)})[2]
    assert "Over 3 seeds these runs cannot tell pgd-1 from plain" in verdict.headline
    assert "the difference is +1.0 points and the 95% t-interval includes zero." in verdict.headline
    assert "+1.0 points, 95% t-interval −1.5 to +3.5; the interval includes zero: cannot tell" in verdict.comparisons[0]


def test_a_gain_that_noise_has_too_is_not_credited_to_the_direction(tmp_path: Path) -> None:
    gains = {"noise": (3.0, 3.1, 3.3), "pgd-1": (3.1, 3.2, 3.2)}
    verdict = read(tmp_path, arms=("plain", "noise", "pgd-1"), gains=gains)[2]
    assert "noise scored higher than plain" in verdict.headline
    assert "The same runs cannot tell pgd-1 from noise, so that gain may be that of random noise." in verdict.headline


def test_correction_can_take_a_finding_back(tmp_path: Path) -> None:
    # pgd-1: mean 1, sd 0.36 gives p = 0.04 alone, and 0.12 to 0.2 among the comparisons.
    gains = {"pgd-1": (0.64, 1.0, 1.36), "noise": (-1.0, 0.0, 1.2), "freelb-2": (1.0, -1.0, 0.2)}
    _, summary, verdict = read(tmp_path, arms=("plain", "noise", "freelb-2", "pgd-1"), gains=gains)
    one = next(each for each in summary.contrasts if each.treatment == "pgd-1" and each.against == "plain")
    assert one.difference is not None
    assert one.difference.low is not None
    assert one.difference.low > 0
    assert "cannot tell" in verdict.headline
    assert any("excludes zero, but not after Holm's correction" in each for each in verdict.comparisons)


def test_one_seed_says_that_nothing_can_be_told(tmp_path: Path) -> None:
    verdict = read(tmp_path, seeds=(1,), gains={"pgd-1": 9.0})[2]
    assert verdict.headline.startswith("One seed per arm cannot tell any method from plain fine-tuning")
    assert any("no interval" in each for each in verdict.caveats)


def test_without_a_plain_arm(tmp_path: Path) -> None:
    _, summary, verdict = read(tmp_path, arms=("noise", "pgd-1"))
    assert summary.plain is None
    assert verdict.headline.startswith("There is no plainly fine-tuned arm")
    assert [(each.treatment, each.control) for each in summary.contrasts] == [("pgd-1", "noise")]


def test_arms_without_a_shared_seed_are_not_compared(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, {"en": 90.0, "de": 40.0})
    write_run(tmp_path / "b", "pgd-1", 2, {"en": 90.0, "de": 50.0})
    runs = collect([tmp_path])
    verdict = conclude(runs, summarise(runs, describe(runs.languages)))
    assert "share no seed" in verdict.headline


def test_equal_runs_are_not_called_a_finding(tmp_path: Path) -> None:
    verdict = read(tmp_path, arms=("plain", "pgd-1"), gains={"pgd-1": 2.0})[2]
    assert "cannot tell pgd-1 from plain" in verdict.headline
    assert "no spread" in verdict.headline


@pytest.mark.parametrize(
    ("base", "said"), [(99.0, "no trained arm is above it"), (1.0, "every trained arm is above it")]
)
def test_the_frozen_baseline_is_said(tmp_path: Path, base: float, said: str) -> None:
    write_grid(tmp_path, codes=("en", "de", "sw"), baseline=False)
    write_run(tmp_path / "centroid", "centroid", 0, dict.fromkeys(("en", "de", "sw"), base))
    runs = collect([tmp_path])
    assert said in conclude(runs, summarise(runs, describe(runs.languages))).baseline


def test_xnli_is_over_languages_and_names_two_seeds(tmp_path: Path) -> None:
    verdict = read(tmp_path, codes=XNLI, seeds=(1, 2), task="xnli", items=1000)[2]
    assert "Over 2 seeds" in verdict.headline
    assert "14 languages without English" in verdict.headline
    # 1.96 standard errors at the plain average of about 30 on 1,000 items: 2.8 points.
    assert any("1000 items" in each and "±2.8 points" in each for each in verdict.caveats)
    assert not any("templates" in each for each in verdict.caveats)


def test_the_twin_of_an_averaging_method_averages_too(tmp_path: Path) -> None:
    _, summary, _ = read(tmp_path, arms=("plain", "noise", "noise-k2", "pgd-1", "freelb-2"), seeds=(1, 2))
    against = {each.treatment: each.control for each in summary.contrasts if each.against == "noise"}
    assert against == {"pgd-1": "noise", "freelb-2": "noise-k2"}


def test_passes_and_time_are_relative_to_plain(tmp_path: Path) -> None:
    _, summary, _ = read(tmp_path, arms=("plain", "pgd-1"), seeds=(2,))
    arm = summary.arm("pgd-1")
    assert arm.passes == (2, 2, 1)
    assert arm.passes_ratio == pytest.approx(5 / 3)
    # The fixture's seconds: 12 per pass and the seed.
    assert arm.time_ratio == pytest.approx(62 / 38)
    assert summary.arm("centroid").passes_ratio is None


def test_strata_name_their_languages_and_items(tmp_path: Path) -> None:
    _, summary, _ = read(tmp_path, codes=("en", "de", "ru", "uk", "sw", "te", "zh-HK"), seeds=(1, 2))
    found = {(each.scheme, each.label): (each.codes, each.items) for each in summary.strata}
    assert found["all", "All but English"] == (("de", "ru", "uk", "sw", "te", "zh-HK"), 720)
    assert found["all", "Low-resource"] == (("sw", "te", "zh-HK"), 360)
    assert found["joshi", "Class 1, low"] == (("te", "zh-HK"), 240)
    assert found["script", "Cyrillic"] == (("ru", "uk"), 240)
    assert found["script", "Other scripts"] == (("te", "zh-HK"), 240)
    assert found["seen", "Unseen"] == (("zh-HK",), 120)


def test_a_scheme_with_one_stratum_is_said_in_words(tmp_path: Path) -> None:
    runs, summary, _ = read(tmp_path, codes=("en", "de", "fr", "es"), seeds=(1, 2))
    assert {each.scheme for each in summary.strata} == {"all"}
    said = uniform(runs, describe(runs.languages), "XLM-R's")
    assert said == [
        "All are of resource class 5 (Joshi et al. 2020).",
        "All are written in one script (Latin).",
        "All are in XLM-R's pretraining text.",
    ]


def test_numbers_as_text() -> None:
    assert [number(value) for value in (-0.04, -1.25, 3)] == ["0.0", "−1.2", "3.0"]
    assert [signed(value) for value in (0.01, -1, 2)] == ["0.0", "−1.0", "+2.0"]
    assert [listing(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
