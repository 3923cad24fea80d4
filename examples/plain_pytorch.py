"""Robust training in a loop of your own: two lines differ from an ordinary one.

python examples/plain_pytorch.py [--encoder FacebookAI/xlm-roberta-base] [--radius 0.003] [--tiny]
"""

from __future__ import annotations

import argparse
from typing import Any

import few_rows
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from xtremor.robust import PGD, Robust


def main() -> None:
    """Train on English, score every language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="FacebookAI/xlm-roberta-base")
    parser.add_argument("--radius", type=float, default=0.003)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--tiny", action="store_true", help="a random encoder, without a download")
    options = parser.parse_args()
    torch.manual_seed(1)
    if options.tiny:
        model, tokenizer = few_rows.tiny()
    else:
        tokenizer = AutoTokenizer.from_pretrained(options.encoder)
        model = AutoModelForSequenceClassification.from_pretrained(options.encoder, num_labels=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3 if options.tiny else 2e-5)

    robust = Robust(model, PGD(radius=options.radius))  # The first line.
    model.train()
    for _ in range(options.epochs):
        order = torch.randperm(len(few_rows.ENGLISH)).tolist()
        for begin in range(0, len(order), 4):
            rows = [few_rows.ENGLISH[row] for row in order[begin : begin + 4]]
            batch = tokenizer([text for text, _ in rows], padding=True, return_tensors="pt")
            batch["labels"] = torch.tensor([label for _, label in rows])
            loss = robust.step(batch)  # The second, instead of: loss = model(**batch).loss; loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    print(f"last loss {float(loss):.3f}, {robust.counts}")
    for language, rows in {"en": few_rows.ENGLISH, **few_rows.OTHERS}.items():
        print(f"{language}: {accuracy(model, tokenizer, rows):.0f}% of {len(rows)}")


@torch.no_grad()
def accuracy(model: Any, tokenizer: Any, rows: Any) -> float:
    """Percent of right answers."""
    model.eval()
    batch = tokenizer([text for text, _ in rows], padding=True, return_tensors="pt")
    right = model(**batch).logits.argmax(-1) == torch.tensor([label for _, label in rows])
    return 100 * float(right.float().mean())


if __name__ == "__main__":
    main()
