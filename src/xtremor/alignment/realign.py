"""`xtremor realign`: fine-tuning an encoder on translations before any task, a stage of its own, by the usual loop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xtremor import computing, machine
from xtremor.alignment.material import RealignSettings, featurize, sentences
from xtremor.alignment.rival import fairness, is_unfair, used
from xtremor.alignment.rows import ParallelData
from xtremor.alignment.words import Links
from xtremor.console import say, warn
from xtremor.encoders.runs import tokenizer_digest
from xtremor.errors import UserError
from xtremor.tasks.base import Defaults, TaskCard
from xtremor.tasks.category import Category
from xtremor.training import checkpoint
from xtremor.training.batches import Epochs
from xtremor.training.config import TrainSettings
from xtremor.training.folder import FORMAT, RunFolder, write_json
from xtremor.training.joint import ALIGNED
from xtremor.training.lineage import lineage_of, root_name

if TYPE_CHECKING:
    from xtremor.alignment.objective import Anchor, PairFeatures, Realignment
    from xtremor.training.prepare import Prepared

TASK = "parallel text"
# Units whose distances are told from before training and after it.
MEASURED = 64
# Settings of a run that this stage reads; any other is refused rather than ignored.
READ = frozenset(
    {
        "task", "encoder", "method", "seed", "epochs", "batch_size", "accumulate", "learning_rate",
        "head_learning_rate", "max_length", "warmup", "weight_decay", "clip", "freeze_embeddings", "precision",
        "packing", "gradient_checkpointing", "batch_tokens",
    }
)  # fmt: skip
# One pass over the sentences and this rate are those of Cao et al.'s released code.
CARD = TaskCard(
    name=TASK,
    title="sentences of other languages beside their English originals",
    category=ALIGNED,
    source="own",
    languages=(),
    labels=(),
    metric="",
    train="parallel text",
    licence="of the parallel text",
    citation="Cao, Kitaev and Klein 2020, Multilingual Alignment of Contextual Word Representations, ICLR",
    defaults=Defaults(epochs=1.0, batch_size=32, learning_rate=5e-5, head_learning_rate=5e-5, max_length=128),
)


def check_read(settings: TrainSettings) -> None:
    """Raise UserError where a setting that is not in `READ` is other than its default."""
    for each in fields(settings):
        default = each.default if each.default_factory is MISSING else each.default_factory()
        if each.name not in READ and getattr(settings, each.name) != default:
            option = next(iter(settings.controls.as_dict())) if each.name == "controls" else each.name
            hint = "; --align-rows says how many rows are taken" if each.name == "train_rows" else ""
            raise UserError(f"--{option.replace('_', '-')} means nothing to realign; leave it out{hint}")


def realign(
    settings: TrainSettings,
    how: RealignSettings,
    data: ParallelData,
    links: Mapping[str, list[Links]] | None,
    output: Path,
    threads: int | None = None,
    checkpoint_seconds: float = 60.0,
) -> dict[str, Any]:
    """Train, resume, or find that the stage is finished; return its record.

    Args:
        settings: of the run; its method is plain.
        how: what is aligned.
        data: parallel rows.
        links: of their words; None aligns sentences.
        output: the run folder, whose ``model`` becomes the bare encoder.
        threads: for the CPU; None leaves torch's choice.
        checkpoint_seconds: time between checkpoints.

    Raises:
        UserError: bad input, a folder of another run, or a loss that is not finite.
        xtremor.training.loop.Interrupted: on Ctrl-C, resumable.
    """
    from xtremor.encoders.load import fingerprint, load_tokenizer
    from xtremor.training.crew import Crew
    from xtremor.training.prepare import features_digest
    from xtremor.training.token_cache import keeping_tokens

    computing.prepare(threads)
    crew = Crew.current()
    folder = RunFolder(output)
    with crew.together():
        check_read(settings)
        parts = sentences(data, links, how)
        tokenizer = load_tokenizer(settings.encoder)
        with keeping_tokens():
            features = featurize(parts, tokenizer, settings.max_length, how.pooling)
        identity = {
            "format": FORMAT,
            "settings": settings.as_dict(),
            "alignment": {**asdict(how), "words": links is not None},
            "encoder": fingerprint(settings.encoder),
            "data": features_digest(features),
        }
        if crew.leads:
            folder.check(identity)
    if crew.told(crew.leads and folder.finished() and folder.model.is_dir()):
        say(f"{output}: already finished, nothing to train")
        return folder.read_record()
    counts = {code: len(each) for code, each in parts.items()}
    listed = ", ".join(f"{code} {count:,}" for code, count in counts.items())
    lengths = features.rows.lengths
    say(
        f"{data.name}: {len(features.lengths):,} pairs ({listed}), {int(features.weights.sum()):,} aligned vectors, "
        f"{lengths.mean():.1f} tokens a text (longest {lengths.max()}, {features.truncated} cut)"
    )
    try:
        stage = Stage(settings, how, data, counts, links is not None, features, tokenizer)
        return stage.train(folder, identity, checkpoint_seconds)
    finally:
        folder.release()


@dataclass(frozen=True)
class Stage:
    """Everything that the stage needs before the first update; see `realign`."""

    settings: TrainSettings
    how: RealignSettings
    data: ParallelData
    counts: dict[str, int]
    words: bool
    features: PairFeatures
    tokenizer: Any

    @property
    def arm(self) -> str:
        """``realigned-mean1000-xnli-dev-sw+tr``: what is aligned, rows of each language, where they are from."""
        kind = "words" if self.words else self.how.pooling
        rows = "" if self.how.rows is None else str(self.how.rows)
        codes = sorted(self.counts)
        named = "+".join(codes) if len(codes) <= 4 else f"{len(codes)}languages"
        more = [] if self.how.weight == 1 else [f"hold{self.how.weight:g}"]
        more += [f"draw{self.how.seed}"] if self.how.seed else []
        return "-".join([f"realigned-{kind}{rows}", self.data.name.replace(" ", "-"), named, *more])

    def train(self, folder: RunFolder, identity: dict[str, Any], checkpoint_seconds: float) -> dict[str, Any]:
        """From the pretrained encoder to the record on disk."""
        from xtremor.alignment.objective import Realignment, measured
        from xtremor.training.crew import Crew
        from xtremor.training.fit import fit
        from xtremor.training.model import check_positions, load_model

        started, crew = time.monotonic(), Crew.current()
        units = np.arange(min(MEASURED, len(self.features.lengths)))
        with crew.together():
            objective = Realignment(self.features, self._anchor(), self.how.weight)
            prepared = self._prepared(objective)
            model, report = load_model(self.settings, prepared)
            say(report.sentences())
            ancestry = lineage_of(self.settings.encoder)
            check_positions(model, self.settings.max_length)
        model.to(objective.anchor.device)
        before = measured(model, objective, units)
        record = fit(self.settings, prepared, model, report, folder, identity, checkpoint_seconds, False)
        record |= {"arm": self.arm, "task": TASK, "category": ALIGNED, "english_dev": None, "own": None, **ancestry}
        if not crew.leads:
            return record
        record["seconds"]["preparing"] = time.monotonic() - started - record["seconds"]["this_process"]
        after = measured(model, objective, units)
        self._enter(record, len(units), before, after)
        for sentence in record["warnings"]:
            warn(sentence)
        from xtremor.alignment.export import write_encoder

        write_encoder(folder, model, self.tokenizer, self.settings, record)
        record["tokenizer"] = tokenizer_digest(folder.model)
        record["peak_memory_mb"] = machine.peak_memory_mb()
        write_json(folder.record, record)
        checkpoint.remove(folder.path)
        return record

    def _anchor(self) -> Anchor:
        from xtremor.alignment.objective import Anchor
        from xtremor.encoders.load import load_encoder
        from xtremor.training.model import make_accelerator, pad_of

        pretrained, _ = load_encoder(self.settings.encoder)
        device = make_accelerator(self.settings).device
        tokens, pad = self.features.rows.tokens, pad_of(self.tokenizer)
        return Anchor(pretrained, tokens, pad, device, self.settings.packing)

    def _prepared(self, objective: Realignment) -> Prepared:
        from xtremor.training.prepare import Prepared

        pairs = len(self.features.lengths)
        return Prepared(CARD, cast(Category, objective), (), self.tokenizer, self.features, pairs, None)

    def _anchor_tokens(self) -> int:
        """Tokens of English texts that the encoder as it was passes in the whole schedule, which no hook counts."""
        order = Epochs(self.features.lengths, self.settings.batch_size, self.settings.seed, self.settings.epochs)
        english = self.features.rows.lengths[0::2]
        return sum(int(english[units].sum()) for units in order.batches())

    def _enter(self, record: dict[str, Any], units: int, before: dict[str, float], after: dict[str, float]) -> None:
        """What the record owes to parallel text."""
        encoder = root_name(record, self.settings.encoder)
        shared = {
            "kind": "words" if self.words else "sentences",
            "pooling": None if self.words else self.how.pooling,
            "rows_asked": self.how.rows,
            "seed": self.how.seed,
            "hold_english": self.how.weight,
            "parallel_text": self.data.name,
        }
        # Of the arm and of every stage after it, so that other rows do not pass for the same.
        record["training"]["alignment"] = {**shared, "sha256": self.data.digest, "languages": self.counts}
        record["alignment"] = {
            **shared,
            "languages": self.counts,
            "aligned_vectors": int(self.features.weights.sum()),
            "anchor_tokens": self._anchor_tokens(),
            "squared_distance": {"units": units, "before": before, "after": after},
            "fairness": fairness(encoder),
            "notes": list(self.data.notes),
        }
        record["data"] = self.data.record
        say(
            f"squared distance of aligned vectors, first {units} pairs: {before['apart']:.4g} before, "
            f"{after['apart']:.4g} after; English moved by {after['moved']:.4g}"
        )
        record["warnings"].append(used(list(self.counts), self.data.name))
        if is_unfair(encoder):
            record["warnings"].append(fairness(encoder))
        if not after["apart"] < before["apart"]:
            record["warnings"].append(
                "translations are no nearer to English than before; try more rows or epochs, or another --learning-rate"
            )
