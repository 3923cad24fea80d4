"""Retrieval tasks in the official layouts, of made-up words: a query and its answer share words in every language."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from helpers.official import json_lines
from helpers.tiny import words

from xtremor.languages import lookup
from xtremor.tasks.cards import card

LAREQA = card("lareqa").languages


def _spoken(draw: random.Random, language: str, longest: int = 9) -> list[str]:
    return draw.choices(words(language), k=draw.randint(4, longest))


def _asked(draw: random.Random, said: list[str]) -> str:
    """Most of the words, in another order."""
    return " ".join(draw.sample(said, len(said) - 1))


def _paragraphs(language: str, count: int, split: str) -> list[dict[str, Any]]:
    """Two sentences with a question about each; a sentence is what its question asks for."""
    draw, found = random.Random(f"{split} {language}"), []
    for number in range(count):
        sentences = [_spoken(draw, language) for _ in range(2)]
        context = " ".join(f"7 {' '.join(each)}." for each in sentences)
        middle = context.index(". 7") + 1
        questions = [
            {
                "id": f"{number}-{place}", "question": _asked(draw, each),
                "answers": [{"text": each[0], "answer_start": context.index(each[0], (0, middle)[place])}],
            }
            for place, each in enumerate(sentences)
        ]  # fmt: skip
        found.append(
            {"context": context, "sentence_breaks": [[0, middle], [middle + 1, len(context)]], "qas": questions}
        )
    return found


def write_lareqa(folder: Path, train: int = 24, scored: int = 3, languages: tuple[str, ...] = LAREQA) -> Path:
    """``lareqa/xquad-r/XX.json`` and ``squad/train-v1.1.json``: two questions a paragraph."""
    places = {f"lareqa/xquad-r/{code}.json": _paragraphs(code, scored, "test") for code in languages}
    for name, paragraphs in {**places, "squad/train-v1.1.json": _paragraphs("en", train, "train")}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}), encoding="utf-8")
    return folder


def write_tatoeba(folder: Path, languages: tuple[str, ...] = ("de", "jv"), rows: int = 12) -> Path:
    """Translations that are the words in another order; the last sentence stands twice, and so does its translation."""
    (folder / "tatoeba").mkdir(parents=True)
    for language in languages:
        draw, code = random.Random(language), lookup(language).tatoeba_code
        spoken = [_spoken(draw, "en") for _ in range(rows - 1)]
        english = [" ".join(each) for each in spoken]
        other = [_asked(draw, each) for each in spoken]
        for name, lines in ((f"tatoeba.{code}-eng.eng", english), (f"tatoeba.{code}-eng.{code}", other)):
            text = "".join(f"{line}\n" for line in (*lines, lines[-1]))
            (folder / "tatoeba" / name).write_text(text, encoding="utf-8")
    return folder


def write_bucc(folder: Path, languages: tuple[str, ...] = ("de", "fr"), pairs: int = 6, alone: int = 5) -> Path:
    """Pairs of like words among sentences without a translation, in each file in another order."""
    (folder / "bucc2018").mkdir(parents=True)
    for language in languages:
        for split in ("dev", "test"):
            draw = random.Random(f"{language} {split}")
            said = [_spoken(draw, "en") for _ in range(pairs)]
            rows = [(f"{language}-{n}", _asked(draw, each)) for n, each in enumerate(said)]
            rows += [(f"{language}-{pairs + n}", " ".join(_spoken(draw, language))) for n in range(alone)]
            english = [(f"en-{n}", " ".join(each)) for n, each in enumerate(said)]
            english += [(f"en-{pairs + n}", " ".join(_spoken(draw, "sw"))) for n in range(alone)]
            base = folder / "bucc2018" / f"{language}-en.{split}"
            for ending, lines in ((language, rows), ("en", english)):
                draw.shuffle(lines)
                text = "".join(f"{identity}\t{text}\n" for identity, text in lines)
                base.with_name(f"{base.name}.{ending}").write_text(text, encoding="utf-8")
            gold = "".join(f"{language}-{n}\ten-{n}\n" for n in range(pairs))
            base.with_name(f"{base.name}.gold").write_text(gold, encoding="utf-8")
    return folder


def write_mewslix(folder: Path, languages: tuple[str, ...] = ("de", "en"), rows: int = 6) -> Path:
    """Mentions whose sentence has the words of their entity's description; half of the entities are nobody's."""
    (folder / "mewslix").mkdir(parents=True)
    draw = random.Random(0)
    described = {f"Q{n}": _spoken(draw, "en") for n in range(4 * rows)}

    def entity(identity: str) -> dict[str, Any]:
        text = " ".join(described[identity])
        return {
            "entity_id": identity, "title": identity, "description": text, "description_language": "en",
            "description_url": "", "sentence_spans": [{"start": 0, "end": len(text)}],
        }  # fmt: skip

    def mention(identity: str, language: str, name: str) -> dict[str, Any]:
        text = _asked(draw, described[identity])
        end = len(text.split(" ")[0])
        return {
            "context": {
                "document_id": name, "document_title": "", "document_url": "", "language": language, "text": text,
                "sentence_spans": [{"start": 0, "end": len(text)}],
            },
            "mentions": [
                {
                    "example_id": name, "entity_id": identity,
                    "mention_span": {"start": 0, "end": end, "text": text[:end]},
                }
            ],
        }  # fmt: skip

    for split in ("dev", "test"):
        lines = [mention(f"Q{n}", code, f"{split}-{code}-{n}") for code in languages for n in range(rows)]
        (folder / "mewslix" / f"wikinews_mentions-{split}.jsonl").write_text(json_lines(lines), encoding="utf-8")
    pairs = []
    for n in range(2 * rows, 4 * rows):
        one = mention(f"Q{n}", "en", f"train-{n}")
        pair = {"context": one["context"], "mention": one["mentions"][0]}
        pairs.append({"contextual_mention": pair, "entity": entity(f"Q{n}")})
    (folder / "mewslix" / "wikipedia_pairs-train.jsonl").write_text(json_lines(pairs), encoding="utf-8")
    candidates = json_lines(entity(identity) for identity in described)
    (folder / "mewslix" / "candidate_set_entities.jsonl").write_text(candidates, encoding="utf-8")
    return folder
