"""Text without labels beside every update: its order, what it adds, parts, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.heads import HEADS
from helpers.problems import make_step, random_features, run_updates
from helpers.tiny import make_classifier

from xtremor.errors import UserError
from xtremor.robust.methods import Plain
from xtremor.robust.registry import make
from xtremor.sources.unlabelled import UnlabelledRows, UnlabelledSettings
from xtremor.tasks.features import Features
from xtremor.training.config import TrainSettings
from xtremor.training.loop import Loop
from xtremor.training.unlabelled import JoinedStep, UnlabelledOrder, UnlabelledText

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features()
# Of the same words, which is what the compact table knows.
OTHERS = Features(FEATURES.rows.take(np.arange(11, 1, -1)), np.full(10, -1), 0)
ROWS = np.arange(12)
VAT = make("vat", radius=0.3)


def text(features: Features = OTHERS, rows: int = 4) -> UnlabelledText:
    languages = np.array(["sw"] * 6 + ["tr"] * (len(features.lengths) - 6))
    return UnlabelledText(features, languages, UnlabelledRows([], {}), UnlabelledSettings(rows, "texts"))


def joined(model: Any, method: Any = VAT, pieces: int = 1, features: Features = FEATURES, **more: Any) -> JoinedStep:
    return JoinedStep(make_step(model, features, method, **more), text(), pieces)


def weights(step: Any) -> dict[str, torch.Tensor]:
    return {name: each.grad.clone() for name, each in step.model.named_parameters() if each.grad is not None}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1)


@pytest.mark.parametrize("size", [1, 3, 4, 10, 25])
def test_the_order_goes_round_all_texts_and_depends_on_seed_and_update_alone(size: int) -> None:
    order = UnlabelledOrder(OTHERS.lengths, size, 1)
    rounds = -(-10 // size)
    for start in (0, rounds, 5 * rounds):
        one = [order.batch(update) for update in range(start, start + rounds)]
        assert sorted(np.concatenate(one)) == list(range(10))
        assert all(len(each) <= size for each in one)
    again, other = UnlabelledOrder(OTHERS.lengths, size, 1), UnlabelledOrder(OTHERS.lengths, size, 2)
    batches = [[each.batch(update).tolist() for update in range(40)] for each in (order, again, other)]
    assert batches[0] == batches[1] and (size >= 10 or batches[0] != batches[2])


def test_gradients_and_losses_of_both_kinds_add_up(model: Any) -> None:
    step = joined(model)
    loss, tokens = step.run(ROWS, 3, 0, 1.0)
    apart = make_step(model, FEATURES, VAT)
    known, seen = apart.run(ROWS, 3, 0, 1.0)
    chosen = step.order.batch(3)
    found, more = apart.over(OTHERS, chosen, VAT.step_unlabelled, ("unlabelled", 3, 0), 1.0)
    assert float(loss) == float(known + found) and float(found) > 1e-4
    assert tokens == seen + more == FEATURES.lengths.sum() + OTHERS.lengths[chosen].sum()
    for name, gradient in weights(apart).items():
        assert torch.equal(gradient, weights(step)[name]), name
    assert step.counts.total() == VAT.cost() + VAT.cost_unlabelled()


def test_labelled_rows_make_the_step_that_they_would_make_alone(model: Any) -> None:
    """At radius 0 with shared masks what joins trains nothing: plain's gradients."""
    silent = make("vat", radius=0.0)
    step, plain = joined(model, silent), make_step(model, FEATURES)
    step.run(ROWS, 0, 0, 1.0)
    plain.run(ROWS, 0, 0, 1.0)
    for name, gradient in weights(plain).items():
        assert torch.allclose(gradient, weights(step)[name], atol=1e-6), name


def test_another_method_and_later_parts_get_labelled_rows_alone(model: Any) -> None:
    step = joined(model)
    for method, part in ((Plain(), 0), (None, 1)):
        before = step.counts.total()
        _, tokens = step.run(ROWS, 0, part, 1.0, method)
        assert tokens == FEATURES.lengths.sum()
        assert step.counts.total() - before == (3 if method else VAT.cost())


class Squares:
    """A term without draws: the mean square of the logits."""

    def step_unlabelled(self, passes: Any) -> torch.Tensor:
        loss = passes.outputs().logits.square().mean()
        passes.backward(loss)
        return loss.detach()

    def cost_unlabelled(self) -> float:
        return 3.0


def test_pieces_of_what_joins_are_weighed_by_their_rows() -> None:
    still = make_classifier(dropout=0.0)
    found = []
    for pieces in (1, 3):
        step = joined(still, pieces=pieces)
        step.method = Squares()
        found.append((float(step.run(ROWS, 0, 0, 0.25)[0]), weights(step)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for name, gradient in found[0][1].items():
        assert torch.allclose(gradient, found[1][1][name], rtol=1e-4, atol=1e-6), name
    # The loop takes a quarter of what it is told for the first of four parts: what joins counts whole all the same.
    labelled = float(make_step(still, FEATURES, VAT).run(ROWS, 0, 0, 0.25)[0])
    apart, chosen = make_step(still, FEATURES, VAT), joined(still).order.batch(0)
    other = float(apart.over(OTHERS, chosen, Squares().step_unlabelled, ("unlabelled", 0, 0), 1.0)[0])
    assert 0.25 * found[0][0] == pytest.approx(0.25 * labelled + other, rel=1e-5)


def test_a_tagger_is_asked_about_the_tokens_that_have_a_tag() -> None:
    head = HEADS["tagging"]
    features = head.features(12, True)
    step = JoinedStep(
        make_step(head.model(), features, VAT, category=head.category), text(head.features(10, True), 4), 2
    )
    loss, _ = step.run(ROWS, 0, 0, 1.0)
    alone = make_step(head.model(), features, VAT, category=head.category).run(ROWS, 0, 0, 1.0)[0]
    assert float(loss) > float(alone) + 1e-4


def test_a_run_that_is_cut_goes_on_exactly(model: Any, tmp_path: Path) -> None:
    settings = TrainSettings("any", method=VAT, epochs=2.0, batch_size=4, learning_rate=1e-2, accumulate=2)

    def run(folder: str, updates: int | None = None) -> JoinedStep:
        step = joined(model, pieces=2)
        run_updates(step, settings, tmp_path / folder, updates)
        return step

    whole = run("whole")
    run("cut", 3)
    later = run("cut")
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, later.model.state_dict()[name]), name
    assert later.counts.as_dict() == whole.counts.as_dict()
    # Six updates of two parts, of which the first is joined by two pieces.
    assert whole.counts.total() == 6 * (2 * VAT.cost() + 2 * VAT.cost_unlabelled())
    alone = make_step(model, FEATURES, VAT)
    (tmp_path / "alone").mkdir()
    Loop(alone, settings, [], tmp_path / "alone").run()
    assert not torch.allclose(alone.model.classifier.weight, whole.model.classifier.weight, atol=1e-3)


def test_settings_refuse_a_method_that_needs_labels_and_are_part_of_the_label() -> None:
    beside = UnlabelledSettings(16, languages=("sw", "tr"))
    with pytest.raises(UserError, match="the method 'pgd' needs labels"):
        TrainSettings("xnli", method=make("pgd"), unlabelled=beside)
    found = TrainSettings("xnli", method=VAT, unlabelled=beside)
    assert found.arm == "vat-1-r0.3-unlabelled16-sw+tr-dev"
    assert TrainSettings.from_dict(found.as_dict()) == found
    assert "unlabelled" not in TrainSettings("xnli", method=VAT).as_dict()
    files = [UnlabelledSettings(16, name).label for name in ("a/wiki.txt", "b/wiki.txt")]
    assert files[0] != files[1] and all(each.startswith("unlabelled16-wiki-") for each in files)
