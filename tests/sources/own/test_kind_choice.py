"""Multiple choice in a user's tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.sources.own.infer import Columns
from xtremor.sources.own.kinds import Named, choice
from xtremor.sources.own.task import OwnTask
from xtremor.sources.own.training import read_labelled, read_training

CHOICES = "premise,ask,a,b,right\nit rained,why,clouds,sun,0\nit shone,why,clouds,sun,b\nit rained,what,wet,dry,a\n"
NAMED = Named("premise", "ask", "right", ("a", "b"))


def write(folder: Path, content: str, name: str = "c.csv") -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def test_the_right_one_by_number_or_by_column(tmp_path: Path) -> None:
    found = choice.read_english("c", write(tmp_path, CHOICES), NAMED)
    first, second, third = found.examples
    assert [each.label for each in found.examples] == ["0", "1", "0"] and first.choices == ("clouds", "sun")
    assert (second.context, second.question, second.row) == ("it shone", "why", 1)
    assert first.cluster == third.cluster != second.cluster, "a context is on one side of a split"
    bare = choice.read_english("c", write(tmp_path, CHOICES), Named("premise", None, "right", ("a", "b")))
    assert bare.examples[0].question == ""
    assert "context in column 'premise' and question in 'ask', 2 choices in a, b, the right one in 'right'" in (
        found.sentence
    )


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(("0", "1", "0"), ("0", "1")), (("a", "b", "a"), ("a", "b")), (("0", "b", "a"), ("0", "1"))],
)
def test_choices_are_called_what_training_calls_them(
    tmp_path: Path, labels: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    rows = [f"it rained {row},why,x,y,{label}\n" for row, label in enumerate(labels)]
    found = read_training("c", write(tmp_path, "premise,ask,a,b,right\n" + "".join(rows)), "premise", "ask", "right",
                          choices=("a", "b"))  # fmt: skip
    assert found.task.labels == expected and found.task.category == "choice"
    assert OwnTask.from_dict(json.loads(json.dumps(found.task.as_dict()))) == found.task
    assert found.task.card().metric == "accuracy" and "2 choices (a, b)" in found.task.card().title


def test_columns_called_by_numbers_are_no_places(tmp_path: Path) -> None:
    """Else a label 1 of the columns 1 and 2 would silently be the second choice."""
    path = write(tmp_path, "premise,1,2,right\nit rained,wet,dry,1\nit shone,wet,dry,2\n")
    named = Named("premise", None, "right", ("1", "2"))
    assert [each.label for each in choice.read_english("c", path, named).examples] == ["0", "1"]
    write(tmp_path, "premise,1,2,right\nit rained,wet,dry,0\n")
    with pytest.raises(UserError, match=r"line 2: label '0' is no choice; expected one of 1, 2$"):
        choice.read_english("c", path, named)


def test_a_file_of_another_language_may_have_other_columns(tmp_path: Path) -> None:
    task = read_training("c", write(tmp_path, CHOICES), "premise", "ask", "right", choices=("a", "b")).task
    path = write(tmp_path, "p,f,s,y\nmvua,maji,moto,s\njua,maji,moto,0\n", "sw.csv")
    examples, facts = read_labelled(task, path, "sw", None, Columns("p", None, "y", ("f", "s")))
    assert [each.label for each in examples] == ["1", "0"] and facts.rows == 2 and examples[0].language == "sw"
    with pytest.raises(UserError, match="--choices names 3 columns, and the run was trained on 2 choices"):
        read_labelled(task, path, "sw", None, Columns("p", None, "y", ("f", "s", "y")))
    with pytest.raises(UserError, match=r"unknown column of .*'right'.*; xtremor predict takes files without one"):
        read_labelled(task, path, "sw", None, Columns("p", None, "right", ("f", "s")))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (Named("premise", None, "right", ("a",)), "needs two columns or more"),
        (Named(None, None, "right", ("a", "b")), "needs --text"),
        (Named("premise", None, None, ("a", "b")), "needs --text .* and --label"),
        (Named("premise", None, "right", ("a", "z")), r"unknown column of .* 'z'"),
        (Named("premise", None, "right", ("a", "a")), "both name the column 'a'"),
        (
            Named("ask", None, "right", ("a", "premise")),
            "line 3: label 'b' is no choice; expected a number from 0 to 1",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, named: Named, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choice.read_english("c", write(tmp_path, CHOICES), named)


def test_a_row_without_a_label_or_a_choice(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 2: column 'right' has no label.*xtremor predict reads files without"):
        choice.read_english("c", write(tmp_path, "premise,ask,a,b,right\nit rained,why,x,y,\n"), NAMED)
    with pytest.raises(UserError, match="line 2: column 'b' is empty"):
        choice.read_english("c", write(tmp_path, "premise,ask,a,b,right\nit rained,why,x,,0\n"), NAMED)
