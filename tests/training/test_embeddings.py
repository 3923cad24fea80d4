"""Training only the rows that occur is training the whole table."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.problems import make_step, random_features, reference_loss
from helpers.tiny import make_classifier
from torch import nn

from xtremor.errors import UserError
from xtremor.tasks.features import Features
from xtremor.training.batches import batches_from
from xtremor.training.config import TrainSettings
from xtremor.training.embeddings import CompactEmbedding, compact, expand
from xtremor.training.loop import Loop
from xtremor.training.optimizer import decayed, rate_share

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("decay", "everywhere"), [(0.0, False), (0.5, False), (0.5, True)])
def test_fifty_updates_equal_those_of_the_full_table(tmp_path: Path, decay: float, everywhere: bool) -> None:
    """Against a loop written out here: transformers' model, torch's AdamW, the schedule by its formula."""
    features, model = random_features(), make_classifier()
    settings = TrainSettings(
        "xnli", epochs=50 / 3, batch_size=4, learning_rate=3e-3, head_learning_rate=1e-2, weight_decay=decay,
        decay_embeddings=everywhere,
    )  # fmt: skip
    dense = copy.deepcopy(model)
    before = dense.get_input_embeddings().weight.detach().clone()
    head = [*dense.classifier.parameters()]
    groups = [{"params": [each], "rate": 1e-2, "weight_decay": decay if each.ndim > 1 else 0.0} for each in head]
    for name, each in dense.named_parameters():
        if not name.startswith("classifier"):
            decays = each.ndim > 1 and ("embeddings" not in name or (everywhere and "word" in name))
            groups.append({"params": [each], "rate": 3e-3, "weight_decay": decay if decays else 0.0})
    optimizer = torch.optim.AdamW(groups)
    for update, rows in enumerate(batches_from(features.rows.lengths, 4, settings.seed, 50)):
        optimizer.zero_grad()
        reference_loss(dense, Features(features.rows.take(rows), features.targets[rows], 0)).backward()
        nn.utils.clip_grad_norm_(dense.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * rate_share(update, 50, 0.1)
        optimizer.step()

    small = copy.deepcopy(model)
    step = make_step(small, features)
    full = small.get_input_embeddings()
    totals = Loop(step, settings, ["classifier.weight", "classifier.bias"], tmp_path).run()
    expand(step.model, full, step.table, decayed(settings, 50))
    assert totals.update == 50
    kept = step.table.get_buffer("kept")
    rest_of_table = torch.ones(len(before), dtype=torch.bool)
    rest_of_table[kept] = False
    trained = step.model.get_input_embeddings().weight
    assert torch.equal(trained[rest_of_table], before[rest_of_table]) is not everywhere and rest_of_table.sum() > 100
    assert not torch.equal(trained[kept], before[kept])
    found = step.model.state_dict()
    for name, weight in dense.state_dict().items():
        # The gradient of a key's bias is zero but for rounding, which AdamW blows up.
        if not name.endswith("key.bias"):
            assert torch.allclose(weight, found[name], rtol=1e-3, atol=2e-5), name


def test_a_compact_table_looks_up_what_the_full_one_does() -> None:
    full = nn.Embedding(50, 4)
    small = CompactEmbedding(full, np.array([7, 3, 3, 49]), pad_token=0)
    ids = torch.tensor([[3, 49, 0], [7, 7, 3]])
    assert small.weight.shape == (4, 4)
    assert torch.equal(small(ids), full(ids))
    small.weight.data += 1
    before = full.weight.detach().clone()
    small.expand_into(full)
    moved = (full.weight.detach() - before).abs().sum(1) > 0
    assert moved.nonzero().flatten().tolist() == [0, 3, 7, 49]


def test_a_tokenizer_of_another_encoder_is_refused() -> None:
    with pytest.raises(UserError, match=r"token id 50, but the encoder's table has 50 rows.*do not belong together"):
        CompactEmbedding(nn.Embedding(50, 4), np.array([50]), pad_token=0)


def test_compact_and_expand_restore_the_model() -> None:
    model = make_classifier()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    full, small = compact(model, np.array([5, 6]), 0, True)
    assert model.get_input_embeddings() is small
    expand(model, full, small)
    assert model.get_input_embeddings() is full
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name])
