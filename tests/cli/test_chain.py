"""Two stages in one command: the first trained once and used by every target, resumed without doing anything twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import english, official
from helpers.commands import call, read_json
from helpers.tiny import make_model, make_tokenizer, write_mlqa, write_panx, write_xcopa, write_xnli

from xtremor.chain import Chain, plan
from xtremor.cli.app import app
from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, MethodOptions, StageOptions, TrainOptions
from xtremor.encoders.load import fingerprint
from xtremor.errors import UserError
from xtremor.launch import Job
from xtremor.tasks.cards import card

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
TARGETS = ("xnli", "panx", "xcopa", "mlqa")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four tasks, small, in the official layout."""
    folder = tmp_path_factory.mktemp("chain") / "data"
    write_xnli(folder, train=48, scored=6, languages=("en", "sw"))
    write_panx(folder, train=16, languages=("en", "sw"))
    write_xcopa(folder, train=16, languages=("sw",))
    write_mlqa(folder, train=16, scored=4, languages=("en",))
    return folder


def command(data: Path, encoder: Path, output: Path, targets: str, *more: str) -> list[str]:
    return [
        "chain", "--intermediate", "xnli", "--targets", targets, "--data", str(data), "--encoder", str(encoder),
        "--output", str(output), "--languages", "en,sw", "--max-length", "99", "--epochs", "1", "--batch-size", "8",
        "--learning-rate", "1e-2", "--workers", "1", "--threads", "1", "--seeds", "1", *more,
    ]  # fmt: skip


def test_one_first_stage_serves_four_targets(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    arguments = command(data, tiny_encoder, tmp_path, ",".join(TARGETS), "--method", "freelb", "--json")
    assert call(arguments) == 0
    assert workers["started"] == [
        "xnli-freelb-2-seed1", *(f"{target}-plain-after-freelb-2-on-xnli-seed1" for target in TARGETS)
    ]  # fmt: skip
    assert [path.name for path in tmp_path.glob("intermediate/*/*")] == ["freelb-2-seed1"]
    first = tmp_path / "intermediate" / "xnli" / "freelb-2-seed1"
    assert not (first / "scores.json").exists() and (first / "model").is_dir()
    said = capsys.readouterr()
    assert "xnli, then xnli, panx, xcopa, mlqa: 1 run of the first stage, 4 of the second" in said.err
    scores = json.loads(said.out)
    for target in TARGETS:
        run = tmp_path / "runs" / target / "plain-after-freelb-2-on-xnli-seed1"
        record = read_json(run / "run.json")
        (stage,) = record["lineage"]["stages"]
        assert stage["fingerprint"] == fingerprint(str(first)) and stage["arm"] == "freelb-2"
        found = record["encoder"]["boundary"]
        assert found["equal"] == found["encoder_tensors"] > 30 and found["fresh"]
        assert record["training"]["fresh_pooler"] and not (run / "model").exists()
        assert scores[target][run.name] == read_json(run / "scores.json")
        page = tmp_path / "report" / target / "index.html"
        assert "plain after freelb-2 on xnli" in page.read_text(encoding="utf-8")
    assert list(scores["xcopa"][run.name]["languages"]) == ["sw"]
    assert list(scores["panx"][run.name]["languages"]) == ["en", "sw"]
    overview = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{target}/index.html"' in overview for target in TARGETS)


def test_killed_it_goes_on_without_training_anything_twice(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    """A target is killed as it writes its record; what was finished is asked again, and has nothing to do."""
    output = tmp_path / "chain"
    arguments = command(data, tiny_encoder, output, "panx", "--methods", "plain,pgd", "--direct")
    victim = "panx-plain-after-plain-on-xnli-seed1"
    workers["kill"] = {victim: ("run.json", 1, "before")}
    assert call(arguments) == 2
    assert f"{victim}: it was ended by signal {signal.SIGKILL.value}" in capsys.readouterr().err
    done = ["xnli-plain-seed1", "xnli-pgd-1-seed1", "panx-plain-seed1"]
    assert workers["started"] == [*done, victim]
    logs = {path: path.stat().st_mtime_ns for path in output.rglob("log.jsonl")}
    workers["kill"], workers["started"] = {}, []
    assert call(arguments) == 0
    assert workers["started"] == [*done, victim, "panx-plain-after-pgd-1-on-xnli-seed1"]
    for name in done:
        assert "already finished, nothing to train" in (output / "logs" / f"{name}.log").read_text(encoding="utf-8")
    assert all(path.stat().st_mtime_ns == before for path, before in logs.items() if victim[5:] not in str(path))
    assert sorted(path.name for path in (output / "runs" / "panx").iterdir()) == [
        "plain-after-pgd-1-on-xnli-seed1", "plain-after-plain-on-xnli-seed1", "plain-seed1",
    ]  # fmt: skip
    page = (output / "report" / "panx" / "index.html").read_text(encoding="utf-8")
    assert "more than the method" not in page and "plain after pgd-1 on xnli" in page
    # The same folder with another recipe is refused before anything starts.
    workers["started"] = []
    assert call([*arguments, "--warmup", "0.3"]) == 2
    assert "holds a run of another configuration (settings.warmup: 0.1 there, 0.3 here)" in capsys.readouterr().err
    assert workers["started"] == []


def test_a_chain_that_was_moved_goes_on_and_trains_nothing_twice(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    """What a target began with is told by its weights, so that the folder may lie anywhere."""
    before, output = tmp_path / "here", tmp_path / "there"
    arguments = [*command(data, tiny_encoder, before, "panx,xcopa"), "--keep-model"]
    victim = "xcopa-plain-after-plain-on-xnli-seed1"
    workers["kill"] = {victim: ("run.json", 1, "before")}
    assert call(arguments) == 2
    workers["kill"], workers["started"] = {}, []
    before.rename(output)
    logs = {path: path.stat().st_mtime_ns for path in output.rglob("log.jsonl")}
    arguments[arguments.index(str(before))] = str(output)
    assert call(arguments) == 0, capsys.readouterr().err
    for name in ("xnli-plain-seed1", "panx-plain-after-plain-on-xnli-seed1"):
        assert "already finished, nothing to train" in (output / "logs" / f"{name}.log").read_text(encoding="utf-8")
    assert [path for path, at in logs.items() if path.stat().st_mtime_ns != at and victim[6:] not in str(path)] == []
    assert (output / "report" / "panx" / "index.html").is_file() and not before.exists()
    first, target = output / "intermediate/xnli/plain-seed1", output / "runs/panx" / victim[6:]
    record = read_json(target / "run.json")
    assert record["lineage"]["stages"][0]["fingerprint"] == fingerprint(str(first))
    # Its record names the place where the encoder was.
    half = ["interpolate", str(target), "--alpha", "0.5", "--data", str(data), "--output", str(tmp_path / "half")]
    capsys.readouterr()
    assert call(half) == 2
    assert "where it has been moved, name it with --encoder" in capsys.readouterr().err
    assert call([*half, "--encoder", str(first)]) == 0
    # Another first stage in its place is another encoder.
    again = ["train", "--task", "xnli", "--data", str(data), "--encoder", str(tiny_encoder), "--threads", "1"]
    assert call([*again, "--seed", "5", "--epochs", "0.2", "--output", str(tmp_path / "other")]) == 0
    first.rename(tmp_path / "kept")
    (tmp_path / "other").rename(first)
    capsys.readouterr()
    assert call(arguments) == 2
    assert "holds a run of another configuration" in capsys.readouterr().err


def bound(job: Job) -> dict[str, Any]:
    """What the command line makes of a job's arguments."""
    return app.parse_args(list(job.arguments), exit_on_error=False, print_error=False)[1].arguments


def chain_of(data: Path, encoder: Path, **changes: Any) -> Chain:
    recipe = TrainOptions(str(encoder), epochs=3.0, batch_size=8, max_length=99, freeze_embeddings=True)
    stated: dict[str, Any] = {
        "intermediate": "xnli", "targets": ("panx",), "data": data, "methods": ("plain",),
        "target_methods": ("plain",), "seeds": 1, "direct": False, "ball": BallOptions(), "recipe": recipe,
        "stage": StageOptions(), "scoring": ScoringOptions(languages="en,sw"),
    }  # fmt: skip
    return Chain(**{**stated, **changes})


def test_jobs_say_what_was_asked(data: Path, tiny_encoder: Path) -> None:
    ball, stage = BallOptions(radius=0.02, norm="linf"), StageOptions(2.0, 4, 1e-5, 1e-4, 32, 40)
    chain = chain_of(
        data, tiny_encoder, methods=("freelb-3",), target_methods=("plain", "pgd"), seeds=2, direct=True, ball=ball,
        stage=stage, keep_model=True,
    )  # fmt: skip
    planned = list(plan(chain, Path("out")))
    assert len(planned) == 2 * (1 + 2 * 2) and [each.target for each in planned[:3]] == [None, "panx", "panx"]
    first, found = planned[0], bound(planned[0].job)
    assert str(first.folder) == "out/intermediate/xnli/freelb-3-r0.02-linf-seed1"
    method = found["method"].settings(found["ball"])
    settings = found["recipe"].settings(card("xnli"), method, found["seed"])
    assert (settings.epochs, settings.batch_size, settings.learning_rate, settings.head_learning_rate) == (
        2,
        4,
        1e-5,
        1e-4,
    )
    assert (settings.max_length, settings.train_rows, settings.freeze_embeddings) == (32, 40, True)
    assert (settings.encoder, settings.fresh_pooler, method.arm) == (str(tiny_encoder), False, "freelb-3-r0.02-linf")
    assert "evaluate" not in found and "keep_model" not in found
    direct, after = bound(planned[2].job), bound(planned[4].job)
    assert str(planned[4].folder) == "out/runs/panx/pgd-1-r0.02-linf-after-freelb-3-r0.02-linf-on-xnli-seed1"
    assert planned[4].job.after == (first.job.name,) and planned[2].job.after == ()
    assert direct["recipe"] == TrainOptions(
        str(tiny_encoder), 3.0, 8, max_length=99, freeze_embeddings=True, fresh_pooler=True
    )
    assert after["recipe"].encoder == str(first.folder) and after["recipe"].fresh_pooler
    assert after["scoring"] == chain.scoring and after["evaluate"] and "keep_model" not in after
    assert after["task"] == TaskOptions("panx", data) and after["ball"] == ball
    assert bound(planned[3].job).get("method", MethodOptions()) == MethodOptions()


def task_tokens(data: Path) -> list[list[str]]:
    """Words and special tokens of each training row of XNLI; the tiny tokenizer splits at spaces."""
    rows = (data / "xnli" / "train-en.tsv").read_text(encoding="utf-8").split("\n")[:-1]
    return [["[CLS]", *" ".join(row.split("\t")[:2]).split(" "), "[SEP]", "[SEP]"] for row in rows]


def test_work_is_counted_in_tokens_and_passes(data: Path, tiny_encoder: Path) -> None:
    chain = chain_of(data, tiny_encoder, methods=("plain", "freelb"), targets=("panx", "mlqa"))
    planned = list(plan(chain, Path("out")))
    plain, freelb, panx, mlqa = (each.job for each in planned[:4])
    assert freelb.work == 2 * plain.work
    # 48 pairs of short texts; 16 questions on paragraphs of up to 60 words, 4 of them scored.
    tokens = sum(map(len, task_tokens(data)))
    assert plain.work == pytest.approx(3 * 3 * tokens)
    assert panx.work > 3 * 3 * 16 * 5 and mlqa.work > 3 * 3 * 16 * 20
    assert [job.done() for job in (plain, panx)] == [0.0, 0.0]


def test_several_tasks_at_once_are_passed_on(data: Path, tiny_encoder: Path) -> None:
    chain = chain_of(data, tiny_encoder, intermediate="xnli,panx")
    first, second = plan(chain, Path("out"))
    single = next(iter(plan(chain_of(data, tiny_encoder), Path("out"))))
    assert first.job.arguments[first.job.arguments.index("--task") + 1] == "xnli,panx"
    assert str(first.folder) == "out/intermediate/xnli+panx/plain-seed1" and first.job.work > single.job.work
    assert second.folder.name == "plain-after-plain-on-xnli+panx-seed1"


def test_text_joins_the_stage_that_is_named(data: Path, tiny_encoder: Path) -> None:
    text = {"unlabelled_languages": "sw", "unlabelled_split": "test", "language_adversary": "clique"}
    recipe = replace(chain_of(data, tiny_encoder).recipe, **text)
    bare = [each.job.work for each in plan(chain_of(data, tiny_encoder), Path("out"))]
    for stage, joins in (("target", [False, True]), ("intermediate", [True, False]), ("both", [True, True])):
        planned = list(plan(chain_of(data, tiny_encoder, recipe=recipe, text_stage=stage), Path("out")))
        found = [bound(each.job)["recipe"] for each in planned]
        assert [each.language_adversary == "clique" for each in found] == joins
        assert [each.unlabelled_languages == "sw" for each in found] == joins
        assert [each.job.work > work for each, work in zip(planned, bare, strict=True)] == joins
    for changes, message in (
        ({"text_stage": "last"}, "--text-stage: unknown stage 'last'"),
        ({"text_stage": "both", "intermediate": "xnli,panx"}, "unlabelled text joins a run on one task"),
        ({"recipe": replace(recipe, unlabelled_languages="de")}, "unknown language of panx test 'de'"),
        ({"recipe": replace(recipe, language_adversary=None)}, "the method 'plain' needs labels"),
    ):
        with pytest.raises(UserError, match=message):
            list(plan(chain_of(data, tiny_encoder, **{"recipe": recipe, **changes}), Path("out")))


def test_an_english_first_stage_and_a_target_of_pairs_are_found(tiny_encoder: Path, tmp_path: Path) -> None:
    """Files of English tasks lie below the same folder; a pair of retrieval is a query and its passage."""
    english.write(tmp_path, "mnli")
    write_mlqa(tmp_path)
    (tmp_path / "lareqa" / "xquad-r").mkdir(parents=True)
    for code in card("lareqa").languages:
        path = tmp_path / "lareqa" / "xquad-r" / f"{code}.json"
        path.write_text(official.squad(code, [[["q1"], ["q2"]]]), encoding="utf-8")
    chain = chain_of(
        tmp_path, tiny_encoder, intermediate="mnli", targets=("lareqa",), scoring=ScoringOptions(languages="ar"),
    )  # fmt: skip
    first, second = plan(chain, Path("out"))
    assert bound(first.job)["task"] == TaskOptions("mnli", tmp_path)
    assert bound(second.job)["task"] == TaskOptions("lareqa", tmp_path) and second.job.work > 0
    # Probing is work, too.
    probed = replace(chain, targets=("mlqa",), recipe=replace(chain.recipe, probe_epochs=3.0))
    scored = replace(probed, scoring=ScoringOptions(languages="en"))
    assert next(iter(plan(scored, Path("out")))).job.work == pytest.approx(2 * first.job.work)


def test_xcopa_after_social_iqa_is_one_command(
    tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    """As published: three answers, then two, each task with its own settings."""
    data, output = english.write(tmp_path / "data", "siqa"), tmp_path / "chain"
    write_xcopa(data, train=16, languages=("et", "sw"))
    options = ["--encoder", str(tiny_encoder), "--seeds", "1", "--workers", "1", "--threads", "1", "--json"]
    assert call(["chain", "--intermediate", "siqa", "--targets", "xcopa", "--data", str(data), "-o", str(output),
                 "--languages", "et,sw", *options]) == 0  # fmt: skip
    assert workers["started"] == ["siqa-plain-seed1", "xcopa-plain-after-plain-on-siqa-seed1"]
    first = read_json(output / "intermediate/siqa/plain-seed1/run.json")
    record = read_json(output / "runs/xcopa/plain-after-plain-on-siqa-seed1/run.json")
    assert first["english_dev"]["items"] == 3 and record["training"]["rows"] == 16
    assert [each["training"]["epochs"] for each in (first, record)] == [
        card(name).defaults.epochs for name in ("siqa", "xcopa")
    ]
    found = record["encoder"]["boundary"]
    assert found["equal"] == found["encoder_tensors"] and set(found["fresh"]) == set(found["left_behind"])
    scores = json.loads(capsys.readouterr().out)["xcopa"]
    assert [list(each["languages"]) for each in scores.values()] == [["et", "sw"]]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--targets", "panx,panx"], "--targets names a task twice: panx, panx"),
        (["--targets", ","], "--targets names no task"),
        (["--intermediate", "xnly"], "unknown task 'xnly'"),
        (["--methods", "freelb,freelb-2"], "--methods names a method twice"),
        (["--target-method", "pgd,pgd"], "--target-method names a method twice"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--languages", "zz"], "--languages names none of panx's, which `xtremor languages --task panx` lists: zz"),
        (["--languages", "en,zz"], "--languages names 'zz', in which no task of --targets is scored"),
        (["--languages", "de"], "test-de.tsv"),
        (["--targets", "udpos"], "udpos"),
        (["--max-length", "200"], "--max-length 200 is more than the 140 positions"),
        (["--intermediate-max-length", "200"], "--max-length 200 is more than the 140 positions"),
        (["--epochs", "0"], "--epochs must be a number greater than 0"),
        (["--encoder", "no/such/folder"], "encoder folder no/such/folder does not exist"),
    ],
)
def test_what_is_refused_before_anything_starts(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured, more: list[str],
    message: str,
) -> None:  # fmt: skip
    stated = command(data, tiny_encoder, tmp_path / "out", "panx")
    for name, value in zip(more[::2], more[1::2], strict=True):
        if name in stated:
            stated[stated.index(name) + 1] = value
        else:
            stated += [name, value]
    assert call(stated) == 2
    assert message in capsys.readouterr().err
    assert workers["started"] == [] and not (tmp_path / "out").exists()


def test_an_encoder_without_the_head_of_a_target_is_refused_first(
    data: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    """Before hours of the first stage: EuroBERT has no head for multiple choice in transformers."""
    make_model("AutoModel", "eurobert").save_pretrained(tmp_path / "encoder")
    make_tokenizer(pairs=False).save_pretrained(tmp_path / "encoder")
    assert call(command(data, tmp_path / "encoder", tmp_path / "out", "panx,xcopa")) == 2
    assert "is a eurobert, for which transformers has no AutoModelForMultipleChoice" in capsys.readouterr().err
    assert workers["started"] == []


def test_a_decoder_is_refused_before_the_first_stage(
    data: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    """transformers tags with T5's encoder alone, and classifies with both."""
    make_model("AutoModel", "mt5").save_pretrained(tmp_path / "encoder")
    make_tokenizer(pairs=False).save_pretrained(tmp_path / "encoder")
    stated = command(data, tmp_path / "encoder", tmp_path / "out", "xnli")
    stated[stated.index("--intermediate") + 1] = "panx"
    assert call(stated) == 2
    assert "answers this kind of task (MT5ForSequenceClassification) with a decoder" in capsys.readouterr().err
    assert workers["started"] == [] and not (tmp_path / "out").exists()


def test_a_stage_before_the_chain_is_one_more_stage(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any]
) -> None:
    begun: Callable[..., list[str]] = lambda *more: command(data, *more)  # noqa: E731
    assert call(begun(tiny_encoder, tmp_path / "one", "panx", "--method", "pgd")) == 0
    earlier = tmp_path / "one" / "intermediate" / "xnli" / "pgd-1-seed1"
    assert call(begun(earlier, tmp_path / "two", "panx", "--method", "noise", "--direct")) == 0
    labels = {}
    for run in (tmp_path / "two" / "runs" / "panx").iterdir():
        labels[run.name] = [stage["arm"] for stage in read_json(run / "run.json")["lineage"]["stages"]]
    assert labels == {"plain-seed1": ["pgd-1"], "plain-after-noise-on-xnli-seed1": ["pgd-1", "noise"]}
    page = (tmp_path / "two" / "report" / "panx" / "index.html").read_text(encoding="utf-8")
    assert "plain after noise on xnli after pgd-1 on xnli" in page and "plain after pgd-1 on xnli" in page
