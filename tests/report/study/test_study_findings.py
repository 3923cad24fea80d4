"""The figures of a study's report are those of `xtremor compare` on the same scores, contrasts and strata."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.invented import ITEMS, invent

from xtremor.compare.comparison import compare
from xtremor.compare.folders import RunKey, Source, load, of_sources
from xtremor.compare.read import read_table
from xtremor.compare.record import record
from xtremor.compare.settings import CompareSettings
from xtremor.errors import UserError
from xtremor.report.study.accounts import checkpoints
from xtremor.report.study.findings import Planned, by_rule, by_seed, cell_mean, contrasts, estimate, find, score_table
from xtremor.report.study.material import gather, read_curve
from xtremor.report.study.methods import methods_text
from xtremor.report.study.provenance import commands
from xtremor.stats.intervals import t_interval
from xtremor.study.plan import Plan
from xtremor.study.results import results, write

PAIRS = (("freelb", "noise"), ("freelb", "plain"))
GAINS = {"plain": 0.0, "noise": [0.4, 0.9, 0.1, 0.6, 0.3], "freelb": [1.1, 1.6, 0.9, 1.2, 0.8]}


def test_figures_equal_those_of_compare(tmp_path: Path) -> None:
    folder = invent(
        tmp_path / "s", GAINS, tasks=("panx", "udpos"), strata=("joshi_class", "script"),
        contrasts=[*PAIRS, ("noise", "plain", "secondary")],
    )  # fmt: skip
    write(results(folder), tmp_path / "scores.csv")
    table = read_table(tmp_path / "scores.csv")
    common: dict[str, Any] = {"effect": 0.6, "margin": 0.5}
    found = find(gather(folder))
    every = (*PAIRS, ("noise", "plain"))
    first = record(compare(table, CompareSettings(contrasts=PAIRS, **common)))
    second = record(compare(table, CompareSettings(contrasts=every, **common)))
    third = record(
        compare(table, CompareSettings(contrasts=every, strata=("joshi_class", "script"), replicates=0, **common))
    )
    assert found.primary and found.every and found.strata
    for ours, theirs in ((found.primary, first), (found.every, second), (found.strata, third)):
        mine = record(ours)
        assert mine["contrasts"] == theirs["contrasts"] and mine["family"] == theirs["family"]
    # Each contrast is judged in its own family: primary ones are not paid for by strata.
    assert (first["family"], second["family"]) == (2, 3) and third["family"] > 20
    primary, secondary = found.planned[0], found.planned[2]
    assert found.main(primary).main.adjusted == first["contrasts"][0]["main"]["p_adjusted"]
    assert found.main(secondary).main.adjusted == second["contrasts"][2]["main"]["p_adjusted"]
    assert [each.adjusted for each in found.by_stratum(primary)] == [
        each["p_adjusted"] for each in third["contrasts"][0]["strata"]
    ]


def test_the_bootstrap_reads_the_predictions(tmp_path: Path) -> None:
    folder = invent(
        tmp_path / "s", {"plain": 0.0, "pgd": 15.0}, seeds=range(1, 7), tasks=("xnli",), codes=("en", "de", "sw"),
        contrasts=[("pgd", "plain")], intermediate="mnli", predicted=True,
    )  # fmt: skip
    study = gather(folder)
    found = find(study, "auto", replicates=200)
    sources = []
    for run in study.runs:
        place = study.store.stages / run.cell.evaluation
        key = RunKey(run.system, str(run.cell.stage1_seed), "1")
        sources.append(Source(key, "xnli", "test", "accuracy", place, place / "predictions.parquet", run.scores))
    loaded = of_sources(sources)
    settings = CompareSettings(contrasts=(("pgd", "plain"),), effect=0.6, margin=0.5, replicates=200)
    theirs = compare(loaded.table, settings, loaded.items)
    main = found.main(found.planned[0]).main
    assert main.bootstrap is not None and main.bootstrap == theirs.contrasts[0].main.bootstrap
    assert found.every and found.every.variances["pgd"]["xnli"].items is not None
    assert find(study, "no").main(found.planned[0]).main.bootstrap is None
    with pytest.raises(UserError, match="unknown --items 'maybe'"):
        find(study, "maybe")


def test_predictions_are_left_alone_where_they_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xtremor.report.study import findings

    folder = invent(tmp_path / "s", {"plain": 0.0, "pgd": 1.0}, contrasts=[("pgd", "plain")], predicted=True)
    monkeypatch.setattr(findings, "AUTO_ITEMS", ITEMS)
    found = find(gather(folder))
    assert found.main(found.planned[0]).main.bootstrap is None
    assert "`--items yes` adds the bootstrap" in found.notes[0] and "7,000 items" in found.notes[0]


def test_second_stages_are_averaged(tmp_path: Path) -> None:
    study = gather(invent(tmp_path / "s", {"plain": 0.0, "pgd": 1.0}, stage2=(1, 2), contrasts=[("pgd", "plain")]))
    seeds = by_seed(study, "pgd", "panx")
    runs = [run for run in study.of("pgd", "panx") if run.cell.stage1_seed == 3]
    assert len(seeds) == 5 and len(runs) == 2 and [run.seed for run in runs] == ["3", "3.2"]
    assert seeds[3] == pytest.approx((runs[0].mean + runs[1].mean) / 2)
    own = estimate(study, "pgd", "panx")
    assert own is not None and own.low == t_interval(list(seeds.values())).low
    main = (found := find(study)).main(found.planned[0]).main
    assert main.values[0] == pytest.approx(list(seeds.values()))
    assert cell_mean(study, "pgd", "panx", "sw") == pytest.approx(sum(r.scores["sw"] for r in study.of("pgd")) / 10)


def test_what_is_not_there_yet_waits(tmp_path: Path) -> None:
    gone = [("freelb", seed) for seed in range(1, 6)]
    study = gather(invent(tmp_path / "s", GAINS, contrasts=[*PAIRS, ("noise", "plain")], missing=gone))
    found = find(study)
    assert [each.name for each in found.planned] == ["noise − plain"] and len(found.waiting) == 2
    assert not study.done and study.systems == ("plain", "noise")
    # A seed that one arm lacks is no pair.
    part = gather(invent(tmp_path / "t", GAINS, contrasts=PAIRS, missing=[("noise", 5)]))
    main = find(part).every
    assert main is not None and [len(values) for values in main.contrasts[0].main.values] == [5, 4]


def test_percent_is_known_to_be_percent(tmp_path: Path) -> None:
    """Scores below 1 are poor, not shares; a table of them beside good ones is not refused."""
    study = gather(invent(tmp_path / "s", {"plain": -64.9, "pgd": -20.0}, noise=0.01, codes=("en", "de", "sw")))
    assert any(score < 1 for run in study.of("plain") for score in run.scores.values())
    table = score_table(study)
    assert table.percent and max(table.scores["pgd"]["1"].values()) > 20


def test_arms_are_compared_on_the_same_intermediate_task() -> None:
    cells: list[Any] = [
        SimpleNamespace(arm=arm, encoder="e", intermediate=task)
        for arm, tasks in (("none", [""]), ("plain", ["mnli", "squad"]), ("pgd", ["mnli", "squad"]))
        for task in tasks
    ]
    runs = [SimpleNamespace(cell=cell, system=f"{cell.arm} {cell.intermediate}".strip()) for cell in cells]
    told = [{"treatment": a, "control": b, "role": "primary"} for a, b in (("pgd", "plain"), ("plain", "none"))]
    design = {"contrasts": told, "encoders": ["e"]}
    plan = Plan("s", design, {}, None, {}, tuple(cells), "")
    study: Any = SimpleNamespace(runs=runs[:-1], plan=plan, design=design)
    there, waiting = contrasts(study)
    assert [each.name for each in there] == ["pgd mnli − plain mnli", "plain mnli − none", "plain squad − none"]
    assert waiting == [Planned("pgd", "plain", "primary")]


def test_nothing_finished_or_edited_is_refused(tmp_path: Path) -> None:
    gone = [("plain", seed) for seed in range(1, 6)]
    with pytest.raises(UserError, match=r"no finished evaluation yet.*study resume"):
        gather(invent(tmp_path / "s", {"plain": 0.0}, missing=gone))
    folder = invent(tmp_path / "t", {"plain": 0.0})
    run = gather(folder).runs[0]
    path = tmp_path / "t" / "store" / "stages" / run.cell.evaluation / "scores.json"
    path.write_text(path.read_text(encoding="utf-8").replace(f": {ITEMS}", ": 999"), encoding="utf-8")
    with pytest.raises(UserError, match=r"scores\.json was edited since it was stored"):
        gather(folder)


def test_curves_are_means_of_stretches(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f'{{"update": {at}, "loss": {at}.0}}\n' for at in range(1, 8)) + '{"upd', encoding="utf-8")
    assert read_curve(path, points=3) == ((3, 2.0), (6, 5.0), (7, 7.0))
    assert read_curve(path, points=100)[0] == (1, 1.0) and read_curve(tmp_path / "none") == ()


def test_other_checkpoint_rules_are_no_further_runs(tmp_path: Path) -> None:
    study = gather(invent(tmp_path / "s", GAINS, contrasts=PAIRS))
    beside = []
    for rule, shift in (("best-dev", 1.0), ("oracle", 5.0)):
        for run in study.runs:
            cell = replace(run.cell, checkpoint=rule)
            own = shift if run.cell.arm == "freelb" else 0.0
            beside.append(replace(run, cell=cell, scores={code: score + own for code, score in run.scores.items()}))
    both = replace(study, beside=tuple(beside))
    alone, found = find(study), find(both)
    assert found.primary and alone.primary and record(found.primary) == record(alone.primary)
    rules = by_rule(both, found)
    main = found.main(found.planned[0]).main
    assert [round(each.contrasts[0].main.effect - main.effect, 6) for each in rules.values()] == [1.0, 5.0]
    rows = checkpoints(both, found).rows
    assert [row[1].text for row in rows[:3]] == ["last", "best-dev", "oracle"]
    assert "upper bound" in rows[2][1].small and not checkpoints(study, alone).rows
    assert "best-dev and oracle are reported beside it" in methods_text(both, found)[0]


def test_languages_that_an_arm_was_trained_on_are_in_no_average(tmp_path: Path) -> None:
    """One arm's labels are not another's zero-shot score: the language is left out for all, here and in `compare`."""
    folder = invent(tmp_path / "s", GAINS, contrasts=PAIRS, sources={"noise": ("de", "en"), "freelb": ("sw",)},
                    predicted=True)  # fmt: skip
    study = gather(folder)
    found = find(study, items="yes", replicates=100)
    assert all({"de", "sw"}.isdisjoint(run.scores) and "en" in run.scores for run in study.runs)
    main = found.main(found.planned[0]).main
    assert main.effect == pytest.approx(
        estimate(study, "freelb").mean - estimate(study, "noise").mean  # type: ignore[union-attr]
    )
    assert {"de", "sw"}.isdisjoint(test.language for test in found.primary.scores.tests)  # type: ignore[union-attr]
    assert any("Left out on panx for all arms" in note and note.endswith(": de, sw.") for note in found.notes)
    text = methods_text(study, found)
    assert "trained on English, or the arm's source languages" in text[0]
    assert "noise (first stage: plain; targets: plain, labelled rows in de and en)" in text[1]
    assert "English and without those that some arm was trained on (de, sw)" in text[2]
    table = results(folder)
    labelled = table.filter("trained_on_language").select("system", "language").unique().sort("system").rows()
    assert labelled == [("freelb", "sw"), ("noise", "de")]
    write(table, tmp_path / "scores.csv")
    chosen = CompareSettings(contrasts=PAIRS, effect=0.6, margin=0.5, replicates=0)
    for loaded in (read_table(tmp_path / "scores.csv"), load([tmp_path / "s"]).table):
        again = compare(loaded, chosen)
        assert again.contrasts[0].main.effect == pytest.approx(main.effect)
        assert any("trained on labels in the language: panx de, panx sw." in note for note in again.notes)
    # Two systems of which neither was trained on it are compared on it.
    alone = compare(read_table(tmp_path / "scores.csv"), CompareSettings(contrasts=(("freelb", "plain"),)))
    languages = {test.language for test in alone.scores.tests}
    assert "de" in languages and "sw" not in languages


def test_commands_name_what_the_page_is_about(tmp_path: Path) -> None:
    study = gather(invent(tmp_path / "s", GAINS, contrasts=PAIRS, strata=("script",)))
    found = find(study)
    lines = commands(study, found).split("\n")
    assert lines[1] == "xtremor results s --output scores.csv"
    assert lines[2].startswith(
        "xtremor compare scores.csv --contrasts 'freelb:noise,freelb:plain' --effect 0.6 --margin 0.5"
    )
    assert "--strata 'script'" in lines[3] and len(lines) == 4
    design = {**study.design, "checkpoints": ["best-dev", "last"]}
    runs = tuple(replace(run, cell=replace(run.cell, checkpoint="best-dev")) for run in study.runs)
    other = replace(study, plan=replace(study.plan, design=design), runs=runs)
    lines = commands(other, found).split("\n")
    assert lines[1] == "xtremor results s --checkpoint best-dev --output scores.csv"
    assert "'freelb (best-dev):noise (best-dev)," in lines[2]
