"""The command line: exit codes, one sentence for what is refused, help with examples, JSON on standard output alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.commands import call, train_command

from xtremor.cli.app import COMMANDS
from xtremor.launch import WATCH

pytestmark = pytest.mark.usefixtures("own_cache")
Captured = pytest.CaptureFixture[str]

LIGHT = """
import sys
from xtremor.__main__ import run
code = run(sys.argv[1:])
heavy = ("torch", "transformers", "polars", "numpy", "altair", "scipy", "accelerate")
print("heavy:", [name for name in heavy if name in sys.modules])
sys.exit(code)
"""


def light(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LIGHT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments", [("--help",), ("train", "--help"), ("methods",), ("tasks", "--json"), ("--version",)]
)
def test_what_only_tells_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    done = light(*arguments)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("heavy: []"), done.stdout + done.stderr


def test_help_lists_every_command(capsys: Captured) -> None:
    assert call(["--help"]) == 0
    said = capsys.readouterr().out
    for name in COMMANDS:
        assert name in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(command: str, capsys: Captured) -> None:
    assert call([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "For example" in said and f"xtremor {command}" in said


def test_an_example_is_a_command_that_parses() -> None:
    """Every quoted example of the help."""
    import re
    import shlex

    from xtremor.cli.app import app

    for name, (_, text) in COMMANDS.items():
        examples = re.findall(r"`xtremor ([^`]+)`", text.partition("For example")[2])
        assert examples, name
        for example in examples:
            app.parse_args(shlex.split(example), exit_on_error=False, print_error=False)


REFUSED = [
    (("trian",), "unknown command 'trian' (nearest: train"),
    (("frobnicate",), "unknown command 'frobnicate' (known: quickstart, train"),
    (("--jsonn",), "unknown option '--jsonn'"),
    (("tasks", "--jsn"), "unknown option '--jsn' of `xtremor tasks` (nearest: --json)"),
    (("train", "-o", "x", "--lerning-rate", "1"), "--learning-rate"),
    (("train", "-o", "x", "--method", "pdg"), "unknown method 'pdg' (nearest: pgd)"),
    (("train", "-o", "x", "--method", "pgd-2", "--steps", "3"), "method 'pgd-2' and steps both state K"),
    (("train", "-o", "x", "--task", "xnly"), "unknown task 'xnly' (nearest: xnli"),
    (("train", "-o", "x", "--seed", "two"), "--seed"),
    (("train", "-o", "x", "--radius"), "--radius requires an argument"),
    (("train", "-o", "x", "extra"), "unexpected argument 'extra'"),
    (("train",), "--output requires an argument"),
    (("train", "-o", "x", "--task", "xnli"), "task xnli needs --data DIR"),
    (("train", "-o", "x", "--task", "xnli", "--data", "nowhere"), "nowhere"),
    (("train", "-o", "x", "--task", "intents", "--data", "."), "leave out --data"),
    (("train", "-o", "x", "--radius", "0.1"), "--radius means nothing to the method 'plain'"),
    (("train", "-o", "x", "--method", "pgd", "--norm", "l1"), "--norm 'l1' is none of l2, linf"),
    (("evaluate", "nowhere"), "run folder nowhere does not exist"),
    (("evaluate",), "RUN"),
    (("report", "-o", "x"), "name at least one run folder"),
    (("languages", "--task", "xnly"), "unknown task 'xnly' (nearest: xnli"),
    (("tasks", "xnly"), "unknown task 'xnly' (nearest: xnli"),
    (("quickstart", "--seeds", "0"), "--seeds must be at least 1, not 0"),
    (("quickstart", "--methods", ","), "--methods names no method"),
    (("quickstart", "--methods", "pgd,pdg"), "unknown method 'pdg' (nearest: pgd)"),
    (("quickstart", "--methods", "pgd,pgd-1"), "--methods names a method twice"),
    (("baseline", "-o", "x", "--threads", "0"), "--threads must be at least 1, not 0"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(list(arguments)) == 2
    said = capsys.readouterr()
    assert said.out == "" and message in said.err
    assert said.err.startswith("error: ") and said.err.count("\n") == 1 and "Traceback" not in said.err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", [("tasks",), ("methods",), ("languages", "--task", "xnli"), ("encoders",)])
def test_listings_are_json_or_tabs(command: tuple[str, ...], capsys: Captured) -> None:
    assert call([*command, "--json"]) == 0
    said = capsys.readouterr()
    rows = json.loads(said.out)
    assert len(rows) >= 2 and said.err == ""
    assert call(list(command)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows) + 1 and len({line.count("\t") for line in lines}) == 1


def test_one_task(capsys: Captured) -> None:
    assert call(["tasks", "xnli", "--json"]) == 0
    (card,) = json.loads(capsys.readouterr().out)
    assert card["name"] == "xnli" and len(card["languages"]) == 15
    assert call(["tasks", "xnli"]) == 0
    assert "languages: ar bg de" in capsys.readouterr().out


def test_results_go_to_standard_output_and_news_to_standard_error(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    run = tmp_path / "run"
    assert call(train_command(tiny_data, tiny_encoder, run, "--json")) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert "training: done" in said.err and f"next: xtremor evaluate {run} --data {tiny_data}" in said.err
    assert "classifier newly initialised" in said.err

    score = ["evaluate", str(run), "--data", str(tiny_data), "--languages", "sw,en"]
    assert call([*score, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == json.loads((run / "scores.json").read_text(encoding="utf-8"))
    assert call(score) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["sw", "en"]

    baseline = ["baseline", "--task", "xnli", "--data", str(tiny_data), "--encoder", str(tiny_encoder)]
    baseline += ["--output", str(tmp_path / "centroid"), "--languages", "sw,en", "--json"]
    for again in (False, True):
        assert call(baseline) == 0
        said = capsys.readouterr()
        scores = json.loads(said.out)
        assert scores["arm"] == "nearest centroid" and list(scores["languages"]) == ["sw", "en"]
        assert ("already scored" in said.err) == again


def test_a_run_without_model_is_not_told_to_be_evaluated(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", "--no-keep-model")) == 0
    assert "next:" not in capsys.readouterr().err


def test_a_fault_of_ours_has_a_traceback_and_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("xtremor.tasks.cards.all_cards", lambda *_: 1 / 0)
    assert call(["tasks"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said and said.rstrip().endswith("please report it with the lines above")


def test_ctrl_c_anywhere_is_exit_code_130(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xtremor.tasks.cards.all_cards", stop)
    assert call(["tasks"]) == 130
    said = capsys.readouterr().err
    assert "stopped" in said and "Traceback" not in said


def test_a_reader_that_has_enough_is_no_error() -> None:
    """`xtremor languages | head -1`: the pipe is closed before the table is printed."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "xtremor", "methods"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert done.returncode == 0 and done.stderr == ""


def test_nothing_but_a_worker_watches_its_input() -> None:
    """A command in a pipeline, whose input ends at once, goes on."""
    environment = {name: value for name, value in os.environ.items() if name != WATCH}
    done = subprocess.run(
        [sys.executable, "-m", "xtremor", "methods", "--json"],
        stdin=subprocess.DEVNULL, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and json.loads(done.stdout)
