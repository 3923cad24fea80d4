"""The discriminator beside a step: order, gradients in the encoder, weight 0, every method, resuming, the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import make_step, padded_inputs, random_features, run_updates
from helpers.tiny import make_classifier

from xtremor.errors import UserError
from xtremor.robust.methods import Plain
from xtremor.robust.registry import make
from xtremor.sources.unlabelled import UnlabelledRows, UnlabelledSettings
from xtremor.tasks.base import TextExample
from xtremor.tasks.features import Features
from xtremor.training.adversary.graph import clique
from xtremor.training.adversary.settings import AdversarySettings
from xtremor.training.adversary.step import AdversarialStep, BalancedOrder
from xtremor.training.adversary.text import Opponent, make_cast
from xtremor.training.config import TrainSettings
from xtremor.training.loop import Loop
from xtremor.training.unlabelled import JoinedStep, UnlabelledText

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features()
OTHERS = Features(FEATURES.rows.take(np.arange(11, 1, -1)), np.full(10, -1), 0)
ROWS = np.arange(12)
LANGUAGES = np.array([0] * 4 + [1] * 3 + [2] * 3)
CLIQUE = AdversarySettings("clique", schedule="constant", hidden=8)


def opposed(
    model: Any, settings: AdversarySettings = CLIQUE, method: Any = None, rows: int = 6, pieces: int = 1, **more: Any
) -> AdversarialStep:
    base = make_step(model, FEATURES, method, **more)
    text = UnlabelledText(
        OTHERS, np.array(["en", "sw", "tr"])[LANGUAGES], UnlabelledRows([], {}), UnlabelledSettings(rows, "t")
    )
    graph = clique(("en", "sw", "tr"))
    opponent = Opponent(settings, graph, OTHERS, LANGUAGES, {"en": 4, "sw": 3, "tr": 3}, ())
    step = JoinedStep(base, text, pieces) if method is not None and method.name == "vat" else base
    return AdversarialStep(step, base, opponent, text, 12, pieces)


def weights(step: Any) -> dict[str, torch.Tensor]:
    return {name: each.grad.clone() for name, each in step.model.named_parameters() if each.grad is not None}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30])
def test_the_order_is_balanced_goes_round_and_depends_on_seed_and_update_alone(size: int) -> None:
    units = tuple(np.flatnonzero(place == LANGUAGES) for place in range(3))
    order = BalancedOrder(units, size, 1)
    batches = [order.batch(update) for update in range(60)]
    assert all(len(batch) == size for batch in batches)
    drawn = np.concatenate(batches)
    for place, own in enumerate(units):
        mine = drawn[LANGUAGES[drawn] == place]
        assert abs(len(mine) - len(drawn) / 3) < 1
        for start in range(0, len(mine) - len(own), len(own)):
            assert sorted(mine[start : start + len(own)]) == list(own)
    assert all((order.batch(update) == batches[update]).all() for update in (59, 0, 17))
    other = np.concatenate([BalancedOrder(units, size, 2).batch(update) for update in range(60)])
    assert (LANGUAGES[other] == LANGUAGES[drawn]).all() and (other != drawn).any()


def test_the_encoders_gradient_is_the_labelled_one_minus_lambda_times_the_discriminators() -> None:
    """Against the model called the ordinary way, the graph unbroken through both players."""
    still = make_classifier(dropout=0.0)
    step, plain = opposed(still), make_step(still, FEATURES)
    loss, tokens = step.run(ROWS, 3, 0, 1.0)
    alone, seen = plain.run(ROWS, 3, 0, 1.0)
    chosen = step.order.batch(3)
    assert float(loss) == float(alone) and tokens == seen + OTHERS.lengths[chosen].sum()
    part = Features(OTHERS.rows.take(chosen), np.zeros(len(chosen)), 0)
    inputs = padded_inputs(part)
    network = step.adversary.network
    states = plain.model.base_model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    means = (states * mask).sum(1) / mask.sum(1)
    own = torch.nn.functional.cross_entropy(network(means), torch.from_numpy(LANGUAGES[chosen]))
    trained = {
        name: each for name, each in plain.model.named_parameters() if "classifier" not in name and "pooler" not in name
    }
    reached = dict(zip(trained, torch.autograd.grad(own, list(trained.values())), strict=True))
    labelled, both = weights(plain), weights(step)
    for name, gradient in both.items():
        expected = labelled[name] - 0.1 * reached[name] if name in reached else labelled[name]
        assert torch.allclose(gradient, expected, atol=2e-6), name
    assert max(float(each.abs().max()) for each in reached.values()) > 1e-3
    # The discriminator's own gradient is that of the same loss, whole, and it has not moved yet.
    assert float(step.adversary.about()["adversary_loss"]) == pytest.approx(own.item(), rel=1e-5)
    ours = network.second.weight.grad
    again = torch.nn.functional.cross_entropy(network(means.detach()), torch.from_numpy(LANGUAGES[chosen]))
    (expected,) = torch.autograd.grad(again, [network.second.weight])
    assert torch.allclose(ours, expected, atol=1e-6)
    assert step.counts.total() == 6


def test_weight_zero_leaves_the_labelled_gradients_bit_for_bit_and_the_discriminator_learns(model: Any) -> None:
    step, plain = opposed(model, AdversarySettings("clique", weight=0.0, hidden=8)), make_step(model, FEATURES)
    before = step.adversary.network.first.weight.detach().clone()
    step.run(ROWS, 1, 0, 1.0)
    plain.run(ROWS, 1, 0, 1.0)
    ours, theirs = weights(step), weights(plain)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    # One forward pass more, nothing backward.
    assert step.counts.as_dict() == {"forward": 2, "backward_activations": 1, "backward_weights": 1}
    step.runner.after_update()
    assert not torch.equal(before, step.adversary.network.first.weight)


@pytest.mark.parametrize("name", ["plain", "pgd", "freelb", "r-drop", "sam", "creat", "awp"])
def test_it_stands_beside_every_method_which_makes_its_own_step(model: Any, name: str) -> None:
    method = make(name)
    step, alone = (
        opposed(model, AdversarySettings("clique", weight=0.0, hidden=8), method),
        make_step(model, FEATURES, method),
    )
    step.run(ROWS, 0, 0, 1.0)
    alone.run(ROWS, 0, 0, 1.0)
    ours, theirs = weights(step), weights(alone)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert step.counts.total() == alone.counts.total() + 1
    loud = opposed(model, CLIQUE, method)
    loud.run(ROWS, 0, 0, 1.0)
    assert any(not torch.equal(gradient, theirs[name]) for name, gradient in weights(loud).items())
    assert loud.counts.total() == alone.counts.total() + 3


@pytest.mark.parametrize("site", ["layer:1", "last"])
def test_it_stands_beside_a_method_at_a_hidden_layer(model: Any, site: str) -> None:
    """What such a method gathers in the hidden states goes down at the end of a step; so does the discriminator's."""
    found = []
    for method in (make("pgd", radius=0.1), make("pgd", radius=0.1, site=site)):
        step = opposed(model, CLIQUE, method)
        plain = make_step(model, FEATURES, method)
        step.run(ROWS, 0, 0, 1.0)
        plain.run(ROWS, 0, 0, 1.0)
        theirs = weights(plain)
        found.append({name: gradient - theirs[name] for name, gradient in weights(step).items() if name in theirs})
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], atol=1e-5), name


@pytest.mark.parametrize("layer", [1, 2])
def test_a_lower_layer_gets_the_gradient_and_what_lies_above_none(layer: int) -> None:
    still = make_classifier(dropout=0.0)
    step, plain = (
        opposed(still, AdversarySettings("clique", schedule="constant", layer=layer)),
        make_step(still, FEATURES),
    )
    step.run(ROWS, 0, 0, 1.0)
    plain.run(ROWS, 0, 0, 1.0)
    ours, theirs = weights(step), weights(plain)
    moved = {name for name in ours if not torch.equal(ours[name], theirs[name])}
    assert any(".layer.0." in name for name in moved)
    assert any(".layer.1." in name for name in moved) == (layer == 2)
    assert step.share == layer / 2
    with pytest.raises(UserError, match="this encoder has 2 layers"):
        opposed(still, AdversarySettings("clique", layer=3))


def test_another_method_and_later_parts_get_labelled_rows_alone(model: Any) -> None:
    step = opposed(model)
    for method, part in ((Plain(), 0), (None, 1)):
        before = step.counts.total()
        _, tokens = step.run(ROWS, 0, part, 1.0, method)
        assert tokens == FEATURES.lengths.sum() and step.counts.total() - before == 3
    assert step.about() == {} and not step.adversary.periods.any()


def test_pieces_add_up() -> None:
    still = make_classifier(dropout=0.0)
    one, three = opposed(still), opposed(still, pieces=3)
    for step in (one, three):
        step.run(ROWS, 0, 0, 1.0)
    for name, gradient in weights(one).items():
        assert torch.allclose(gradient, weights(three)[name], atol=1e-6), name
    for ours, theirs in zip(one.adversary.network.parameters(), three.adversary.network.parameters(), strict=True):
        assert ours.grad is None if theirs.grad is None else torch.allclose(ours.grad, theirs.grad, atol=1e-6)


@pytest.mark.parametrize("name", ["plain", "vat", "smart"])
def test_a_run_that_is_cut_goes_on_exactly(model: Any, name: str, tmp_path: Path) -> None:
    method = make(name, **({"bregman": 0.5} if name == "smart" else {}))
    settings = TrainSettings("any", method=method, epochs=2.0, batch_size=4, learning_rate=1e-2, accumulate=2)

    def run(folder: str, updates: int | None = None) -> AdversarialStep:
        step = opposed(model, AdversarySettings("clique", weight=1.0), method, pieces=2)
        run_updates(step, settings, tmp_path / folder, updates)
        return step

    whole = run("whole")
    run("cut", 3)
    later = run("cut")
    for key, weight in whole.model.state_dict().items():
        assert torch.equal(weight, later.model.state_dict()[key]), key
    for key, tensor in whole.runner.state().items():
        assert torch.equal(tensor, later.runner.state()[key]), key
    assert later.counts.as_dict() == whole.counts.as_dict()
    assert whole.adversary.record()["by_tenth"] and float(whole.adversary.periods[:, 0].sum()) == 6 * 6
    alone = make_step(model, FEATURES, method)
    (tmp_path / "alone").mkdir()
    Loop(alone, settings, [], tmp_path / "alone").run()
    assert not torch.allclose(alone.model.classifier.weight, whole.model.classifier.weight, atol=1e-4)


def texts(code: str, *each: tuple[str, ...]) -> list[TextExample]:
    return [TextExample("t", "f", row, str(row), code, own, None) for row, own in enumerate(each)]


def test_labelled_rows_are_text_of_their_language_where_there_is_no_other() -> None:
    other = UnlabelledRows([*texts("sw", ("a",)), *texts("tr", ("b",))], {})
    english = texts("en", ("one", "two"), ("three", "four"))
    cast = make_cast(CLIQUE, other, english, "starter")
    # Pairs beside single texts come one by one: their form must not tell.
    assert cast.codes == ("en", "sw", "tr") and [each.texts for each in cast.added["en"]] == [
        ("one",), ("two",), ("three",), ("four",),
    ]  # fmt: skip
    pairs = UnlabelledRows(texts("sw", ("a", "b")), {})
    assert [each.texts for each in make_cast(CLIQUE, pairs, english, "starter").added["en"]] == [
        ("one", "two"), ("three", "four"),
    ]  # fmt: skip
    assert (
        make_cast(CLIQUE, UnlabelledRows([*texts("en", ("x",)), *other.examples], {}), english, "starter").added == {}
    )
    with pytest.raises(UserError, match="needs text of two languages or more, and there is en alone"):
        make_cast(CLIQUE, UnlabelledRows(texts("en", ("x",)), {}), english, "starter")
    stray = UnlabelledRows(texts("und", ("x",)), {"crawl.txt": {"language": "und"}})
    with pytest.raises(UserError, match=r"the language of crawl\.txt is not stated"):
        make_cast(CLIQUE, stray, english, "starter")
    with pytest.raises(UserError, match="--adversary-distance kinship: unknown language 'qqq'"):
        make_cast(
            AdversarySettings("clusters"), UnlabelledRows(texts("qqq", ("x",)), {}), texts("en", ("x",)), "starter"
        )


def test_languages_are_clustered_by_the_encoder_or_by_uriel_where_it_is_there(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = UnlabelledRows([row for code in ("sw", "tr", "zh") for row in texts(code, ("ba de",), ("fo ku",))], {})
    english = texts("en-US", ("ba la",), ("fo",))
    by_encoder = AdversarySettings("clusters", distance="encoder")
    assert make_cast(by_encoder, other, english, None).graph is None
    graph = make_cast(by_encoder, other, english, str(tiny_encoder)).graph
    assert graph is not None and graph.codes == ("en-US", "sw", "tr", "zh") and graph.made["distance"] == "encoder"
    assert (
        make_cast(by_encoder, UnlabelledRows([*other.examples, *texts("en", ("ba",))], {}), english, None).added == {}
    )
    monkeypatch.setattr("xtremor.analysis.selection.uriel.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"install xtremor\[languages\], or name kinship or encoder"):
        make_cast(AdversarySettings("clusters", distance="uriel"), other, english, None)


def test_languages_that_no_loss_comes_from_are_not_drawn() -> None:
    from xtremor.training.adversary.graph import LanguageGraph

    graph = LanguageGraph(("en", "sw", "tr"), ((1, 2),))
    for game, players in (("neighbours", [1, 2]), ("links", [0, 1, 2])):
        found = Opponent(AdversarySettings("clusters", game=game), graph, OTHERS, LANGUAGES, {}, ())
        assert found.players == players
