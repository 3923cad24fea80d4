"""``xtremor train --method vat --unlabelled ...`` from end to end on tiny random encoders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.commands import assert_resumes, call, read_json, train_command
from helpers.own import reviews, train_own, write
from helpers.tiny import write_panx, write_xcopa
from safetensors.torch import load_file

pytestmark = [pytest.mark.usefixtures("own_cache", "one_thread")]
Captured = pytest.CaptureFixture[str]
VAT = ("--method", "vat", "--radius", "0.1")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``reviews.csv`` with labels, ``texts/`` without: sw, tr and a language not named; not to be written to."""
    folder = tmp_path_factory.mktemp("own")
    write(reviews("en", 60), folder / "reviews.csv")
    write(reviews("sw", 20, 1), folder / "texts" / "swh.txt")
    write(reviews("tr", 9, 1).select("id", "text"), folder / "texts" / "tr.csv")
    write(reviews("de", 5, 1).select("text"), folder / "texts" / "crawl.jsonl")
    (folder / "texts" / "README.md").write_text("what this is", encoding="utf-8")
    write(reviews("sw", 12, 2), folder / "test" / "sw.csv")
    return folder


def test_a_folder_of_texts_joins_and_everything_says_so(
    files: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    more = (*VAT, "--unlabelled", str(files / "texts"), "--unlabelled-rows", "2", "--epochs", "2")
    command = train_own(files / "reviews.csv", tiny_encoder, tmp_path / "run", *more, "--evaluate")
    assert call([*command, "--data", str(files / "test")]) == 0
    record, said = read_json(tmp_path / "run" / "run.json"), capsys.readouterr().err
    assert "unlabelled text: 34 rows (und 5, sw 20, tr 9), 2 beside every update" in said
    found = record["unlabelled"]
    assert found["languages"] == {"und": 5, "sw": 20, "tr": 9}
    assert {name: facts["rows"] for name, facts in found["files"].items()} == {
        "crawl.jsonl": 5,
        "swh.txt": 20,
        "tr.csv": 9,
    }
    assert all(len(facts["sha256"]) == 64 for facts in found["files"].values())
    updates = record["counts"]["updates"]
    assert updates == 16
    # Seventeen batches of two go once through all.
    trained = found["trained_on"]
    assert trained["rows"] == sum(trained["languages"].values()) == 32 and trained["batches"] == 16
    # VAT with K = 1: 8 passes of a labelled batch, 6 of another.
    counts = record["counts"]
    assert counts["forward"] + counts["backward_activations"] + counts["backward_weights"] == 16 * (8 + 6)
    own, all_ = trained["tokens"], counts["tokens"]
    assert counts["passes_relative_to_plain"] == pytest.approx((8 * (all_ - own) + 6 * own) / (3 * (all_ - own)))
    assert record["arm"].startswith("vat-1-r0.1-unlabelled2-texts-")
    warning = (
        "unlabelled text in a language not stated, sw, tr was trained on: scores there are zero-shot in the labels"
    )
    assert any(each.startswith(warning) for each in record["warnings"]) and warning in " ".join(said.split())
    assert warning in (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert read_json(tmp_path / "run" / "scores.json")["unlabelled_text_seen"] == found["languages"]
    capsys.readouterr()
    plain = train_own(files / "reviews.csv", tiny_encoder, tmp_path / "plain", "--epochs", "2", "--evaluate")
    assert call([*plain, "--data", str(files / "test"), "--no-keep-model"]) == 0
    runs = [str(tmp_path / name) for name in ("run", "plain")]
    assert call(["report", *runs, "--output", str(tmp_path / "page")]) == 0
    page = " ".join((tmp_path / "page" / "index.html").read_text(encoding="utf-8").split())
    assert warning in page and page.count("training.unlabelled") == 1
    assert "training.unlabelled is 2 texts an update from texts (sha256 " in page
    # Another content under the same name is another run.
    assert call([*command[:-1], "--data", str(files / "test")]) == 0
    assert "already finished" in capsys.readouterr().err


def test_another_content_is_another_run(files: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    text = write(reviews("sw", 20, 1), tmp_path / "sw.txt")
    more = (*VAT, "--unlabelled", str(text), "--epochs", "1")
    command = train_own(files / "reviews.csv", tiny_encoder, tmp_path / "run", *more)
    assert call(command) == 0
    write(reviews("sw", 20, 2), text)
    assert call(command) == 2
    assert "holds a run of another configuration (unlabelled_data" in capsys.readouterr().err


def test_english_alone_is_no_reason_to_warn(files: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    text = write(reviews("en", 20, 7), tmp_path / "eng.txt")
    more = (*VAT, "--unlabelled", str(text), "--no-keep-model", "--epochs", "1")
    assert call(train_own(files / "reviews.csv", tiny_encoder, tmp_path / "run", *more)) == 0
    record = read_json(tmp_path / "run" / "run.json")
    assert record["unlabelled"]["languages"] == {"en": 20} and not any(
        "unlabelled" in each for each in record["warnings"]
    )


def test_killed_and_resumed_is_uninterrupted(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """Pairs of the task's own rows, two parts an update, a linear probe before."""

    def command(folder: Path) -> list[str]:
        more = ("--unlabelled-languages", "sw,tr", "--unlabelled-split", "test", "--accumulate", "2", "--epochs", "1.5")
        more += ("--probe-epochs", "0.5", "--checkpoint-seconds", "0")
        return train_command(tiny_data, tiny_encoder, folder, *VAT, *more)

    assert_resumes(command, tmp_path, 14)
    record = read_json(tmp_path / "straight" / "run.json")
    counts, trained = record["counts"], record["unlabelled"]["trained_on"]
    assert record["arm"].startswith("vat-1-r0.1-unlabelled8-sw+tr-test") and counts["updates"] == 6 + 18
    # Probing is plain and on labelled rows: 6 updates of two parts.
    passes = counts["forward"] + counts["backward_activations"] + counts["backward_weights"]
    assert passes == 18 * 2 * 8 + trained["batches"] * 6 + counts_of_probe(counts, passes, trained["batches"])
    assert any("it is that of the rows of test" in each for each in record["warnings"])


def counts_of_probe(counts: dict, passes: float, batches: int) -> float:
    """What is left for linear probing: at most plain's three passes of each of its twelve batches."""
    left: float = passes - 18 * 2 * 8 - batches * 6
    assert 12 <= left <= 36
    return left


def test_at_radius_zero_it_is_training_without_the_text(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """With plain's update: what is added is the rounding of a divergence of zero."""
    runs = {
        "plain": (),
        "joined": ("--method", "vat", "--radius", "0", "--unlabelled-languages", "sw", "--unlabelled-split", "test"),
    }
    for name, more in runs.items():
        command = train_command(tiny_data, tiny_encoder, tmp_path / name, *more, "--learning-rate", "1e-4")
        assert call(command) == 0
    one, other = (load_file(tmp_path / name / "model" / "model.safetensors") for name in runs)
    for name, weight in one.items():
        # AdamW blows up the rounding of gradients that are zero but for it.
        if "key.bias" not in name:
            assert torch.allclose(weight, other[name], atol=5e-4), name


def test_tagging_by_rows_of_the_task_and_by_files(tiny_encoder: Path, tmp_path: Path) -> None:
    write_panx(tmp_path)
    (tmp_path / "sw.txt").write_text("ba de fo\nku la .\n", encoding="utf-8")
    (tmp_path / "yo.conll").write_text("ba\nde\n\nfo\n", encoding="utf-8")
    more = ("--task", "panx", "--max-length", "64", "--no-keep-model", *VAT, "--unlabelled-languages", "sw")
    more += ("--unlabelled-split", "test", "--unlabelled", f"{tmp_path}/sw.txt,{tmp_path}/yo.conll")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", *more)) == 0
    found = read_json(tmp_path / "run" / "run.json")["unlabelled"]
    assert found["languages"] == {"sw": 10, "yo": 2} and {"sw.txt", "yo.conll"} < found["files"].keys()


def test_pairs_need_both_columns(tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    rows = "".join(json.dumps({"a": "ba de", "b": "fo", "c": 1}) + "\n" for _ in range(5))
    (tmp_path / "sw.jsonl").write_text(rows, encoding="utf-8")
    base = train_command(tiny_data, tiny_encoder, tmp_path / "run", *VAT, "--unlabelled", str(tmp_path / "sw.jsonl"))
    assert call([*base, "--unlabelled-text", "a"]) == 2
    assert "the task's rows are pairs of texts; name both columns" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
    assert call([*base, "--unlabelled-text", "a", "--unlabelled-text-pair", "b", "--no-keep-model"]) == 0
    # One round over five texts is all that a batch of eight can be.
    assert read_json(tmp_path / "run" / "run.json")["unlabelled"]["trained_on"]["rows"] == 12 * 5


REFUSED = [
    (("--method", "pgd", "--unlabelled", "{texts}"), "the method 'pgd' needs labels; text without labels can join vat"),
    ((*VAT, "--unlabelled", "absent.txt"), "--unlabelled: absent.txt does not exist"),
    ((*VAT, "--unlabelled", "{empty}"), "holds no file of texts; expected files such as sw.txt"),
    ((*VAT, "--unlabelled", "{texts}/README.md"), "is no file of texts; expected .csv"),
    ((*VAT, "--unlabelled", "swahili={texts}/swh.txt"), "'swahili' is no language code"),
    ((*VAT, "--unlabelled", ","), "--unlabelled names no text"),
    ((*VAT, "--unlabelled", "{blank}"), "blank.txt, line 2: column 'text' is empty; fill it in or remove the row"),
    ((*VAT, "--unlabelled", "{texts}", "--unlabelled-text", "body"), "unknown column of"),
    ((*VAT, "--unlabelled", "{texts}", "--unlabelled-rows", "0"), "--unlabelled-rows must be at least 1, not 0"),
    ((*VAT, "--unlabelled", "{texts}", "--unlabelled-split", "dev"), "--unlabelled-split is about rows of the task"),
    ((*VAT, "--unlabelled-rows", "4"), "--unlabelled-rows is about unlabelled text; name it with --unlabelled"),
    ((*VAT, "--unlabelled-languages", "sw"), "unknown language of reviews dev 'sw'"),
    ((*VAT, "--unlabelled-languages", "en,en"), "--unlabelled-languages names en more than once"),
    ((*VAT, "--unlabelled-languages", ","), "--unlabelled-languages names no language"),
    ((*VAT, "--unlabelled-languages", "en", "--unlabelled-text", "a"), "--unlabelled-text is about files"),
    ((*VAT, "--unlabelled-languages", "en", "--unlabelled-split", "tset"), "reviews has no such split"),
    ((*VAT, "--unlabelled", "{texts}", "--unlabelled-text-pair", "id"), "the task's rows are single texts"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "message"), REFUSED)
def test_refusals(
    more: tuple[str, ...], message: str, files: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text("ba de\n\nfo\n", encoding="utf-8")
    places = {"texts": files / "texts", "empty": tmp_path / "empty", "blank": tmp_path / "blank.txt"}
    typed = [word.format(**places) for word in more]
    assert call(train_own(files / "reviews.csv", tiny_encoder, tmp_path / "run", *typed)) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split()) and said.count("error: ") == 1 and "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_what_text_cannot_join_yet(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    write_xcopa(tmp_path)
    more = ("--unlabelled-languages", "sw", "--unlabelled-split", "test")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", "--task", "xcopa", *VAT, *more)) == 2
    assert "unlabelled text can join classification and tagging; xcopa is choice" in capsys.readouterr().err
    write_panx(tmp_path, train=8)
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", "--task", "panx,xcopa", *VAT, *more)) == 2
    assert "unlabelled text joins a run on one task" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
