"""`xtremor select`: what it chooses and says, beside what, and what it refuses."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import call
from helpers.features import write_features
from helpers.invented import invent

from xtremor.study.reading import read_study

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
LANGUAGES = "en,de,sw,yo,eu"


@pytest.fixture(scope="module")
def uriel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """URIEL in miniature."""
    return write_features(tmp_path_factory.mktemp("uriel"))


def scores_file(folder: Path, codes: list[str]) -> Path:
    draw = np.random.default_rng(0)
    lines = [f"{one},{two},{draw.uniform(30, 70):.2f}" for one, two in itertools.permutations(codes, 2)]
    path = folder / "scores.csv"
    path.write_text("\n".join(["source,target,score", *lines, "de+sw,yo,55", ""]), encoding="utf-8")
    return path


def chosen(folder: Path, *more: str) -> dict:
    assert call(["select", *more, "--output", str(folder / "out")]) == 0
    return json.loads((folder / "out" / "select.json").read_text())


def test_every_distance_beside_random_sets_and_english(
    uriel: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    scores = scores_file(tmp_path, LANGUAGES.split(","))
    given = ("--targets", LANGUAGES, "--uriel", str(uriel), "--k", "1,2", "--rows", "101", "--scores", str(scores))
    result = chosen(tmp_path, *given, "--draws", "50")
    names = ["kinship", "uriel", "syntax", "phonology", "inventory", "family", "geography"]
    assert [each["name"] for each in result["distances"]] == names
    assert len(result["choices"]) == 14
    for choice in result["choices"]:
        assert len(choice["sources"]) == choice["k"] and sum(choice["rows"].values()) == 101
        assert max(choice["rows"].values()) - min(choice["rows"].values()) <= 1
        assert choice["targets_left_out"] == choice["sources"] and choice["exact"]
        assert choice["cost"] <= choice["random"]["low"] + 1e-9 and choice["cost"] <= choice["english"] + 1e-9
    assert len(result["scores"]["check"]) == 7 and result["scores"]["chosen_by_others"] is not None
    told = capsys.readouterr().err
    assert "eu without enough features" in told and "no zero-shot target" in told
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"select.json", "select.html", "select-choices.svg"}
    # The same again, and a set of which a real model was scored.
    again = chosen(tmp_path, *given, "--draws", "50", "--sources", "de,sw")
    two = next(each for each in again["choices"] if each["k"] == 2)
    assert two["transfer"]["observed"] == 55 and two["english"] is None


def test_the_transfer_of_a_set_leaves_its_sources_out(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(
        "source,target,score\nen,de,60\nen,sw,40\nde,en,70\nde,sw,44\nsw,en,50\nsw,de,45\n", encoding="utf-8"
    )
    result = chosen(tmp_path, "--targets", "en,de,sw", "--distances", "kinship", "--k", "2", "--scores", str(path))
    choice = result["choices"][0]
    left = {"en": 70, "de": 60, "sw": 44}
    (target,) = set(left) - set(choice["sources"])
    assert choice["transfer"]["value"] == left[target]
    assert choice["transfer"]["english"] == 50


def test_scores_of_a_study(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """As a table of the means over its seeds, and over arms that share their sources, which are named."""
    sources = {"one": ["de"], "two": ["de"], "both": ["de", "sw"], "sw": ["sw"]}
    gains = {"one": 10.0, "two": 20.0, "both": 30.0, "sw": 0.0, "none": 5.0}
    invent(tmp_path / "study", gains, seeds=(1, 2), codes=("en", "de", "sw", "yo"), sources=sources, noise=0.0)
    given = ("--targets", "en,de,sw,yo", "--distances", "kinship", "--k", "2", "--scores")
    ours = chosen(tmp_path, *given, str(tmp_path / "study"))
    assert [note for note in ours["notes"] if "means over" in note] == ["de: means over one, two"]
    dice = np.random.default_rng(3)
    level = {"en": 90.0} | {code: 45 + 20 * dice.random() for code in ("de", "sw", "yo")}
    shift = {"en": 5.0, "de": 15.0, "sw": 0.0, "de+sw": 30.0}
    path = tmp_path / "table.csv"
    path.write_text("source,target,score\n" + "".join(
        f"{source},{target},{value + (0 if target == 'en' else shift[source])}\n"
        for source in shift for target, value in level.items() if target not in source.split("+")
    ))  # fmt: skip
    table = chosen(tmp_path, *given, str(path))
    (choice,), (same,) = ours["choices"], table["choices"]
    assert choice["transfer"]["value"] == pytest.approx(same["transfer"]["value"])
    for check, expected in zip(ours["scores"]["check"], table["scores"]["check"], strict=True):
        assert check == pytest.approx(expected)
    assert ours["scores"]["several"]["de+sw"] == pytest.approx(table["scores"]["several"]["de+sw"])


def test_a_study_file_of_what_was_chosen(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "trial.toml"
    given = ("--task", "xnli", "--sources", "en,de,sw,hi", "--distances", "kinship", "--k", "2", "--study", str(path))
    (choice,) = chosen(tmp_path, *given)["choices"]
    study = read_study(path)
    assert [arm.name for arm in study.arms] == ["English", "kinship 2", "random 2 draw 1", "random 2 draw 2"]
    assert dict(study.arms[1].stage2.stated)["sources"] == ",".join(sorted(choice["sources"]))
    # Refused before anything is chosen, and left as it was.
    before = path.read_text()
    capsys.readouterr()
    assert call(["select", *given, "--output", str(tmp_path / "again")]) == 2
    assert "exists already" in capsys.readouterr().err and path.read_text() == before
    assert not (tmp_path / "again").exists()
    other = ["--targets", "sw,de", "--k", "1", "--distances", "kinship", "--study", str(tmp_path / "x.toml")]
    assert call(["select", *other, "--output", str(tmp_path / "again")]) == 2
    assert "name it with --task" in capsys.readouterr().err


def test_a_study_without_a_finished_evaluation_has_no_scores(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    invent(tmp_path / "study", {"none": 1.0}, seeds=(1,), missing=[("none", 1)])
    given = ["--targets", "de,sw", "--k", "1", "--scores", str(tmp_path / "study"), "--output", str(tmp_path / "out")]
    assert call(["select", *given]) == 2
    assert "no finished evaluation" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_sources_without_enough_rows_in_the_data_are_named(tmp_path: Path) -> None:
    """A choice that cannot be trained is said before somebody tries."""
    folder = tmp_path / "data" / "panx"
    folder.mkdir(parents=True)
    for code, rows in (("en", 6), ("de", 6), ("sw", 2)):
        (folder / f"train-{code}.tsv").write_text(f"{code}:ba\tO\n\n" * rows, encoding="utf-8")
    given = ("--task", "panx", "--data", str(folder.parent), "--distances", "kinship", "--k", "2", "--rows", "8")
    result = chosen(tmp_path, *given, "--targets", "de,sw,yo", "--sources", "sw,yo")
    (choice,) = result["choices"]
    assert choice["sources"] == ["sw", "yo"]
    short = [note for note in result["notes"] if "training rows" in note]
    assert [note.split(",")[0] for note in short] == [
        f"sw has 2 training rows of panx in {folder.parent}",
        f"yo has 0 training rows of panx in {folder.parent}",
    ]
    enough = chosen(tmp_path, *given, "--targets", "de,sw,yo", "--sources", "de,en")
    assert not any("training rows" in note for note in enough["notes"])


def test_the_encoder_s_own_distance(tiny_encoder: Path, tiny_data: Path, tmp_path: Path) -> None:
    given = (
        "--task",
        "xnli",
        "--data",
        str(tiny_data),
        "--encoder",
        str(tiny_encoder),
        "--distances",
        "encoder,kinship",
    )
    result = chosen(tmp_path, *given, "--k", "2", "--text-rows", "6", "--threads", "1")
    assert [each["name"] for each in result["distances"]] == ["kinship", "encoder"]
    folder = tmp_path / "text"
    folder.mkdir()
    for code in ("en", "de", "sw"):
        (folder / f"{code}.txt").write_text("ba de\nfo gi\n", encoding="utf-8")
    given = (
        "--targets",
        "en,de,sw,fr",
        "--text",
        str(folder),
        "--encoder",
        str(tiny_encoder),
        "--distances",
        "encoder",
    )
    result = chosen(tmp_path, *given, "--k", "1", "--threads", "1")
    assert result["distances"][0]["replaced"] == ["fr"]


BAD = {
    "nothing": ([], "name the languages"),
    "fewer than k": (["--targets", "sw,yo", "--sources", "de,fr"], r"2 source languages \(de, fr\), fewer than --k 4"),
    "unknown": (["--targets", "sw,xx"], "unknown language 'xx'"),
    "twice": (["--targets", "sw,sw"], "--targets: sw is named more than once"),
    "k": (["--targets", "sw,yo", "--k", "two"], "--k two: write numbers"),
    "k of nothing": (["--targets", "sw,yo", "--k", "0"], "at least 1"),
    "distance": (["--targets", "sw,yo,de,fr", "--distances", "kinshop"], "unknown distance 'kinshop'"),
    "no text": (["--targets", "sw,yo,de,fr", "--distances", "encoder"], "--distances encoder reads text"),
    "no uriel": (["--targets", "sw,yo,de,fr", "--uriel", "{folder}"], "holds no features.npz"),
    "no scores": (["--targets", "sw,yo,de,fr", "--distances", "kinship", "--scores", "{folder}/x.csv"], "no such file"),
    "no run": (["--targets", "sw,yo,de,fr", "--distances", "kinship", "--scores", "{folder}"], "is not a run folder"),
    "rows": (["--targets", "sw,yo,de,fr", "--rows", "2"], "fewer than 4 sources"),
    "coverage": (["--targets", "sw,yo,de,fr", "--min-coverage", "25"], "from 0 to 1"),
    "empty text": (["--targets", "sw,yo,de,fr", "--text", "{text}", "--distances", "encoder"], "line 2 is empty"),
    "no files": (["--targets", "de,fr,en,ja", "--text", "{text}", "--distances", "encoder"], "holds no file of"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    import re

    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "sw.txt").write_text("a\n\nb\n", encoding="utf-8")
    given, said = BAD[name]
    arguments = [each.format(folder=tmp_path, text=tmp_path / "text") for each in given]
    assert call(["select", *arguments, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and re.search(said, error), error
    assert not (tmp_path / "out").exists()
