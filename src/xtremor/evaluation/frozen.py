"""Retrieval by an encoder as it is: no weight is trained; also by the encoder of a run on another task."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor import computing
from xtremor.console import say
from xtremor.encoders.runs import model_folder, run_of
from xtremor.errors import UserError
from xtremor.evaluation.centroid import frozen_record
from xtremor.evaluation.evaluate import rank_examples
from xtremor.evaluation.ranking import check_answerable
from xtremor.evaluation.selection import EvaluationSettings, evaluated, read_examples
from xtremor.evaluation.writing import write_untrained
from xtremor.sources.base import Source, training_examples
from xtremor.tasks.base import TaskCard
from xtremor.tasks.category import trainable
from xtremor.tasks.embedding import Embedding, default_embedding
from xtremor.training.folder import FORMAT, RunFolder, read_json
from xtremor.training.lineage import root_name
from xtremor.training.token_cache import keeping_tokens

if TYPE_CHECKING:
    from xtremor.alignment.evaluated import Alignment
    from xtremor.evaluation.embedder import Embedder

BEST = "best"


@dataclass(frozen=True)
class FrozenOptions:
    """What a user says of the vectors; None leaves it to the rule in `tasks.embedding.default_embedding`.

    Attributes:
        layer: number of a layer as text, or ``best``: the one that finds most passages of English training pairs.
        pooling, prefix_query, prefix_passage: see `tasks.embedding.Embedding`.
    """

    layer: str | None = None
    pooling: str | None = None
    prefix_query: str | None = None
    prefix_passage: str | None = None

    def resolved(self, card: TaskCard, encoder: EncoderFolder) -> Embedding:
        """With the defaults for the task and the encoder; the layer that ``best`` stands for is not known yet."""
        default = encoder.embedding or default_embedding(card, encoder.base, encoder.trained)
        if self.layer is None:
            layer = None
        elif self.layer == BEST:
            if not trainable(card):
                raise UserError(
                    f"--layer best chooses on English training pairs, and {card.name} has none; name a layer, or leave "
                    "--layer out"
                )
            # Whatever the benchmark's scripts take is not meant.
            default, layer = replace(default, layer=None), None
        elif self.layer.isdecimal():
            layer = int(self.layer)
        else:
            raise UserError(f"--layer is a number from 0, the embeddings, or best, not '{self.layer}'")
        return default.changed(self.pooling, self.prefix_query, self.prefix_passage, layer)


@dataclass(frozen=True)
class EncoderFolder:
    """An encoder that a user named.

    Attributes:
        name: what is loaded: a name, or the ``model`` of a run.
        base: name of the encoder that a run began with; ``name`` where there is no run.
        trained: whether it is a run's.
        embedding: what a run on a retrieval task was trained with.
    """

    name: str
    base: str
    trained: bool = False
    embedding: Embedding | None = None


def find_encoder(name: str) -> EncoderFolder:
    """Follow a run folder, or its ``model``, to what it holds.

    Raises:
        UserError: as `xtremor.encoders.runs.model_folder`; the run's record cannot be read.
    """
    run = run_of(Path(name).expanduser())
    if run is None:
        return EncoderFolder(name, name)
    model = model_folder(run)
    record = RunFolder(run).read_record()
    base = root_name(record, record["training"]["encoder"])
    return EncoderFolder(str(model), base, True, Embedding.recorded(record["training"]))


def run_frozen(
    encoder: str,
    card: TaskCard,
    source: Source,
    output: Path,
    options: FrozenOptions,
    settings: EvaluationSettings,
    threads: int | None = None,
    alignment: Alignment | None = None,
) -> dict[str, Any]:
    """Write a run folder for the encoder as it is and return its scores; with ``alignment`` its vectors of other
    languages are turned into English first.

    Raises:
        UserError: an option, an encoder or a file that cannot be used; nothing is written then.
    """
    import torch

    from xtremor.encoders.load import fingerprint, load_encoder, load_tokenizer
    from xtremor.evaluation.embedder import Embedder, check_layer
    from xtremor.training.model import check_positions

    computing.prepare(threads)
    found = find_encoder(encoder)
    embedding = options.resolved(card, found)
    chosen_by = BEST if options.layer == BEST else None
    folder = RunFolder(output)
    identity = {"format": FORMAT, "task": card.name, "encoder": fingerprint(found.name), "method": "frozen"}
    identity |= {"max_length": settings.max_length, **vars(embedding), "layer_chosen_by": chosen_by}
    identity |= {} if alignment is None else {"alignment": alignment.identity()}
    folder.check(identity)
    if evaluated(folder, settings, source):
        say(f"{output}: already scored")
        return read_json(folder.scores)
    started = time.monotonic()
    split, examples = read_examples(card, source, settings)
    check_answerable(card, source, split, list(examples))
    model, report = load_encoder(found.name)
    check_positions(model, settings.max_length)
    check_layer(model, embedding.layer, encoder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    embedder = Embedder(model, load_tokenizer(found.name), device, embedding, settings.max_length)
    facts: dict[str, Any] = {}
    if chosen_by is not None:
        embedder, facts["english_layers"] = _at_best_layer(embedder, source)
    else:
        embedder = replace(embedder, embedding=replace(embedding, layer=_number(embedder)))
    say(f"{card.name}: {described(embedder.embedding)}")
    aligned = None
    if alignment is not None:
        from xtremor.alignment.evaluated import align_vectors

        aligned = align_vectors(alignment, embedder, card, source, settings, found.base)
        embedder, facts["alignment"] = replace(embedder, mappings=aligned.mappings), aligned.record
    with keeping_tokens():
        table, thresholds = rank_examples(embedder, card, source, split, examples)
    if thresholds:
        facts["thresholds"] = thresholds
    training = {"max_length": settings.max_length, **vars(embedder.embedding), "layer_chosen_by": chosen_by}
    arm = f"frozen, layer {embedder.embedding.layer}, {embedder.embedding.pooling}"
    record = {**frozen_record(card, arm, "frozen", report, training, source, device), "category": card.category}
    if aligned is not None:
        from xtremor.alignment.records import enter

        record = enter(record, aligned, found.base)
    seconds = time.monotonic() - started
    return write_untrained(folder, identity, table, split, settings, card, record, seconds, source, (), facts)


def described(embedding: Embedding) -> str:
    """``layer 12, mean over tokens, prefixes "query: " and "passage: "``."""
    how = "mean over tokens" if embedding.pooling == "mean" else "first token"
    prefixes = f'prefixes "{embedding.prefix_query}" and "{embedding.prefix_passage}"'
    bare = not embedding.prefix_query and not embedding.prefix_passage
    return f"layer {embedding.layer}, {how}, {'no prefixes' if bare else prefixes}"


def _at_best_layer(embedder: Embedder, source: Source) -> tuple[Embedder, list[float]]:
    from xtremor.evaluation.embedder import LAYER_PAIRS
    from xtremor.training.sources import draw

    pairs = draw(training_examples(source), LAYER_PAIRS, 0)
    found, shares = embedder.with_best_layer(pairs)
    listed = ", ".join(f"{layer}: {share:.1f}" for layer, share in enumerate(shares))
    say(f"layer {found.embedding.layer} is best on {len(pairs):,} English training pairs (right by layer: {listed})")
    return found, shares


def _number(embedder: Embedder) -> int:
    """The layer as a number, also where it is the last by default."""
    layer = embedder.embedding.layer
    return embedder.layers if layer is None else layer
