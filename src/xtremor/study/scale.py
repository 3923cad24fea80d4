"""A study at tiny scale: the same graph with a tiny random encoder and few rows, to see that all of it runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from xtremor.cli.options import TaskOptions
from xtremor.console import say
from xtremor.errors import unknown
from xtremor.evaluation.rules import parse_rule
from xtremor.paths import atomic_file, atomic_folder, cache_folder
from xtremor.sources import ON_DISK
from xtremor.sources.base import Source
from xtremor.study.design import Arm, Intermediate, Seeds, Study, Target
from xtremor.study.settings import Settings
from xtremor.tasks.cards import card

SCALES = ("full", "tiny")
ROWS, LIMIT, LANGUAGES, LENGTH, WIDTH = 16, 4, 3, 96, 16
WORDS = ("a", "and", "in", "of", "on", "said", "so", "the")
# What stands for a task that reads files where no data folder is given.
STARTER = {"tagging": "slots", "spans": "slots"}


def scaled(study: Study, scale: str) -> Study:
    """The study at a scale.

    Tiny: one encoder of two random layers that reads bytes, 16 training rows and an epoch, two seeds, the first three
    languages, four items each. Tasks that need files are replaced by those of the starter data where the study has no
    data folder.
    """
    if scale not in SCALES:
        raise unknown("scale", scale, SCALES)
    if scale == "full":
        return study
    if study.data is None or not Path(study.data).expanduser().is_dir():
        study = _without_files(study)
    data = None if study.data is None else Path(study.data).expanduser()
    # Two updates an epoch: as many epochs as there are snapshots leave none without an update of its own.
    kept = max(2, *(parse_rule(name).needs for name in study.checkpoints))
    many = 1.0 if study.kept is None else float(kept)
    return replace(
        study,
        snapshots=study.snapshots if study.kept is None else kept,
        encoders=(str(tiny_encoder(cache_folder() / "tiny-encoder")),),
        intermediate=tuple(replace(each, settings=small(each.settings)) for each in study.intermediate),
        stage1=small(study.stage1),
        stage2=small(study.stage2, many),
        arms=tuple(_arm(arm, many, study, data) for arm in study.arms),
        targets=tuple(_target(target, data, many) for target in study.targets),
        seeds=Seeds(study.seeds.stage1[:2], study.seeds.stage2[:1]),
        threads=1,
        scale=scale,
    )


def small(settings: Settings, epochs: float = 1.0) -> Settings:
    """The same with few rows and one epoch, or as many; what counts epochs or layers is cut to what there is."""
    stated = settings.as_dict()
    cut: dict[str, Any] = {"train_rows": ROWS, "epochs": epochs, "batch_size": 8, "max_length": LENGTH}
    cut |= {"probe_epochs": 1.0} if "probe_epochs" in stated else {}
    cut |= {"freeze_layers": 1} if "freeze_layers" in stated else {}
    cut |= {"site": "layer:1"} if str(stated.get("site", "")).startswith("layer:") else {}
    if str(stated.get("method", "")) == "rsda":
        # An encoder that reads bytes has no words to find neighbours of.
        cut |= {"neighbours": str(tiny_neighbours(cache_folder() / "tiny-neighbours.json"))}
        settings = Settings(tuple(each for each in settings.stated if each[0] != "min_similarity"))
    return settings.changed(**cut)


def _arm(arm: Arm, epochs: float, study: Study, data: Path | None) -> Arm:
    second = _in_few(small(arm.stage2, epochs), study, data)
    return replace(arm, stage1=None if arm.stage1 is None else small(arm.stage1), stage2=second)


def _in_few(settings: Settings, study: Study, data: Path | None) -> Settings:
    """The same with a few languages that are there for every target in place of those that are named."""
    stated = settings.as_dict()
    changed: dict[str, Any] = {}
    for name, split in (("sources", "train"), ("unlabelled_languages", stated.get("unlabelled_split", "dev"))):
        if name in stated:
            there = [_opened(target, data).languages(split) for target in study.targets]
            common = [code for code in there[0] if all(code in each for each in there)]
            named = [code for code in str(stated[name]).split(",") if code in common]
            few = named if len(named) >= LANGUAGES else [*named, *(code for code in common if code not in named)]
            changed[name] = ",".join(few[:LANGUAGES])
    # As many clusters as there are would leave no neighbours, and most permutations of three languages change nothing.
    if stated.get("language_adversary") in ("clusters", "permuted"):
        changed["adversary_clusters"] = 2
    return settings.changed(**changed)


def _opened(target: Target, data: Path | None) -> Source:
    """The rows of a target."""
    where = data if card(target.task).source in ON_DISK else None
    return TaskOptions(target.task, where, target.generalized).open()[1]


def _target(target: Target, data: Path | None, epochs: float) -> Target:
    limit = LIMIT if target.limit is None else min(LIMIT, target.limit)
    languages = _few(target, data)
    return replace(target, languages=languages, limit=limit, settings=small(target.settings, epochs))


def _few(target: Target, data: Path | None) -> tuple[str, ...]:
    """The first languages of a target that the data has."""
    found, source = card(target.task), _opened(target, data)
    named = [code for code in target.languages if not code.startswith("-")]
    left = [code[1:] for code in target.languages if code.startswith("-")]
    split = target.split or found.splits[0]
    there = source.languages(split) if split in found.splits else []
    return tuple([code for code in named or there if code not in left][:LANGUAGES])


def _without_files(study: Study) -> Study:
    """Tasks of the starter data in place of those that need a folder, each once."""
    swapped = {}

    def stand_in(task: str) -> str:
        first = card(task.split(",")[0])
        if first.source not in ON_DISK:
            return task
        swapped[task] = STARTER.get(first.category, "intents")
        return swapped[task]

    intermediate = {stand_in(each.task): each for each in reversed(study.intermediate)}
    targets = {stand_in(each.task): each for each in reversed(study.targets)}
    if swapped:
        said = ", ".join(f"{theirs} for {task}" for task, theirs in swapped.items())
        say(f"no data folder: the rehearsal takes tasks of the starter data, {said}")
    return replace(
        study,
        data=None,
        intermediate=tuple(Intermediate(task, each.settings) for task, each in reversed(intermediate.items())),
        targets=tuple(
            each if task == each.task else Target(task, settings=each.settings)
            for task, each in reversed(targets.items())
        ),
    )


def tiny_neighbours(path: Path) -> Path:
    """Common English words that take each other's place; made once. Returns the file, absolute."""
    path = path.absolute()
    if not path.is_file():
        with atomic_file(path) as draft:
            draft.write_text(json.dumps({word: [each for each in WORDS if each != word] for word in WORDS}))
    return path


def tiny_encoder(folder: Path) -> Path:
    """A random BERT of two layers that reads bytes, in every script alike; made once.

    Returns:
        the folder, absolute.
    """
    folder = folder.absolute()
    if folder.is_dir():
        return folder
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({word: at for at, word in enumerate([*special, *signs])}, [], unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )  # fmt: skip
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]",
    )  # fmt: skip
    config = transformers.BertConfig(
        vocab_size=len(special) + len(signs), hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=2 * WIDTH, max_position_embeddings=512, pad_token_id=0,
    )  # fmt: skip
    drawn = torch.get_rng_state()
    torch.manual_seed(7)
    model = transformers.AutoModel.from_config(config)
    torch.set_rng_state(drawn)
    with atomic_folder(folder) as draft:
        model.save_pretrained(draft)
        tokenizer.save_pretrained(draft)
    return folder
