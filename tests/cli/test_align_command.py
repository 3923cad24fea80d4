"""`xtremor align` on tiny encoders and runs: what it writes, what it resumes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from helpers.commands import call, train_command

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


@pytest.fixture(scope="module")
def runs(tiny_encoder: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs that learnt the tiny task; not to be written to."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for seed in ("1", "2"):
            assert call(train_command(tiny_data, tiny_encoder, folder / f"run{seed}", "--seed", seed)) == 0
    return [folder / "run1", folder / "run2"]


def pairs_file(folder: Path, rows: int = 8) -> Path:
    path = folder / "sw.tsv"
    path.write_text("".join(f"ba de {n}\tfo gi {n}\n" for n in range(rows)), encoding="utf-8")
    return path


def command(output: Path, *more: str) -> list[str]:
    return ["align", *more, "--output", str(output), "--threads", "1"]


def test_runs_on_a_task(
    runs: list[Path], tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    task = ("--task", "xnli", "--data", str(tiny_data), "--languages", "en,sw,de")
    wanted = command(tmp_path / "out", *map(str, runs), *task)
    assert call(wanted) == 0
    out = tmp_path / "out"
    result = json.loads((out / "align.json").read_text())
    assert result["languages"] == ["sw", "de"] and list(result["subjects"]) == ["run1", "run2"]
    assert len(result["layers"]) == 2 * 2 * 3 and len(result["stability"]) == 2 * 2 * 3 and len(result["changes"]) == 6
    cell = result["stability"][0]
    assert sum(cell["table"].values()) == cell["rows"] == 12 and 0 <= cell["coverage"] <= 100
    assert cell["accuracy"] is not None and cell["passes"]["forward"] > 2
    table = pl.read_parquet(out / "stability.parquet")
    one = table.filter((pl.col("subject") == "run1") & (pl.col("language") == "sw") & (pl.col("layer") == 1))
    assert one.height == 12 and 100 * one["kept"].mean() == pytest.approx(
        next(c["kept"] for c in result["stability"] if (c["subject"], c["language"], c["layer"]) == ("run1", "sw", 1))
    )
    known = one.filter(pl.col("radius_translation").is_not_null())
    assert (known["covered"] == (known["radius_translation"] > known["displacement"])).all()
    # Over the rows of both languages; neither is weighted.
    whole = next(c for c in result["pooled"] if (c["subject"], c["layer"]) == ("run1", 1))
    both = table.filter((pl.col("subject") == "run1") & (pl.col("layer") == 1))
    assert (whole["language"], whole["rows"], whole["clusters"]) == ("all 2", 24, one["cluster"].n_unique())
    assert whole["kept"] == pytest.approx(100 * both["kept"].mean()) and sum(whole["table"].values()) == 24
    since = [c for c in result["pooled_changes"] if c["layer"] == 1]
    now = next(c for c in result["pooled"] if (c["subject"], c["layer"]) == ("run2", 1))
    assert [c["kept"]["estimate"] for c in since] == [pytest.approx(now["kept"] - whole["kept"])]
    # English answers are one model's, whatever the language.
    other = table.filter((pl.col("subject") == "run1") & (pl.col("language") == "de") & (pl.col("layer") == 1))
    assert other["answer_english"].equals(one["answer_english"])
    assert other["radius_attack"].equals(one["radius_attack"])
    rows = pl.read_parquet(out / "displacement.parquet")
    assert rows.height == 2 * 2 * 3 * 12
    assert {path.name for path in out.iterdir()} == {
        "config.json", "align.json", "align.html", "align-layers.svg", "align-coverage.svg", "displacement.parquet",
        "stability.parquet",
    }  # fmt: skip
    page = (out / "align.html").read_text()
    assert "run1" in page and "Coverage is right" in page
    capsys.readouterr()
    assert call(wanted) == 0
    assert "already measured" in capsys.readouterr().err


def test_it_goes_on_where_it_was_stopped(
    runs: list[Path], tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xtremor.analysis import radii

    task = ("--task", "xnli", "--data", str(tiny_data), "--languages", "sw,de")
    assert call(command(tmp_path / "whole", str(runs[0]), *task)) == 0
    measure, asked = radii.Radii.measure, []

    def stopped(self, rows, told=None):
        asked.append(rows.language)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return measure(self, rows, told)

    monkeypatch.setattr(radii.Radii, "measure", stopped)
    assert call(command(tmp_path / "out", str(runs[0]), *task)) == 130
    assert not (tmp_path / "out" / "align.json").exists()
    assert call(command(tmp_path / "out", str(runs[0]), *task)) == 0
    assert asked == ["sw", "de", "de"]
    found = [json.loads((tmp_path / name / "align.json").read_text()) for name in ("whole", "out")]
    for name in ("layers", "stability", "pooled"):
        assert found[0][name] == found[1][name]


def test_own_files_and_an_encoder_alone(tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pairs_file(tmp_path)
    assert call(command(tmp_path / "out", str(tiny_encoder), "--pairs", str(tmp_path / "sw.tsv"))) == 0
    result = json.loads((tmp_path / "out" / "align.json").read_text())
    assert result["stability"] == [] and len(result["layers"]) == 3
    (tmp_path / "en.txt").write_text("".join(f"ba de {n}\n" for n in range(8)), encoding="utf-8")
    (tmp_path / "x.txt").write_text("".join(f"fo gi {n}\n" for n in range(8)), encoding="utf-8")
    more = ("--pairs", f"sw={tmp_path / 'x.txt'}", "--english", str(tmp_path / "en.txt"))
    assert call(command(tmp_path / "lines", str(tiny_encoder), *more)) == 0
    lines = json.loads((tmp_path / "lines" / "align.json").read_text())
    assert lines["layers"] == result["layers"]
    assert not list(tmp_path.glob("*/.*"))


def test_a_run_that_answers_pairs_has_no_radius_on_single_texts(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert call(command(tmp_path / "out", str(runs[0]), "--pairs", str(pairs_file(tmp_path)))) == 0
    result = json.loads((tmp_path / "out" / "align.json").read_text())
    assert "pairs of texts" in result["no_stability"]["run1"] and not result["stability"]


BAD = {
    "nothing": ([], "name parallel rows"),
    "both": (["--task", "xnli", "--pairs", "x"], "name parallel rows"),
    "no data": (["--task", "xnli"], "needs --data DIR"),
    "not parallel": (["--task", "panx", "--data", "{data}"], "files of task panx"),
    "english alone": (["--task", "xnli", "--data", "{data}", "--languages", "en"], "there is English alone"),
    "no such language": (["--task", "xnli", "--data", "{data}", "--languages", "yo"], "xnli test has no yo"),
    "layers": (["--pairs", "{good}", "--stability-layers", "a"], "write numbers from 0"),
    "one row": (["--pairs", "{good}", "--limit", "1"], "--limit must be at least 2"),
    "missing": (["--pairs", "{folder}/none.tsv"], "none.tsv does not exist"),
    "no code": (["--pairs", "{folder}/empty-line.tsv"], "is no language code"),
    "empty line": (["--pairs", "sw={folder}/empty-line.tsv"], "empty-line.tsv, line 2 is empty"),
    "one side": (["--pairs", "sw={folder}/one-side.tsv"], "line 2: the translation is empty"),
    "columns": (["--pairs", "sw={folder}/columns.tsv"], "line 1 has 3 tab-separated columns"),
    "short": (["--pairs", "sw={folder}/short.txt", "--english", "{folder}/en.txt"], "2 lines and .*en.txt 3"),
    "gap": (["--pairs", "sw={folder}/short.txt", "--english", "{folder}/gap.txt"], "gap.txt, line 2 is empty"),
    "english file": (["--pairs", "en={folder}/short.txt"], "is English; name its translations"),
    "twice": (["--pairs", "sw={good},swh={folder}/short.txt"], "both of the language sw"),
    "same rows": (["--pairs", "sw={folder}/same.tsv"], "rows share text"),
    "english without pairs": (["--task", "xnli", "--data", "{data}", "--english", "x"], "--english goes with --pairs"),
    "language not named": (["--pairs", "{good}", "--languages", "de"], "names no file of de"),
    "named twice": (["{encoder}", "{encoder}", "--pairs", "{good}"], "named twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(
    name: str, tiny_encoder: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    import re

    files = {
        "empty-line.tsv": "a\tb\n\nc\td\n", "one-side.tsv": "a\tb\nc\t \n", "columns.tsv": "a\tb\tc\n",
        "short.txt": "a\nb\n", "en.txt": "a\nb\nc\n", "gap.txt": "a\n\nb\n", "same.tsv": "a\tb\na\tc\na\td\n",
    }  # fmt: skip
    for file, text in files.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    given, said = BAD[name]
    values = {"data": tiny_data, "good": pairs_file(tmp_path), "folder": tmp_path, "encoder": tiny_encoder}
    arguments = [each.format(**values) for each in given]
    if not arguments or arguments[0].startswith("-"):
        arguments = [str(tiny_encoder), *arguments]
    assert call(command(tmp_path / "out", *arguments)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and re.search(said, error), error
    assert not (tmp_path / "out" / "align.json").exists()
