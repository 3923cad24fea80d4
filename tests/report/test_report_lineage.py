"""Arms with a stage of training before them: labels, what is never pooled, and what each is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import METHODS, write_run

from xtremor.errors import UserError
from xtremor.report.collect import Collection, collect
from xtremor.report.page import build_report
from xtremor.report.places import describe
from xtremor.report.summary import standard, summarise, twin

ROOT = {"name": "mbert", "resolved": "snapshots/abc", "architecture": "BertModel", "fingerprint": "e" * 40}


def stage(arm: str, seed: int, task: str = "xnli", **changes: Any) -> dict[str, Any]:
    """A stage as run.json has it."""
    training = {"epochs": 2.0, "seed": seed, "task": task, "encoder": "mbert", "method": METHODS[arm], "updates": 9}
    training |= changes.pop("training", {})
    return {
        "task": task, "arm": arm, "method": METHODS[arm], "seed": seed, "training": training, "data": "d" * 8,
        "folder": f"{arm}-seed{seed}", "fingerprint": f"{arm} {seed}", **changes,
    }  # fmt: skip


def write(folder: Path, arm: str, seed: int, *stages: dict[str, Any], points: float = 0.0, **facts: Any) -> Path:
    """A run whose encoder went through ``stages``."""
    encoder = {"name": f"stages/{seed}", "resolved": f"stages/{seed}/model", "fingerprint": f"{arm}{seed}{stages}"}
    past = {"lineage": {"encoder": ROOT, "stages": list(stages)}, "encoder": encoder} if stages else {"encoder": ROOT}
    scores = {"en": 90.0, "de": 40.0 + points + seed, "sw": 30.0 + points * seed}
    return write_run(folder / f"{len(list(folder.glob('*')))}", arm, seed, scores, **{**past, **facts})


def chains(folder: Path, *arms: str, target: str = "plain") -> Collection:
    """Direct runs, and a chain for each of ``arms``, two seeds each."""
    for seed in (1, 2):
        write(folder, "plain", seed, training={"epochs": 3.0, "seed": seed, "fresh_pooler": True})
        for number, arm in enumerate(arms):
            training = {"epochs": 3.0, "seed": seed}
            write(folder, target, seed, stage(arm, seed), points=number + 1.0, training=training)
    return collect([folder])


def test_the_label_names_every_stage(tmp_path: Path) -> None:
    write(tmp_path, "pgd-1", 1, stage("noise", 1, "mnli"), stage("freelb-2", 1))
    runs = collect([tmp_path])
    assert runs.arms == ["pgd-1 after freelb-2 on xnli after noise on mnli"]
    assert runs.table()["arm"].unique().to_list() == runs.arms


def test_runs_of_different_lineage_are_different_arms(tmp_path: Path) -> None:
    """Seeds are one arm although each has an encoder of its own; the direct arm with a fresh pooler is alike."""
    runs = chains(tmp_path, "plain", "freelb-2")
    assert runs.arms == ["plain", "plain after plain on xnli", "plain after freelb-2 on xnli"]
    assert all(len(runs.of(arm)) == 2 for arm in runs.arms)
    assert runs.notices == (
        "Passes, times and English dev are those of the last stage; what an earlier stage cost is in its own run.",
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"epochs": 5.0}}, r"stage 1 \(xnli\).training.epochs is 2.0 in one and 5.0"),
        ({"method": {**METHODS["pgd-1"], "radius": 0.5}}, r"stage 1 \(xnli\).method.radius is 0.01 in one and 0.5"),
        ({"data": "other"}, r"stage 1 \(xnli\).data is dddddddd in one and other"),
        # Of several tasks at once.
        ({"sampling": {"sampling": "capped", "cap": 5}}, r"stage 1 \(xnli\).sampling.cap is not set in one and 5"),
        ({"data": {"mnli": "d" * 8}}, r"stage 1 \(xnli\).data is dddddddd in one and not set"),
    ],
)
def test_one_label_for_two_lineages_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    write(tmp_path, "plain", 1, stage("pgd-1", 1))
    write(tmp_path, "plain", 2, stage("pgd-1", 2, **changes))
    with pytest.raises(UserError, match=rf"both arm 'plain after pgd-1 on xnli' but {said}"):
        collect([tmp_path])


def test_other_pretrained_encoders_are_refused_and_poolers_too(tmp_path: Path) -> None:
    write(tmp_path / "a", "plain", 1, stage("pgd-1", 1))
    other = {"encoder": {**ROOT, "fingerprint": "f" * 40}, "stages": [stage("pgd-1", 2)]}
    write(tmp_path / "a", "plain", 2, stage("pgd-1", 2), lineage=other)
    with pytest.raises(UserError, match=r"encoder is e+ in one and f+ in the other"):
        collect([tmp_path / "a"])
    write(tmp_path / "b", "plain", 1, training={"seed": 1, "fresh_pooler": True})
    write(tmp_path / "b", "plain", 2, training={"seed": 2})
    with pytest.raises(UserError, match=r"training.fresh_pooler is True in one and not set"):
        collect([tmp_path / "b"])


def test_a_pooler_in_one_arm_alone_and_unlike_stages_are_said(tmp_path: Path) -> None:
    training = {"epochs": 3.0, "seed": 1}
    write(tmp_path, "plain", 1, training=training)
    write(tmp_path, "plain", 1, stage("plain", 1), training=training)
    write(tmp_path, "plain", 1, stage("pgd-1", 1, training={"epochs": 9.0}), training=training)
    said = " ".join(collect([tmp_path]).notices)
    assert "training.fresh_pooler is not set in plain; True in plain after plain on xnli, plain after pgd-1" in said
    assert (
        "stage 1 (xnli).training.epochs is 2.0 in plain after plain on xnli; 9.0 in plain after pgd-1 on xnli" in said
    )
    assert "encoder is" not in said and ".arm is" not in said and "method.radius" not in said


def test_seeds_that_share_a_stage_are_pointed_out(tmp_path: Path) -> None:
    for seed in (1, 2):
        write(tmp_path, "plain", seed, stage("pgd-1", 7))
    assert "Runs of the arm plain after pgd-1 on xnli share one model" in " ".join(collect([tmp_path]).notices)


def test_what_each_arm_is_compared_with(tmp_path: Path) -> None:
    runs = chains(tmp_path, "plain", "noise-k2", "freelb-2")
    write(tmp_path, "noise-k2", 1, stage("plain", 1), training={"epochs": 3.0, "seed": 1})
    names = {arm: f"plain after {arm} on xnli" for arm in ("plain", "noise-k2", "freelb-2")}
    summary = summarise(runs, describe(runs.languages, runs.runs[0].encoder))
    assert summary.plain == "plain"
    assert [(each.treatment, each.control, each.against) for each in summary.contrasts] == [
        (names["plain"], "plain", "plain"),
        (names["noise-k2"], "plain", "plain"),
        (names["freelb-2"], "plain", "plain"),
        (names["noise-k2"], names["plain"], "standard"),
        (names["freelb-2"], names["plain"], "standard"),
        (names["freelb-2"], names["noise-k2"], "noise"),
    ]
    again = collect([tmp_path])
    late = "noise-k2 after plain on xnli"
    assert late in again.arms and twin(again, names["freelb-2"]) == names["noise-k2"]
    assert standard(again, late) == names["plain"] and standard(again, "plain") is None
    assert {arm: again.of(arm)[0].role for arm in again.arms} == {
        "plain": "plain", names["plain"]: "plain", names["noise-k2"]: "noise", late: "noise",
        names["freelb-2"]: "robust",
    }  # fmt: skip


def test_the_page_speaks_of_the_pretrained_encoder(tmp_path: Path) -> None:
    chains(tmp_path / "runs", "plain", "freelb-2")
    page = build_report([tmp_path / "runs"], tmp_path / "report", pictures=False).page.read_text(encoding="utf-8")
    assert "plain after freelb-2 on xnli" in page and "encoder <code>mbert</code>" in page
    assert "mBERT" in page and "stages/1" not in page


@pytest.mark.parametrize(
    "past", [{}, {"encoder": {}, "stages": []}, {"encoder": {}, "stages": [{"arm": "plain"}]}, "x"]
)
def test_a_lineage_that_cannot_be_read(tmp_path: Path, past: Any) -> None:
    write(tmp_path, "plain", 1, lineage=past)
    with pytest.raises(UserError, match=r"run.json: lineage is not what"):
        collect([tmp_path])
