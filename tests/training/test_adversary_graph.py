"""Graphs of languages: clique, clusters, a user's file, permutations; what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xtremor.analysis.selection.distances import kinship
from xtremor.errors import UserError
from xtremor.training.adversary.graph import LanguageGraph, clique, clusters, permuted, read_graph
from xtremor.training.adversary.settings import AdversarySettings
from xtremor.training.config import TrainSettings

CODES = ("de", "en", "nl", "tr", "zh")


def named(graph: LanguageGraph) -> set[tuple[str, str]]:
    return {(graph.codes[i], graph.codes[j]) for i, j in graph.edges}


def test_a_clique_joins_all() -> None:
    graph = clique(CODES)
    assert len(graph.edges) == 10 and graph.alone == []
    assert (graph.adjacency == ~np.eye(5, dtype=bool)).all()
    assert graph.components == [list(CODES)]


def test_clusters_join_the_languages_of_a_medoid() -> None:
    """German, English and Dutch are one family and script; Turkish is nearer to them, by script, than to Chinese."""
    graph = clusters(CODES, kinship(CODES).values, name="kinship")
    assert named(graph) == {("de", "en"), ("de", "nl"), ("de", "tr"), ("en", "nl"), ("en", "tr"), ("nl", "tr")}
    assert graph.alone == ["zh"] and graph.components == [["de", "en", "nl", "tr"], ["zh"]]
    three = clusters(CODES, kinship(CODES).values, 3)
    assert named(three) == {("de", "en"), ("de", "nl"), ("en", "nl")}
    told = graph.as_dict()
    assert told["medoids"] == ["de", "zh"] and told["distance"] == "kinship"
    assert ["de", "en"] in told["edges"] and len(told["sha256"]) == 64


def test_every_language_of_clusters_is_in_the_cluster_of_its_nearest_medoid() -> None:
    draw = np.random.default_rng(0)
    points = draw.normal(size=(12, 3))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    codes = tuple("abcdefghijkl")
    graph = clusters(codes, distances, 3)
    places = [codes.index(code) for code in graph.made["medoids"]]
    nearest = distances[places].argmin(axis=0)
    assert (graph.adjacency == (nearest[:, None] == nearest[None]) & ~np.eye(12, dtype=bool)).all()


def test_a_permuted_graph_is_isomorphic_another_and_seeded() -> None:
    chain = LanguageGraph(("a", "b", "c", "d", "e"), ((0, 1), (0, 2), (1, 2), (3, 4)))
    found = [permuted(chain, seed) for seed in range(30)]
    for graph in found:
        assert graph.edges != chain.edges and graph.codes == chain.codes
        assert sorted(graph.adjacency.sum(0)) == sorted(chain.adjacency.sum(0))
        place = {code: chain.codes.index(other) for code, other in graph.made["place_taken_by"].items()}
        order = [place[code] for code in chain.codes]
        assert sorted(order) == list(range(5))
        assert (graph.adjacency[np.ix_(order, order)] == chain.adjacency).all()
    assert [graph.edges for graph in found] == [permuted(chain, seed).edges for seed in range(30)]
    assert len({graph.edges for graph in found}) > 5
    with pytest.raises(UserError, match="exchanging languages does not change this graph"):
        permuted(clique(CODES), 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "de,nl\nen, de\n"),
        ("b.csv", "from,to\ndeu,nl\nnl,de\n\nen,de\n"),
        ("c.tsv", "de\tnl\neng\tde\n"),
        ("d.toml", 'edges = [["de", "nl"], ["en", "de"]]\n'),
        ("e.toml", 'clusters = [["de", "nl"], ["en", "de"], ["tr"]]\n'),
    ],
)
def test_a_file_of_edges(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    graph = read_graph(tmp_path / name, CODES)
    assert named(graph) == {("de", "nl"), ("de", "en")} and graph.alone == ["tr", "zh"]
    assert graph.made["file"] == name


REFUSED = [
    ("a.csv", "de,nl\nde,sw\n", "a.csv, line 2: unknown language 'sw'"),
    ("a.csv", "de,nl\nde\n", "a.csv, line 2: expected two languages, such as de,nl, not 'de'"),
    ("a.csv", "de,de\n", "a.csv, line 1: de is joined to itself"),
    ("a.csv", "from,to\n", "a.csv has no edge"),
    ("a.txt", "de,nl\n", "is neither .csv, .tsv nor .toml"),
    ("a.toml", "edges = [[", "a.toml is no TOML"),
    ("a.toml", 'edge = [["de", "nl"]]', "a.toml: unknown key 'edge'"),
    ("a.toml", 'edges = [["de", "nl", "en"]]', "edge 1 joins 3 languages; expected two"),
    ("a.toml", 'edges = ["de", "nl"]', "edges must be a list of lists of languages"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), REFUSED)
def test_files_that_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as raised:
        read_graph(tmp_path / name, CODES)
    assert message in str(raised.value)
    with pytest.raises(UserError, match="does not exist"):
        read_graph(tmp_path / "absent.csv", CODES)


def test_graphs_without_neighbours_are_refused() -> None:
    with pytest.raises(UserError, match="2 clusters of 2 languages"):
        clusters(("de", "en"), kinship(("de", "en")).values)
    with pytest.raises(UserError, match="no two of the languages de, en are neighbours"):
        LanguageGraph(("de", "en"), ()).check()


def test_settings_are_checked_and_labelled() -> None:
    assert AdversarySettings("clique").label == "ladv-clique"
    assert (
        AdversarySettings("clusters", distance="uriel", clusters=3, weight=0.3).label == "ladv-clusters-uriel-k3-w0.3"
    )
    label = AdversarySettings("permuted", permutation=2, game="links", schedule="constant", layer=6).label
    assert label == "ladv-permuted-p2-links-constant-layer6"
    files = [AdversarySettings("graph", edges=f"{place}/mine.csv").label for place in "ab"]
    assert files[0] != files[1] and all(each.startswith("ladv-graph-mine-") for each in files)
    for stated, message in (
        ({"graph": "ring"}, "--language-adversary: unknown value 'ring'"),
        ({"graph": "graph"}, "needs a file of edges"),
        ({"graph": "clique", "edges": "a.csv"}, "--adversary-graph is a graph of your own"),
        ({"graph": "clique", "clusters": 3}, "--adversary-clusters is about clusters"),
        ({"graph": "permuted", "edges": "a.csv", "distance": "uriel"}, "--adversary-distance is about clusters"),
        ({"graph": "clusters", "permutation": 1}, "--adversary-permutation is about"),
        ({"graph": "clique", "weight": -1.0}, "--adversary-weight must be a number of at least 0"),
        ({"graph": "clique", "weight": float("nan")}, "--adversary-weight must be"),
        ({"graph": "clique", "rate": 0.0}, "--adversary-rate must be"),
        ({"graph": "clique", "layer": 0}, "--adversary-layer must be at least 1"),
        ({"graph": "clusters", "clusters": 1}, "--adversary-clusters must be at least 2"),
        ({"graph": "clique", "game": "chess"}, "--adversary-game: unknown value"),
    ):
        with pytest.raises(UserError, match=message):
            AdversarySettings(**stated)


def test_the_ramp_is_ganins_and_the_constant_is_constant() -> None:
    ramp, constant = AdversarySettings("clique"), AdversarySettings("clique", schedule="constant")
    assert ramp.weight_at(0, 100) == 0 and constant.weight_at(0, 100) == 0.1
    assert ramp.weight_at(50, 100) == pytest.approx(0.1 * (2 / (1 + np.exp(-5.0)) - 1))
    assert 0.0999 < ramp.weight_at(99, 100) < 0.1
    values = [ramp.weight_at(update, 100) for update in range(100)]
    assert values == sorted(values)


def test_a_runs_settings_hold_it() -> None:
    from xtremor.sources.unlabelled import UnlabelledSettings

    text = UnlabelledSettings(16, languages=("sw", "tr"))
    found = TrainSettings("panx", unlabelled=text, adversary=AdversarySettings("clusters"))
    assert found.arm == "plain-unlabelled16-sw+tr-dev-ladv-clusters"
    assert TrainSettings.from_dict(found.as_dict()) == found
    assert "adversary" not in TrainSettings("panx").as_dict()
    with pytest.raises(UserError, match="--language-adversary learns from text without labels"):
        TrainSettings("panx", adversary=AdversarySettings("clique"))
    with pytest.raises(UserError, match="--adversary-game links judges pairs of all texts"):
        TrainSettings("panx", unlabelled=text, adversary=AdversarySettings("clique", game="links"), accumulate=2)
