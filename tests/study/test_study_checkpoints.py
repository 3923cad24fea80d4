"""Several checkpoint rules in a study: one training, an evaluation each, and tables that never mix them unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from helpers.commands import call, read_json
from helpers.studies import Inline, finished, write_study

from xtremor.errors import UserError
from xtremor.study.cost import plan_lines
from xtremor.study.design import Study
from xtremor.study.files import StudyFolder
from xtremor.study.planning import make_plan
from xtremor.study.reading import read_study
from xtremor.study.results import results
from xtremor.study.scale import scaled
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
RULES = 'checkpoints = ["last", "average-2", "best-dev", "oracle"]\nsnapshots = 2\nthreads = 1'
ASKED = ("seeds = 2", f"seeds = 2\n{RULES}")
TWO_ARMS = ('[[arms]]\nname = "standard"\nstage1 = { method = "plain" }\n', "")


@pytest.fixture
def study(study_data: Path, tiny_encoder: Path, tmp_path: Path) -> Callable[..., Study]:
    """The tiny study, with texts of its file replaced."""

    def made(*changes: tuple[str, str]) -> Study:
        return read_study(write_study(tmp_path, study_data, tiny_encoder, *changes))

    return made


def test_one_training_is_scored_by_every_rule(study: Callable[..., Study]) -> None:
    plan, before = make_plan(study(ASKED)), make_plan(study())
    kinds = [stage.kind for stage in plan.stages.values()]
    assert [kinds.count(kind) for kind in (INTERMEDIATE, TARGET, EVALUATION)] == [4, 6, 24]
    assert len(plan.cells) == 6 and len(plan.beside) == 18
    assert {cell.checkpoint for cell in plan.cells} == {"last"}
    assert [cell.checkpoint for cell in plan.beside[:3]] == ["average-2", "best-dev", "oracle"]
    for cell in plan.beside:
        scored = plan.stages[cell.evaluation]
        assert scored.config["checkpoint"] == cell.checkpoint and scored.parents == (cell.target,)
        assert cell.target in {own.target for own in plan.cells}
    # First stages keep their keys; a target's hold the number of its snapshots.
    assert {key for key, stage in before.stages.items() if stage.kind == INTERMEDIATE} <= set(plan.stages)
    assert not {key for key, stage in before.stages.items() if stage.kind == TARGET} & set(plan.stages)
    other = make_plan(study(("seeds = 2", "seeds = 2\n" + RULES.replace("average-2", "average-1"))))
    assert {key for key, stage in plan.stages.items() if stage.kind == TARGET} <= set(other.stages)


def test_keys_and_hash_are_the_same_where_the_last_step_is_all(study: Callable[..., Study]) -> None:
    plan = make_plan(study())
    for line in ('checkpoints = ["last"]', 'checkpoints = "last"\nsnapshots = 7', 'trackers = ["tensorboard"]'):
        other = make_plan(study(("seeds = 2", f"seeds = 2\n{line}")))
        assert list(other.stages) == list(plan.stages) and other.digest == plan.digest
    assert "snapshots" not in plan.design and "trackers" not in plan.design
    for stage in plan.stages.values():
        assert "checkpoint" not in stage.config and "snapshots" not in stage.config.get("settings", {})


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('checkpoints = ["last", "averge-3"]', "unknown checkpoint rule 'averge-3'"),
        ('checkpoints = ["last", "average-11"]', "average-11 takes 11 snapshots, and snapshots says 10"),
        ('checkpoints = ["oracle", "last"]', "the first rule is primary, and the oracle is an upper bound"),
        ('checkpoints = ["last", "last"]', "two of one rule, 'last'"),
        ("checkpoints = []", "checkpoints names no rule"),
        ("snapshots = 0", "snapshots must be at least 1, not 0"),
        ('trackers = ["tensorbord"]', "trackers: unknown tracker 'tensorbord'"),
        ('trackers = ["wandb", "wandb"]', "trackers: wandb is named more than once"),
    ],
)
def test_what_is_no_rule_is_refused_by_the_file(study: Callable[..., Study], lines: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        study(("seeds = 2", f"seeds = 2\n{lines}"))


def test_what_a_run_cannot_keep_is_refused_by_the_plan(study: Callable[..., Study]) -> None:
    more = ("seeds = 2", 'seeds = 2\ncheckpoints = ["last", "average-3"]')
    with pytest.raises(UserError, match="arm 'none', panx: snapshots = 10 is more than the 3 updates of a run"):
        make_plan(study(more))
    decays = ("[[targets]]", "[[targets]]\nweight-decay = 0.1\ndecay-embeddings = true")
    with pytest.raises(UserError, match=r"--decay-embeddings .* of which --snapshots keep some"):
        make_plan(study(ASKED, decays))


def test_a_plan_counts_their_disk(study: Callable[..., Study], tmp_path: Path) -> None:
    asked = study(ASKED)
    plan = make_plan(asked)
    sizes = [stage.size for stage in plan.stages.values() if stage.kind == TARGET]
    assert all(0 < size.snapshots_mb <= 2 * size.model_mb for size in sizes)
    # Of a thousand times the size, to be seen in megabytes.
    large = {
        key: replace(stage, size=replace(stage.size, snapshots_mb=stage.size.snapshots_mb and 700.0))
        for key, stage in plan.stages.items()
    }
    lines = plan_lines(asked, replace(plan, stages=large), StudyFolder(tmp_path / "s"), 2, probe=False)
    assert any("snapshots of the weights: at most 700 MB of each run on a target" in line for line in lines)
    peak = next(line for line in lines if line.startswith("disk: "))
    assert "1.4 GB while it runs" in peak
    kept = replace(plan, stages=large, keep={**plan.keep, "target": "always"})
    lines = plan_lines(asked, kept, StudyFolder(tmp_path / "s"), 2, probe=False)
    assert any("disk: about 4.2 GB in the end" in line for line in lines)


def test_a_rehearsal_has_an_update_for_every_snapshot(study: Callable[..., Study]) -> None:
    asked = study(("seeds = 2", 'seeds = 2\ncheckpoints = ["last", "average-5", "oracle"]\nsnapshots = 10'))
    plan = make_plan(scaled(asked, "tiny"))
    targets = [stage for stage in plan.stages.values() if stage.kind == TARGET]
    assert {stage.config["settings"]["snapshots"] for stage in targets} == {5}
    assert all(stage.size.updates >= 5 for stage in targets)
    assert all(stage.config["settings"]["epochs"] == 1 for stage in plan.stages.values() if stage.kind == INTERMEDIATE)


def test_from_the_file_to_the_table(
    study_data: Path, tiny_encoder: Path, tmp_path: Path, inline: Inline, capsys: Captured
) -> None:
    file = write_study(
        tmp_path, study_data, tiny_encoder, ASKED, TWO_ARMS, ('control = "standard"', 'control = "none"')
    )
    folder = tmp_path / "s"
    assert call(["study", "run", str(file), "-o", str(folder)]) == 0
    # Two of the first stage, four on the target; each of those is scored four times by the worker that trained it.
    assert len(inline.started) == 6 and len(finished(folder)) == 2 + 4 + 16
    assert not list(folder.glob("store/stages/*/model")) and not list(folder.glob("store/stages/*/snapshots"))
    assert call(["study", "verify", str(folder)]) == 0
    there = StudyFolder(folder)
    table = results(there)
    assert set(table["checkpoint"]) == {"last"} and table.height == 2 * 2 * 2 and set(table["system"]) == {
        "none", "freelb-2",
    }  # fmt: skip
    whole = results(there, ["last", "average-2", "best-dev", "oracle"])
    assert whole.height == 4 * table.height
    assert set(whole.filter(study_arm="none")["system"]) == {
        "none (last)", "none (average-2)", "none (best-dev)", "none (oracle, upper bound)",
    }  # fmt: skip
    upper = whole.filter(checkpoint="oracle")
    last = whole.filter(checkpoint="last")
    assert last["score"].to_list() == table["score"].to_list()
    assert (upper["score"] >= last["score"]).all()
    # Nothing but the rule tells their runs apart.
    for cell in there.read().beside:
        told = read_json(folder / "store" / "stages" / cell.evaluation / "scores.json")["checkpoint"]
        assert told["rule"] == cell.checkpoint and told["upper_bound"] == (cell.checkpoint == "oracle")
    capsys.readouterr()
    assert call(["results", str(folder), "--output", str(tmp_path / "all.csv")]) == 0
    assert set(pl.read_csv(tmp_path / "all.csv")["checkpoint"]) == {"last"}
    assert call(["results", str(folder), "--checkpoint", "oracle"]) == 0
    said = capsys.readouterr()
    assert "freelb-2 (oracle, upper bound)" in said.out
    assert call(["results", str(folder), "--checkpoint", "average-3"]) == 2
    assert "unknown checkpoint rule of this study 'average-3' (nearest: average-2" in capsys.readouterr().err
    # One table goes into a comparison, also with the rules side by side.
    assert call(["results", str(folder), "--checkpoint", "last,average-2", "--output", str(tmp_path / "two.csv")]) == 0
    assert call(["compare", str(tmp_path / "two.csv"), "--baseline", "none (last)"]) == 0
    inline.started = []
    assert call(["study", "resume", str(folder)]) == 0 and inline.started == []
