"""Facts about languages and the strata that scores are reported in.

The table (data/languages.csv) holds the 50 languages of XTREME-R and those further ones that the starter
data has. Its facts:

* resource classes 0 to 5: Joshi et al. 2020, The State and Fate of Linguistic Diversity and Inclusion in the
  NLP World (arXiv 2004.09095). Empty for Norwegian Bokmål: the published list has it in class 1, because corpora
  named "Norwegian" do not count for it there, and a class of low resources would say the contrary of what it is for.
* pretraining: the language lists of multilingual BERT and of XLM-R (Conneau et al. 2020, arXiv 1911.02116,
  whose appendix also gives the GiB of text). multilingual-e5 is listed as XLM-R: it has XLM-R's vocabulary and
  starts from XLM-R or, in the small size, from a multilingual MiniLM that was distilled from it.
* Wikipedia: articles as of August 2020, megabytes of text as of October 2020, for the 50 languages only.

Resource class is not size (Basque is 4, Urdu 3), so class, pretraining, script and size are separate strata.
"""

from __future__ import annotations

import csv
import functools
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from xtremor.errors import unknown
from xtremor.wording import number_of

UNKNOWN = "unknown"
LOW_RESOURCE_CLASS = 2
# Between the two codes of an ordered pair; no code holds it, while en-SW could be a region of English.
PAIR = "+"
# Codes in use for languages of the table: macro-languages and their main member, and withdrawn codes.
_ALIASES = {
    "arb": "ar",
    "azj": "az",
    "cmn": "zh",
    "ekk": "et",
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "jw": "jv",
    "lvs": "lv",
    "no": "nb",
    "nor": "nb",
    "npi": "ne",
    "pes": "fa",
    "quz": "qu",
    "swh": "sw",
    "zsm": "ms",
}
_TRADITIONAL = ("TW", "HK", "MO")
_CODE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE)
# Megabytes of Wikipedia text, upper bounds; powers of two, like the reports on XTREME-R.
_SIZES = ((64.0, "under 64 MB"), (256.0, "64 to 256 MB"), (1024.0, "256 MB to 1 GB"), (math.inf, "1 GB and more"))


@dataclass(frozen=True, slots=True)
class Language:
    """Facts about one language, or about one locale of it.

    Attributes:
        code: as it was asked for (``"pt-BR"``); the ISO 639-1 code in ``all_languages``.
        iso639_1, iso639_3: ISO codes of the language.
        name: in English.
        family: top-level family; an isolate is its own.
        script: ISO 15924 code of the usual script, or of the locale's.
        joshi_class: 0 (left behind) to 5 (winners), None where unknown.
        in_mbert, in_xlmr, in_me5: whether the pretraining text held the language.
        tasks: XTREME-R tasks that have it; empty for the further languages.
        xlmr_gib: GiB of text in XLM-R's pretraining; None where it has none.
        wiki_articles, wiki_text_mb: size of its Wikipedia in 2020; None where unknown.
        tatoeba_code: three-letter code in the names of XTREME's Tatoeba files; empty where there are none.
    """

    code: str
    iso639_1: str
    iso639_3: str
    name: str
    family: str
    script: str
    joshi_class: int | None
    in_mbert: bool
    in_xlmr: bool
    in_me5: bool
    tasks: tuple[str, ...]
    xlmr_gib: float | None
    wiki_articles: int | None
    wiki_text_mb: float | None
    tatoeba_code: str

    @property
    def log2_wiki_articles(self) -> float | None:
        """Binary logarithm of the number of Wikipedia articles."""
        return None if self.wiki_articles is None else math.log2(self.wiki_articles)

    @property
    def log2_wiki_text_mb(self) -> float | None:
        """Binary logarithm of the megabytes of Wikipedia text."""
        return None if self.wiki_text_mb is None else math.log2(self.wiki_text_mb)

    @property
    def low_resource(self) -> bool:
        """Resource class 2 or below; False where the class is unknown."""
        return self.joshi_class is not None and self.joshi_class <= LOW_RESOURCE_CLASS


@functools.cache
def _table() -> dict[str, Language]:
    text = (resources.files("xtremor") / "data" / "languages.csv").read_text(encoding="utf-8")
    return {row["iso639_1"]: _language(row) for row in csv.DictReader(text.splitlines())}


def _language(row: dict[str, str]) -> Language:
    return Language(
        code=row["iso639_1"],
        iso639_1=row["iso639_1"],
        iso639_3=row["iso639_3"],
        name=row["name"],
        family=row["family"],
        script=row["script"],
        joshi_class=int(row["joshi_class"]) if row["joshi_class"] else None,
        in_mbert=row["in_mbert"] == "yes",
        in_xlmr=row["in_xlmr"] == "yes",
        in_me5=row["in_me5"] == "yes",
        tasks=tuple(row["xtreme_r_tasks"].split()),
        xlmr_gib=float(row["xlmr_gib"]) if row["xlmr_gib"] else None,
        wiki_articles=int(row["wiki_articles"]) if row["wiki_articles"] else None,
        wiki_text_mb=float(row["wiki_text_mb"]) if row["wiki_text_mb"] else None,
        tatoeba_code=row["tatoeba_code"],
    )


@functools.cache
def _long_codes() -> dict[str, str]:
    return {language.iso639_3: short for short, language in _table().items()}


def all_languages() -> tuple[Language, ...]:
    """Every language of the table, by ISO 639-1 code."""
    return tuple(_table().values())


def lookup(code: str) -> Language:
    """Return the facts on a language or locale.

    ``code`` is ISO 639-1 or 639-3, optionally with a script and a region (``sw``, ``swa``, ``pt-BR``,
    ``sr-Latn``, ``zh-Hant-TW``; underscores and any case will do). A script in the code replaces the language's
    usual one; Chinese of Taiwan, Hong Kong and Macau is in traditional script. All other facts are the
    language's, whatever the region.

    Raises:
        UserError: the language is not in the table; the message names the nearest codes.
    """
    found = _CODE.fullmatch(code.strip().replace("_", "-"))
    short = found[1].lower() if found else ""
    short = _ALIASES.get(short) or _long_codes().get(short, short)
    language = _table().get(short)
    if found is None or language is None:
        # Somebody who writes more than a code has a name in mind.
        known = list(_table()) if len(code) <= 3 else [f"{each.code} ({each.name})" for each in all_languages()]
        raise unknown("language", code, known, "`xtremor languages` lists them")
    script = found[2].title() if found[2] else language.script
    if not found[2] and short == "zh" and (found[3] or "").upper() in _TRADITIONAL:
        script = "Hant"
    return replace(language, code=code, script=script)


def by_stratum(
    codes: Iterable[str], strata_of: Callable[[str], Mapping[str, str]] | None = None
) -> dict[str, dict[str, list[str]]]:
    """Group languages: stratum -> value -> codes, values sorted, codes in the order given.

    Args:
        codes: languages or locales.
        strata_of: code -> {stratum: value}; by default ``strata``.
    """
    members: dict[str, dict[str, list[str]]] = {}
    for code in codes:
        for stratum, value in (strata_of or strata)(code).items():
            members.setdefault(stratum, {}).setdefault(str(value), []).append(code)
    return {stratum: dict(sorted(values.items())) for stratum, values in members.items()}


def is_english(code: str) -> bool:
    """Whether a language or locale code is English (``en``, ``en-GB``, ``en_US``, ``eng``), or a pair of such codes."""
    return all(each.replace("_", "-").split("-")[0].lower() in ("en", "eng") for each in code.split(PAIR))


def counted(codes: Collection[str]) -> str:
    """``1 language``, ``14 languages``, or ``210 pairs of languages`` where all are ordered pairs."""
    if codes and all(PAIR in code for code in codes):
        return number_of(len(codes), "pairs of languages") if len(codes) > 1 else "1 pair of languages"
    return number_of(len(codes), "languages")


def strata(code: str) -> dict[str, str]:
    """Return the groups that a language belongs to: stratum -> value, ``unknown`` where a fact is missing.

    Strata: ``joshi_class``, ``script``, ``family``, ``seen by mBERT``, ``seen by XLM-R``, ``seen by
    multilingual-e5`` and ``wiki size`` (megabytes of Wikipedia text in 2020). An ordered pair of languages
    (``en+sw``, see ``sources.generalized``) is in groups of its own: the language of the first text, that of the
    second, and whether they are the same.

    Raises:
        UserError: the language is not in the table.
    """
    if PAIR in code:
        first, second = (lookup(each).code for each in code.split(PAIR, 1))
        return {"first text": first, "second text": second, "same language": _yes(first == second)}
    language = lookup(code)
    size = next(name for bound, name in _SIZES if (language.wiki_text_mb or 0.0) < bound)
    return {
        "joshi_class": UNKNOWN if language.joshi_class is None else str(language.joshi_class),
        "script": language.script,
        "family": language.family,
        "seen by mBERT": _yes(language.in_mbert),
        "seen by XLM-R": _yes(language.in_xlmr),
        "seen by multilingual-e5": _yes(language.in_me5),
        "wiki size": UNKNOWN if language.wiki_text_mb is None else size,
    }


def schemes() -> tuple[str, ...]:
    """Names of all strata: those of languages, then those of ordered pairs."""
    return (*strata("en"), *strata(f"en{PAIR}en"))


def low_resource(code: str) -> bool:
    """Whether a language is low-resource in the usual reading of Joshi et al. 2020: class 2 or below.

    False where the class is unknown. Raises UserError when the language is not in the table.
    """
    return lookup(code).low_resource


def table(codes: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Rows for ``xtremor languages``: one dictionary per code, in the order given, or the whole table.

    Raises:
        UserError: a code is not in the table.
    """
    chosen = all_languages() if codes is None else [lookup(code) for code in codes]
    return [
        {
            "code": language.code,
            "name": language.name,
            "family": language.family,
            "script": language.script,
            "joshi_class": language.joshi_class,
            "low_resource": _yes(language.low_resource) if language.joshi_class is not None else UNKNOWN,
            "in_mbert": _yes(language.in_mbert),
            "in_xlmr": _yes(language.in_xlmr),
            "in_me5": _yes(language.in_me5),
            "xlmr_gib": language.xlmr_gib,
            "wiki_articles": language.wiki_articles,
            "wiki_text_mb": language.wiki_text_mb,
            "xtreme_r_tasks": " ".join(language.tasks),
        }
        for language in chosen
    ]


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
