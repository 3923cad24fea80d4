"""``xtremor train --method rsda`` from end to end on tiny random encoders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers.commands import assert_resumes, call, read_json, train_command
from helpers.tiny import make_tokenizer, write_mlqa, write_panx, write_xcopa
from safetensors.torch import load_file

from xtremor.robust.substitution.words import word_of

pytestmark = pytest.mark.usefixtures("own_cache")
VOCABULARY = sorted(word for word in make_tokenizer().get_vocab() if word_of(word) and not word.startswith("unused"))


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every word of the made-up languages has four neighbours among them."""
    path = tmp_path_factory.mktemp("near") / "near.json"
    ring = VOCABULARY + VOCABULARY[:4]
    path.write_text(json.dumps({word: ring[at + 1 : at + 5] for at, word in enumerate(VOCABULARY)}), encoding="utf-8")
    return path


def rsda(near: Path | str, *more: str) -> tuple[str, ...]:
    return ("--method", "rsda", "--neighbours", str(near), *more)


def test_killed_and_resumed_is_uninterrupted(tiny_data: Path, tiny_encoder: Path, near: Path, tmp_path: Path) -> None:
    def command(folder: Path) -> list[str]:
        options = rsda(near, "--epochs", "1.5", "--copies", "2", "--checkpoint-seconds", "0")
        return train_command(tiny_data, tiny_encoder, folder, *options)

    assert_resumes(command, tmp_path, 14)
    record = read_json(tmp_path / "straight" / "run.json")
    found = record["substitution"]
    assert record["arm"].startswith("rsda-near-") and record["arm"].endswith("-x2")
    assert found["draws"] == 3 and 0.6 < found["changed_share"] < 0.9 and record["counts"]["updates"] == 36
    # Three passes a batch: what is new is in the text.
    assert record["counts"]["forward"] == 36 and record["counts"]["passes_relative_to_plain"] == 1.0


def test_where_every_word_is_protected_it_is_plain_training(
    tiny_data: Path, tiny_encoder: Path, near: Path, tmp_path: Path
) -> None:
    protect = tmp_path / "all.txt"
    protect.write_text("\n".join(VOCABULARY), encoding="utf-8")
    options = rsda(near, "--protect", str(protect), "--epochs", "2")
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "rsda", *options)) == 0
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "plain", "--epochs", "2")) == 0
    weights = [load_file(tmp_path / name / "model" / "model.safetensors") for name in ("rsda", "plain")]
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    found = read_json(tmp_path / "rsda" / "run.json")["substitution"]
    assert found["changed"] == found["known"] == 0 and found["protected"] == found["words"] > 0


def test_linear_probing_goes_over_one_draw(tiny_data: Path, tiny_encoder: Path, near: Path, tmp_path: Path) -> None:
    options = rsda(near, "--epochs", "2", "--probe-epochs", "1", "--no-keep-model")
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", *options)) == 0
    assert read_json(tmp_path / "run" / "run.json")["counts"]["updates"] == 12 + 24


@pytest.mark.parametrize("task", ["panx", "xcopa", "mlqa"])
def test_the_other_categories(task: str, tiny_encoder: Path, near: Path, tmp_path: Path) -> None:
    {"panx": write_panx, "xcopa": write_xcopa, "mlqa": write_mlqa}[task](tmp_path)
    options = rsda(near, "--task", task, "--epochs", "2", "--max-length", "64", "--no-keep-model")
    assert call(train_command(tmp_path, tiny_encoder, tmp_path / "run", *options)) == 0
    found = read_json(tmp_path / "run" / "run.json")["substitution"]
    assert found["draws"] == 2 and found["changed_share"] > 0.4
    assert (found["answers"] > 0) == (task == "mlqa")


def test_neighbours_of_the_encoder(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    options = ("--method", "rsda", "--min-similarity", "0.3", "--protect", "none", "--no-keep-model")
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", *options)) == 0
    record = read_json(tmp_path / "run" / "run.json")
    assert record["arm"] == "rsda-cos0.3-protect-none" and record["substitution"]["changed"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "rsda", "--neighbours", "absent.json"), "absent.json does not exist; name a JSON file"),
        (("--method", "rsda", "--protect", "absent.txt"), "--protect absent.txt: there is no such file"),
        (("--method", "rsda", "--copies", "0"), "--copies must be at least 1, not 0"),
        (("--method", "rsda", "--min-similarity", "2"), "--min-similarity is a cosine, from -1 to 1, not 2"),
        (
            ("--method", "rsda", "--neighbours", "n.json", "--min-similarity", "0.4"),
            "--min-similarity means nothing to",
        ),
        (("--method", "rsda", "--radius", "0.1"), "--radius means nothing to the method 'rsda'"),
        (("--method", "pgd", "--substitute-apart"), "--substitute-apart means nothing to the method 'pgd'"),
        (("--copies", "2"), "--copies means nothing to the method 'plain'"),
    ],
)
def test_refusals(
    options: tuple[str, ...],
    message: str,
    tiny_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", *options)) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split()) and not (tmp_path / "run").exists()
