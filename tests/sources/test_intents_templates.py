"""Walking templates: every construct, spans, tidy text, what is refused. The templates are written here."""

from __future__ import annotations

import random
from typing import Any

import pytest

pytest.importorskip("hassil")

from xtremor.sources.intents_sampling import LocaleTemplates, sentence_intents
from xtremor.sources.intents_templates import Grammar, TemplateError, draw_number, tidy
from xtremor.sources.intents_templates import _Piece as Piece

RULES = {
    "the": "(the|my)",
    "in": "in [<the>]",
    "place": "<in> {area}",
    "loop": "again <loop>",
}
LISTS: dict[str, Any] = {
    "colour": {"values": [{"in": "dark[ ]red", "out": "red"}, "blue"]},
    "percent": {"range": {"type": "percentage", "from": 0, "to": 100}},
    "degrees": {"range": {"type": "temperature", "from": 0, "to": 100}},
    "kelvin": {"range": {"from": 1000, "to": 2000, "step": 100}},
    "message": {"wildcard": True},
}
WORDS = {"area": ["kitchen", "living room"], "light": ["lamp"], "lock": ["gate"], "note": ["dinner is ready"]}
FILL = {"area": "area", "message": "note", "floor": "area"}


def texts(template: str, draws: int = 200, names: tuple[str, ...] = ("light",), **words: list[str]) -> set[str]:
    grammar = Grammar(RULES, LISTS, {**WORDS, **words}, FILL)
    rng = random.Random(0)
    return {grammar.sample(template, rng, names)[0] for _ in range(draws)}


def spans(template: str, seed: int = 0) -> list[tuple[str, str]]:
    text, slots = Grammar(RULES, LISTS, WORDS, FILL).sample(template, random.Random(seed), ("light",))
    return [(name, text[start:end]) for name, start, end in slots]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain words", {"plain words"}),
        ("a [b] c", {"a c", "a b c"}),
        ("a [b|c]", {"a", "a b", "a c"}),
        ("[[very] big] cat", {"cat", "big cat", "very big cat"}),
        ("(a|b c) d", {"a d", "b c d"}),
        ("light[s]", {"light", "lights"}),
        ("({x};now)", {"one now", "now one"}),
        ("(a;b;[c])", {"a b", "b a", "a b c", "a c b", "b a c", "b c a", "c a b", "c b a"}),
        ("turn <in> it", {"turn in it", "turn in the it", "turn in my it"}),
        ("on <place>", {f"on in {the}{area}" for the in ("", "the ", "my ") for area in WORDS["area"]}),
        ("{colour}", {"blue", "dark red", "darkred"}),
        ("say {message}!", {"say dinner is ready!"}),
        ("go  ( to | from )  there", {"go to there", "go from there"}),
    ],
)
def test_every_construct_gives_exactly_its_sentences(template: str, expected: set[str]) -> None:
    assert texts(template, x=["one"]) == expected


def test_spans_and_slot_names() -> None:
    found = spans("set {name} {area:room} to {colour:shade} at {percent}% saying {message}")
    assert [name for name, _ in found] == ["name", "room", "shade", "percent", "message"]
    values = dict(found)
    assert values["name"] == "lamp" and values["room"] in WORDS["area"] and values["message"] == "dinner is ready"
    assert values["shade"] in {"blue", "dark red", "darkred"}
    assert int(values["percent"]) % 5 == 0


def test_spans_survive_tidying() -> None:
    text, slots = tidy([Piece("  a "), Piece(" "), Piece(" kitchen", "area"), Piece("  , now ")])
    assert text == "a kitchen, now"
    assert [(name, text[start:end]) for name, start, end in slots] == [("area", "kitchen")]


def test_cjk_is_joined_and_other_text_is_not() -> None:
    pieces = [Piece("打开 "), Piece("Taylor Swift", "x"), Piece(" 的 "), Piece("灯", "name")]
    text, slots = tidy(pieces, join_cjk=True)
    assert text == "打开 Taylor Swift 的灯"
    assert [text[start:end] for _, start, end in slots] == ["Taylor Swift", "灯"]
    assert tidy(pieces)[0] == "打开 Taylor Swift 的 灯"


def test_ranges() -> None:
    rng = random.Random(1)
    numbers = {draw_number("degrees", LISTS["degrees"]["range"], rng) for _ in range(300)}
    assert numbers == set(range(16, 29))
    assert {draw_number("kelvin", LISTS["kelvin"]["range"], rng) for _ in range(300)} == set(range(1000, 2001, 100))
    assert {draw_number("timer_hours", {"from": 1, "to": 100}, rng) for _ in range(300)} == set(range(2, 13))
    assert draw_number("x", {"from": 1, "to": 1}, rng) == 1
    assert draw_number("hot", {"type": "temperature", "from": 40, "to": 40}, rng) == 40
    assert texts("{3..9,3:count} times") == {"3 times", "6 times", "9 times"}


def test_names_come_from_the_domains_of_the_template() -> None:
    assert texts("open {name}", names=("lock",)) == {"open gate"}
    assert texts("open {name}", names=("lock", "light")) == {"open gate", "open lamp"}


def test_optional_endings_and_doubled_nouns_are_left_out() -> None:
    assert texts("{area}[en|et]") == set(WORDS["area"])
    assert texts("the {floor} [floor] lights", area=["first floor"]) == {"the first floor lights"}
    assert texts("{percent}[%]") > {"50", "50%"}
    assert texts("[room] {area}", draws=60, area=["room one", "attic"]) == {"room one", "attic", "room attic"}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a <nowhere>", "no rule <nowhere>"),
        ("a {nothing}", "no list {nothing}"),
        ("<loop>", "never end"),
        ("a (b", "cannot be parsed"),
        (r"a \[b\]", "leaves"),
        ("[a]", "leaves ''"),
    ],
)
def test_unusable_templates_are_refused(template: str, message: str) -> None:
    grammar = Grammar(RULES, LISTS, WORDS, FILL)
    with pytest.raises(TemplateError, match=message):
        for seed in range(20):
            grammar.sample(template, random.Random(seed))


def block(*sentences: str, **more: Any) -> dict[str, Any]:
    return {"sentences": list(sentences), **more}


DATA: dict[str, Any] = {
    "expansion_rules": RULES,
    "lists": LISTS,
    "intents": {
        "On": {"data": [block("turn on {name}", requires_context={"domain": ["light", "lock"]}), block("go", "start")]},
        "Go": {"data": [block("go", "walk [on] <the> {area}", "<nowhere>")]},
        "Foreign": {"data": [block("what")]},
        "Empty": {"data": [block()]},
    },
}


def test_a_small_locale() -> None:
    assert sentence_intents(DATA) == ["On", "Go", "Foreign"]
    locale = LocaleTemplates("en", DATA, ("On", "Go"))
    assert locale.unlabelled == 1
    assert {template.names for template in locale.templates["On"]} >= {("light", "lock")}
    assert len({template.id for group in locale.templates.values() for template in group}) == 6
    rows, ambiguous = locale.draw(locale.templates, 1000, random.Random(0))
    made = [row.text for row in rows]
    assert len(made) == len(set(made))
    assert ambiguous == 1 and "go" not in made and "start" in made
    assert len(locale.broken) == 1 and "nowhere" in next(iter(locale.broken.values()))
    assert {row.intent for row in rows} == {"On", "Go"}
    assert all(row.text[start:end] for row in rows for _, start, end in row.slots)


def test_split_of_few_templates() -> None:
    data = {"intents": {str(count): {"data": [block(*(f"say {n}" for n in range(count)))]} for count in (1, 2, 3, 40)}}
    parts = LocaleTemplates("en", data, ("1", "2", "3", "40")).split(seed=0)
    sizes = {part: {intent: len(group) for intent, group in groups.items()} for part, groups in parts.items()}
    assert sizes["train"] == {"1": 1, "2": 1, "3": 1, "40": 28}
    assert sizes["dev"] == {"3": 1, "40": 6}
    assert sizes["test"] == {"2": 1, "3": 1, "40": 6}
