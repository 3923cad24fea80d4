"""Options from a TOML file: the same run as typed, and one sentence for every mistake."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import call, read_json, train_command
from hypothesis import given
from hypothesis import strategies as st

from xtremor.cli.app import COMMANDS, app
from xtremor.cli.config import dumped_value, expand, options_of

Captured = pytest.CaptureFixture[str]
TOML = """
# Keys may have dashes or underscores.
task = "intents"
keep_model = false
evaluate = true
languages = ["de", "hi"]

[method]   # what a table is called does not matter
method = "pgd"
radius = 0.01
absolute = true
steps = 3

["training"]
learning-rate = 1e-4
"clip" = inf
epochs = 2
train-rows = 50
"""


def bound(words: list[str]) -> dict[str, Any]:
    """What a command is called with, the file itself aside."""
    found: dict[str, Any] = app.parse_args(words, exit_on_error=False, print_error=False)[1].arguments
    return {name: value for name, value in found.items() if name != "config"}


def write(folder: Path, text: str) -> str:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_says_what_could_be_typed(tmp_path: Path) -> None:
    words, printed = expand(["train", "--output", "run", "--config", write(tmp_path, TOML)])
    typed = [
        "train", "--output", "run", "--task", "intents", "--no-keep-model", "--evaluate", "--languages", "de,hi",
        "--method", "pgd", "--radius", "0.01", "--absolute", "--steps", "3", "--learning-rate", "1e-4", "--clip", "inf",
        "--epochs", "2", "--train-rows", "50",
    ]  # fmt: skip
    assert printed is None and bound(words) == bound(typed)


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        (["--radius", "0.5"], "radius", 0.5),
        (["--radius=0.5"], "radius", 0.5),
        (["--absolute=false"], "absolute", False),
    ],
)
def test_what_is_typed_wins(tmp_path: Path, typed: list[str], name: str, value: Any) -> None:
    for place in ([*typed, "--config", write(tmp_path, TOML)], [f"--config={write(tmp_path, TOML)}", *typed]):
        found = bound(expand(["train", "-o", "run", *place])[0])
        assert getattr(found["ball"], name) == value and found["recipe"].epochs == 2.0


def test_negatives_and_short_names_win_too(tmp_path: Path) -> None:
    path = write(tmp_path, 'keep-model = true\noutput = "from the file"')
    found = bound(expand(["train", "--config", path, "--no-keep-model", "-o", "typed"])[0])
    assert found["output"] == Path("typed") and found["keep_model"] is False
    assert bound(expand(["train", "--config", path])[0])["output"] == Path("from the file")


def test_lists_are_values_between_commas(tmp_path: Path) -> None:
    # A second name of an option is one of its keys, too.
    path = write(tmp_path, 'method = ["plain", "pgd"]\nradius = [0.001, 0.01]\nlearning-rate = 1e-4\n')
    words, _ = expand(["sweep", "-o", "out", "--config", path])
    assert bound(words) == bound(
        ["sweep", "-o", "out", "--methods", "plain,pgd", "--radius", "0.001,0.01", "--learning-rate", "0.0001"]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 1\nradios = 0.1", ", line 2: unknown key 'radios' (nearest: radius"),
        ("[method]\nradius = 0.1\n[training]\nepoch = 2", ", line 4: unknown key 'epoch' (nearest: epochs"),
        ('radius = "0.1"', ', line 1: radius must be a number, not "0.1"'),
        ("seed = 1.5", ", line 1: seed must be a whole number, not 1.5"),
        ("seed = true", ", line 1: seed must be a whole number, not true"),
        ("evaluate = 1", ", line 1: evaluate must be true or false, not 1"),
        ("task = true", ", line 1: task must be text, or a list of values, not true"),
        ("languages = []", ", line 1: languages must be text, or a list of values, not []"),
        ("output = 2020-01-01", ", line 1: output must be text, not 2020-01-01"),
        ("radius = 0.1\n[more]\nradius = 0.2", ", line 3: 'radius' stands in this file twice"),
        ("train-rows = 1\ntrain_rows = 2", ", line 2: 'train_rows' stands in this file twice"),
        ("[a.b]\nradius = 1", ": [a.b] is a table in a table"),
        ("[[a]]\nradius = 1", ": [[a]] is a list of tables"),
        ("radius 0.1", ": not TOML: "),
        ("config = 'other.toml'", ", line 1: unknown key 'config'"),
        ("method = 'pgd'\nsteps = 0", "--steps must be at least 1, not 0"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, capsys: Captured, text: str, message: str) -> None:
    path = write(tmp_path, text)
    assert call(["train", "--output", str(tmp_path / "run"), "--config", path]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and message in said
    assert "--steps" in said or path in said
    assert not (tmp_path / "run").exists()


def test_files_that_cannot_be_read(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"task = '\xff'")
    for name, message in (("none.toml", "No such file"), ("", "Is a directory"), ("bytes.toml", "not UTF-8")):
        assert call(["train", "-o", "run", "--config", str(tmp_path / name)]) == 2
        assert message in capsys.readouterr().err
    assert call(["train", "-o", "run", "--config"]) == 2
    assert "--config" in capsys.readouterr().err
    assert call(["methods", "--config", "x.toml"]) == 2
    assert "unknown option '--config'" in capsys.readouterr().err


def test_printed_it_gives_the_same_run(tmp_path: Path, capsys: Captured) -> None:
    typed = ["--method", "pgd", "--steps", "2", "--no-keep-model", "--task_name", 'a "b"\\', "--clip", "inf"]
    assert call(["train", *typed, "--config", write(tmp_path, TOML), "--print-config"]) == 0
    printed = capsys.readouterr().out
    content = tomllib.loads(printed)
    assert content["task-name"] == 'a "b"\\' and content["steps"] == 2 and content["keep-model"] is False
    assert content["radius"] == 0.01 and content["languages"] == ["de", "hi"] and "print-config" not in content
    whole = bound(expand(["train", "-o", "x", *typed, "--config", write(tmp_path, TOML)])[0])
    assert bound(expand(["train", "-o", "x", "--config", write(tmp_path, printed)])[0]) == whole
    assert call(["train", "--radius", "much", "--print-config"]) == 2
    assert "--radius must be a number, not 'much'" in capsys.readouterr().err


@given(st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.lists(st.text(), min_size=1))
def test_values_are_written_as_toml(value: Any) -> None:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return
    found = tomllib.loads(f"key = {dumped_value(value)}")["key"]
    assert found == value and isinstance(found, bool) == isinstance(value, bool)


def test_every_command_with_a_file_has_options_that_it_can_name() -> None:
    with_file = [name for name in COMMANDS if any("--config" in each.names for each in options_of(name))]
    assert {"train", "chain", "quickstart", "sweep", "evaluate"} <= set(with_file)
    for name in with_file:
        assert {each.kind for each in options_of(name)} <= {bool, int, float, str, Path}


@pytest.mark.usefixtures("own_cache", "one_thread")
def test_a_run_from_a_file_is_the_run_that_was_typed(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    from xtremor.cli.config import _line

    typed = train_command(tiny_data, tiny_encoder, tmp_path / "typed", "--method", "pgd", "--no-keep-model")
    assert call([*typed, "--train-rows", "16"]) == 0
    lines = [f"task = 'xnli'\ndata = {dumped_value(str(tiny_data))}\nencoder = {dumped_value(str(tiny_encoder))}"]
    lines += ["epochs = 1\nbatch-size = 8\nlearning-rate = 3e-3\nthreads = 1\nmethod = 'pgd'\nkeep-model = false"]
    path = write(tmp_path, "\n".join([*lines, "train-rows = 16"]))
    assert call(["train", "--config", path, "--output", str(tmp_path / "file")]) == 0
    one, other = (read_json(tmp_path / name / "run.json") for name in ("typed", "file"))
    assert one["training"] == other["training"] and one["final_training_loss"] == other["final_training_loss"]
    assert _line("[a]\nx = 1\n[b]\nx = 2", "b", "x") == ", line 4"
