"""The model card of a trimmed encoder."""

from __future__ import annotations

import json
from typing import Any


def readme(record: dict[str, Any]) -> str:
    """Markdown with the hub's metadata: what was cut, and what that does to text of each language."""
    from xtremor.training.export import HUB_IDS

    name = record["encoder"]
    base, rows = HUB_IDS.get(name, name), record["rows"]
    lines = "".join(
        f"| {each['language']} | {each['lines']:,} | {each['unknown_before']:.2f} | {each['unknown_after']:.2f} "
        f"| {each['longer']:+.1f} | {each['same']:.1f} |\n"
        for each in record["languages"]
    )
    codes = [each["language"] for each in record["languages"]]
    often = f" at least {record['least']} times" if record["least"] > 1 else ""
    stored = " Its weights are stored in float16." if record["half"] else ""
    return f"""---
library_name: transformers
base_model: {json.dumps(base, ensure_ascii=False)}
language: {json.dumps(codes)}
tags: [xtremor, trimmed-vocabulary]
---
# {base} for {", ".join(codes)}

A {record["architecture"]} with {rows["after"]:,} of the {rows["before"]:,} rows of its word embeddings: those that
occur{often} in text of these languages, special tokens, single bytes, and the letters of the scripts that they are written in.
Nothing else was changed and nothing was trained.{stored} The text: {"; ".join(record["text"])}.

A line all of whose tokens were kept has the tokens and the hidden states that it had before. Other text is split into
smaller pieces where a piece is missing; measured on lines that were left out:

| language | lines | unknown before, % | after, % | more tokens, % | split as before, % |
|---|---|---|---|---|---|
{lines}
Languages that are not listed are not what it is for: most of their words are spelt letter by letter or unknown.

```python
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = AutoModel.from_pretrained("FOLDER")
```

Made by: `{record["command"]}` with {", ".join(f"{key} {value}" for key, value in record["versions"].items())}.
"""
