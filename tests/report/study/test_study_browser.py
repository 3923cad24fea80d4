"""The page of a study in a real browser, at the width of a desk and of a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser
from helpers.invented import invent

from xtremor.report.page import write_files
from xtremor.report.study.material import gather
from xtremor.report.study.page import make

HOSTILE = "</script><img src=x onerror=alert(1)>"
CODES = ("en", "de", "ru", "sw", "te", "yo", "zh")
SHOWN = "[...document.querySelectorAll('.chart svg')].filter(s => s.getBoundingClientRect().width > 0)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "s"
    gains = {"none": 0.0, HOSTILE: [0.2, 0.5, 0.1], "freelb-2": [1.0, 1.4, 1.1]}
    study = gather(
        invent(folder, gains, seeds=(1, 2, 3), codes=CODES, contrasts=[("freelb-2", HOSTILE)], calibrated=True)
    )
    write_files(folder / "report", make(study, folder / "report", pictures=False)[0])
    return folder / "report" / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_it_renders(chromium: Browser, report: Path, width: int, scheme: str) -> None:
    chromium.open(report, width, scheme=scheme)
    assert chromium.errors == []
    assert chromium.requests == [report.as_uri()]
    assert chromium.evaluate("innerWidth") == width
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    # Of each chart the drawing that fits, and it alone.
    count = int(chromium.evaluate("document.documentElement.dataset.charts"))
    assert count >= 8 and chromium.evaluate(f"{SHOWN}.length") == count
    which = "narrow" if width == 400 else "wide"
    assert chromium.evaluate(f"{SHOWN}.every(s => s.classList.contains('{which}'))")
    assert chromium.evaluate(f"{SHOWN}.every(s => s.querySelectorAll('path, line').length > 3)")
    assert chromium.evaluate("document.querySelectorAll('img').length") == 0


def test_charts_follow_the_theme_and_arms_keep_their_colours(chromium: Browser, report: Path) -> None:
    dot = f"getComputedStyle({SHOWN}[0].querySelector('a path')).fill"
    sign = "getComputedStyle(document.querySelector('.legend .arm i')).backgroundColor"
    ink = f"getComputedStyle({SHOWN}[0].querySelector('.role-axis-label text')).fill"
    seen = []
    for scheme in ("light", "dark"):
        chromium.open(report, 1400, scheme=scheme)
        assert chromium.evaluate(dot) == chromium.evaluate(sign)
        assert chromium.evaluate(ink) == chromium.evaluate("getComputedStyle(document.body).color")
        seen.append((chromium.evaluate(dot), chromium.evaluate(ink)))
    assert seen[0][0] != seen[1][0] and seen[0][1] != seen[1][1]


def test_every_seed_is_a_dot_that_leads_to_its_stage(chromium: Browser, report: Path) -> None:
    chromium.open(report, 1400)
    dots = f"[...{SHOWN}[0].querySelectorAll('a')].map(a => a.getAttribute('href'))"
    ways = chromium.evaluate(dots)
    assert len(ways) == len(set(ways)) == 9
    assert chromium.evaluate(f"{dots}.every(way => document.querySelector(way).cells.length > 5)")
    said = chromium.evaluate(f"[...{SHOWN}[0].querySelectorAll('a title')].map(t => t.textContent)")
    assert sum(text.startswith(f"{HOSTILE}, seed ") for text in said) == 3


def test_tables_sort(chromium: Browser, report: Path) -> None:
    chromium.open(report, 1400)
    table = "[...document.querySelectorAll('table.sortable')].find(t => t.tHead.textContent.includes('Worst language'))"
    press = f"{table}.tHead.querySelectorAll('button')[2].click()"
    column = f"[...{table}.tBodies[0].rows].map(r => Number(r.cells[2].dataset.value))"
    chromium.evaluate(press)
    first = chromium.evaluate(column)
    assert first == sorted(first, reverse=True)
    chromium.evaluate(press)
    assert chromium.evaluate(column) == sorted(first)
