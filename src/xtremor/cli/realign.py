"""``xtremor realign``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from xtremor.cli.alignment import PARALLEL, ParallelOptions
from xtremor.cli.options import CONFIG, ConfigOptions
from xtremor.cli.recipe import TrainOptions
from xtremor.console import say
from xtremor.errors import UserError

OBJECTIVE = Group("What is aligned", sort_key=2)
DEFAULTS = (ParallelOptions(), TrainOptions())


def realign(
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Run folder; give the same command again to resume.")],
    data: Annotated[
        Path | None, Parameter(group=PARALLEL, help="Folder of XTREME-R files, of --parallel-task.")
    ] = None,
    languages: Annotated[
        str | None, Parameter(group=PARALLEL, help="Codes between commas (default: all that there are).")
    ] = None,
    words: Annotated[
        str | None,
        Parameter(
            group=OBJECTIVE,
            help="Links of words for --pairs, as aligners write them (0-0 1-2, the English word first, a line a row): "
            "sw=file between commas.",
        ),
    ] = None,
    pooling: Annotated[
        str | None, Parameter(group=OBJECTIVE, help="mean or cls: the vector of a sentence (default: mean).")
    ] = None,
    hold_english: Annotated[
        float, Parameter(group=OBJECTIVE, help="Weight of the pull that holds English where it was.")
    ] = 1.0,
    seed: Annotated[int, Parameter(help="Of the data order and of dropout.")] = 1,
    checkpoint_seconds: Annotated[
        float, Parameter(help="Seconds between checkpoints; results do not depend on it.")
    ] = 60.0,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the stage's record as JSON.")] = False,
    parallel: ParallelOptions = DEFAULTS[0],
    recipe: TrainOptions = DEFAULTS[1],
    config: ConfigOptions = CONFIG,
) -> None:
    """Fine-tune an encoder on translations, before any task."""
    from xtremor.alignment.material import RealignSettings
    from xtremor.alignment.realign import CARD
    from xtremor.alignment.realign import realign as trained
    from xtremor.alignment.words import read_links
    from xtremor.cli.options import ScoringOptions
    from xtremor.ranks import joined
    from xtremor.robust.methods.plain import Plain

    with joined() as together:
        with together():
            if words is not None and parallel.pairs is None:
                raise UserError("--words are links of your own rows; name those with --pairs")
            if words is not None and pooling is not None:
                raise UserError("--pooling is about sentences, and --words aligns words; leave one of the two out")
            settings = recipe.settings(CARD, Plain(), seed)
            how = RealignSettings(parallel.align_rows, parallel.align_seed, pooling or "mean", hold_english)
            rows = parallel.read(data, ScoringOptions(languages=languages).codes(), None)
            links = None if words is None else read_links(words, rows.languages)
        record = trained(settings, how, rows, links, output, recipe.threads, checkpoint_seconds)
    say(f"encoder: {output / 'model'}")
    say(f"next: xtremor train --task TASK --encoder {output} --output FOLDER")
    if json_:
        print(json.dumps(record, ensure_ascii=False, indent=2))
