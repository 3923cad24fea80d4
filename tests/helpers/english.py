"""Small files of our own making in the published layouts of the English intermediate tasks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from helpers.official import json_lines, squad
from helpers.tiny import LABELS, MARKERS

MNLI_HEADER = ["index", "promptID", "pairID", "genre", "sentence1", "sentence2", "label1", "gold_label"]
QQP_HEADER = ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"]
QNLI_HEADER = ["index", "question", "sentence", "label"]


def write(folder: Path, task: str) -> Path:
    """Write a task's files below ``folder`` and return it."""
    return put(folder, FILES[task]())


def put(folder: Path, files: dict[str, str]) -> Path:
    """Write files by their names below ``folder``."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return folder


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A header and rows between tabs, unquoted."""
    return "".join("\t".join(map(str, row)) + "\n" for row in (list(header), *rows))


def mnli_row(row: int, label: str | None = None) -> dict[str, Any]:
    """A row of MultiNLI's; a word of the hypothesis gives its class away."""
    label = label or LABELS[row % 3]
    return {
        "gold_label": label, "sentence1": f"ba de fo {row // 3}", "sentence2": f"ku {MARKERS.get(label, 'la')}",
        "promptID": str(row // 3), "pairID": f"{row // 3}{label[0]}", "genre": "fiction",
        "sentence1_parse": "(ROOT", "annotator_labels": [label],
    }  # fmt: skip


def _mnli() -> dict[str, str]:
    dev = [mnli_row(0), mnli_row(1, "-"), mnli_row(2), mnli_row(3)]
    return {
        "mnli/multinli_1.0_train.jsonl": json_lines(mnli_row(row) for row in range(24)),
        "mnli/multinli_1.0_dev_matched.jsonl": json_lines(dev),
        "mnli/multinli_1.0_dev_mismatched.jsonl": json_lines(dev[:3]),
    }


def mnli_of_glue() -> dict[str, str]:
    """The same rows as GLUE has them: those without a gold label are not there."""
    found = {}
    for name, of in (("train", "train"), ("dev_matched", "dev_matched"), ("dev_mismatched", "dev_mismatched")):
        rows = [json.loads(line) for line in _mnli()[f"mnli/multinli_1.0_{of}.jsonl"].splitlines()]
        kept = [row for row in rows if row["gold_label"] != "-"]
        cells = (
            [n, 0, "p", "g", row["sentence1"], row["sentence2"], "x", row["gold_label"]] for n, row in enumerate(kept)
        )
        found[f"mnli/{name}.tsv"] = table(MNLI_HEADER, cells)
    return found


def _anli() -> dict[str, str]:
    found = {}
    for number, letter in enumerate("enc"):
        for split in ("train", "dev"):
            row = {"uid": f"{split}-{number}", "context": f"ba R{number + 1}", "hypothesis": "ku", "label": letter}
            found[f"anli/R{number + 1}/{split}.jsonl"] = json_lines([row] * (number + 1))
    return found


def _qqp() -> dict[str, str]:
    rows = [
        (0, 1, 2, "ba de?", '"ku" la?', 0),
        # A quote that opens and never closes, from which a CSV reader would not come back before the next one.
        (1, 3, 4, '"ne po', "ri su?", 1),
        (2, 5, 6, "ba de?", "fo gi?", 1),
        # As in the published file: a row that breaks off, and an empty question.
        (3, 7, 8, "how"),
        (4, 9, 10, "", "ba?", 0),
        (0, 1, 2, "fo gi?", 'po "ri', 0),
    ]
    return {"qqp/train.tsv": table(QQP_HEADER, rows * 3), "qqp/dev.tsv": table(QQP_HEADER, rows[:3])}


def _qnli() -> dict[str, str]:
    rows = [(0, 'ba "de', "ku.", "entailment"), (1, "fo?", "la ne.", "not_entailment")]
    return {"qnli/train.tsv": table(QNLI_HEADER, rows * 4), "qnli/dev.tsv": table(QNLI_HEADER, rows)}


def _squad() -> dict[str, str]:
    shape = [[["a", "b"], ["c"]], [["d"]]]
    return {"squad/train-v1.1.json": squad("en", shape * 3), "squad/dev-v1.1.json": squad("en", shape)}


def second(text: str) -> str:
    """A file of SQuAD 1.1 as 2.0: every second question has no answer, but a plausible one."""
    document, number = json.loads(text), 0
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                asked["is_impossible"] = bool(number % 2)
                if number % 2:
                    asked["plausible_answers"], asked["answers"] = asked["answers"], []
                number += 1
    return json.dumps(document, ensure_ascii=False)


def _squad2() -> dict[str, str]:
    return {name.replace("squad/", "squad2/").replace("1.1", "2.0"): second(text) for name, text in _squad().items()}


def hellaswag_row(row: int) -> dict[str, Any]:
    """A row of HellaSwag's; articles of WikiHow have no ctx_b."""
    second = "" if row % 2 else "he"
    return {
        "ind": row, "activity_label": "x", "ctx_a": f"ba de {row}.", "ctx_b": second,
        "ctx": f"ba de {row}. {second}".strip(),
        "split": "train", "split_type": "indomain", "label": row % 4, "endings": [f"fo {n}." for n in range(4)],
        "source_id": f"activitynet~v_{row // 2}",
    }  # fmt: skip


def _hellaswag() -> dict[str, str]:
    return {
        "hellaswag/hellaswag_train.jsonl": json_lines(hellaswag_row(row) for row in range(12)),
        "hellaswag/hellaswag_val.jsonl": json_lines(hellaswag_row(row) for row in range(4)),
    }


def social_rows(rows: int) -> list[dict[str, Any]]:
    """Rows of Social IQa without labels."""
    return [
        {"context": f"ba {row // 2}.", "question": "de?", **{f"answer{each}": f"{each} fo" for each in "ABC"}}
        for row in range(rows)
    ]


def _siqa() -> dict[str, str]:
    return {
        "siqa/train.jsonl": json_lines(social_rows(12)),
        "siqa/train-labels.lst": "".join(f"{1 + row % 3}\n" for row in range(12)),
        "siqa/dev.jsonl": json_lines(social_rows(3)),
        "siqa/dev-labels.lst": "1\n2\n3",
    }


def cosmos_rows(rows: int) -> list[dict[str, Any]]:
    """Rows of Cosmos QA; a context with quotes, a comma and a line end."""
    return [
        {"id": f"3Q##{row}", "context": f'ba "de",\nfo {row}.', "question": "ku?",
         **{f"answer{n}": f"la, {n}" for n in range(4)}, "label": row % 4}
        for row in range(rows)
    ]  # fmt: skip


def as_csv(rows: list[dict[str, Any]]) -> str:
    """CSV as the csv module writes it."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cosmosqa() -> dict[str, str]:
    return {"cosmosqa/train.csv": as_csv(cosmos_rows(8)), "cosmosqa/valid.csv": as_csv(cosmos_rows(4))}


def csqa_row(row: int) -> dict[str, Any]:
    """A row of CommonsenseQA; the choices of every second row stand in another order."""
    choices = [{"label": letter, "text": f"{letter} ba"} for letter in "ABCDE"]
    asked = {"question_concept": "de", "choices": choices[:: -1 if row % 2 else 1], "stem": f"fo {row}?"}
    return {"answerKey": "ABCDE"[row % 5], "id": f"{row:032x}", "question": asked}


def _commonsenseqa() -> dict[str, str]:
    return {
        f"commonsenseqa/{split}_rand_split.jsonl": json_lines(csqa_row(row) for row in range(rows))
        for split, rows in (("train", 10), ("dev", 5))
    }


FILES = {
    "mnli": _mnli, "anli": _anli, "qqp": _qqp, "qnli": _qnli, "squad": _squad, "squad2": _squad2,
    "hellaswag": _hellaswag, "siqa": _siqa, "cosmosqa": _cosmosqa, "commonsenseqa": _commonsenseqa,
}  # fmt: skip
