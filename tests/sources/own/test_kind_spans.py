"""Questions about paragraphs in a user's SQuAD files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xtremor.errors import UserError
from xtremor.sources.own.kinds import Named, spans
from xtremor.sources.own.squad_json import is_squad, read_squad
from xtremor.sources.own.training import read_labelled, read_training
from xtremor.tasks.base import Answer


def asked(name: str, answered: bool = True) -> dict[str, Any]:
    answers = [{"text": "Africa", "answer_start": 14}] if answered else []
    return {
        "id": name,
        "question": f"Where {name}?",
        "answers": answers,
        **({} if answered else {"is_impossible": True}),
    }


def squad(*questions: dict[str, Any], context: str = "Kenya lies in Africa.") -> str:
    return json.dumps(
        {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": questions}]}]}
    )


SQUAD = squad(asked("7"), asked("7", False))


def write(folder: Path, content: str, name: str = "q.json") -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def test_repeated_ids_and_questions_without_answers(tmp_path: Path) -> None:
    found = spans.read_english("q", write(tmp_path, SQUAD), Named())
    assert [(each.id, each.row, each.answers) for each in found.examples] == [
        ("7", 0, (Answer("Africa", 14),)), ("7", 1, ()),
    ]  # fmt: skip
    assert found.examples[0].cluster == found.examples[1].cluster
    assert found.sentence.endswith("2 questions about 1 paragraph, none dropped")
    assert found.notes[0].startswith("1 of 2 questions of q.json have no answer: the model")
    assert found.task.labels == () and found.task.card().metric == "squad"


def test_dev_questions_can_be_scored(tmp_path: Path) -> None:
    """5% of twenty questions is one: where that one has no answer, nothing is set aside."""
    first = json.loads(squad(*(asked(str(n)) for n in range(19))))
    first["data"] += json.loads(squad(asked("x", False), context="Nothing."))["data"]
    found = read_training("q", write(tmp_path, json.dumps(first)))
    assert found.dev == [] and len(found.train) == 20 and "English dev: none" in "\n".join(found.sentences)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"answer_start": 14', '"answer_start": 13', "question 7: its answer 'Africa' does not stand at character 13"),
        ('"answer_start": 14', '"answer_start": "14"', "answer_start"),
        (', "is_impossible": true', "", "question 7 has no answers.*xtremor predict answers questions without any"),
        ('true', '"no"', "question 7 has no answers"),
        ('"answers"', '"answer"', "question 7 has no answers; expected a list.*xtremor predict"),
        ('"Where 7?"', '" "', "the question is empty"),
        ('"context"', '"contexts"', "paragraph 0: 'context' is missing"),
        ("]}", "]", "no valid JSON"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert before in SQUAD
    with pytest.raises(UserError, match=message):
        spans.read_english("q", write(tmp_path, SQUAD.replace(before, after, 1)), Named())


def test_files_in_which_nothing_is_answered(tmp_path: Path) -> None:
    task = read_training("q", write(tmp_path, SQUAD)).task
    with pytest.raises(UserError, match="no question has an answer; xtremor predict answers questions without any"):
        read_labelled(task, write(tmp_path, squad(asked("7", False)), "sw.json"), "sw")
    with pytest.raises(UserError, match=r"is no SQuAD file with answers by its name; expected \.json$"):
        read_labelled(task, write(tmp_path, "", "sw.csv"), "sw")
    with pytest.raises(UserError, match="--choices names a column of a table"):
        read_training("q", write(tmp_path, SQUAD), choices=("a", "b"))


def test_to_be_answered_a_question_needs_no_answers(tmp_path: Path) -> None:
    bare = squad({"id": "1", "question": "Where?"}, {"id": "2", "question": "When?", "answers": None})
    found, _ = read_squad(write(tmp_path, bare), answered=False)
    assert [(each.id, each.answers) for each in found] == [("1", None), ("2", None)]
    for hidden in (14, [{"question": "Why?", "id": "3"}]):
        with pytest.raises(UserError, match=r"question 1, '?answers"):
            read_squad(write(tmp_path, squad({"id": "1", "question": "Where?", "answers": hidden})), answered=False)


def test_squad_is_told_from_json_lines(tmp_path: Path) -> None:
    assert is_squad(write(tmp_path, '{"version": "1.1", "data": []}')) and is_squad(write(tmp_path, '{"data": []}'))
    assert is_squad(write(tmp_path, SQUAD)) and not is_squad(write(tmp_path, SQUAD, "q.jsonl"))
    assert not is_squad(write(tmp_path, '{"text": "a", "label": "b"}\n')) and not is_squad(tmp_path / "no.json")
