"""The task ``intents``: spoken home commands in 49 locales, generated from human-written sentence templates.

The templates are those of the package home-assistant-intents (65 locales, 42 intents); hassil parses them.
Sentences are drawn from the templates with a seed, so the text is synthetic though every template was
written by a person who speaks the language. Nothing is downloaded: the packages come with the extra
``starter``.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

from xtremor.errors import UserError, unknown
from xtremor.sources.base import DataRecord
from xtremor.sources.intents_sampling import LocaleTemplates, sentence_intents
from xtremor.sources.intents_templates import Utterance
from xtremor.tasks.base import TaskCard, TextExample

TASK = "intents"
SPLITS = ("train", "dev", "test")
PACKAGES = ("home-assistant-intents", "hassil", "babel")
# Locales with sentences for at least 15 intents in home-assistant-intents 2026.10.27, for the task's card.
# fmt: off
LOCALES = (
    "af", "ar", "bg", "bn", "ca", "cs", "cy", "da", "de", "de-CH", "el", "en", "es", "eu", "fa", "fi", "fr",
    "ga", "gl", "he", "hi", "hr", "hu", "is", "it", "ko", "lb", "lt", "lv", "ml", "nb", "ne", "nl", "pl",
    "pt", "pt-BR", "ro", "ru", "sk", "sl", "sr", "sr-Latn", "sv", "th", "uk", "vi", "zh-CN", "zh-HK", "zh-TW",
)
# fmt: on
NOTES = (
    "sentences are drawn with a seed from human-written templates, not collected from speakers",
    "templates over-accept: articles, prepositions and case endings are chosen at random and may not agree "
    "with the word that they touch; words in the slots are uninflected",
    "areas, floors, device names, list items, messages and music are word lists of this project; cities are from CLDR",
    "an English intent with one template is in train only, one with two is not in dev; the smallest intents have a "
    "few different training sentences only (HassNevermind one)",
    "English train, dev and test share no template and no text; templates that differ by one word (hours, "
    "minutes) may fall on both sides",
    "de-CH is written in Swiss German dialect and zh-HK in Cantonese; their facts are those of German and Chinese",
    "locales cover different intents, so scores of two locales are not over the same labels",
)


class IntentsSource:
    """Rows of the task ``intents``; implements ``sources.base.Source``.

    English has ``train``, ``dev`` and ``test``, disjoint by template and by text; every other locale has
    ``test``. English intents with one template are in train only, with two in train and test only. Train
    gives intents with more templates more rows (by the square root of their number); dev and test give every
    intent the same number as far as its templates can make it. The same arguments and package versions give
    the same rows.

    Args:
        card: the task's card, for its name.
        seed: of the split of templates and of every sentence.
        train_rows: English training rows, at most.
        dev_rows: English development rows, at most.
        test_rows: test rows per locale, at most.
        minimum_intents: a locale counts when it has sentences for so many English intents.

    Raises:
        UserError: the packages are missing (the message names the command that installs them).
    """

    def __init__(
        self,
        card: TaskCard | None = None,
        seed: int = 0,
        train_rows: int = 2000,
        dev_rows: int = 300,
        test_rows: int = 100,
        minimum_intents: int = 15,
    ) -> None:
        for option, value in (("train_rows", train_rows), ("dev_rows", dev_rows), ("test_rows", test_rows)):
            if value < 1:
                raise UserError(f"{option} is {value}; expected 1 or more")
        self.task = card.name if card else TASK
        self.seed, self.minimum_intents = seed, minimum_intents
        self.rows = {"train": train_rows, "dev": dev_rows, "test": test_rows}
        self.versions = _versions()
        self._folder = resources.files("home_assistant_intents") / "data"
        self._locales: list[str] | None = None
        self._generated: dict[tuple[str, str], list[Utterance]] = {}
        self._made: dict[str, _Made] = {}
        self._labels = tuple(sorted(sentence_intents(self._load("en")[0])))

    def labels(self) -> tuple[str, ...]:
        """The intents for which English has sentences, sorted by name."""
        return self._labels

    def languages(self, split: str) -> list[str]:
        """Locales that have the split: English for train and dev, every covered locale for test."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        if split != "test":
            return ["en"]
        if self._locales is None:
            names = [entry.name for entry in self._folder.iterdir() if entry.name.endswith(".json")]
            self._locales = sorted(name[:-5] for name in names if self._covered(name[:-5]))
        return list(self._locales)

    def utterances(self, split: str, language: str) -> list[Utterance]:
        """Sentences of a split with the spans of their slots, in file order; see ``examples``."""
        self._check(split, language)
        if (split, language) not in self._generated:
            self._generate(language)
        return self._generated[split, language]

    def examples(self, split: str, language: str) -> list[TextExample]:
        """Rows of a split in file order; the cluster of a row is the template that it was made from.

        Raises:
            UserError: unknown split or locale, or a split that the locale does not have.
        """
        file = f"{self.task}/{split}-{language}"
        return [
            TextExample(self.task, file, row, made.template, language, (made.text,), made.intent)
            for row, made in enumerate(self.utterances(split, language))
        ]

    def record(self) -> DataRecord:
        """Package versions; per generated file the checksum of its locale's JSON, rows and what was dropped."""
        source = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        notes = list(NOTES)
        foreign = sorted({each.language for each in self._made.values() if not each.own_words})
        if foreign:
            notes.append(f"no word list for {', '.join(foreign)}: slots hold names from CLDR")
        short = [f"{file} {each.rows} of {each.asked}" for file, each in self._made.items() if each.rows < each.asked]
        if short:
            notes.append(f"fewer distinct sentences than asked for: {', '.join(short)}")
        files = {file: each.facts() for file, each in self._made.items()}
        return DataRecord(f"generated with seed {self.seed} from {source}", files, tuple(notes))

    def _load(self, locale: str) -> tuple[dict[str, Any], str]:
        """A locale's file and its checksum; not kept, because all of them together take much memory."""
        raw = (self._folder / f"{locale}.json").read_bytes()
        return json.loads(raw), hashlib.sha256(raw).hexdigest()

    def _covered(self, locale: str) -> bool:
        return len(set(sentence_intents(self._load(locale)[0])) & set(self._labels)) >= self.minimum_intents

    def _check(self, split: str, language: str) -> None:
        known = self.languages("test")
        if language not in known:
            raise unknown(
                "language", language, known, f"{self.task} needs sentences for {self.minimum_intents} intents"
            )
        if language not in self.languages(split):
            raise UserError(f"task {self.task} has no {split} in '{language}'; it has one in English (en) only")

    def _generate(self, language: str) -> None:
        data, digest = self._load(language)
        locale = LocaleTemplates(language, data, self._labels)
        splits = locale.split(self.seed) if language == "en" else {"test": locale.templates}
        taken: frozenset[str] = frozenset()
        for split, templates in splits.items():
            rng = random.Random(f"rows/{self.seed}/{language}/{split}")
            rows, dropped = locale.draw(templates, self.rows[split], rng, taken, spread=split == "train")
            taken |= {made.text.casefold() for made in rows}
            self._generated[split, language] = rows
            reasons = {
                "texts that stand for two intents": dropped,
                "templates of intents that English lacks": locale.unlabelled,
                "templates that cannot be walked": len(locale.broken),
            }
            self._made[f"{self.task}/{split}-{language}"] = _Made(
                language, digest, len(rows), self.rows[split], len({u.intent for u in rows}), locale.own_words, reasons
            )


@dataclass(frozen=True, slots=True)
class _Made:
    """What is known about one generated file."""

    language: str
    digest: str
    rows: int
    asked: int
    intents: int
    own_words: bool
    dropped: dict[str, int]

    def facts(self) -> dict[str, Any]:
        return {
            "from": f"home_assistant_intents/data/{self.language}.json",
            "sha256": self.digest,
            "rows": self.rows,
            "intents": self.intents,
            "dropped": sum(self.dropped.values()),
            "why": "; ".join(f"{reason}: {count}" for reason, count in self.dropped.items() if count),
        }


def _versions() -> dict[str, str]:
    """Versions of the packages that the data comes from; UserError when one cannot be imported."""
    try:
        import babel  # noqa: F401
        import hassil.parse_expression  # noqa: F401
        import home_assistant_intents  # noqa: F401
    except ImportError as error:
        missing = error.name or "a package"
        raise UserError(
            f"the task {TASK} needs the starter data, but '{missing}' is not installed; "
            "install it with: pip install 'xtremor[starter]'"
        ) from error
    return {name: metadata.version(name) for name in PACKAGES}
