"""The two games: signs of gradients, the detached move, a clique is DANN, what the encoder loses and keeps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xtremor.training.adversary.games import Links, Neighbours
from xtremor.training.adversary.graph import LanguageGraph, clique
from xtremor.training.adversary.player import Adversary
from xtremor.training.adversary.settings import AdversarySettings

pytestmark = pytest.mark.usefixtures("one_thread")
CODES = ("a", "b", "c", "d")
PAIRS = LanguageGraph(CODES, ((0, 1), (2, 3)))
CHAIN = LanguageGraph(CODES, ((0, 1), (1, 2), (2, 3)))
OFFSET = torch.zeros((), dtype=torch.float64)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_on_a_clique_losses_and_gradients_are_danns() -> None:
    scores, languages = drawn(40, 4).requires_grad_(), torch.arange(40) % 4
    dann = nn.functional.cross_entropy(scores, languages)
    (expected,) = torch.autograd.grad(dann, scores)
    found = Neighbours(clique(CODES).adjacency).play(scores, languages, OFFSET)
    (gradient,) = torch.autograd.grad(found.loss, scores)
    assert torch.equal(found.loss, dann) and torch.equal(gradient, expected)
    assert float(found.right) == float((scores.argmax(1) == languages).double().mean()) and float(found.chance) == 0.25


def test_on_separate_cliques_it_is_a_dann_for_each() -> None:
    scores, languages = drawn(40, 4), torch.arange(40) % 4
    first, second = languages < 2, languages >= 2
    expected = (
        nn.functional.cross_entropy(scores[first, :2], languages[first])
        + nn.functional.cross_entropy(scores[second, 2:], languages[second] - 2)
    ) / 2
    found = Neighbours(PAIRS.adjacency).play(scores, languages, OFFSET)
    assert float(found.loss) == pytest.approx(float(expected), abs=1e-12) and float(found.chance) == 0.5


def test_on_a_chain_a_language_is_told_from_its_neighbours_alone() -> None:
    scores, languages = drawn(8, 4), torch.arange(8) % 4
    near = {0: [0, 1], 1: [0, 1, 2], 2: [1, 2, 3], 3: [2, 3]}
    each = [
        float(-scores[row, own] + torch.logsumexp(scores[row, near[own]], 0))
        for row, own in enumerate(languages.tolist())
    ]
    found = Neighbours(CHAIN.adjacency).play(scores, languages, OFFSET)
    assert float(found.loss) == pytest.approx(np.mean(each), abs=1e-12)
    assert float(found.chance) == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_a_language_without_neighbours_gives_no_loss_and_no_gradient() -> None:
    scores = drawn(6, 4).requires_grad_()
    found = Neighbours(LanguageGraph(CODES, ((0, 1),)).adjacency).play(scores, torch.tensor([2] * 6), OFFSET)
    (gradient,) = torch.autograd.grad(found.loss, scores)
    assert found.loss.item() == 0 and not gradient.any()


def test_links_by_hand() -> None:
    vectors, languages, offset = drawn(7, 8), torch.tensor([0, 0, 1, 1, 2, 3, 3]), drawn(1)[0]
    adjacency = CHAIN.adjacency
    losses: dict[bool, list[float]] = {True: [], False: []}
    right: dict[bool, list[bool]] = {True: [], False: []}
    for i, j in itertools.combinations(range(7), 2):
        score = float(vectors[i, :4] @ vectors[j, :4] - vectors[i, 4:] @ vectors[j, 4:] + offset)
        linked = bool(adjacency[languages[i], languages[j]])
        losses[linked].append(float(np.log1p(np.exp(-score if linked else score))))
        right[linked].append((score > 0) == linked)
    found = Links(adjacency).play(vectors, languages, offset)
    assert float(found.loss) == pytest.approx((np.mean(losses[True]) + np.mean(losses[False])) / 2, abs=1e-12)
    assert float(found.right) == pytest.approx((np.mean(right[True]) + np.mean(right[False])) / 2)
    assert float(found.chance) == 0.5
    # One kind of pair alone, or none.
    alone = Links(adjacency).play(vectors[:2], languages[:2], offset)
    assert float(alone.loss) == pytest.approx(losses[False][0] / 2) and float(alone.chance) == 1.0
    assert float(Links(adjacency).play(vectors[:1], languages[:1], offset).loss) == 0


def best_losses(known: np.ndarray, adjacency: np.ndarray) -> tuple[float, float]:
    """Losses of the best DANN and the best link discriminator where q(h) takes the rows of ``known`` equally often."""
    dann = float(-(known * np.log(np.maximum(known, 1e-300))).sum(1).mean())
    linked = known @ adjacency @ known.T
    share = adjacency.mean()
    # Balanced: each kind of pair counts one half in all.
    yes, no = linked / share / 2, (1 - linked) / (1 - share) / 2
    chance = yes / (yes + no)
    entropy = -yes * np.log(np.maximum(chance, 1e-300)) - no * np.log(np.maximum(1 - chance, 1e-300))
    return dann, float(entropy.mean())


def test_links_on_a_clique_are_at_their_worst_exactly_where_dann_is() -> None:
    """Both games ask the encoder for the same: what is known of the language from h is the same for all h."""
    adjacency = clique(CODES).adjacency.astype(float)
    draw = np.random.default_rng(0)
    alike = np.full((4, 4), 0.25)
    most = best_losses(alike, adjacency)
    assert most == (pytest.approx(np.log(4)), pytest.approx(np.log(2)))
    for _ in range(50):
        # Doubly stochastic, as the languages are equally frequent: a mixture of permutations.
        parts = draw.dirichlet(np.ones(6))
        known = sum(part * np.eye(4)[draw.permutation(4)] for part in parts)
        found = best_losses(known, adjacency)
        assert found[0] < most[0] - 1e-9 and found[1] < most[1] - 1e-9


def test_links_on_clusters_ask_for_alignment_between_clusters_and_neighbours_do_not() -> None:
    """Languages alike within their clusters, clusters apart: the best link discriminator still gains."""
    apart = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]])
    adjacency = PAIRS.adjacency.astype(float)
    assert best_losses(apart, adjacency)[1] < best_losses(np.full((4, 4), 0.25), adjacency)[1] - 0.05
    # Within neighbourhoods nothing is known: no scores beat constant ones.
    languages = torch.arange(400) % 4
    place = languages // 2
    table = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    found = Neighbours(PAIRS.adjacency).play(table[place], languages, OFFSET)
    (gradient,) = torch.autograd.grad(found.loss, table)
    assert float(gradient.abs().max()) < 1e-12 and float(found.loss) == pytest.approx(np.log(2))


def player(graph: LanguageGraph, game: str = "neighbours", **more: float) -> Adversary:
    settings = AdversarySettings("clusters", game=game, schedule="constant", **{"hidden": 16, **more})
    found = Adversary(settings, graph, 8, 1, 100)
    found.network.double()
    return found


@pytest.mark.parametrize("game", ["neighbours", "links"])
def test_the_discriminator_descends_on_detached_states_and_the_encoder_is_told_to_climb(game: str) -> None:
    """All gradients against autograd through both players at once, in float64."""
    adversary, inputs, languages = player(CHAIN, game), drawn(24, 8, seed=1), torch.arange(24) % 4
    encoder = drawn(8, 8, seed=2).requires_grad_()
    states = inputs @ encoder
    gradient = adversary.play(states, languages, 3)
    assert encoder.grad is None and not gradient.requires_grad
    # The same loss, its graph unbroken from the encoder to the discriminator.
    whole = adversary.game.play(adversary.network(inputs @ encoder), languages, adversary.network.offset).loss
    used = [each for each in adversary.network.parameters() if each.grad is not None]
    in_states, *own = torch.autograd.grad(whole, [encoder, *used])
    for parameter, expected in zip(used, own, strict=True):
        assert torch.allclose(parameter.grad, expected, atol=1e-12)
    (-0.1 * (states * gradient).sum()).backward()
    assert torch.allclose(encoder.grad, -0.1 * in_states, atol=1e-12)

    def loss(weights: Tensor) -> float:
        with torch.no_grad():
            return float(
                adversary.game.play(adversary.network(inputs @ weights), languages, adversary.network.offset).loss
            )

    # Numerically: a step against the encoder's gradient raises the discriminator's loss, its own move lowers it.
    before = loss(encoder.detach())
    assert loss(encoder.detach() - 0.1 * encoder.grad) > before
    direction = drawn(8, 8, seed=3)
    slope = (loss(encoder.detach() + 1e-6 * direction) - loss(encoder.detach() - 1e-6 * direction)) / 2e-6
    assert slope == pytest.approx(float((in_states * direction).sum()), rel=1e-5)
    still = encoder.grad.clone()
    adversary.move()
    assert loss(encoder.detach()) < before
    assert torch.equal(encoder.grad, still) and all(each.grad is None for each in adversary.network.parameters())


def test_pieces_add_up_to_the_whole() -> None:
    states, languages = drawn(24, 8), torch.arange(24) % 4
    whole, parts = player(CHAIN), player(CHAIN)
    gradient = whole.play(states, languages, 0)
    pieces = [
        parts.play(states[:18], languages[:18], 0, 0.75) * 0.75,
        parts.play(states[18:], languages[18:], 0, 0.25) * 0.25,
    ]
    assert torch.allclose(gradient, torch.cat(pieces), atol=1e-12)
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        assert one.grad is None if other.grad is None else torch.allclose(one.grad, other.grad, atol=1e-12)
    for name, value in whole.about().items():
        assert parts.about()[name] == pytest.approx(value), name


def test_its_state_is_all_of_it() -> None:
    one, other, languages = player(CHAIN), player(CHAIN), torch.arange(12) % 4
    for update in range(3):
        one.play(drawn(12, 8, seed=update), languages, update)
        one.move()
    other.load_state({name: tensor.clone() for name, tensor in one.state().items()})
    for each in (one, other):
        each.play(drawn(12, 8, seed=9), languages, 3)
        each.move()
    assert one.state().keys() == other.state().keys()
    for name, tensor in one.state().items():
        assert torch.equal(tensor, other.state()[name]), name
    assert one.record()["by_tenth"] == other.record()["by_tenth"]


def test_the_network_depends_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one = player(CHAIN)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(6)
    other = player(CHAIN)
    assert torch.equal(one.network.first.weight, other.network.first.weight)


def told(rights: list[float], chance: float = 0.25, rows: int = 400) -> list[str]:
    adversary = player(CHAIN)
    for tenth, right in enumerate(rights):
        adversary.periods[tenth] = torch.tensor([rows, right * rows, chance * rows, rows * 1.0])
    return adversary.warnings()


def test_warnings_of_a_game_that_is_none() -> None:
    assert "never better than guessing (accuracy 26.0% at the end, guessing gives 25.0%)" in told([0.25, 0.26])[0]
    assert "certain to the end (accuracy 100.0% at the end" in told([0.4, 1.0, 0.995, 1.0])[0]
    assert told([0.9, 0.4, 0.26, 0.25]) == [] and told([0.25, 0.6, 1.0]) == [] and told([]) == []


def world(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Entry 0 tells a language within its cluster, entry 1 the cluster, the others nothing."""
    languages = torch.arange(rows) % 4
    found = torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed))
    found[:, 0] += 6 * (languages % 2) - 3
    found[:, 1] += 6 * (languages // 2) - 3
    return found, languages


def noise(rows: int, seed: int) -> Tensor:
    return torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed))


def probed(encoder: Tensor, classes: str) -> float:
    """Accuracy on other rows of a linear map that was fitted to tell languages, clusters or languages within one."""
    fitted = []
    for seed in (0, 1):
        inputs, languages = world(512, seed)
        told = {"language": languages, "cluster": languages // 2, "within": languages % 2}[classes]
        states = torch.cat([inputs @ encoder.detach() + noise(512, 100 + seed), torch.ones(512, 1)], 1)
        fitted.append((states, told))
    (states, told), (others, answers) = fitted
    weights = torch.linalg.lstsq(states, nn.functional.one_hot(told).float()).solution
    return float(((others @ weights).argmax(1) == answers).float().mean())


def trained(graph: LanguageGraph, game: str) -> Tensor:
    """A linear encoder whose states are seen through noise, after a game that it plays more slowly than the other."""
    settings = AdversarySettings("clusters", game=game, schedule="constant", rate=0.03, hidden=32)
    adversary, encoder = Adversary(settings, graph, 8, 1, 700), torch.eye(8, requires_grad=True)
    inputs, languages = world(512, 0)
    for update in range(700):
        rows = torch.randperm(512, generator=torch.Generator().manual_seed(update))[:64]
        states = inputs[rows] @ encoder + noise(64, 1000 + update)
        gradient = adversary.play(states, languages[rows], update)
        # The task needs the entries that tell nothing.
        lost = (encoder[2:, 2:] - torch.eye(6)).square().sum() - 0.3 * (states * gradient).sum()
        (found,) = torch.autograd.grad(lost, encoder)
        encoder = (encoder - 0.03 * found).detach().requires_grad_()
        adversary.move()
    return encoder


def test_the_encoder_loses_languages_under_a_clique_and_keeps_clusters_under_clusters() -> None:
    before = torch.eye(8)
    assert probed(before, "language") > 0.9 and probed(before, "cluster") > 0.95
    uniform, near, links = trained(clique(CODES), "neighbours"), trained(PAIRS, "neighbours"), trained(PAIRS, "links")
    assert probed(uniform, "language") < 0.6 and probed(uniform, "cluster") < 0.8
    # A cluster stays what it was, languages within it are no longer told.
    assert probed(near, "cluster") > probed(before, "cluster") - 0.06 and probed(near, "within") < 0.8
    # The game of Xu et al. brings separate clusters together too.
    assert probed(links, "cluster") < 0.85 and probed(links, "cluster") < probed(near, "cluster") - 0.1
