"""A trained model whose last hidden states of a language are turned into English before its head reads them.

The map is fitted once a language on pooled vectors of parallel rows, passed through the run's own encoder, and applied
to every token: a map that is linear but for a shift turns a mean over tokens as it turns the tokens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.alignment.procrustes import KINDS, Mapping, chosen_rows, fit, residual
from xtremor.alignment.records import record_of
from xtremor.alignment.rows import ParallelData, overlapping, scored_texts, without_rows
from xtremor.analysis.parallel import ParallelRows
from xtremor.console import Progress, say
from xtremor.errors import UserError, unknown
from xtremor.languages import is_english
from xtremor.sources.base import Source
from xtremor.tasks.base import RetrievalExample, TaskCard, TextExample
from xtremor.tasks.embedding import POOLINGS, Embedding

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xtremor.evaluation.embedder import Embedder
    from xtremor.evaluation.selection import EvaluationSettings

# Rows beside those that are fitted on, on which a map is judged.
HELD_OUT = 100


@dataclass(frozen=True)
class Alignment:
    """What a user asks for.

    Attributes:
        data: parallel rows.
        kind: of the map, see `procrustes.KINDS`.
        rows: of each language that are fitted on; None is all.
        seed: of their draw.
        pooling: of the vectors that are fitted; None is what the head reads (`read_pooling`).
    """

    data: ParallelData
    kind: str = "procrustes"
    rows: int | None = None
    seed: int = 0
    pooling: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of --align", self.kind, KINDS)
        if self.rows is not None and self.rows < 1:
            raise UserError(f"--align-rows must be at least 1, not {self.rows}")
        if self.seed < 0:
            raise UserError(f"--align-seed must be at least 0, not {self.seed}")
        if self.pooling is not None and self.pooling not in POOLINGS:
            raise UserError(f"--align-pooling must be one of {', '.join(POOLINGS)}, not '{self.pooling}'")

    def identity(self) -> dict[str, Any]:
        """What decides the result, beside model and rows that are scored."""
        own = {"kind": self.kind, "rows": self.rows, "seed": self.seed, "pooling": self.pooling}
        return {**own, "data": self.data.identity()}

    @property
    def label(self) -> str:
        """Part of an arm's label: ``procrustes500-xnli-dev``."""
        count = "" if self.rows is None else str(self.rows)
        draw = f"-draw{self.seed}" if self.seed else ""
        pooling = "" if self.pooling is None else f"-{self.pooling}"
        return f"{self.kind}{count}-{self.data.name.replace(' ', '-')}{draw}{pooling}"


@dataclass(frozen=True)
class Aligned:
    """Maps by language, and what is recorded of them.

    Attributes:
        mappings: code -> map; languages that are not there stay as they are.
        record: for scores.json and run.json.
        module: name of the module that puts out the last hidden states; None where vectors are moved and no model.
    """

    mappings: dict[str, Mapping]
    record: dict[str, Any]
    module: str | None = None

    @contextlib.contextmanager
    def over(self, model: nn.Module, language: str) -> Iterator[None]:
        """Within the context the model's head reads the hidden states of a text of ``language`` as moved."""
        mapping = self.mappings.get(language)
        if mapping is None or self.module is None:
            yield
            return
        handle = model.get_submodule(self.module).register_forward_hook(_mover(mapping))
        try:
            yield
        finally:
            handle.remove()


def _mover(mapping: Mapping) -> Callable[..., Any]:
    """A forward hook that moves every token, whether rows are padded or packed."""
    import torch

    from xtremor.robust.depth import first

    kept: dict[Any, tuple[Tensor, ...]] = {}

    def move(module: nn.Module, inputs: Any, output: Any) -> Any:
        hidden = first(output)
        if hidden.device not in kept:
            arrays = (mapping.origin, mapping.matrix, mapping.target)
            kept[hidden.device] = tuple(torch.from_numpy(each).to(hidden) for each in arrays)
        origin, matrix, target = kept[hidden.device]
        moved = (hidden - origin) @ matrix + target
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    return move


def read_pooling(model: Any, card: TaskCard) -> str:
    """What of a text's last hidden states the head reads: the first token, or all, for which their mean stands."""
    if card.category not in ("classification", "choice"):
        return "mean"
    return "cls" if getattr(model.config, "classifier_pooling", None) in (None, "cls", "bos") else "mean"


def align_model(
    alignment: Alignment,
    model: Any,
    tokenizer: Any,
    card: TaskCard,
    source: Source,
    settings: EvaluationSettings,
    encoder: str,
) -> Aligned:
    """Fit the map of every language that is scored and has parallel rows, in the space of the run's own encoder.

    Args:
        alignment: what is asked for.
        model: of the run, on its device.
        tokenizer: its own.
        card, source, settings: what is scored; rows with a text of those are not fitted on.
        encoder: name of the pretrained encoder that the run goes back to.

    Raises:
        UserError: no language has rows that are not scored, or the encoder's last hidden states cannot be reached.
    """
    from xtremor.evaluation.embedder import Embedder

    retrieval = card.category == "retrieval"
    embedding = settings.embedding if retrieval else Embedding(read_pooling(model, card))
    if alignment.pooling is not None and not retrieval:
        embedding = Embedding(alignment.pooling)
    if alignment.pooling is not None and retrieval:
        raise UserError("--align-pooling: in retrieval vectors are pooled as they are ranked; leave it out")
    base = model if retrieval else model.base_model
    device = next(model.parameters()).device
    embedder = Embedder(base, tokenizer, device, replace(embedding), settings.max_length)
    module = None if retrieval else _last_module(model, tokenizer)
    return replace(align_vectors(alignment, embedder, card, source, settings, encoder), module=module)


def _last_module(model: Any, tokenizer: Any) -> str:
    """Name of the module that puts out the last hidden states."""
    import torch

    from xtremor.robust.depth import find_depth
    from xtremor.tasks.category import category

    ids = torch.tensor([tokenizer("a")["input_ids"]], device=next(model.parameters()).device)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    shape = _shape_of(model)

    def call() -> Any:
        return model(**category(shape).model_inputs(inputs))

    try:
        return find_depth(model, "last", call).module
    except UserError as error:
        raise UserError(f"--align: the last hidden states cannot be moved: {error}") from error


def _shape_of(model: Any) -> str:
    """The category in whose shape the head takes its inputs."""
    return "choice" if type(model).__name__.endswith("ForMultipleChoice") else "classification"


def align_vectors(
    alignment: Alignment, embedder: Embedder, card: TaskCard, source: Source, settings: EvaluationSettings, encoder: str
) -> Aligned:
    """As `align_model`, for whatever makes vectors.

    Raises:
        UserError: no language that is scored has rows, or all rows of one hold a text that is scored.
    """
    from xtremor.evaluation.selection import chosen_languages

    split, languages = chosen_languages(card, source, settings)
    lacking = without_rows(alignment.data, languages)
    wanted = [code for code in languages if code in alignment.data.languages]
    if not wanted:
        raise UserError(
            f"--align: {alignment.data.name} has no parallel rows in {', '.join(lacking) or 'what is scored'}; name "
            "others with --parallel-task or --pairs"
        )
    if lacking:
        say(f"no parallel rows, left as they are: {', '.join(lacking)}")
    english = scored_texts(source, split, [code for code in languages if is_english(code)], settings)
    mappings: dict[str, Mapping] = {}
    facts: dict[str, dict[str, Any]] = {}
    memory: dict[tuple[str, ...], np.ndarray] = {}
    with Progress("fitting on parallel rows", len(wanted)) as progress:
        for code in wanted:
            rows = alignment.data.languages[code]
            near = overlapping(rows, english | scored_texts(source, split, [code], settings))
            mappings[code], facts[code] = _fitted(alignment, rows, near, embedder, memory)
            progress.advance(1, code)
    return Aligned(mappings, record_of(alignment, embedder.embedding, facts, lacking, encoder))


def _fitted(
    alignment: Alignment,
    rows: ParallelRows,
    near: Sequence[int],
    embedder: Embedder,
    memory: dict[tuple[str, ...], np.ndarray],
) -> tuple[Mapping, dict[str, Any]]:
    """The map of one language and its facts; ``memory`` keeps the vectors of English rows for other languages."""
    order = chosen_rows(len(rows), None, alignment.seed, near)
    chosen = chosen_rows(len(rows), alignment.rows, alignment.seed, near)
    if not len(chosen):
        raise UserError(
            f"--align: all {len(rows):,} rows of {alignment.data.name} in {rows.language} hold a text that is scored; "
            "fit on another split (--parallel-split), or on other rows"
        )
    held = np.setdiff1d(order, chosen)[:HELD_OUT]
    taken = np.concatenate([chosen, held])
    other = embedder.queries([as_query(rows.other[number]) for number in taken])
    english = _english(rows, taken, embedder, memory)
    count = len(chosen)
    mapping = fit(other[:count], english[:count], alignment.kind)
    facts: dict[str, Any] = {"rows": count, "left_out": len(near), "turned": mapping.turned}
    parts = {"fitted": slice(0, count), "held_out": slice(count, None)}
    for name, part in parts.items():
        if len(other[part]):
            facts[name] = {
                "rows": len(other[part]),
                "before": residual(None, other[part], english[part]),
                "after": residual(mapping, other[part], english[part]),
            }
    return mapping, facts


def _english(
    rows: ParallelRows, taken: np.ndarray, embedder: Embedder, memory: dict[tuple[str, ...], np.ndarray]
) -> np.ndarray:
    """(N, H); what another language asked for already is not passed again."""
    examples = [rows.english[number] for number in taken]
    new = list({each.texts: each for each in examples if each.texts not in memory}.values())
    if new:
        vectors = embedder.queries([as_query(each) for each in new])
        memory.update(zip((each.texts for each in new), vectors, strict=True))
    return np.stack([memory[each.texts] for each in examples])


def as_query(example: TextExample) -> RetrievalExample:
    """A text, or a pair of texts, as what makes vectors takes it."""
    first, second = (*example.texts, "")[:2]
    where = (example.task, example.file, example.row, example.cluster, example.language)
    return RetrievalExample(*where, str(example.row), first, second, None)
