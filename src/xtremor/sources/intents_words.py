"""Words for the slots that the starter sentences leave open: rooms, floors, devices, cities, messages, ..."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from importlib import resources

# Slot list -> word list. ``name`` is not here: its words depend on the device domain of the template.
FILL = {
    "area": "area",
    "floor": "floor",
    "message": "message",
    "search_query": "music",
    "zone": "zone",
    "timer_name": "timer",
    "timer_command": "command",
    "shopping_list_item": "item",
    "todo_list_item": "item",
}
# Device domain -> word list; every other domain is something that is switched.
_DOMAINS = {
    "light": "light",
    "fan": "fan",
    "media_player": "media",
    "climate": "climate",
    "water_heater": "climate",
    "sensor": "climate",
    "cover": "cover",
    "valve": "valve",
    "lock": "lock",
    "binary_sensor": "lock",
    "vacuum": "vacuum",
    "lawn_mower": "mower",
    "todo": "todo",
    "scene": "scene",
    "script": "scene",
    "person": "person",
    "weather": "city",
}
_CITIES = ("London", "Paris", "Berlin", "Rome", "Athens")
_ZONES = (*(f"Europe/{city}" for city in _CITIES), "Asia/Tokyo", "Asia/Seoul")
_CLDR = {"zh-CN": "zh_Hans_CN", "zh-TW": "zh_Hant_TW", "zh-HK": "zh_Hant_HK"}
_TERRITORIES = ("FR", "DE", "IT", "ES", "JP", "EG", "BR", "KE")


def name_words(domains: str | Iterable[str] | None) -> tuple[str, ...]:
    """Word lists that hold names of devices of these domains; lights, switches and fans when none is given."""
    given = [domains] if isinstance(domains, str) else list(domains or ("light", "switch", "fan"))
    return tuple(dict.fromkeys(_DOMAINS.get(domain, "switch") for domain in given))


@functools.cache
def _tables() -> dict[str, dict[str, str]]:
    text = (resources.files("xtremor") / "data" / "starter_words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def words_for(locale: str) -> tuple[dict[str, list[str]], bool]:
    """Return the word lists of a locale, and whether they are its own.

    A locale's table overlays its language's (``pt-BR`` over ``pt``). A language without a table gets names
    of countries and cities from CLDR for every list: the right language, though nobody's living room.
    """
    tables = _tables()
    merged = {**tables.get(locale.split("-")[0], {}), **tables.get(locale, {})}
    words = {key: value.split(", ") for key, value in merged.items()}
    cities, countries = _cldr(locale)
    words["city"] = cities
    if merged:
        return words, True
    return {**dict.fromkeys(tables["en"], countries), **words}, False


def _cldr(locale: str) -> tuple[list[str], list[str]]:
    from babel import Locale, UnknownLocaleError

    try:
        known = Locale.parse(_CLDR.get(locale, locale.replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        known = Locale.parse("en")
    cities = [known.time_zones.get(zone, {}).get("city") for zone in _ZONES]
    # CLDR leaves a city out where it is spelt as in the zone's name.
    named = [city or zone.split("/")[1] for zone, city in zip(_ZONES, cities, strict=True)]
    return named, [known.territories[code] for code in _TERRITORIES if code in known.territories]
