"""``xtremor trim``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from xtremor.cli.tables import print_table
from xtremor.console import say
from xtremor.errors import UserError


def trim(
    encoder: Annotated[str, Parameter(help="Encoder by name or folder, or a trained run.")],
    /,
    *,
    languages: Annotated[str, Parameter(help="Codes between commas; English, which runs are trained on, is added.")],
    output: Annotated[Path, Parameter(alias="-o", help="Folder to write.")],
    text: Annotated[
        str | None, Parameter(help="Folder of files such as sw.txt, a text a line; or sw.txt,yo=yoruba.txt.")
    ] = None,
    data: Annotated[Path | None, Parameter(help="Folder of XTREME-R files, for --task.")] = None,
    task: Annotated[str | None, Parameter(help="Tasks between commas whose texts are taken, as panx,xnli.")] = None,
    min_count: Annotated[int, Parameter(help="Times that a token must occur to stay; more makes it smaller.")] = 1,
    half: Annotated[bool, Parameter(negative=(), help="Store the weights in float16.")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the record as JSON.")] = False,
) -> None:
    """Make a smaller encoder for chosen languages."""
    from xtremor.trim.run import trim as trim_encoder
    from xtremor.trim.texts import texts_by_language

    tasks = [name.strip() for name in (task or "").split(",") if name.strip()]
    if data is not None and not tasks:
        raise UserError("--data holds files of tasks; name those whose texts are wanted, as --task panx,xnli")
    if min_count < 1:
        raise UserError(f"--min-count must be at least 1, not {min_count}")
    texts, sources = texts_by_language(_codes(languages), text, tasks, data)
    record = trim_encoder(encoder, texts, sources, output, half, min_count)
    rows = record["rows"]
    if json_:
        print(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        print_table([_row(each) for each in record["languages"]])
    say(f"{rows['after']:,} of {rows['before']:,} rows of the vocabulary, {record['bytes'] / 1e6:.1f} MB on the disk")
    say(f"encoder: {output}")


def _codes(languages: str) -> list[str]:
    from xtremor.languages import is_english, lookup

    codes = list(dict.fromkeys(code.strip() for code in languages.split(",") if code.strip()))
    if not codes:
        raise UserError("--languages names none; write codes between commas, as --languages sw,yo")
    for code in codes:
        lookup(code)
    return codes if any(map(is_english, codes)) else ["en", *codes]


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "language": entry["language"],
        "lines": entry["lines"],
        "held out": entry["held_out"],
        "unknown before, %": f"{entry['unknown_before']:.2f}",
        "after, %": f"{entry['unknown_after']:.2f}",
        "more tokens, %": f"{entry['longer']:+.1f}",
        "split as before, %": f"{entry['same']:.1f}",
    }
