"""``xtremor study``: plan, freeze, run, resume, status, watch, verify, report, claims, review, recipes, new."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from xtremor.console import say
from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.study.design import Study
    from xtremor.study.files import StudyFolder
    from xtremor.study.plan import Plan

FILE = Annotated[Path, Parameter(help="Study file (TOML); `xtremor study new` makes one.")]
FOLDER = Annotated[Path, Parameter(help="Study folder.")]


@Parameter(name="*")
@dataclass(frozen=True)
class FileOptions:
    """What a study file is turned into."""

    output: Annotated[
        Path | None, Parameter(alias="-o", help="Study folder (default: studies/NAME, studies/NAME-tiny).")
    ] = None
    data: Annotated[Path | None, Parameter(help="Folder of the files, in place of the study file's.")] = None
    scale: Annotated[str, Parameter(help="full, or tiny: a rehearsal with a tiny random encoder and few rows.")] = (
        "full"
    )


@Parameter(name="*")
@dataclass(frozen=True)
class RunOptions:
    """How stages are run; none of it changes a result."""

    launcher: Annotated[str, Parameter(help="local (processes of this machine), ray or slurm.")] = "local"
    workers: Annotated[int | None, Parameter(help="Runs side by side (default: as many as there is room for).")] = None
    cluster: Annotated[
        str | None, Parameter(help="Options of ray or slurm, between commas: address=auto, partition=gpu, gpus=1.")
    ] = None
    retries: Annotated[int, Parameter(help="Further attempts at a run that failed.")] = 1
    checkpoint_seconds: Annotated[float, Parameter(help="Seconds between checkpoints of a training.")] = 60.0

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise UserError(f"--retries must be at least 0, not {self.retries}")

    def options(self) -> tuple[str, ...]:
        """Those of the cluster."""
        return tuple(part.strip() for part in (self.cluster or "").split(",") if part.strip())


FILES, RUNS = FileOptions(), RunOptions()
study = App(
    name="study",
    help="""Plan, run and query a study: a graph of training runs from one TOML file.

    A study crosses arms (methods, controls), intermediate tasks, targets and seeds. Its stages are stored by content,
    so that nothing is run twice; killed at any moment, the same command goes on.

    For example: `xtremor study new question --output question.toml`, `xtremor study plan question.toml`,
    `xtremor study run question.toml`
    """,
    help_format="markdown",
    suppress_keyboard_interrupt=False,
)

# Imported when called; their help is known here.
study.command(
    "xtremor.cli.review:claims",
    name="claims",
    help="Say what the runs of a study support, contradict or leave open of claims in a ledger.",
)
study.command(
    "xtremor.cli.review:review",
    name="review",
    help="Name what threatens the conclusions of a study: as `xtremor review`.",
)


@study.command
def plan(
    file: FILE,
    /,
    *,
    files: FileOptions = FILES,
    workers: Annotated[int | None, Parameter(help="Runs side by side that the time is said for.")] = None,
    probe: Annotated[bool, Parameter(help="Train for a moment where no stage says how fast this machine is.")] = True,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print plan.json.")] = False,
) -> None:
    """Lay out a study: its stages, which exist, what they cost, what it can see. Nothing is run."""
    from xtremor.launch import worker_count
    from xtremor.study.cost import plan_lines

    chosen, made, folder = _planned(file, files)
    if json_:
        print(json.dumps(made.as_dict(), ensure_ascii=False, indent=2))
        return
    count = workers or worker_count(len(made.stages), None)[0]
    print("\n".join(plan_lines(chosen, made, folder, count, probe)))
    say(f"next: xtremor study freeze {file}, then xtremor study run {file}")


@study.command
def freeze(file: FILE, /, *, files: FileOptions = FILES) -> None:
    """Write down the plan's hash before the first run, so that it can be said later that it was kept."""
    from xtremor.study.freeze import freeze as freeze_plan

    _, made, folder = _planned(file, files)
    print(freeze_plan(folder, made).sentence())


@study.command
def run(file: FILE, /, *, files: FileOptions = FILES, runs: RunOptions = RUNS) -> None:
    """Run what is missing of a study. Exit code 3 where some runs failed and the rest is finished."""
    _check_launcher(runs)
    _, made, folder = _planned(file, files)
    _drive(made, folder, runs)


@study.command
def resume(folder: FOLDER, /, *, runs: RunOptions = RUNS) -> None:
    """Go on with a study as it was planned, without its file."""
    from xtremor.study.files import StudyFolder

    _check_launcher(runs)
    there = StudyFolder(folder)
    _drive(there.read(), there, runs)


@study.command
def status(
    folder: FOLDER,
    /,
    *,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print it as JSON.")] = False,
) -> None:
    """Say how a study stands: finished, running, failed, waiting; time left; whether the plan was kept."""
    from xtremor.study.files import StudyFolder
    from xtremor.study.status import status as look

    there = StudyFolder(folder)
    made = there.read()
    found = look(there, made)
    print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2) if json_ else "\n".join(found.lines(made)))


@study.command
def watch(folder: FOLDER, /, *, seconds: Annotated[float, Parameter(help="Between two looks.")] = 30.0) -> None:
    """Say how a study stands, again and again until it is finished."""
    from xtremor.study.files import StudyFolder
    from xtremor.study.status import status as look

    there = StudyFolder(folder)
    before: list[str] = []
    while True:
        made = there.read()
        found = look(there, made)
        lines = found.lines(made)
        if lines != before:
            print("\n".join(lines), flush=True)
        if found.done:
            return
        before = lines
        time.sleep(seconds)


@study.command
def verify(folder: FOLDER, /) -> None:
    """Read every finished stage and compare it with its checksums; name what was edited."""
    from xtremor.study.files import StudyFolder

    there = StudyFolder(folder)
    made = there.read()
    store = there.store(made).open()
    keys = [key for key in made.stages if key in store.finished()]
    for key in keys:
        store.verify(key)
    print(f"{len(keys)} finished stages are as they were stored")


@study.command
def report(
    folder: FOLDER,
    /,
    *,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Folder for page, charts and tables (default: report in the study's).")
    ] = None,
    ledger: Annotated[
        Path | None, Parameter(help="Claims to judge (TOML), in place of those that come with it.")
    ] = None,
    items: Annotated[
        str,
        Parameter(help="Read predictions for the bootstrap over seeds and items: auto (where it is quick), yes, no."),
    ] = "auto",
    pictures: Annotated[bool, Parameter(help="Write charts as SVG, PNG and PDF too.")] = True,
    json_: Annotated[
        bool, Parameter(name="--json", negative=(), help="Print the answer and the paths of what was written as JSON.")
    ] = False,
) -> None:
    """Make one page that answers the study's question from what is finished, with charts and tables to take away."""
    from xtremor.report.study.page import build_study_report
    from xtremor.study.files import StudyFolder

    found = build_study_report(StudyFolder(folder), output, ledger, items, pictures)
    say(f"report: {found.page}")
    if json_:
        print(json.dumps({"answer": found.answer, "files": [str(path) for path in found.files]}, ensure_ascii=False))
    else:
        print("\n".join(found.answer))


@study.command
def recipes() -> None:
    """List the studies that come with xtremor."""
    from xtremor.study.recipes import listed

    for name, about in listed():
        print(f"{name:14} {about}")


@study.command
def new(
    recipe: Annotated[str, Parameter(help="Name of a recipe (`xtremor study recipes`).")],
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o", help="File to write (default: print it).")] = None,
) -> None:
    """Write a study file from a recipe, to be changed to one's needs."""
    from xtremor.paths import atomic_file
    from xtremor.study.recipes import text_of

    text = text_of(recipe)
    if output is None:
        print(text, end="")
        return
    if output.exists():
        raise UserError(f"--output {output} exists; name a file that does not, or delete it")
    with atomic_file(output) as draft:
        draft.write_text(text, encoding="utf-8")
    say(f"next: xtremor study plan {output}")


def _planned(file: Path, files: FileOptions) -> tuple[Study, Plan, StudyFolder]:
    """Read a study file, plan it, and put the plan into its folder."""
    from xtremor.study.files import StudyFolder
    from xtremor.study.planning import make_plan
    from xtremor.study.reading import parse_study, read_text
    from xtremor.study.scale import scaled
    from xtremor.study.stage import digest_of

    text = read_text(file)
    chosen = parse_study(text, str(file))
    if files.data is not None:
        chosen = replace(chosen, data=str(files.data))
    name = chosen.name if files.scale == "full" else f"{chosen.name}-{files.scale}"
    folder = StudyFolder(files.output or Path("studies") / name)
    chosen = scaled(chosen, files.scale)
    made = make_plan(chosen, digest_of([text, files.scale]))
    folder.write(made, text)
    folder.store(made).open(make=True)
    return chosen, made, folder


def _check_launcher(runs: RunOptions) -> None:
    from xtremor.study.launchers import check_launcher

    check_launcher(runs.launcher)


def _drive(made: Plan, folder: StudyFolder, runs: RunOptions) -> None:
    from xtremor.study.driver import Driver, announce, units_of
    from xtremor.study.freeze import verdict
    from xtremor.study.launchers import make_launcher
    from xtremor.tracking.names import check_installed

    check_installed(made.trackers, "trackers:")
    store = folder.store(made).open(make=True)
    finished = store.finished()
    for key in made.stages:
        if key in finished:
            store.verify(key, whole=False)
    units = units_of(made)
    threads = max(unit.threads for unit in units)
    launcher = make_launcher(runs.launcher, len(units), threads, folder.path, runs.workers, runs.options())
    driver = Driver(made, folder, store, launcher, runs.retries, runs.checkpoint_seconds)
    announce(driver)
    driver.run()
    say(verdict(folder, made).sentence())
    say(f"next: xtremor study report {folder.path}, or xtremor results {folder.path}")
