"""Stability radii: against a linear model's closed form, row by row, at a counted cost, at every layer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.attacked import examples
from helpers.tiny import LABELS, make_classifier, make_tokenizer, vocabulary
from torch import Tensor, nn

from xtremor.analysis.crossing import GRID
from xtremor.analysis.stability import ATTACK_GRID, Answering, default_layers, random_shifts
from xtremor.errors import UserError
from xtremor.tasks.cards import card

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTH = 6


class Pooled(nn.Module):
    """Logits that are a linear function of the mean of a row's vectors, which are those of its block of embeddings."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.words = nn.Embedding(len(vocabulary()), WIDTH)
        self.embeddings = nn.Sequential(self.words)
        self.weight = nn.Parameter(torch.randn(WIDTH, 3))
        # The last class is out of reach, so that two remain and the nearest border is a formula.
        self.bias = torch.tensor([0.0, 0.0, -1000.0])
        self.config = SimpleNamespace(num_hidden_layers=1, hidden_size=WIDTH, model_type="pooled")

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Any:
        real = attention_mask.unsqueeze(-1)
        mean = (self.embeddings(input_ids) * real).sum(1) / real.sum(1)
        return SimpleNamespace(logits=mean @ self.weight + self.bias)


def answering(model: Any, layers: tuple[int, ...], pooling: str = "mean", pairs: bool = True) -> Answering:
    return Answering(
        model, make_tokenizer(pairs), LABELS, 24, card("xnli"), layers, pooling, examples("classification")[0]
    )


def linear() -> tuple[Answering, list[Any], Any, np.ndarray, np.ndarray]:
    """The linear model, its rows, what it reads, signed margins (N,), and the difference of the two weights (H,)."""
    model, rows = Pooled(), examples("classification", 24)
    subject = answering(model, (0,))
    read = subject.read(rows)
    weight = model.weight.detach().double().numpy()
    apart = weight[:, 1] - weight[:, 0]
    return subject, rows, read, read.pooled[0].astype(np.float64) @ apart, apart


def test_answers_and_vectors_are_the_model_s() -> None:
    _, rows, read, margins, _ = linear()
    assert read.answers == [LABELS[int(margin > 0)] for margin in margins]
    assert len(set(read.answers)) == 2 and len(rows) == len(read.answers)


def test_along_a_direction_the_radius_is_the_closed_form() -> None:
    """|margin| / (way . normal) where the way leads to the border, never where it leads away."""
    subject, rows, read, margins, apart = linear()
    ways = random_shifts(rows, np.full(len(rows), 2.0), WIDTH, 0)
    found = subject.along(0, rows, read.answers, ways, GRID, 12)
    speed = -np.sign(margins) * (ways.astype(np.float64) @ apart)
    closed = np.where(speed > 0, np.abs(margins) / np.where(speed > 0, speed, 1), np.inf)
    reached = closed < GRID[-1]
    assert 3 < reached.sum() < len(rows)
    assert found.censored.tolist() == (~reached).tolist()
    # Bisection leaves intervals of a 2**-12th of the grid's widest.
    np.testing.assert_allclose(found.high[reached], closed[reached], atol=2 * 2**-12 + 1e-5)
    assert (found.high[reached] >= closed[reached] - 1e-5).all()


def test_the_attack_finds_the_distance_to_the_border() -> None:
    subject, rows, read, margins, apart = linear()
    shifts = subject.attack(0, rows, read.answers, 1.0)
    found = subject.along(0, rows, read.answers, shifts, ATTACK_GRID, 12)
    radii = found.high * np.linalg.norm(shifts, axis=1)
    np.testing.assert_allclose(radii, np.abs(margins) / np.linalg.norm(apart), rtol=1e-3)


def test_no_direction_is_shorter_than_the_attack_of_a_linear_model() -> None:
    subject, rows, read, margins, apart = linear()
    ways = random_shifts(rows, np.full(len(rows), 1.0), WIDTH, 4)
    along = subject.along(0, rows, read.answers, ways, GRID, 12)
    assert (along.high >= np.abs(margins) / np.linalg.norm(apart) - 1e-5).all()


def test_a_shift_of_one_is_the_other_row_s_vector() -> None:
    """Whatever the pooling: the model of the shifted row answers as that vector says."""
    subject, rows, read, margins, _ = linear()
    other = np.roll(np.arange(len(rows)), 1)
    ways = read.pooled[0][other] - read.pooled[0]
    kept = subject.kept_at(0, rows, read.answers, ways)
    assert kept.tolist() == [read.answers[row] == read.answers[two] for row, two in enumerate(other)]
    assert 0 < kept.sum() < len(rows)
    assert np.sign(margins).any()


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "distilbert", "modernbert", "deberta-v2"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_every_layer_is_read_as_transformers_puts_it_out(kind: str, pooling: str) -> None:
    model, rows = make_classifier(kind).eval(), examples("classification", 5)
    subject = answering(model, (0, 1, 2), pooling, pairs=kind == "bert")
    read = subject.read(rows)
    items = subject.items(rows, None)
    batch = items.batch(np.arange(5), torch.device("cpu"))
    with torch.no_grad():
        outputs = model.base_model(**batch.view.inputs, output_hidden_states=True)
    states = [*outputs.hidden_states[:-1], outputs.last_hidden_state]
    mask = batch.view.inputs["attention_mask"].unsqueeze(-1)
    for layer, state in enumerate(states):
        expected = state[:, 0] if pooling == "cls" else (state * mask).sum(1) / mask.sum(1)
        np.testing.assert_allclose(read.pooled[layer], expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "modernbert", "deberta-v2"])
def test_what_lies_below_a_layer_need_not_be_passed_again(kind: str) -> None:
    """Radii are those of whole passes, with a hook that shifts the layer's output; and cost less."""
    model, rows = make_classifier(kind).eval(), examples("classification", 8)
    subject = answering(model, (0, 1, 2))
    read = subject.read(rows)
    for layer in (0, 1, 2):
        ways = random_shifts(rows, np.full(8, 3.0), read.pooled[layer].shape[1], 1)
        before = subject.forward
        found = subject.along(layer, rows, read.answers, ways, (1.0, 2.0), 3)
        share = subject.sited[layer].below
        crossed = int((~found.censored).sum())
        one = int((found.high <= 1.0).sum() > 0)
        assert subject.forward - before <= 8 + 8 * (1 - share) + crossed * (1 + 2 * (1 - share)) + 1e-9 + 8 * one
        assert subject.sited[layer].below == layer / 2
        site = subject.sited[layer].site()
        for row, way in enumerate(ways):
            items = subject.items([rows[row]], [read.answers[row]])
            batch = items.batch(np.arange(1), torch.device("cpu"))

            def shifted(far: float) -> str:
                delta = far * torch.from_numpy(way).expand(batch.view.tokens.numel(), -1)  # noqa: B023
                with torch.no_grad(), site.override(batch.view.segments, None, delta):  # noqa: B023
                    return items.answers(batch, model(**batch.view.inputs))[0][0]  # noqa: B023

            if found.high[row] < np.inf:
                assert shifted(found.high[row]) != read.answers[row]
            assert shifted(found.low[row]) == read.answers[row]


def test_a_row_does_not_depend_on_its_batch() -> None:
    subject, rows, read, _, _ = linear()
    ways = random_shifts(rows, np.full(len(rows), 2.0), WIDTH, 0)
    together = subject.along(0, rows, read.answers, ways, GRID, 8)
    for row in (0, 7, 13):
        alone = subject.along(0, rows[row : row + 1], read.answers[row : row + 1], ways[row : row + 1], GRID, 8)
        assert alone.high[0] == together.high[row]


def test_in_bf16_answers_and_radii_are_nearly_those_of_fp32() -> None:
    """What the precision leaves of a radius is about the rounding of the logits; a radius of exactly the same would
    say that nothing was rounded."""
    torch.manual_seed(5)
    rows, radii = examples("classification", 12), []
    model = make_classifier("bert")
    for precision in ("fp32", "bf16"):
        subject = Answering(
            model, make_tokenizer(True), LABELS, 24, card("xnli"), (1, 2), "mean", rows[0], precision=precision
        )
        read = subject.read(rows)
        shifts = subject.attack(2, rows, read.answers, 1.0)
        found = subject.along(2, rows, read.answers, shifts, ATTACK_GRID, 8)
        radii.append(found.high * np.linalg.norm(shifts, axis=1))
        assert read.pooled[2].dtype == np.float32
    both = np.isfinite(radii[0]) & np.isfinite(radii[1])
    assert both.sum() > 6
    assert not np.array_equal(radii[0][both], radii[1][both])
    np.testing.assert_allclose(np.median(radii[1][both]), np.median(radii[0][both]), rtol=0.1)


def test_random_directions_belong_to_their_rows() -> None:
    rows = examples("classification", 6)
    lengths = np.arange(1, 7, dtype=float)
    drawn = random_shifts(rows, lengths, 5, 0)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), lengths, rtol=1e-6)
    assert np.array_equal(drawn[2:], random_shifts(rows[2:], lengths[2:], 5, 0))
    assert not np.allclose(drawn, random_shifts(rows, lengths, 5, 1))


def test_where_the_embeddings_are_no_block_they_are_left_out() -> None:
    model = make_classifier("eurobert")
    assert default_layers(model) == (1, 2) and default_layers(make_classifier("bert")) == (0, 1, 2)
    with pytest.raises(UserError, match="layer 0 of this encoder cannot be shifted"):
        answering(model, (0,))


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="this encoder has layers 0"):
        answering(make_classifier("bert"), (5,))
