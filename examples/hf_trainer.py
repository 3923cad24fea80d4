"""Robust training under transformers.Trainer: ``RobustTrainer`` in its place, and ``robust=``.

python examples/hf_trainer.py [--encoder FacebookAI/xlm-roberta-base] [--radius 0.003] [--tiny] [--output FOLDER]

In several processes: torchrun --nproc-per-node 2 examples/hf_trainer.py ...
"""

from __future__ import annotations

import argparse
from typing import Any

import few_rows
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    TrainingArguments,
)

from xtremor.robust import FreeLB, RobustTrainer


def main() -> None:
    """Train on English, print what the Trainer logs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="FacebookAI/xlm-roberta-base")
    parser.add_argument("--radius", type=float, default=0.003)
    parser.add_argument("--output", default="runs/hf-trainer")
    parser.add_argument("--tiny", action="store_true", help="a random encoder, without a download")
    options = parser.parse_args()
    if options.tiny:
        model, tokenizer = few_rows.tiny()
    else:
        tokenizer = AutoTokenizer.from_pretrained(options.encoder)
        model = AutoModelForSequenceClassification.from_pretrained(options.encoder, num_labels=2)

    def rows(chosen: Any) -> list[dict[str, Any]]:
        return [{**tokenizer(text), "labels": label} for text, label in chosen]

    # Accumulation, mixed precision, processes, logging, checkpoints: all of this is the Trainer's.
    arguments = TrainingArguments(
        options.output,
        num_train_epochs=3,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        learning_rate=2e-3 if options.tiny else 2e-5,
        logging_steps=3,
        save_strategy="no",
        report_to=[],
    )
    trainer = RobustTrainer(
        model=model,
        args=arguments,
        train_dataset=rows(few_rows.ENGLISH),
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        robust=FreeLB(radius=options.radius, steps=3),
    )
    trainer.train()
    for language, others in few_rows.OTHERS.items():
        print(f"{language}: loss {trainer.evaluate(rows(others))['eval_loss']:.3f}")


if __name__ == "__main__":
    main()
