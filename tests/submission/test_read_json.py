"""JSON readers: ids that occur twice, what is no answer, and places in the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xtremor.errors import UserError
from xtremor.submission.read_json import load_json, read_answers, read_choices, read_rankings


def write(folder: Path, content: str) -> Path:
    path = folder / "test-sw.json"
    path.write_text(content, encoding="utf-8", newline="\n")
    return path


def test_answers(tmp_path: Path) -> None:
    assert read_answers(write(tmp_path, '{"a": "", "b": "x"}')) == {"a": "", "b": "x"}
    assert read_answers(write(tmp_path, '\ufeff{"a": "x"}')) == {"a": "x"}


def test_an_object_called_data_is_taken_off_as_the_evaluator_does(tmp_path: Path) -> None:
    assert read_answers(write(tmp_path, '{"data": {"a": "x"}}')) == {"a": "x"}


def test_rankings_and_choices(tmp_path: Path) -> None:
    assert read_rankings(write(tmp_path, '{"a": ["Q1", "Q2"], "b": []}')) == {"a": ("Q1", "Q2"), "b": ()}
    assert read_choices(write(tmp_path, '{"label": 1}\n{"idx": 7, "label": 0}')) == ["1", "0"]


REFUSED: list[tuple[Callable[[Path], Any], str, str]] = [
    (read_answers, '{\n "a": "x",\n "a": "y"\n}', "line 3: 'a' stands twice in one object"),
    (read_answers, '{\n "ä": "x",\n\n "\\u00e4": "y"\n}', "line 4: 'ä' stands twice"),
    (read_answers, '{"data": {"a": "x", "a": "x"}}', "line 1: 'a' stands twice"),
    (read_answers, '{"a": "x",\n "b": }', "line 2, column 7: no valid JSON"),
    (read_answers, '{"a": "x"', "line 1, column 10: no valid JSON"),
    (read_answers, '{\n"a": 5}', "line 2: the answer to id 'a' is a whole number; expected a string"),
    (read_answers, '{"a": null}', "the answer to id 'a' is null"),
    (read_answers, '{"a": {"text": "x"}}', "the answer to id 'a' is an object"),
    (read_answers, '{"a": NaN}', "holds NaN, which is no JSON"),
    (read_answers, '["x"]', "holds a list; expected one object {id: answer text}"),
    (read_answers, "{}", "holds no prediction"),
    (read_answers, '{"data": []}', "are PREDICTIONS and --gold swapped?"),
    (read_answers, "[" * 100_000, "it nests too deeply"),
    (read_answers, '{"a": ' + "9" * 5000 + "}", "a number too long"),
    (read_rankings, '{"a": "Q1"}', "the ranking of id 'a' is a string; expected a list of ids"),
    (read_rankings, '{"a": ["Q1", 2]}', "the ranking of id 'a' holds a whole number"),
    (read_rankings, '{"a": [null]}', "the ranking of id 'a' holds null"),
    (read_rankings, '{"a": [], "a": []}', "'a' stands twice"),
    (read_rankings, '{"data": {"a": ["Q1"]}}', "the ranking of id 'data' is an object; expected a list of ids"),
    (read_choices, '{"label": 1}\n\n{"label": 1}', "line 2"),
    (read_choices, '{"label": 1}\n{"label": 2}', "line 2: there is no choice 2; expected a number from 0 to 1"),
    (read_choices, '{"label": "1"}', "line 1: the label '1' is a string"),
    (read_choices, '{"label": true}', "the label True is true or false"),
    (read_choices, '{"label": 0, "label": 1}', "line 1: 'label' stands twice"),
    (read_choices, "0\n", "line 1: '0' has no label"),
]


@pytest.mark.parametrize(("reader", "content", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_refused(reader: Callable[[Path], Any], content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        reader(write(tmp_path, content))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_equal_keys_of_different_objects_are_fine(tmp_path: Path) -> None:
    assert load_json(write(tmp_path, '[{"a": 1}, {"a": 2}]')) == [{"a": 1}, {"a": 2}]
