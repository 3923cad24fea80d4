"""One page over the reports of several tasks: what each may conclude, its arms side by side, and the way to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xtremor.paths import atomic_file


def build_overview(runs: Mapping[str, Sequence[Path]], out: Path) -> Path:
    """Write ``out/TASK/`` for every task, as `xtremor.report.page.build_report`, and ``out/index.html`` over them.

    Scores of different tasks are never averaged.

    Args:
        runs: task -> its run folders.
        out: folder, created when missing.

    Raises:
        UserError: as `build_report`.
    """
    from importlib.resources import files

    import jinja2
    from markupsafe import Markup

    from xtremor import __version__
    from xtremor.report.charts import COLOURS, INK
    from xtremor.report.collect import collect
    from xtremor.report.context import arm_row, encoder_name
    from xtremor.report.page import build_report
    from xtremor.report.places import describe
    from xtremor.report.summary import summarise
    from xtremor.report.verdict import estimand

    tasks = []
    for task, folders in runs.items():
        answer = build_report(folders, out / task, task).answer
        found = collect(folders, task)
        places = describe(found.languages, found.runs[0].encoder)
        arms = [arm_row(arm, places) for arm in summarise(found, places).arms]
        facts = {"metric": found.metric, "split": found.split, "over": estimand(found), "encoder": encoder_name(found)}
        tasks.append({"task": task, "answer": answer, "arms": arms, **facts})
    assets = files("xtremor.report") / "assets"
    read = {name: (assets / name).read_text(encoding="utf-8") for name in ("overview.html.j2", "page.css")}
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(read["overview.html.j2"]).render(
        tasks=tasks,
        encoder=", ".join(dict.fromkeys(str(each["encoder"]) for each in tasks)),
        css=Markup(read["page.css"]),
        colours=COLOURS,
        ink=INK,
        version=__version__,
    )
    with atomic_file(out / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return out / "index.html"
