"""The page over the reports of several tasks."""

from __future__ import annotations

from pathlib import Path

from synthetic_runs import write_run

from xtremor.report.overview import build_overview


def test_each_task_has_its_arms_and_its_report(tmp_path: Path) -> None:
    """Averages leave English out, and nothing is averaged over the tasks."""
    levels = {"xnli": 40.0, "panx <b>": 70.0}
    runs = {}
    for task, level in levels.items():
        runs[task] = [
            write_run(tmp_path / task / f"{arm}{seed}", arm, seed, {"en": 90.0, "sw": level + seed + gain}, task=task)
            for arm, gain in (("plain", 0.0), ("pgd-1", 3.0))
            for seed in (1, 2)
        ]
    page = build_overview(runs, tmp_path / "report")
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "report" / "index.html" and "Transfer from English on 2 tasks" in text
    for average in ("41.5", "44.5", "71.5", "74.5"):
        assert text.count(f'<td class="n strong">{average}</td>') == 1
    assert 'href="xnli/index.html"' in text and (tmp_path / "report" / "xnli" / "index.html").is_file()
    assert 'href="panx%20%3Cb%3E/index.html"' in text and "<b>" not in text
    assert "encoder" in text.lower() and "<code>starter</code>" in text and "<script" not in text
