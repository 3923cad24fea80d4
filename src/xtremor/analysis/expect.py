"""`xtremor expect`: the accuracy to expect where there are no labels, and how right that was where there are.

Answers of every language are kept in ``OUTPUT/cells`` until all are there, so that a stopped command goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xtremor import computing, machine
from xtremor.analysis.confidence import Answers, answers, check_category
from xtremor.analysis.estimating import estimate
from xtremor.analysis.pieces import CELLS, from_pieces
from xtremor.analysis.regression import FEWEST
from xtremor.console import Progress
from xtremor.encoders.fingerprint import folder_fingerprint
from xtremor.errors import UserError
from xtremor.evaluation.loaded import check_model, load_run
from xtremor.sources.base import Source
from xtremor.stats.bootstrap import LEVEL, REPLICATES
from xtremor.tasks.base import TaskCard
from xtremor.training.folder import FORMAT, RunFolder, read_json
from xtremor.training.learning import HARDLY_LEARNING
from xtremor.training.sources import recorded_sources

RESULT = "expected.json"
# With fewer items an interval says little, and clusters are few.
FEW_ITEMS = 30
FEW_DEV = 100
INTERVALS = (
    "of estimates from confidence: other items of English dev and of the language, not whether confidence means the "
    "same there; of lines and of the mean of other languages: another language like them"
)


@dataclass(frozen=True)
class ExpectSettings:
    """What a user says of the estimates.

    Attributes:
        replicates: of the bootstrap.
        seed: of its draws.
        level: of the intervals.
        scale: divide logits by the temperature that fits English dev best.
        max_length: longest input in tokens.
    """

    replicates: int = REPLICATES
    seed: int = 0
    level: float = LEVEL
    scale: bool = False
    max_length: int = 128

    def __post_init__(self) -> None:
        if self.replicates < 100:
            raise UserError(f"--replicates must be at least 100, not {self.replicates}")
        if not 0.5 <= self.level < 1:
            raise UserError(f"--level is a share from 0.5 to below 1, not {self.level}")
        if self.seed < 0:
            raise UserError(f"--seed must be at least 0, not {self.seed}")


@dataclass(frozen=True)
class Rows:
    """What is answered.

    Attributes:
        dev: English rows with labels.
        languages: code -> rows of it, whose labels are used to judge estimates alone.
        split: name of what the rows are of.
        displacement: code -> relative distance of translations; None where it was not named.
        displaced: where that is from.
        notes: what a reader must know.
    """

    dev: Sequence[Any]
    languages: Mapping[str, Sequence[Any]]
    split: str
    displacement: Mapping[str, float] | None = None
    displaced: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = field(default=())

    def digest(self) -> str:
        """The sha256 over all texts and labels."""
        import hashlib

        digest = hashlib.sha256()
        for code, rows in (("dev", self.dev), *self.languages.items()):
            digest.update(code.encode())
            for each in rows:
                digest.update(repr(each).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def displacement_of(folder: Path, run: Path, layer: int | None) -> tuple[dict[str, float], dict[str, Any]]:
    """Relative distance by language from what `xtremor align` wrote, and what it is of.

    Args:
        folder: of ``align.json``.
        run: its own figures are taken where it is one of several subjects.
        layer: None is the last.

    Raises:
        UserError: no such file, several subjects of which none is the run, or a layer that was not measured.
    """
    path = folder / "align.json" if folder.is_dir() else folder
    if not path.is_file():
        raise UserError(f"--displacement {folder}: no align.json is there; name a folder that `xtremor align` wrote")
    found = read_json(path)
    subjects, cells = list(found.get("subjects") or ()), found.get("layers")
    if not subjects or not isinstance(cells, list):
        raise UserError(f"{path} is not what `xtremor align` writes; measure again")
    name = run.resolve().name if run.resolve().name in subjects else subjects[0]
    if name != run.resolve().name and len(subjects) > 1:
        raise UserError(
            f"{path} is of {', '.join(subjects)}, and {run.resolve().name} is none of them; measure the run itself "
            "with `xtremor align`"
        )
    own = [cell for cell in cells if cell["subject"] == name]
    layers = sorted({int(cell["layer"]) for cell in own})
    chosen = layers[-1] if layer is None else layer
    if chosen not in layers:
        raise UserError(f"--layer {chosen}: {path} has layers {layers[0]} to {layers[-1]}")
    figures = {str(cell["language"]): float(cell["relative"]) for cell in own if int(cell["layer"]) == chosen}
    return figures, {"subject": name, "layer": chosen, "rows_of": found.get("task"), "split": found.get("split")}


def expect(
    run: Path,
    source: Source,
    card: TaskCard,
    rows: Rows,
    settings: ExpectSettings,
    output: Path,
    threads: int | None = None,
) -> dict[str, Any]:
    """Answer, estimate, write ``expected.json`` and return it. Asked again, finished pieces are not redone.

    Raises:
        UserError: a run without a model, a task whose answers are no classes, rows that cannot be used, or an output
            that holds something else.
    """
    computing.prepare(threads)
    check_category(card)
    folder = RunFolder(run)
    record = folder.read_record()
    check_model(folder)
    if not rows.languages:
        raise UserError("there is no language to estimate; name labelled files with --data or text with --unlabelled")
    identity = {
        "format": FORMAT,
        "expect": asdict(settings),
        "model": folder_fingerprint(folder.model),
        "task": card.name,
        "split": rows.split,
        "rows": rows.digest(),
        "displacement": None if rows.displacement is None else dict(rows.displacement),
    }

    def make() -> dict[str, Any]:
        dev, others = _answered(run, source, card, rows, settings, output)
        result = estimate(dev, others, card, settings, rows.displacement, recorded_sources(record))
        result |= _about(run, record, card, rows, settings, source)
        result["notes"] += _doubts(result["english_dev"])
        return result

    return from_pieces(output, identity, RESULT, make, "estimated", "languages")


def _answered(
    run: Path, source: Source, card: TaskCard, rows: Rows, settings: ExpectSettings, output: Path
) -> tuple[Answers, dict[str, Answers]]:
    """Make the cells that are missing, and read them all."""
    import torch

    from xtremor.training.token_cache import keeping_tokens

    cells = output / CELLS
    cells.mkdir(exist_ok=True)
    wanted = {"dev": rows.dev, **{f"language-{code}": each for code, each in rows.languages.items()}}
    missing = {name: each for name, each in wanted.items() if not (cells / f"{name}.parquet").exists()}
    total, left = sum(map(len, wanted.values())), sum(map(len, missing.values()))
    with Progress("answering", total, total - left) as progress, keeping_tokens():
        if missing:
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            model, tokenizer, labels = load_run(run, card, source, device)
        for name, each in missing.items():

            def told(share: float, note: str = name.removeprefix("language-"), count: int = len(each)) -> None:
                progress.advance(share * count, note)

            found = answers(model, tokenizer, card, each, labels, settings.max_length, device, told)
            found.write(cells / f"{name}.parquet")
    read = {name: Answers.read(cells / f"{name}.parquet") for name in wanted}
    dev = read.pop("dev")
    if dev.gold is None:
        raise UserError(f"{card.name}: its English dev rows have no labels, on which thresholds are chosen")
    return dev, {name.removeprefix("language-"): each for name, each in read.items()}


def _doubts(english: Mapping[str, Any]) -> list[str]:
    """What suggests that confidence says little, whatever the language."""
    floor = english["largest_class"]
    if english["accuracy"] >= floor + HARDLY_LEARNING * (100 - floor):
        return []
    return [
        f"English dev accuracy is {english['accuracy']:.1f} and the largest class alone gives {floor:.1f}: a model "
        "that hardly learned is hardly surer where it is right, and estimates from confidence say little, ATC the least"
    ]


def _about(
    run: Path, record: dict[str, Any], card: TaskCard, rows: Rows, settings: ExpectSettings, source: Source
) -> dict[str, Any]:
    import torch

    notes = list(rows.notes)
    few = [code for code, each in rows.languages.items() if len(each) < FEW_ITEMS]
    if few:
        notes.append(f"fewer than {FEW_ITEMS} rows in {', '.join(few)}: their intervals are too narrow")
    if len(rows.dev) < FEW_DEV:
        notes.append(f"English dev has {len(rows.dev)} rows: a threshold chosen on so few is hardly one")
    if len(rows.languages) <= FEWEST:
        notes.append("few languages: lines through them, and their mean, say little or nothing")
    return {
        "format": FORMAT,
        "run": run.resolve().name,
        "arm": record["arm"],
        "seed": record["seed"],
        "task": card.name,
        "split": rows.split,
        "settings": asdict(settings),
        "displacement": rows.displaced and {**rows.displaced, "relative": dict(rows.displacement or {})},
        "intervals": INTERVALS,
        "notes": notes,
        "data": asdict(source.record()),
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
        "machine": machine.machine("cuda" if torch.cuda.is_available() else "cpu", torch.get_num_threads()),
    }
