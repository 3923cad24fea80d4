"""Threats: each is found in a store that was made with it, and not in one without."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import call
from helpers.made_up import CODES, MACHINE, VERSIONS, Cell, Plan, of_rules, plan_of, write_store

from xtremor.study.design import Assumed
from xtremor.study.files import StudyFolder
from xtremor.study.freeze import freeze
from xtremor.study.review import Threat, threats
from xtremor.study.review.exposure import exposure, twice
from xtremor.study.review.threat import DECIDES, QUALIFIES, WEAKENS
from xtremor.study.stage import TARGET
from xtremor.tasks.cards import card

Captured = pytest.CaptureFixture[str]
ARMS = {"noise": ("noise-k2", "plain"), "freelb": ("freelb-2", "plain")}
PLANNED = (("freelb", "noise"),)
# Every language of the task, so that none is left out.
ALL = tuple(code for code in card("panx").languages if code != "en")
SEES = Assumed(effect=5.0)
Told = dict[str, Any]


def clean(**changes: Any) -> Plan:
    """A plan that none of the threats is about."""
    settings: dict[str, Any] = {"contrasts": PLANNED, "codes": ALL, "assumed": SEES, **changes}
    return plan_of(settings.pop("arms", ARMS), **settings)


def kept(folder: Path, plan: Plan, **more: Any) -> StudyFolder:
    """A store of a plan that was frozen before."""
    there = StudyFolder(folder)
    there.write(plan, "")
    there.store(plan).open(make=True)
    freeze(there, plan)
    return write_store(folder, plan, **more)


def kinds(found: list[Threat]) -> set[str]:
    return {each.kind for each in found}


def only(found: list[Threat], kind: str, title: str = "") -> Threat:
    (own,) = (each for each in found if each.kind == kind and title in each.title)
    return own


def test_none_where_there_is_none(tmp_path: Path, capsys: Captured) -> None:
    there = kept(tmp_path / "s", clean())
    assert threats(there) == []
    assert call(["review", str(tmp_path / "s")]) == 0
    assert "None of the threats that are looked for was found" in capsys.readouterr().out


def scattered(cell: Cell, code: str) -> float:
    """Runs whose arms do not rise and fall together."""
    return 60.0 + (7 * cell.stage1_seed * len(cell.arm)) % 11


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str, int]] = {
    "one seed": ({"seeds": 1}, {}, "seeds", "With one seed an arm", DECIDES),
    "few seeds": ({"seeds": 3}, {}, "seeds", "3 seeds an arm find", WEAKENS),
    "blind seeds": ({"assumed": Assumed(effect=0.1)}, {"scores": scattered}, "seeds", "of 6 finished seeds", DECIDES),
    "compute": ({"work": {"freelb": 6000.0}}, {}, "compute", "1.50 times on panx", DECIDES),
    "recipe": ({"own": {"freelb": {"learning_rate": 1e-4}}}, {}, "recipe", "rate 0.0001 against 2e-05", DECIDES),
    "epochs": ({"own": {"freelb": {"epochs": 4.0}}}, {}, "recipe", "stage 2 epochs 4 against 2", DECIDES),
    "settings": ({"arms": {**ARMS, "freelb": ("freelb-3", "plain")}}, {}, "recipe", "1 steps 3 against 2", DECIDES),
    "by hand": ({"stated": {"freelb": {"radius": 0.5}}}, {}, "selection", "stage 2 radius = 0.5: stated", WEAKENS),
    "no contrast": ({"contrasts": ()}, {}, "plan", "Any of its arms", DECIDES),
    "exposure": ({"encoder": "starter", "intermediate": "mnli"}, {}, "exposure", "is not none for mnli", WEAKENS),
    "Wikipedia": ({"encoder": "mbert"}, {}, "exposure", "so it can have read that text", QUALIFIES),
    "unknown": ({"encoder": "/somewhere/mine"}, {}, "exposure", "what mine was trained on", QUALIFIES),
    "tiny": ({}, {"items": lambda code: 100 if code in ("yo", "qu") else 1000}, "tiny", "2 of 48 languages", QUALIFIES),
    "limit": ({"limit": 200}, {}, "tiny", "The first 200 items", QUALIFIES),
    "languages": ({"codes": CODES}, {}, "languages", "low-resource ones among them: ", WEAKENS),
    "missing": ({}, {"left_out": lambda cell: (cell.arm, cell.stage1_seed) == ("freelb", 6)}, "missing",
                "1 of 12 runs have no scores: freelb 1 of 6", WEAKENS),
    "early": ({}, {"left_out": lambda cell: cell.stage1_seed > 3}, "early", "6 of 12 runs are scored", WEAKENS),
    "floor": ({}, {"scores": lambda cell, code: 3.0 + cell.stage1_seed / 9}, "floor", "Guessing gives 0.0", DECIDES),
    "learning": ({}, {"told": lambda s: {"warnings": ["the run did not learn: why"]} if s.kind == TARGET else {}},
                 "learning", "6 of 12 trainings warn", WEAKENS),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each(case: str, tmp_path: Path) -> None:
    changes, more, kind, said, weight = CASES[case]
    found = threats(kept(tmp_path / "s", clean(**changes), **more))
    (own,) = {each.kind: each for each in found if each.kind == kind and said in each.detail}.values()
    assert own.weight == weight and own.advice and own.where, own
    # Nothing else is found but what follows from it.
    assert kinds(found) - {kind} <= {"early", "seeds", "missing"} | ({"recipe"} if case == "compute" else set()), found
    assert [each.weight for each in found] == sorted(each.weight for each in found)


def test_the_same_data_twice(tmp_path: Path) -> None:
    codes = tuple(code for code in card("xnli").languages if code != "en")
    plan = clean(intermediate="mnli", tasks=(("xnli", False),), codes=codes)
    assert "mnli before xnli" in only(threats(kept(tmp_path / "a", plan)), "same-data").where
    assert twice("squad", "mlqa") and twice("anli, mnli", "xnli") and not twice("mnli", "pawsx")
    # Files tell it too, whatever the tasks are called.
    plan = clean()
    for stage in plan.stages.values():
        stage.__dict__["data"] = {stage.task: {"files": {"train": "ab" * 32}}}
    assert "siqa before panx" in only(threats(write_plan(tmp_path / "b", plan)), "same-data").where


def write_plan(folder: Path, plan: Plan) -> StudyFolder:
    """A study that has only been planned."""
    there = StudyFolder(folder)
    there.write(plan, "")
    return there


def test_planned_only(tmp_path: Path) -> None:
    found = threats(write_plan(tmp_path / "s", clean(assumed=Assumed())))
    assert kinds(found) == {"plan", "seeds"}
    assert only(found, "plan").weight == WEAKENS and "variances as assumed" in only(found, "seeds").detail


def test_the_plan(tmp_path: Path) -> None:
    plan = clean()
    late = write_store(tmp_path / "late", plan)
    assert only(threats(late), "plan").title == "Never frozen"
    freeze(late, plan)
    own = only(threats(late), "plan")
    assert own.title == "Frozen after results" and own.detail.startswith(f"{len(plan.stages)} of its stages")
    there = kept(tmp_path / "s", plan)
    other = clean(contrasts=(("noise", "freelb"),))
    there.write(other, "")
    own = only(threats(there), "plan")
    assert own.title == "Not kept" and "contrasts" in own.detail and own.weight == DECIDES


def test_secondary_contrasts_weigh_less(tmp_path: Path) -> None:
    plan = clean(contrasts=(("freelb", "noise", "secondary"),), work={"freelb": 6000.0})
    assert only(threats(kept(tmp_path / "s", plan)), "compute").weight == QUALIFIES


def test_failed(tmp_path: Path) -> None:
    plan = clean()
    there = kept(tmp_path / "s", plan, left_out=lambda cell: (cell.arm, cell.stage1_seed) == ("noise", 2))
    lost = next(cell for cell in plan.cells if (cell.arm, cell.stage1_seed) == ("noise", 2))
    there.write_failures({lost.target: {"name": "panx, noise, seed 2", "reason": "out of memory"}})
    own = only(threats(there), "failed")
    assert own.where == "noise 1" and "panx, noise, seed 2: out of memory" in own.detail and own.weight == WEAKENS


def test_edited(tmp_path: Path) -> None:
    plan = clean()
    there = kept(tmp_path / "s", plan)
    path = there.path / "store" / "stages" / plan.cells[0].evaluation / "scores.json"
    path.write_text(path.read_text().replace("60", "70"), encoding="utf-8")
    found = threats(there)
    own = only(found, "edited")
    assert "scores.json was edited" in own.detail and found[0] == own
    path.write_text("{", encoding="utf-8")
    assert "edited" in kinds(threats(there))
    path.with_name("stage.json").unlink()
    assert "has no stage.json" in only(threats(there), "edited").detail


def test_environments(tmp_path: Path) -> None:
    plan = clean()
    owners = {key: cell.arm for cell in plan.cells for key in (cell.stage1, cell.target, cell.evaluation)}

    def elsewhere(stage: Any) -> Told:
        versions = {**VERSIONS, "torch": "3"} if owners[stage.key] == "freelb" else VERSIONS
        return {"environment": {"versions": versions, "machine": MACHINE}}

    own = only(threats(kept(tmp_path / "a", plan, told=elsewhere)), "environment")
    assert own.detail == "torch 3 against 2." and own.where == "freelb against noise"
    # What a stage did not record is no difference.
    silent = {"environment": {"versions": VERSIONS, "machine": {**MACHINE, "threads": None}}}
    quiet = kept(tmp_path / "c", plan, told=lambda stage: silent if owners[stage.key] == "freelb" else {})
    assert threats(quiet) == []
    # Where both arms were run here and there alike, they do not differ in it.
    seeds = {key: cell.stage1_seed for cell in plan.cells for key in (cell.stage1, cell.target, cell.evaluation)}

    def mixed(stage: Any) -> Told:
        return {"environment": {"versions": {**VERSIONS, "torch": str(seeds[stage.key] % 2)}, "machine": MACHINE}}

    assert threats(kept(tmp_path / "b", plan, told=mixed)) == []


def test_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = kept(tmp_path / "s", clean())
    from xtremor.study import stage

    current = stage.VERSIONS[TARGET]
    monkeypatch.setitem(stage.VERSIONS, TARGET, current + 1)
    own = only(threats(there), "versions")
    assert (
        own.detail == f"12 of version {current}; this xtremor makes version {current + 1}." and own.weight == QUALIFIES
    )


def test_selection_by_checkpoint(tmp_path: Path) -> None:
    from xtremor.study.review.material import gather
    from xtremor.study.review.tests import selected

    there = kept(tmp_path / "s", clean())
    found = gather(there)
    (own,) = selected(replace(found, plan=of_rules(found.plan, ("oracle",))))
    assert own.title == "Selected on the target" and own.weight == QUALIFIES
    design = {**found.plan.design, "checkpoints": ["best-dev"]}
    (own,) = selected(replace(found, plan=replace(found.plan, design=design)))
    assert own.title == "Selected on English dev" and own.weight == WEAKENS


def test_a_rehearsal_says_so(tmp_path: Path) -> None:
    plan = clean()
    plan = replace(plan, design={**plan.design, "scale": "tiny"})
    assert only(threats(kept(tmp_path / "s", plan)), "rehearsal").weight == DECIDES


def test_floors() -> None:
    from xtremor.study.review.tests import _floor

    assert [_floor(task) for task in ("xcopa", "pawsx", "panx")] == [50.0, 50.0, 0.0]
    assert _floor("xnli") == pytest.approx(100 / 3)


def test_what_encoders_saw() -> None:
    assert exposure("xlm-r-base", "xnli") is None and exposure("xlm-r-base", "no task") is None
    assert exposure("starter", "xnli") == exposure("e5-small", "xnli") and exposure("starter", "xnli")[1]  # type: ignore[index]
    assert exposure("starter", "panx")[1] is False  # type: ignore[index]
    assert "English task labels were seen" in exposure("mmbert", "xnli")[0]  # type: ignore[index]


def test_commands(tmp_path: Path, capsys: Captured) -> None:
    kept(tmp_path / "s", clean(seeds=3, limit=200))
    assert call(["review", str(tmp_path / "s"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in told] == ["seeds", "tiny"]
    assert set(told[0]) == {"kind", "title", "where", "detail", "advice", "weight"}
    assert call(["study", "review", str(tmp_path / "s")]) == 0
    said = capsys.readouterr().out
    assert said.index("What weakens them\n  Too few seeds: freelb against noise") < said.index(
        "What a reader must know"
    )
    assert call(["review", str(tmp_path)]) == 2
    assert "is no study folder" in capsys.readouterr().err


def test_neither_needs_torch(tmp_path: Path) -> None:
    import subprocess

    folder = kept(tmp_path / "s", clean(seeds=2)).path
    code = (
        "import sys; from pathlib import Path; from xtremor.study.files import StudyFolder as S; "
        "from xtremor.study.claims import verdicts; from xtremor.study.review import threats; "
        "verdicts(S(Path(sys.argv[1]))); threats(S(Path(sys.argv[1]))); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)
