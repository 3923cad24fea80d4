"""How a run is trained: options of the method, its ball, the recipe and its stages, spread into flags by cyclopts."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

# The groups are named in the hints of what is inherited, which cyclopts resolves here.
from xtremor.cli.adversary import ADVERSARY, OFF, AdversaryOptions, stated_of  # noqa: F401
from xtremor.cli.options import check_threads
from xtremor.cli.unlabelled import UNLABELLED, UnlabelledOptions  # noqa: F401
from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.cli.substitution import SubstitutionOptions
    from xtremor.robust.methods.base import Method
    from xtremor.tasks.base import TaskCard
    from xtremor.training.config import TrainSettings
    from xtremor.training.lora import LoraSettings
    from xtremor.training.mixture import Mixing

METHOD = Group("Perturbation", sort_key=2)
TRAINING = Group("Training", sort_key=3)
DRIFT = Group("Drift and adapters", sort_key=4)
STAGE = Group("Intermediate task", sort_key=5)


@Parameter(name="*", group=METHOD)
@dataclass(frozen=True)
class BallOptions:
    """How far and where the input is perturbed; every robust method reads these."""

    radius: Annotated[
        float | None,
        Parameter(help="Size of the ball, relative to the mean norm of a vector at the site (default mostly 0.003)."),
    ] = None
    absolute: Annotated[bool, Parameter(negative=(), help="The radius is absolute, not relative.")] = False
    relative: Annotated[
        bool, Parameter(negative=(), help="The radius is relative; for methods published with an absolute one.")
    ] = False
    norm: Annotated[str | None, Parameter(help="l2 or linf.")] = None
    scope: Annotated[
        str | None,
        Parameter(
            help="token: each token has the radius; sequence: a row shares it; sequence-scaled: times sqrt(length)."
        ),
    ] = None
    site: Annotated[
        str | None,
        Parameter(
            help="word (word embeddings), embeddings (after their LayerNorm), layer:N (output of layer N) or last."
        ),
    ] = None
    dropout: Annotated[str | None, Parameter(help="shared (same masks in all passes over a batch) or fresh.")] = None
    spare_special: Annotated[bool, Parameter(negative=(), help="Special tokens are not perturbed.")] = False

    def as_dict(self) -> dict[str, Any]:
        """Settings of a method; None where nothing is stated."""
        if self.absolute and self.relative:
            raise UserError("--absolute and --relative exclude each other; name one of them")
        values = {name: getattr(self, name) for name in ("radius", "norm", "scope", "site", "dropout")}
        relative = False if self.absolute else (self.relative or None)
        return {**values, "relative": relative, "spare_special": self.spare_special or None}


@Parameter(name="*", group=METHOD)
@dataclass(frozen=True)
class MethodOptions:
    """The method's own settings; `xtremor methods` says which method reads which, and its defaults."""

    method: Annotated[
        str, Parameter(help="plain, noise, pgd, freelb-2, ... (`xtremor methods` lists and explains).")
    ] = "plain"
    steps: Annotated[int | None, Parameter(help="K, ascents or passes (pgd, freelb, smart, vat, ...).")] = None
    step_size: Annotated[float | None, Parameter(help="Ascent step as a share of the radius (default 2.5 / K).")] = None
    start: Annotated[
        float | None, Parameter(help="Random start as a share of the radius (default mostly 1; freelb, noise-k 0).")
    ] = None
    draws: Annotated[int | None, Parameter(help="Draws that noise averages over (default 1).")] = None
    distribution: Annotated[str | None, Parameter(help="Of noise: uniform, sphere or normal.")] = None
    clean: Annotated[float | None, Parameter(help="Share of the clean loss in pgd's (default 0).")] = None
    consistency: Annotated[
        float | None, Parameter(help="Lambda, weight of the divergence (smart, alum, vat, r3f, r-drop; default 1).")
    ] = None
    bregman: Annotated[float | None, Parameter(help="Mu, weight of SMART's Bregman term (default 0).")] = None
    averaging: Annotated[float | None, Parameter(help="Beta of its averaged weights (default 0.99).")] = None
    probe: Annotated[float | None, Parameter(help="Xi of vat, as a share of the radius (default 0.1).")] = None
    alpha: Annotated[float | None, Parameter(help="Size of neftune's noise (default 5).")] = None
    rho: Annotated[float | None, Parameter(help="Step of sam in weight space (default 0.05).")] = None
    gamma: Annotated[
        float | None, Parameter(help="Step of awp in weight space, a share of each matrix's norm (default 0.005).")
    ] = None
    tau: Annotated[float | None, Parameter(help="Weight of the cosine that creat's ascent lowers (default 1).")] = None
    search: Annotated[int | None, Parameter(help="Bisections of noise-rise (default 6).")] = None
    limit_radii: Annotated[float | None, Parameter(help="Largest noise of noise-rise, in radii (default 64).")] = None

    def settings(self, ball: BallOptions, words: SubstitutionOptions | None = None) -> Method:
        """The method; ``freelb-2`` is K = 2. Raises UserError for what it does not read."""
        from xtremor.robust.registry import make, parse

        base, numbered = parse(self.method)
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "method"}
        for name, value in numbered.items():
            if own[name] is not None:
                raise UserError(f"method '{self.method}' and {name} both state K; leave one of the two out")
            own[name] = value
        return make(base, **ball.as_dict(), **own, **({} if words is None else words.as_dict()))


@Parameter(name="*", group=TRAINING)
@dataclass(frozen=True)
class MixingOptions:
    """How often each of several tasks is drawn."""

    sampling: Annotated[
        str | None,
        Parameter(help="With --task A,B,...: proportional (to their sizes; default), capped or temperature."),
    ] = None
    sampling_cap: Annotated[int | None, Parameter(help="Of capped: the size that a task counts as at most.")] = None
    sampling_temperature: Annotated[
        float | None, Parameter(help="Of temperature: sizes count to the power 1/T; 1 is proportional.")
    ] = None

    def mixing(self) -> Mixing:
        """Checked settings."""
        from xtremor.training.mixture import Mixing

        return Mixing(self.sampling or "proportional", self.sampling_cap, self.sampling_temperature)

    def refuse(self) -> None:
        """Raise UserError where one is given, which a run on one task does not read."""
        for name in ("sampling", "sampling_cap", "sampling_temperature"):
            if getattr(self, name) is not None:
                raise UserError(f"--{name.replace('_', '-')} is for several tasks at once, as in --task mnli,qqp")


@Parameter(name="*", group=TRAINING)
@dataclass(frozen=True)
class TrainOptions(UnlabelledOptions, AdversaryOptions):
    """The recipe; what is left out comes from the task's card."""

    encoder: Annotated[str, Parameter(help="Hub name, local folder, run folder (its encoder alone), or `starter`.")] = (
        "starter"
    )
    epochs: Annotated[float | None, Parameter(help="Passes over the training rows; fractions are allowed.")] = None
    batch_size: Annotated[int | None, Parameter(help="Rows per weight update.")] = None
    accumulate: Annotated[int, Parameter(help="Micro-batches that an update's rows are split into.")] = 1
    learning_rate: Annotated[float | None, Parameter(help="Peak rate of the encoder.")] = None
    head_learning_rate: Annotated[float | None, Parameter(help="Peak rate of the new head.")] = None
    max_length: Annotated[int | None, Parameter(help="Longest input in tokens.")] = None
    train_rows: Annotated[
        int | None, Parameter(help="Rows drawn for training, the same for every seed and method.")
    ] = None
    sources: Annotated[
        str | None,
        Parameter(help="Languages whose training sets are mixed, --train-rows in all (default: English alone)."),
    ] = None
    warmup: Annotated[float, Parameter(help="Share of the updates with a rising rate.")] = 0.1
    batch_tokens: Annotated[
        int | None, Parameter(help="Split an update's rows into micro-batches of at most so many tokens.")
    ] = None
    weight_decay: Annotated[float, Parameter(help="Of AdamW, on the encoder's matrices.")] = 0.0
    decay_embeddings: Annotated[
        bool, Parameter(negative=(), help="Weight decay on the word embeddings too, all rows of them.")
    ] = False
    clip: Annotated[float, Parameter(help="Largest gradient norm of an update.")] = 1.0
    freeze_embeddings: Annotated[bool, Parameter(negative=(), help="Keep the word embeddings as they are.")] = False
    precision: Annotated[str, Parameter(help="fp32 or bf16.")] = "fp32"
    no_packing: Annotated[
        bool, Parameter(negative=(), help="Pad the rows of a batch to the longest, as is done for XLM and DeBERTa.")
    ] = False
    gradient_checkpointing: Annotated[
        bool, Parameter(negative=(), help="Keep each layer's input alone and compute it again: less memory, more time.")
    ] = False
    l2_sp: Annotated[
        float | None,
        Parameter(group=DRIFT, help="Alpha of L2-SP: the encoder is pulled back to its pretrained weights."),
    ] = None
    l2_sp_head: Annotated[float | None, Parameter(group=DRIFT, help="Beta of L2-SP: the new head is pulled to 0.")] = (
        None
    )
    probe_epochs: Annotated[
        float | None, Parameter(group=DRIFT, help="Epochs of the new head alone, plainly, before the schedule.")
    ] = None
    freeze_layers: Annotated[
        int | None, Parameter(group=DRIFT, help="Keep embeddings and this many layers from below as they are.")
    ] = None
    interpolate: Annotated[
        float | None,
        Parameter(group=DRIFT, help="Keep this share of what training changed in the encoder (WiSE-FT), 0 to 1."),
    ] = None
    lora: Annotated[
        int | None, Parameter(group=DRIFT, help="Rank of LoRA adapters, trained in place of the encoder (extra peft).")
    ] = None
    lora_alpha: Annotated[
        float | None, Parameter(group=DRIFT, help="Adapters count alpha/rank (default 2 x rank).")
    ] = None
    lora_dropout: Annotated[float, Parameter(group=DRIFT, help="Dropout on the adapters' input.")] = 0.0
    lora_targets: Annotated[
        str | None,
        Parameter(group=DRIFT, help="Names of matrices between commas (default: query and value of the attention)."),
    ] = None
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None
    fresh_pooler: Annotated[
        bool, Parameter(negative=(), help="Take the encoder alone, without its pretrained pooler, as from a run.")
    ] = False

    def settings(self, card: TaskCard, method: Method, seed: int) -> TrainSettings:
        """Checked settings of a run, the card's defaults filled in."""
        from xtremor.tasks.category import check_trainable
        from xtremor.tasks.embedding import default_embedding
        from xtremor.training.config import TrainSettings
        from xtremor.training.controls import Controls
        from xtremor.training.lineage import base_of
        from xtremor.training.sources import source_codes

        check_trainable(card)
        check_threads(self.threads)
        shared = ("encoder", "accumulate", "warmup", "weight_decay", "clip", "freeze_embeddings", "precision")
        quiet = ("gradient_checkpointing", "fresh_pooler", "decay_embeddings", "batch_tokens")
        own = {name: getattr(self, name) for name in (*shared, *quiet)}
        own["packing"] = not self.no_packing
        for name in ("epochs", "batch_size", "learning_rate", "head_learning_rate", "max_length", "train_rows"):
            value = getattr(self, name)
            own[name] = getattr(card.defaults, name) if value is None else value
        own["unlabelled"], own["adversary"] = self.text(own["batch_size"]), self.adversary()
        own["sources"] = None if self.sources is None else source_codes(self.sources)
        own["controls"] = Controls(**{name: getattr(self, name) for name in Controls.names()})
        if card.category == "retrieval":
            # After an earlier stage the prefixes are still those of the encoder that it began with.
            own["embedding"] = default_embedding(card, base_of(self.encoder), trained=True)
        return TrainSettings(task=card.name, method=method, seed=seed, lora=self._adapters(), **own)

    def without_text(self) -> TrainOptions:
        """The same without unlabelled text and what it is for."""
        off: dict[str, Any] = dict.fromkeys((*self.of_text(), *stated_of(AdversaryOptions, self)))
        return replace(self, **off)

    def of_text(self) -> list[str]:
        """Stated options of unlabelled text."""
        return stated_of(UnlabelledOptions, self)

    def refuse_text(self) -> None:
        """Raise UserError where unlabelled text is named, which a run on several tasks does not read."""
        for name in self.of_text():
            raise UserError(
                f"--{name.replace('_', '-')}: unlabelled text joins a run on one task; name one with --task"
            )
        if self.language_adversary not in (None, OFF):
            raise UserError("--language-adversary is for a run on one task; name one with --task")

    def _adapters(self) -> LoraSettings | None:
        from xtremor.training.lora import LoraSettings, check_installed

        if self.lora is None:
            for name in ("lora_alpha", "lora_dropout", "lora_targets"):
                if getattr(self, name) != getattr(type(self), name):
                    raise UserError(f"--{name.replace('_', '-')} is about adapters; name their rank with --lora")
            return None
        targets = (self.lora_targets or "").split(",")
        settings = LoraSettings(
            self.lora, self.lora_alpha, self.lora_dropout, tuple(name.strip() for name in targets if name.strip())
        )
        check_installed()
        return settings


@Parameter(name="*", group=STAGE)
@dataclass(frozen=True)
class StageOptions:
    """Where the recipe of an intermediate task differs from the targets'."""

    intermediate_epochs: Annotated[float | None, Parameter(help="As --epochs, for the intermediate task.")] = None
    intermediate_batch_size: Annotated[int | None, Parameter(help="As --batch-size.")] = None
    intermediate_learning_rate: Annotated[float | None, Parameter(help="As --learning-rate.")] = None
    intermediate_head_learning_rate: Annotated[float | None, Parameter(help="As --head-learning-rate.")] = None
    intermediate_max_length: Annotated[int | None, Parameter(help="As --max-length.")] = None
    intermediate_train_rows: Annotated[int | None, Parameter(help="As --train-rows.")] = None

    def recipe(self, common: TrainOptions) -> TrainOptions:
        """The recipe of the intermediate task; what is not stated here is as in ``common``."""
        stated = {each.name.removeprefix("intermediate_"): getattr(self, each.name) for each in fields(self)}
        return replace(common, **{name: value for name, value in stated.items() if value is not None})
