"""`xtremor train --task A,B`: from files to an encoder that the next stage takes, killed and resumed, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from helpers.commands import assert_resumes, call, read_json
from helpers.english import FILES, write
from helpers.tiny import write_panx
from safetensors.torch import load_file

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
TASKS = ("mnli", "siqa", "squad")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("english")
    for task in (*TASKS, "qqp"):
        write(folder, task)
    return folder


def command(data: Path, encoder: Path, output: Path, *more: str) -> list[str]:
    """A run of three tasks; ``more`` overrides."""
    stated = {
        "--task": ",".join(TASKS), "--data": str(data), "--encoder": str(encoder), "--output": str(output),
        "--epochs": "3", "--batch-size": "4", "--max-length": "64", "--threads": "1", "--learning-rate": "3e-3",
    }  # fmt: skip
    return ["train", *(word for pair in stated.items() if pair[0] not in more for word in pair), *more]


@pytest.fixture(scope="module")
def run(data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with FreeLB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        output = tmp_path_factory.mktemp("several") / "run"
        assert (
            call(
                command(
                    data, tiny_encoder, output, "--method", "freelb", "--sampling", "capped", "--sampling-cap", "12"
                )
            )
            == 0
        )
    return output


def test_the_record_holds_every_task_its_drawn_updates_and_its_english_dev(run: Path) -> None:
    record = read_json(run / "run.json")
    assert record["task"] == "mnli,siqa,squad" and record["category"] == "several"
    assert record["sampling"] == {"sampling": "capped", "cap": 12, "temperature": None}
    entries = record["tasks"]
    assert [entry["task"] for entry in entries] == list(TASKS) and [entry["rows"] for entry in entries] == [24, 12, 12]
    assert [entry["probability"] for entry in entries] == [1 / 3] * 3
    # Three passes over 36 rows that count, in batches of 4.
    assert sum(entry["updates"] for entry in entries) == record["counts"]["updates"] == 27
    assert record["counts"]["forward"] == 2 * 27 and record["training"]["rows"] == 48
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    for entry in entries:
        assert entry["updates"] == sum(line["task"] == entry["task"] for line in lines) > 0
        assert entry["english_dev"]["items"] in (3, 4) and entry["data"]["files"]
    assert entries[2]["english_dev"]["metric"] == "squad"


def test_the_model_is_the_bare_encoder(run: Path, tiny_encoder: Path) -> None:
    encoder = transformers.AutoModel.from_pretrained(run / "model")
    before = transformers.AutoModel.from_pretrained(tiny_encoder)
    saved = load_file(run / "model/model.safetensors")
    assert set(saved) == {name for name in before.state_dict() if "pooler" not in name}
    assert not torch.equal(encoder.encoder.layer[0].output.dense.weight, before.encoder.layer[0].output.dense.weight)
    told = read_json(run / "model/config.json")
    assert told["architectures"] == ["BertModel"] and "problem_type" not in told
    assert transformers.AutoTokenizer.from_pretrained(run / "model")("ba")["input_ids"]
    text = (run / "model/README.md").read_text(encoding="utf-8")
    assert "| squad | 12 |" in text and "freelb-2" in text


def test_the_record_says_how_far_the_encoder_went(run: Path, tiny_encoder: Path) -> None:
    drift = read_json(run / "run.json")["drift"]
    before, after = load_file(tiny_encoder / "model.safetensors"), load_file(run / "model/model.safetensors")
    layer = [name for name in after if name.startswith("encoder.layer.1.")]

    def distance(names: list[str]) -> float:
        return float(sum((after[name].double() - before[name].double()).square().sum() for name in names)) ** 0.5

    assert drift["l2"] == pytest.approx(distance(list(after)), rel=1e-6) and drift["l2"] > 0
    assert drift["parts"]["layer 2"]["l2"] == pytest.approx(distance(layer), rel=1e-6)
    assert list(drift["parts"]) == ["embeddings", "layer 1", "layer 2"]


def test_encoder_and_head_make_the_model_that_was_trained(run: Path, data: Path) -> None:
    """Put together as the guide says; English dev is then what the run recorded."""
    from xtremor.sources import open_source
    from xtremor.tasks import classification
    from xtremor.tasks.cards import card

    head = run / "model/heads/mnli"
    config = transformers.AutoConfig.from_pretrained(head)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(run / "model", config=config)
    absent, unexpected = model.load_state_dict(load_file(head / "model.safetensors"), strict=False)
    assert not unexpected and all(name.startswith("bert.") and "pooler" not in name for name in absent)
    tokenizer = transformers.AutoTokenizer.from_pretrained(run / "model")
    examples = open_source(card("mnli"), data).examples("dev", "en")
    table = classification.predict(model.eval(), tokenizer, examples, card("mnli").labels, 64, torch.device("cpu"))
    score = (table["gold"] == table["predicted"]).mean() * 100
    assert score == pytest.approx(read_json(run / "run.json")["tasks"][0]["english_dev"]["score"])


@pytest.mark.usefixtures("own_cache")
def test_the_next_stage_takes_the_encoder(run: Path, data: Path, tmp_path: Path) -> None:
    assert call(command(data, run / "model", tmp_path / "next", "--task", "qqp", "--epochs", "1")) == 0
    record = read_json(tmp_path / "next/run.json")
    assert all("classifier" in name or "pooler" in name for name in record["encoder"]["missing"])
    assert record["encoder"]["loaded"] == len(load_file(run / "model/model.safetensors"))


def test_the_same_command_again_finds_the_run_finished_and_another_is_refused(
    run: Path, data: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = ("--method", "freelb", "--sampling", "capped", "--sampling-cap")
    assert call(command(data, tiny_encoder, run, *same, "12")) == 0
    assert "already finished" in capsys.readouterr().err
    assert call(command(data, tiny_encoder, run, *same, "13")) == 2
    assert "another configuration (sampling.cap: 12 there, 13 here)" in capsys.readouterr().err


def test_a_killed_run_ends_in_the_weights_of_a_straight_one(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """Killed before some heads were drawn often, so that they have few moments."""
    options = ("--method", "pgd", "--accumulate", "2", "--checkpoint-seconds", "0")
    assert_resumes(lambda output: command(data, tiny_encoder, output, *options), tmp_path, 2)
    for task in TASKS:
        heads = [
            load_file(tmp_path / each / f"model/heads/{task}/model.safetensors") for each in ("straight", "killed")
        ]
        assert all(torch.equal(tensor, heads[1][name]) for name, tensor in heads[0].items())
    logs = [(tmp_path / each / "log.jsonl").read_text(encoding="utf-8") for each in ("straight", "killed")]
    assert logs[0] == logs[1]


REFUSED: dict[str, Any] = {
    "mnli,siqua": "unknown task 'siqua' (nearest: siqa",
    "mnli,": "a name is missing beside a comma",
    "mnli,MultiNLI": "mnli is named more than once",
    "mnli,tatoeba": "tatoeba is retrieval, which is trained on alone",
}


@pytest.mark.parametrize("tasks", REFUSED)
def test_names_that_cannot_be_are_refused(
    tasks: str, data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command(data, tiny_encoder, tmp_path / "run", "--task", tasks)) == 2
    assert REFUSED[tasks] in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--evaluate",), "--evaluate scores one task"),
        (("--sampling", "capped"), "--sampling capped needs --sampling-cap"),
        (("--task", "mnli", "--sampling", "proportional"), "--sampling is for several tasks at once"),
        (("--task", "mnli", "--sampling-cap", "3"), "--sampling-cap is for several tasks at once"),
        (("--generalized",), "--generalized is about the scores of one task"),
        (("--text", "x"), "--text is about a file of your own"),
        (("--max-length", "500"), "more than the 140 positions"),
    ],
)
def test_options_that_cannot_be_are_refused(
    options: tuple[str, ...],
    said: str,
    data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(command(data, tiny_encoder, tmp_path / "run", *options)) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_damaged_dev_file_is_said_before_training(
    tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mnli", "siqa"):
        write(tmp_path / "data", name)
    (tmp_path / "data/siqa/dev-labels.lst").write_text("1\n")
    assert call(command(tmp_path / "data", tiny_encoder, tmp_path / "run", "--task", "mnli,siqa")) == 2
    assert "dev-labels.lst has 1 labels" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_setting_that_such_a_run_does_not_read_is_refused() -> None:
    from dataclasses import dataclass

    from xtremor.errors import UserError
    from xtremor.training.config import TrainSettings
    from xtremor.training.joint import check_read

    @dataclass(frozen=True)
    class Later(TrainSettings):
        later_option: float | None = None

    check_read(Later("mnli,qqp", learning_rate=1e-5))
    with pytest.raises(UserError, match="--later-option is for a run on one task"):
        check_read(Later("mnli,qqp", later_option=0.5))


def test_a_task_of_the_benchmark_is_trained_beside_an_english_one(tiny_encoder: Path, tmp_path: Path) -> None:
    """Any English training set can be one of several; long sentences are several units."""
    write(tmp_path / "data", "mnli")
    write_panx(tmp_path / "data", train=16)
    tasks = ("--task", "panx,mnli", "--sampling", "temperature", "--sampling-temperature", "2")
    assert call(command(tmp_path / "data", tiny_encoder, tmp_path / "run", *tasks, "--method", "noise-k")) == 0
    record = read_json(tmp_path / "run/run.json")
    assert [entry["category"] for entry in record["tasks"]] == ["tagging", "classification"]
    assert record["tasks"][0]["units"] > record["tasks"][0]["rows"] == 16
    assert record["tasks"][0]["english_dev"]["metric"] == "chunk_f1"


def test_such_a_run_has_no_single_task_to_score(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["evaluate", str(run)]) == 2
    said = capsys.readouterr().err
    assert "was trained on several tasks at once (mnli,siqa,squad)" in said and f"--encoder {run / 'model'}" in said
    assert call(["predict", str(run), "rows.txt"]) == 2
    assert call(["quickstart", "--task", "mnli,qqp", "--output", str(run.parent / "quick")]) == 2
    assert "several tasks, which `xtremor train` alone takes" in capsys.readouterr().err


def test_every_english_task_is_trained_and_scored_alone(tmp_path: Path, tiny_encoder: Path) -> None:
    """One command a task: its features, head, English dev and score."""
    for task in FILES:
        data, output = write(tmp_path / "data", task), tmp_path / task
        more = ("--task", task, "--epochs", "1", "--evaluate", "--no-keep-model")
        assert call(command(data, tiny_encoder, output, *more)) == 0, task
        scores = read_json(output / "scores.json")
        assert list(scores["languages"]) == ["en"] and scores["split"] == "dev"
        assert scores["average_without_english"] is None and read_json(output / "run.json")["english_dev"]["items"]
