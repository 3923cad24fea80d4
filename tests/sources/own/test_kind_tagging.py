"""Tagged sentences in a user's CoNLL and CoNLL-U files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremor.errors import UserError
from xtremor.sources.own.conll import Conll, words
from xtremor.sources.own.kinds import Named, tagging
from xtremor.sources.own.task import OwnTask
from xtremor.sources.own.training import read_labelled, read_training

CONLL = "-DOCSTART- O\n\nNai B-LOC\nrobi I-LOC\n\n\nKisumu B-LOC\nis O"


def write(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def read(path: Path) -> list[tuple[tuple[str, ...], tuple[str, ...] | None]]:
    return [(each.tokens, each.tags) for each in tagging.read_english("n", path, Named()).examples]


def universal(number: str, form: str, tag: str) -> str:
    return "\t".join([number, form, "_", tag, *"______"]) + "\n"


def test_fields_between_spaces_or_tabs(tmp_path: Path) -> None:
    assert read(write(tmp_path, "n.conll", CONLL)) == [
        (("Nai", "robi"), ("B-LOC", "I-LOC")), (("Kisumu", "is"), ("B-LOC", "O")),
    ]  # fmt: skip
    found = read(write(tmp_path, "n.bio", "New York\tPROPN\tB-LOC\nis\tAUX\t O\r\n"))
    assert found == [(("New York", "is"), ("B-LOC", "O"))]
    no_break = "a\N{NO-BREAK SPACE}b\N{LINE SEPARATOR}"
    assert read(write(tmp_path, "n.iob", f"{no_break} X\nc Y\n")) == [((no_break, "c"), ("X", "Y"))]


def test_conll_u_leaves_out_ranges_and_empty_nodes(tmp_path: Path) -> None:
    text = "# text = x\n" + universal("1-2", "del", "_") + universal("1", "de", "ADP") + universal("2", "el", "DET")
    text += universal("2.1", "gone", "_") + "\n" + universal("1", "#", "SYM")
    assert read(write(tmp_path, "u.conllu", text)) == [(("de", "el"), ("ADP", "DET")), (("#",), ("SYM",))]


def test_equal_sentences_are_one_cluster(tmp_path: Path) -> None:
    found = tagging.read_english("n", write(tmp_path, "n.conll", "a O\n\nb B-X\n\na B-X\n"), Named()).examples
    assert [each.cluster for each in found] == ["n/n.conll/0", "n/n.conll/1", "n/n.conll/0"]
    assert [each.row for each in found] == [0, 1, 2]


@pytest.mark.parametrize(
    ("tags", "metric", "order"),
    [
        ("I-LOC B-PER O B-LOC", "chunk_f1", ("O", "B-LOC", "I-LOC", "B-PER")),
        ("B-a.b O S-x E-x", "chunk_f1", ("O", "B-a.b", "E-x", "S-x")),
        ("NOUN VERB ADP", "token_accuracy", ("ADP", "NOUN", "VERB")),
        ("B-LOC L-LOC O", "token_accuracy", ("B-LOC", "L-LOC", "O")),
        ("B I O", "token_accuracy", ("B", "I", "O")),
    ],
)
def test_the_tags_decide_what_is_scored(tmp_path: Path, tags: str, metric: str, order: tuple[str, ...]) -> None:
    lines = "".join(f"w{n} {tag}\n" for n, tag in enumerate(tags.split()))
    found = read_training("n", write(tmp_path, "n.conll", lines * 3))
    assert found.task.card().metric == metric and found.task.labels == order and found.task.category == "tagging"
    assert OwnTask.from_dict(found.task.as_dict()) == found.task and found.task.as_dict()["columns"] is None
    assert f"1 sentences with {3 * len(order)} tokens, none dropped; {len(order)} tags" in found.sentences[0]


def test_a_tag_that_training_lacks_is_named_by_its_line(tmp_path: Path) -> None:
    task = read_training("n", write(tmp_path, "n.conll", CONLL)).task
    path = write(tmp_path, "sw.conll", "Nai B-LOC\n\nIvan B-PER\n")
    with pytest.raises(
        UserError, match=r"sw.conll, line 3: tag 'B-PER' is none of the training file's \(known: O, B-LOC, I-LOC"
    ):
        read_labelled(task, path, "sw")
    with pytest.raises(UserError, match=r"is no CoNLL file with tags by its name; expected \.conll or"):
        read_labelled(task, write(tmp_path, "sw.csv", "a,O\n"), "sw")
    with pytest.raises(UserError, match="does not exist; name a CoNLL"):
        read_labelled(task, tmp_path / "no.conll", "sw")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.conll", "a O\nb\n", "line 2 has 1 field; expected 2, as in its first line; xtremor predict tags files"),
        ("a.conll", "a O\nb O O\n", "line 2 has 3 fields; expected 2, as in its first line$"),
        ("a.conll", "a\n", "line 1 has 1 field; expected a token and its tag; xtremor predict tags files without tags"),
        ("a.conll", "a\tO\nb\t \n", "line 2: the tag is empty"),
        ("a.conll", "a\tO\n \tO\n", "line 2: the token is empty"),
        ("a.conll", "a\tB LOC\n", "line 1: the tag 'B LOC' holds white space"),
        ("a.conll", "a O\nb O\n", r"has one tag only \('O'\)"),
        ("a.conll", "".join(f"a {n}\n" for n in range(1001)), "1,001 different tags, too many"),
        ("a.conll", "\n\n", "holds no sentence"),
        ("a.conll", "-DOCSTART- O\n", "holds no sentence"),
        ("a.conllu", "1\ta\n", "line 1 has 2 fields; CoNLL-U has 10"),
        ("a.conllu", universal("1", "a", "_"), "line 1: the tag is empty"),
        ("a.conllu", universal("x", "a", "X"), "line 1: 'x' is no ID of CoNLL-U"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(write(tmp_path, name, content))


def test_columns_are_of_tables(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--label names a column of a table, and .*n.conll is CoNLL; leave it out"):
        read_training("n", write(tmp_path, "n.conll", CONLL), label="tag")


def test_without_tags_only_the_token_is_looked_at(tmp_path: Path) -> None:
    for content in ("Nai\nrobi\n\nis\n", "Nai _ \nrobi _\n\nis B-?\n", "Nai\t\nrobi\tX Y\n\nis\t_\n"):
        found = list(Conll(write(tmp_path, "n.conll", content), tagged=False).sentences())
        assert [words(sentence) for sentence in found] == [("Nai", "robi"), ("is",)]
        assert [line.text for sentence in found for line in sentence] == content.splitlines()


LINES = st.lists(st.sampled_from(["a O", "b B-X", "", " ", "-DOCSTART- O", "c"]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_no_line_is_lost_between_sentences(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.conll"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    tokens = [line for line in lines if line.strip() and not line.startswith("-D")]
    try:
        found = list(Conll(path, tagged=False).sentences())
    except UserError:
        assert not tokens or len({len(line.split()) for line in tokens}) > 1
        return
    assert [line.text for sentence in found for line in sentence] == lines
    assert [word for sentence in found for word in words(sentence)] == [line.split()[0] for line in tokens]
