"""The command: text by language, the folder that it writes, what is the same in it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from helpers.commands import call, train_command
from helpers.tiny import sentence, write_encoder

from xtremor.encoders.load import load_task_model, load_tokenizer

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of made-up text in three languages; one is short."""
    import random

    folder = tmp_path_factory.mktemp("text")
    for language, count in (("en", 300), ("sw", 300), ("yo", 3)):
        draw = random.Random(language)
        lines = [sentence(draw, language if language != "yo" else "sw") for _ in range(count)]
        (folder / f"{language}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def command(encoder: Path, text: Path, output: Path, *more: str) -> list[str]:
    return ["trim", str(encoder), "--languages", "sw", "--text", str(text), "--output", str(output), *more]


def inputs(folder: Path | str, lines: list[str]) -> dict[str, torch.Tensor]:
    found = transformers.AutoTokenizer.from_pretrained(folder)(lines, padding=True, return_tensors="pt")
    return dict(found)


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "modernbert"])
def test_hidden_states_are_the_same(kind: str, tmp_path: Path, text: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder", kind)
    assert call(command(encoder, text, tmp_path / "small")) == 0
    lines = (text / "sw.txt").read_text(encoding="utf-8").split("\n")[1:10]
    states = []
    for folder in (encoder, tmp_path / "small"):
        model = transformers.AutoModel.from_pretrained(folder).eval()
        with torch.inference_mode():
            states.append(model(**inputs(folder, lines)).last_hidden_state)
    assert torch.equal(*states)
    before, after = (load_task_model(str(folder), "AutoModel")[0] for folder in (encoder, tmp_path / "small"))
    assert after.get_input_embeddings().num_embeddings < 0.7 * before.get_input_embeddings().num_embeddings
    assert after.config.vocab_size == len(load_tokenizer(str(tmp_path / "small")))
    ids = {name: value for name, value in after.config.to_dict().items() if name.endswith("_token_id")}
    assert ids["pad_token_id"] == before.config.pad_token_id


def test_a_trained_run_keeps_its_head_and_its_logits(
    tmp_path: Path, text: Path, tiny_data: Path, tiny_encoder: Path
) -> None:
    run = tmp_path / "run"
    assert call(train_command(tiny_data, tiny_encoder, run)) == 0
    assert call(command(run, text, tmp_path / "small")) == 0
    lines = (text / "sw.txt").read_text(encoding="utf-8").split("\n")[1:10]
    logits = []
    for folder in (run / "model", tmp_path / "small"):
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
        with torch.inference_mode():
            logits.append(model(**inputs(folder, lines)).logits)
    assert torch.equal(*logits)


def test_it_can_be_trained_and_scored(tmp_path: Path, tiny_data: Path, tiny_encoder: Path) -> None:
    languages = ["--languages", "sw,de", "--data", str(tiny_data), "--task", "xnli"]
    small, run = tmp_path / "small", tmp_path / "run"
    assert call(["trim", str(tiny_encoder), *languages, "--output", str(small)]) == 2
    more = tmp_path / "more"
    from helpers.tiny import write_xnli

    write_xnli(more, train=300, scored=200, languages=("en", "sw", "de"))
    languages[3] = str(more)
    assert call(["trim", str(tiny_encoder), *languages, "--output", str(small)]) == 0
    assert call(train_command(more, small, run, "--train-rows", "32")) == 0
    assert call(["evaluate", str(run), "--data", str(more), "--languages", "sw,de", "--limit", "8"]) == 0
    assert json.loads((run / "scores.json").read_text())["languages"]["sw"]["items"] == 8


def test_what_it_says_of_held_out_text(
    tmp_path: Path, text: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small"
    assert call(command(tiny_encoder, text, small, "--json", "--min-count", "2", "--half")) == 0
    record = json.loads(capsys.readouterr().out)
    told = {each["language"]: each for each in record["languages"]}
    assert list(told) == ["en", "sw"] and told["sw"]["held_out"] == pytest.approx(told["sw"]["lines"] / 9, abs=1)
    assert told["sw"]["unknown_before"] == 0 <= told["sw"]["unknown_after"] < 100
    assert told["sw"]["same"] <= 100 and record["rows"]["after"] < record["rows"]["before"]
    assert json.loads((small / "trim.json").read_text())["least"] == 2
    assert "at least 2 times" in (small / "README.md").read_text() and "float16" in (small / "README.md").read_text()
    from safetensors import safe_open

    with safe_open(small / "model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert record["bytes"] == sum(path.stat().st_size for path in small.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence_of"),
    [
        (["--languages", "xx"], "xx"),
        (["--languages", " ,"], "names none"),
        (["--languages", "sw,yo"], "too little text of yo"),
        (["--languages", "tr"], "too little text of tr (0 words)"),
        (["--data", "/tmp"], "--task panx,xnli"),
        (["--min-count", "0"], "at least 1, not 0"),
        (["--text", "/nowhere"], "--text: /nowhere does not exist"),
    ],
)
def test_refusals(
    arguments: list[str], sentence_of: str, tmp_path: Path, text: Path, tiny_encoder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = command(tiny_encoder, text, tmp_path / "small")
    for name, value in zip(arguments[::2], arguments[1::2], strict=True):
        if name in words:
            words[words.index(name) + 1] = value
        else:
            words += [name, value]
    assert call(words) == 2
    assert sentence_of in capsys.readouterr().err
    assert not (tmp_path / "small").exists()


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, text: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    assert call(command(tiny_encoder, text, tmp_path)) == 2
    assert "holds something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_starter_sentences_are_the_default(
    tmp_path: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("hassil")
    words = ["trim", str(tiny_encoder), "--languages", "yo", "--output", str(tmp_path / "small")]
    assert call(words) == 2
    assert "too little text of yo (0 words) in all texts of intents" in capsys.readouterr().err
