"""The page in a real browser, at the width of a desk and of a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser
from synthetic_runs import XNLI, place, write_grid, write_run

from xtremor.report import places
from xtremor.report.page import build_report

MARKS = (
    "[...document.querySelectorAll('.chart')].map(c => c.querySelectorAll('.mark-symbol path, .mark-rect path').length)"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    grids = {
        "full": {},
        "two seeds": {"codes": XNLI, "seeds": (1, 2), "task": "xnli"},
        "one seed": {"codes": XNLI, "seeds": (1,), "arms": ("plain", "noise", "noise-k2", "pgd-1", "freelb-2")},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "_place", lambda code, column: place(code))
        found = {}
        for name, facts in grids.items():
            write_grid(folder / name / "runs", **facts)  # type: ignore[arg-type]
            found[name] = build_report([folder / name / "runs"], folder / name, pictures=False).page
    return found


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("full", 1280, "light"),
        ("full", 1280, "dark"),
        ("full", 400, "light"),
        ("full", 400, "dark"),
        ("two seeds", 1280, "dark"),
        ("two seeds", 400, "light"),
        ("one seed", 400, "light"),
    ],
)
def test_it_renders(chromium: Browser, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    chromium.open(pages[name], width, scheme=scheme)
    assert chromium.errors == []
    assert chromium.requests == [pages[name].as_uri()]
    assert chromium.evaluate("innerWidth") == width
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    marks = chromium.evaluate(MARKS)
    assert len(marks) >= 4
    assert all(count > 0 for count in marks)


def test_every_seed_of_every_arm_is_a_dot(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["full"], 1280)
    dots = "[...document.querySelectorAll('.blocks .mark-symbol path')].length"
    assert chromium.evaluate(dots) == 4 * 3 * 48


@pytest.mark.parametrize("width", [1280, 400])
def test_charts_fill_their_place_and_stay_inside(chromium: Browser, pages: dict[str, Path], width: int) -> None:
    chromium.open(pages["full"], width)
    share = "c => c.querySelector('svg').getBoundingClientRect().width / c.clientWidth"
    shares = chromium.evaluate(f"[...document.querySelectorAll('.chart')].map({share})")
    assert all(0.9 < share <= 1.001 for share in shares)


def test_it_follows_a_change_of_width_and_scheme(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["two seeds"], 1280)
    ink = "document.querySelector('.chart .role-axis-label text').getAttribute('fill')"
    before = chromium.evaluate(ink)
    chromium.call("Emulation.setDeviceMetricsOverride", width=400, height=900, deviceScaleFactor=1, mobile=False)
    chromium.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    chromium.wait(f"{ink} !== {before!r}")
    chromium.wait("document.documentElement.scrollWidth <= 400")
    assert chromium.errors == []


def test_the_table_of_scores_sorts(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["full"], 1280)
    press = "document.querySelectorAll('.sortable thead button')[%d].click()"
    cells = "[...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[%d])"
    column = cells + ".map(c => c.dataset.value ?? c.textContent)"
    chromium.evaluate(press % 5)
    scores = [float(value) for value in chromium.evaluate(column % 5)]
    assert scores == sorted(scores, reverse=True)
    chromium.evaluate(press % 5)
    assert [float(value) for value in chromium.evaluate(column % 5)] == sorted(scores)
    chromium.evaluate(press % 0)
    names = chromium.evaluate(column % 0)
    # Not compared: how locales order brackets.
    assert [name.split(" (")[0] for name in names] == sorted(name.split(" (")[0] for name in names)
    assert chromium.evaluate("document.querySelectorAll('[aria-sort=ascending]').length") == 1


def test_the_check_can_fail(chromium: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    """A page that fetches, scrolls sideways and logs an error is caught."""
    bad = tmp_path / "bad.html"
    html = pages["two seeds"].read_text(encoding="utf-8")
    wide = '<img src="https://example.invalid/x.png" alt=""><div style="width:900px">wide</div>'
    bad.write_text(html.replace("<main>", f"<main>{wide}"), encoding="utf-8")
    chromium.open(bad, 400)
    assert any("Content Security Policy" in each for each in chromium.errors)
    assert chromium.evaluate("document.documentElement.scrollWidth") > 400


def test_hostile_labels_do_not_run(chromium: Browser, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    for arm in ("plain", "noise"):
        write_run(tmp_path / "runs" / arm, arm, 1, {"en": 90.0, "de": 40.0, name: 1.0}, warnings=[name])
    page = build_report([tmp_path / "runs"], tmp_path / "out", pictures=False).page
    chromium.open(page, 1280)
    assert chromium.errors == []
    assert chromium.evaluate("document.querySelectorAll('img').length") == 0
