"""The page: what it says, what it is made of, and that it asks for nothing from a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from synthetic_runs import LOCALES, XNLI, write_grid, write_run

from xtremor.errors import UserError
from xtremor.report.page import ReportFiles, build_report

ARMS = ("plain", "noise", "pgd-1", "freelb-2")


class Reader(HTMLParser):
    """Text of a page and every attribute that could make a browser fetch something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.problems: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br", "img", "input"):
            self.open.append(tag)
        self.fetched.extend(
            str(value) for name, value in attrs if name in ("src", "href", "srcset", "action", "poster")
        )

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    """Four arms, three seeds, 49 locales and the frozen baseline."""
    folder = tmp_path_factory.mktemp("full")
    with pytest.MonkeyPatch.context() as patch:
        from synthetic_runs import place

        from xtremor.report import places

        patch.setattr(places, "_place", lambda code, column: place(code))
        write_grid(folder / "runs", arms=ARMS)
        return build_report([folder / "runs"], folder / "report")


def build(tmp_path: Path, **facts: Any) -> str:
    write_grid(tmp_path / "runs", **facts)
    return build_report([tmp_path / "runs"], tmp_path / "out", pictures=False).page.read_text(encoding="utf-8")


def test_what_is_written(full: ReportFiles) -> None:
    assert [path.name for path in full.all()] == ["index.html", "locales.png", "differences.png", "scores.csv"]
    assert all(path.stat().st_size > 1000 for path in full.all())
    assert full.page.stat().st_size < 4_000_000
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in full.charts)
    assert sorted(path.name for path in full.page.parent.iterdir()) == sorted(path.name for path in full.all())


def test_it_fetches_nothing(full: ReportFiles) -> None:
    html = full.page.read_text(encoding="utf-8")
    page = Reader(html)
    assert page.fetched == []
    assert page.problems == []
    assert page.open == []
    assert "default-src 'none'" in html
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_it_names_arms_locales_and_the_answer(full: ReportFiles) -> None:
    text = " ".join(Reader(full.page.read_text(encoding="utf-8")).text)
    for name in (*ARMS, "centroid", *(locale[0] for locale in LOCALES.values())):
        assert name in text
    assert full.answer in text
    assert "home-assistant-intents 2026.1" in text
    assert "Some processor" in text
    assert "1.23×" in text  # The time beside plain.
    assert "xtremor train --task intents --method pgd-1 --seed 2" in text


def test_scores_as_csv(full: ReportFiles) -> None:
    table = pl.read_csv(full.table)
    assert table.height == 13 * 49
    one = table.filter(language="sw", arm="plain", seed=1)
    assert one["name"].to_list() == ["Swahili"]
    assert one["joshi"].to_list() == [2]


def test_tables_have_scopes_and_charts_have_names(full: ReportFiles) -> None:
    html = full.page.read_text(encoding="utf-8")
    assert '<html lang="en">' in html
    assert not re.search(r"<th(?![^>]*scope=)[\s>]", html[: html.index("<script")])
    charts = re.findall(r'<div id="[^"]+" class="chart"[^>]*>', html)
    assert len(charts) == 7
    assert all('role="img"' in chart and "aria-label=" in chart for chart in charts)


def test_two_seeds_of_xnli(tmp_path: Path) -> None:
    html = build(tmp_path, codes=XNLI, seeds=(1, 2), task="xnli", items=1000)
    assert "transfer from English to 14 languages" in html
    assert "Over 2 seeds" in html


def test_one_seed_has_no_intervals_and_says_so(tmp_path: Path) -> None:
    html = build(tmp_path, codes=XNLI, seeds=(1,))
    assert "which one seed per arm cannot give" in html
    assert "one seed gives no interval" in html


def test_without_plain_there_are_no_differences(tmp_path: Path) -> None:
    html = build(tmp_path, codes=XNLI, arms=("noise", "pgd-1"))
    assert "Differences to" not in html
    assert not (tmp_path / "out" / "differences.png").exists()


def test_warnings_stand_before_the_figures(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, {"en": 90.0, "de": 40.0}, warnings=["the run did not learn: <loss> 1.1"])
    html = build_report([tmp_path], tmp_path / "out", pictures=False).page.read_text(encoding="utf-8")
    assert "the run did not learn: &lt;loss&gt; 1.1" in html
    assert html.index("did not learn") < html.index('id="summary"')


def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    name = "</script><script>alert(1)</script>"
    run = write_run(tmp_path / "a", "plain", 1, {"en": 90.0, "de": 40.0, name: 1.0})
    for file in ("run.json", "scores.json"):
        path = run / file
        path.write_text(path.read_text(encoding="utf-8").replace('"arm": "plain"', '"arm": "<b>x"'), encoding="utf-8")
    html = build_report([tmp_path], tmp_path / "out", pictures=False).page.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<b>x" not in html


@pytest.mark.parametrize(
    "facts", [{"arms": ("plain",), "baseline": False}, {"arms": ()}, {"codes": ("en",)}, {"codes": ("de",)}]
)
def test_small_and_odd_sets_of_runs(tmp_path: Path, facts: dict[str, Any]) -> None:
    assert "What may be concluded" in build(tmp_path, **{"codes": ("en", "de", "sw"), **facts})


def test_runs_with_the_least_that_is_required(tmp_path: Path) -> None:
    bare = dict.fromkeys(("encoder", "training", "data", "versions", "machine", "counts", "seconds", "warnings"))
    write_run(tmp_path / "a", "plain", 1, {"en": 90.0, "de": 40.0}, **bare)
    write_run(tmp_path / "b", "pgd-1", 1, {"en": 90.0, "de": 41.0}, **bare)
    assert "not recorded" in build_report([tmp_path], tmp_path / "out", pictures=False).page.read_text(encoding="utf-8")


def test_the_folder_is_not_emptied(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", "plain", 1, {"en": 90.0, "de": 40.0})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    build_report([tmp_path / "runs"], tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept"


def test_an_output_that_is_no_folder(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, {"en": 90.0, "de": 40.0})
    with pytest.raises(UserError, match="name a folder"):
        build_report([tmp_path / "a"], tmp_path / "report.html")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="name a folder"):
        build_report([tmp_path / "a"], tmp_path / "file")


def test_refused_runs_leave_nothing_behind(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", "plain", 1, {"de": 40.0}, evaluated=False)
    with pytest.raises(UserError, match="evaluate"):
        build_report([tmp_path / "runs"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
