"""The files of a study's report: what the page says, leads to and escapes; charts and tables beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from helpers.invented import invent
from scipy.stats import spearmanr

from xtremor.compare.sentences import number, signed
from xtremor.errors import UserError
from xtremor.report.study import accounts, claims, page
from xtremor.report.study.charts import COLUMN, fact_columns, heat_values
from xtremor.report.study.cost import costs
from xtremor.report.study.curves import curves, doses
from xtremor.report.study.distance import correlation, facts, gains
from xtremor.report.study.figures import _embedded, arm_colours
from xtremor.report.study.findings import find
from xtremor.report.study.material import Material, gather
from xtremor.report.study.methods import bibliography, entries
from xtremor.report.study.page import build_study_report, make
from xtremor.report.study.tables import Cell, Table
from xtremor.study.claims import Claim, Verdict
from xtremor.study.files import StudyFolder
from xtremor.study.review.threat import Threat

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'"
RADII = {"freelb 0.003": 0.003, "freelb 0.01": 0.01}
METHODS = {name: {"name": "freelb", "steps": 2, "radius": radius} for name, radius in RADII.items()}
GAINS = {"none": 0.0, HOSTILE: [0.2, 0.5, 0.1], "freelb 0.003": [1.0, 1.4, 1.1], "freelb 0.01": [0.9, 0.7, 1.3]}
CODES = ("en", "de", "ru", "sw", "te", "yo", "zh")


def claim(verdict: str) -> Verdict:
    told = Claim("far", "gain", "gains more <far> away", "S 2021", "table 2", seeds="one")
    return Verdict(told, verdict, "the interval holds 0", 0.5, -0.2, 1.2, "freelb", "plain", 0.1, 0.2, ("few <seeds>",))


def threat() -> Threat:
    return Threat("seeds", "few seeds", "arm none", "3 seeds", "train <five>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return invent(
        tmp_path_factory.mktemp("study") / "a study", GAINS, seeds=(1, 2, 3), tasks=("panx", "xnli"), codes=CODES,
        strata=("joshi_class",), contrasts=[("freelb 0.003", HOSTILE), (HOSTILE, "none", "secondary")], methods=METHODS,
        calibrated=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """One that is soon drawn."""
    return invent(
        tmp_path_factory.mktemp("small") / "s", {"none": 0.0, "pgd": 1.0}, seeds=(1,), codes=("en", "de", "sw")
    )


@pytest.fixture(scope="module")
def study(folder: StudyFolder) -> Material:
    return gather(folder)


@pytest.fixture(scope="module")
def made(study: Material) -> dict[str, bytes]:
    return make(study, study.folder.path / "report", [claim("undecided"), claim("supported")], [threat()])[0]


@pytest.fixture(scope="module")
def html(made: dict[str, bytes]) -> str:
    return made[page.PAGE].decode()


def test_nothing_is_asked_of_anybody(html: str) -> None:
    assert "default-src 'none'" in html and len(html) < 8_000_000
    assert not re.search(r'(?:src|href|action|data)\s*=\s*["\']?(?:https?:)?//', html)
    assert not re.search(r"url\((?!#)|@import|<(?:link|iframe|object|embed|img|base)\b", html.replace("<img src=x", ""))


def test_names_are_escaped(html: str, made: dict[str, bytes]) -> None:
    assert HOSTILE not in html and "<img" not in html and "gains more &lt;far&gt; away" in html
    # The script of the page, and no other.
    assert html.count("</script>") == 1
    for name, content in made.items():
        if name.endswith(".svg"):
            assert "<img" not in content.decode()
            ElementTree.fromstring(content)
    assert r"\&" in made["tables/arms.tex"].decode()


def test_every_way_leads_somewhere(html: str, study: Material) -> None:
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for target in set(re.findall(r'href="#([^"]+)"', html)):
        assert target in ids, target
    ways = {way for way in re.findall(r'href="([^"#]+)"', html) if way.startswith("..")}
    assert len(ways) == len(study.plan.stages)
    there = (os.path.normpath(study.folder.path / "report" / unquote(way)) for way in ways)
    assert all((Path(place) / "stage.json").is_file() for place in there)
    for run in study.runs:
        assert html.count(f'href="#stage-{run.cell.evaluation[:12]}"') >= 2


def test_charts_and_tables_are_beside_it(html: str, made: dict[str, bytes]) -> None:
    beside = set(re.findall(r'href="([^"#.][^"]*)"', html))
    assert beside == set(made) - {page.PAGE}
    kinds = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".tex": b"%"}
    assert all(made[name].startswith(kinds[Path(name).suffix]) for name in beside)
    charts = "arms arms-1 contrast-1 languages-2 gain-kinship gain-seen dose-1 loss-1 compute calibration-1"
    tables = "arms contrasts contrast-1 languages-1 cost calibration strata stages claims threats"
    assert {f"charts/{name}.pdf" for name in charts.split()} | {
        f"tables/{name}.tex" for name in tables.split()
    } <= beside
    # Files of the light theme do not depend on the page.
    assert not any(b"var(--" in content for name, content in made.items() if name.endswith(".svg"))


def test_what_the_page_says(html: str, study: Material) -> None:
    findings = find(study)
    main = findings.main(findings.planned[0]).main
    assert main.difference is not None
    assert (
        f"{signed(main.effect)} points, 95% interval {signed(main.difference.low)} to {signed(main.difference.high)}"
        in html
    )
    for run in study.runs:
        assert f">{number(run.mean)}</td>" in html
    for words in (
        "hash " + study.plan.digest, "the plan was never frozen", "xtremor study verify", "the run did not learn &lt;",
        "freelb, steps 2, radius 0.003", "train &lt;five&gt;", "undecided", "zhu2020freelb", "pan2017wikiann",
    ):  # fmt: skip
        assert words in html, words


def test_what_is_known_of_languages_does_not_lie_over_their_figures() -> None:
    facts = [{"column": "class", "text": "3"}, {"column": "wiki size", "text": "256 MB to 1 GB"},
             {"column": "resource", "text": "extremely low"}]  # fmt: skip
    columns = fact_columns(facts, 9, 600, 13)
    assert len(columns) == len(set(columns)) and columns[:2] == ["class", "wiki size"]
    room = COLUMN * (columns.index("resource") - columns.index("wiki size"))
    assert 14 * 4.5 < room < 14 * 9 and columns[-1].isspace()
    # Where few arms leave columns wide, none stays empty.
    assert fact_columns(facts, 11, 600, 2) == ["class", "wiki size", "resource"]


def test_figures_behind_the_charts(study: Material) -> None:
    codes, systems, values = heat_values(study, "panx", HOSTILE)
    assert HOSTILE not in systems and "en" not in codes
    own, base = study.of("none", "panx"), study.of(HOSTILE, "panx")
    assert values["sw", "none"] == pytest.approx(
        sum(a.scores["sw"] - b.scores["sw"] for a, b in zip(own, base, strict=True)) / 3
    )
    found = costs(study)
    # Three trainings of 10,000 tokens, the first of five thirds of plain's passes, against two.
    assert found["freelb 0.003"].work / found["none"].work == pytest.approx((5 / 3 + 2) / 2)
    assert (found["none"].first_passes, found["none"].training, found[HOSTILE].scoring) == (None, 120.0, 120.0)
    assert [(dose.name, dict(dose.systems)) for dose in doses(study)] == [
        ("freelb-2 in the first stage", {radius: name for name, radius in RADII.items()})
    ]
    points = curves(study, "target", "panx")["none"]
    assert points[0][:2] == (2, pytest.approx(1.5)) and points[-1][0] == 100 and len(points) == 50
    assert accounts.calibrated(study, "xnli")["none"][0][1] == pytest.approx(study.of("none", "xnli")[0].mean / 10)


def test_gain_against_distance(study: Material) -> None:
    findings = find(study)
    own = gains(findings, findings.planned[0])
    assert len(own) == 12
    found = {fact.name: fact for fact in facts(study, CODES[1:], "none")}
    assert found["kinship"].values == {"de": 0.0, "ru": 0.5, "sw": 0.5, "te": 1.0, "yo": 0.5, "zh": 1.0}
    assert "yo" not in found["pretraining"].values and found["wikipedia"].values["de"] > found["wikipedia"].values["yo"]
    rank = correlation(findings, findings.planned[0], found["kinship"])
    assert rank is not None and rank.languages == 6 and rank.low < rank.rho < rank.high
    each = [
        spearmanr([found["kinship"].values[gain.code] for gain in part], [gain.effect for gain in part]).statistic
        for part in (own[:6], own[6:])
    ]
    assert rank.rho == pytest.approx(sum(each) / 2)
    # Of five languages nothing is said.
    assert correlation(findings, findings.planned[0], found["pretraining"]) is None


def test_an_unknown_language_has_no_distance(tmp_path: Path) -> None:
    codes = ("en", "de", "xx", "sw+de")
    own = gather(invent(tmp_path / "s", {"plain": 0.0, "pgd": 1.0}, codes=codes, contrasts=[("pgd", "plain")]))
    files, said = make(own, tmp_path, pictures=False)
    assert said.verdict == "clear" and set(files) == {page.PAGE, *(name for name in files if name.endswith(".tex"))}


def test_it_is_written_whole_or_not(small: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "judged", lambda folder, ledger: ([], []))
    found = build_study_report(small, tmp_path / "out", pictures=False)
    assert found.page.read_text(encoding="utf-8").startswith("<!doctype html>") and len(found.answer) == 3
    assert all(path.is_file() for path in found.files)
    before = found.page.read_bytes()

    def broken(*_: Any) -> str:
        raise UserError("cannot")

    monkeypatch.setattr(page, "render", broken)
    with pytest.raises(UserError, match="cannot"):
        build_study_report(small, tmp_path / "out", pictures=False)
    assert found.page.read_bytes() == before
    (tmp_path / "file").write_text("")
    for name in ("file", "report.html"):
        with pytest.raises(UserError, match="is no folder; name a folder for the page"):
            build_study_report(small, tmp_path / name)
    with pytest.raises(UserError, match="is no study folder"):
        build_study_report(StudyFolder(tmp_path))


def test_references_hold_together(study: Material) -> None:
    told = entries()
    assert len(told) > 40 and all(entry.count("{") == entry.count("}") for entry in told.values())
    assert all("year = {" in entry for key, entry in told.items() if key != "xtremor")
    cited = set(re.findall(r"@\w+\{(\w+),", bibliography(study)))
    assert {"xtremor", "conneau2018xnli", "wang2024e5", "holm1979", "schuirmann1987", "guo2017calibration"} <= cited
    assert not {"yang2019pawsx", "devlin2019bert", "li2018l2sp"} & cited


def test_every_method_and_task_can_be_cited() -> None:
    from xtremor.report.study.methods import BESIDE, ENCODERS, _cited
    from xtremor.robust.registry import METHODS as KINDS
    from xtremor.tasks.cards import all_cards

    assert {key for keys in BESIDE.values() for key in keys} | set(ENCODERS.values()) <= set(entries())
    # The starter's tasks have no paper; CreAT's number is not on its card.
    lacking = {each.name for each in all_cards() if not [*_cited(str(each.citation)), *BESIDE.get(each.name, ())]}
    assert lacking == {"intents", "slots"}
    known = {name for name, kind in KINDS.items() if "arXiv" in kind.source}
    assert known and all(_cited(KINDS[name].source) for name in known)


def test_tables_in_latex() -> None:
    rows = ((Cell("a_b"), Cell("−1.5")), (Cell("two\nlines"), Cell("+2.0 ± 1")))
    lines = Table("t", "caption\nof two", ("Name", "Points"), rows).latex().splitlines()
    assert lines[0] == "% caption of two" and lines[1] == r"\begin{tabular}{lr}"
    assert lines[5] == r"a\_b & $-$1.5 \\" and lines[6] == r"two lines & +2.0 $\pm$ 1 \\"
    empty = Table("t", "", ("Name", "Nothing", "Points"), tuple((one, Cell(""), two) for one, two in rows)).filled()
    assert empty.head == ("Name", "Points")


def test_an_svg_keeps_to_itself() -> None:
    svg = (
        '<svg class="marks" width="100" height="50" viewBox="0 0 100 50"><defs><clipPath id="clip1"/></defs>'
        '<g clip-path="url(#clip1)"><path aria-label="a &amp; b" role="graphics-symbol" d="M0"/></g></svg>'
    )
    found = _embedded(svg, "arms-wide", "wide", 'say "hi"')
    assert 'id="arms-wide-clip1"' in found and "url(#arms-wide-clip1)" in found
    assert "<title>a &amp; b</title>" in found and "say &#34;hi&#34;" in found
    assert 'class="wide"' in found and " width=" not in found and "max-width:100px" in found
    assert arm_colours(list("abcdefgh"))["h"] == arm_colours(list("abcdefgh"))["a"] == "var(--arm-0)"


def test_no_torch(small: StudyFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from xtremor.report.study.page import make; "
        "from xtremor.report.study.material import gather; from xtremor.study.files import StudyFolder; "
        f"study = gather(StudyFolder(Path({str(small.path)!r}))); make(study, Path('.'), pictures=False); "
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)


def test_claims_and_threats_are_told() -> None:
    rho = Verdict(Claim("far", "correlation", "rises", "S"), "undecided", "few", 0.2, -0.1, 0.5)
    none = Verdict(Claim("align", "untestable", "needs text", "T"), "not testable here", "no parallel text")
    table = claims.claims_table([claim("supported"), rho, none])
    assert [row[2].text for row in table.rows] == ["+0.50 (−0.20 to +1.20)", "ρ +0.20 (−0.10 to +0.50)", ""]
    assert [row[1].kind for row in table.rows] == ["up", "", ""] and table.rows[0][3].text == "freelb − plain"
    assert table.rows[0][2].small == "p = 0.20 after Holm's correction" and table.rows[0][6].text == "seeds: one"
    assert not claims.claims_table([]).rows and claims.threats_table([threat()]).rows[0][3].text == "train <five>"
