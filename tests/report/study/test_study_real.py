"""The report of a study that was really run, tiny: what stages leave on a disk is what it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import call
from helpers.studies import Inline, write_study
from helpers.tiny import write_panx, write_xnli

from xtremor.report.study.findings import find
from xtremor.report.study.material import gather
from xtremor.study.files import StudyFolder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """Two seeds of three arms on a tagging task and a classification task, run in this process."""
    from xtremor.study import driver, launchers

    home = tmp_path_factory.mktemp("real")
    write_xnli(home / "data", train=48, scored=6, languages=("en", "sw"))
    write_panx(home / "data", train=16, languages=("en", "sw"))
    more = (
        '[[targets]]\ntask = "panx"',
        '[[targets]]\ntask = "xnli"\nlanguages = ["en", "sw"]\n\n[[targets]]\ntask = "panx"',
    )
    study = write_study(home, home / "data", tiny_encoder, more)
    launcher = Inline()

    def make(*_: Any, **__: Any) -> Inline:
        return launcher

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(home / "cache"))
        patch.setattr(launchers, "make_launcher", make)
        patch.setattr(driver, "POLL_SECONDS", 0.0)
        assert call(["study", "run", str(study), "--output", str(home / "s")]) == 0
    return home / "s"


def test_a_study_that_was_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["study", "report", str(folder), "--no-pictures"]) == 0
    said = capsys.readouterr().out
    assert "over 2 seeds an arm." in said
    html = (folder / "report" / "report.html").read_text(encoding="utf-8")
    study = gather(StudyFolder(folder))
    assert study.done and study.tasks == ("xnli", "panx") and study.systems == ("none", "standard", "freelb-2")
    for run in study.runs:
        told = json.loads(
            (folder / "store" / "stages" / run.cell.evaluation / "scores.json").read_text(encoding="utf-8")
        )
        assert run.scores == {code: each["score"] for code, each in told["languages"].items()}
        assert run.mean == told["average_without_english"]
    # Logits of the classes are kept, so that there is calibration; curves, passes and time of the trainings.
    for title in ("Calibration", "Learning curves", "What it cost", "Every stage", "Claims of others", "Threats to"):
        assert f">{title}" in html, title
    assert "1.67×" in html or "2.00×" in html
    # No path of this machine.
    assert str(folder.parent) not in html and "/tmp/" not in html


def test_items_of_real_predictions_give_the_scores(folder: Path) -> None:
    study = gather(StudyFolder(folder))
    found, without = find(study, "yes", replicates=100), find(study, "no")
    assert found.every and without.every
    assert found.main(found.planned[0]).main.effect == pytest.approx(without.main(without.planned[0]).main.effect)
    assert found.main(found.planned[0]).main.customary is not None
