"""``xtremor attack``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from xtremor.cli.options import DATA_HELP, GENERALIZED_HELP, ScoringOptions, check_threads, open_recorded
from xtremor.cli.tables import print_table
from xtremor.console import say
from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.evaluation.attack.run import Attacked

BALL = Group("Perturbation", sort_key=3)
NOISE = Group("Noise", sort_key=4)
SCORING = ScoringOptions()


def attack(
    run: Annotated[Path, Parameter(help="Run folder that `xtremor train` wrote, with its model.")],
    /,
    *others: Annotated[Path, Parameter(help="Further runs, to be compared on the same items and draws.")],
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Folder to write (default: RUN/attack, where one run is named).")
    ] = None,
    radii: Annotated[
        str, Parameter(group=BALL, help="Between commas, ascending; shares of the mean norm of a vector at the site.")
    ] = "0.001,0.003,0.01,0.03,0.1,0.3",
    absolute: Annotated[
        bool, Parameter(group=BALL, negative=(), help="The radii are in the units of the site instead.")
    ] = False,
    norm: Annotated[str, Parameter(group=BALL, help="l2 or linf.")] = "l2",
    scope: Annotated[
        str, Parameter(group=BALL, help="What shares the radius: token, sequence or sequence-scaled.")
    ] = "token",
    site: Annotated[str, Parameter(group=BALL, help="word embeddings, or embeddings: the whole block.")] = "word",
    spare_special: Annotated[
        bool, Parameter(group=BALL, negative=(), help="Leave special tokens as they are.")
    ] = False,
    steps: Annotated[int, Parameter(group=BALL, help="Steps of an ascent.")] = 20,
    restarts: Annotated[int, Parameter(group=BALL, help="Ascents an item; the worst counts.")] = 2,
    loss: Annotated[str, Parameter(group=BALL, help="What is ascended: margin or cross-entropy.")] = "margin",
    draws: Annotated[int, Parameter(group=NOISE, help="Draws of random noise and of misspellings.")] = 5,
    character_rates: Annotated[
        str | None, Parameter(group=NOISE, help="Shares of words to misspell, between commas, for example 0.05,0.2.")
    ] = None,
    task: Annotated[str | None, Parameter(help="Another task of the same kind (default: the runs').")] = None,
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None,
    generalized: Annotated[bool, Parameter(negative=(), help=GENERALIZED_HELP)] = False,
    seed: Annotated[int, Parameter(help="Of every draw.")] = 0,
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the result as JSON.")] = False,
    scoring: ScoringOptions = SCORING,
) -> None:
    """Measure how far trained runs hold, in any language."""
    check_threads(threads)
    sizes, rates = _numbers(radii, "--radii"), _numbers(character_rates or "", "--character-rates")
    runs = [run, *others]
    if output is None and others:
        raise UserError("several runs are compared in a folder of their own: name it with --output")
    from xtremor.evaluation.attack.run import attack_runs
    from xtremor.evaluation.attack.settings import AttackSettings
    from xtremor.evaluation.selection import EvaluationSettings
    from xtremor.report.curve import write_curve

    settings = AttackSettings(
        sizes, not absolute, norm, scope, site, steps, restarts, loss, draws, rates, spare_special, seed
    )
    opened = [_opened(each, data, generalized, task) for each in runs]
    length = opened[0].record["training"]["max_length"]
    scored = EvaluationSettings(scoring.split, scoring.codes(), scoring.limit, length)
    target = run / "attack" if output is None else output
    result = attack_runs(opened, settings, scored, target, threads)
    written = write_curve(result, target)
    if json_:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print_table(_rows(result))
    say(f"written: {', '.join(str(path) for path in written)}")


def _opened(run: Path, data: Path | None, generalized: bool, task: str | None) -> Attacked:
    from xtremor.evaluation.attack.categories import check_category
    from xtremor.evaluation.attack.run import Attacked
    from xtremor.tasks.cards import card as named
    from xtremor.training.folder import RunFolder
    from xtremor.training.joint import refuse_several

    record = RunFolder(run).read_record()
    refuse_several(record, run)
    # Before any file is looked for.
    check_category(run, record, None if task is None else named(task))
    columns = dict.fromkeys(("text", "text_pair", "label", "choices"))
    card, source = open_recorded(record, data, columns, generalized, task)
    return Attacked(run, record, card, source)


def _numbers(text: str, option: str) -> tuple[float, ...]:
    """``0.01, 0.1`` -> numbers; raises UserError where one is none."""
    found = []
    for word in (each.strip() for each in text.split(",") if each.strip()):
        try:
            found.append(float(word))
        except ValueError:
            raise UserError(
                f"{option}: '{word}' is no number; write numbers between commas, such as 0.01,0.1"
            ) from None
    return tuple(found)


def _rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What is printed: one line for each run, language, condition and size."""
    several = len(result["runs"]) > 1
    found = []
    for cell in result["cells"]:
        interval = f"{cell['low']:.1f} to {cell['high']:.1f}"
        worst = cell.get("worst_of_draws", {}).get("score")
        calibration = cell.get("calibration")
        found.append(
            {
                **({"run": cell["run"]} if several else {}),
                "language": cell["language"],
                "condition": cell["condition"],
                "size": "" if cell["condition"] == "clean" else f"{cell['size']:g}",
                cell["metric"]: f"{cell['score']:.1f}",
                "95% interval": interval,
                **({"exact match": f"{cell['figures']['exact_match']:.1f}"} if "figures" in cell else {}),
                "worst of draws": "" if worst is None else f"{worst:.1f}",
                "broken": "" if cell["condition"] == "clean" else f"{cell['broken']:.1f}",
                "ECE": "" if calibration is None else f"{calibration['ece']:.1f}",
                "passes": f"{(cell['forward'] + cell['backward']) / cell['items']:.1f}",
            }
        )
    return found
