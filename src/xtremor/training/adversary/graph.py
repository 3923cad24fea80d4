"""Graphs of languages: which of them a discriminator is to confuse. Imports no torch."""

from __future__ import annotations

import csv
import hashlib
import itertools
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.analysis.selection.medoids import medoids
from xtremor.errors import UserError, unknown
from xtremor.sources.own.language_files import canonical

# First lines of a table of edges that are no edge.
HEADERS = (("from", "to"), ("source", "target"), ("first", "second"), ("language", "neighbour"))
# Permutations that are tried for one that changes the graph.
TRIES = 1000


@dataclass(frozen=True)
class LanguageGraph:
    """Undirected, without loops.

    Attributes:
        codes: the languages.
        edges: (i, j) with i < j, ascending.
        made: what it was made of, for records.
    """

    codes: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def adjacency(self) -> np.ndarray:
        """(N, N) bool, symmetric, nothing on the diagonal."""
        found = np.zeros((len(self.codes), len(self.codes)), dtype=bool)
        for one, other in self.edges:
            found[one, other] = found[other, one] = True
        return found

    @property
    def components(self) -> list[list[str]]:
        """Languages that are joined by edges, however far apart; those without an edge stand alone."""
        reached = self.adjacency | np.eye(len(self.codes), dtype=bool)
        for _ in self.codes:
            reached = (reached.astype(int) @ reached.astype(int)) > 0
        groups = {tuple(np.flatnonzero(row).tolist()): None for row in reached}
        return [[self.codes[place] for place in group] for group in groups]

    @property
    def alone(self) -> list[str]:
        """Languages without an edge."""
        return [self.codes[place] for place in np.flatnonzero(~self.adjacency.any(axis=1))]

    @property
    def digest(self) -> str:
        """sha256 of the languages and edges."""
        told = repr((self.codes, self.edges))
        return hashlib.sha256(told.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a record."""
        return {
            "languages": list(self.codes),
            "edges": [[self.codes[one], self.codes[other]] for one, other in self.edges],
            "components": self.components,
            "sha256": self.digest,
            **self.made,
        }

    def check(self) -> LanguageGraph:
        """Itself; raises UserError where no two languages are joined."""
        if not self.edges:
            raise UserError(
                f"--language-adversary: no two of the languages {', '.join(self.codes)} are neighbours in this graph, "
                "so that there is nothing to tell apart; name fewer clusters, other languages, or another graph"
            )
        return self


def _graph(codes: Sequence[str], pairs: Iterable[tuple[int, int]], **made: Any) -> LanguageGraph:
    edges = sorted({(min(pair), max(pair)) for pair in pairs})
    return LanguageGraph(tuple(codes), tuple(edges), made)


def clique(codes: Sequence[str]) -> LanguageGraph:
    """Every language a neighbour of every other."""
    return _graph(codes, itertools.combinations(range(len(codes)), 2))


def default_clusters(languages: int) -> int:
    """The rounded square root, at least 2."""
    return max(2, round(languages**0.5))


def clusters(codes: Sequence[str], distances: np.ndarray, count: int | None = None, name: str = "") -> LanguageGraph:
    """Neighbours are the languages that are nearest to the same of ``count`` medoids.

    Args:
        codes: N languages.
        distances: (N, N), symmetric.
        count: of clusters.
        name: of the distance, for records.

    Raises:
        UserError: as many clusters as languages, or more.
    """
    count = default_clusters(len(codes)) if count is None else count
    if count >= len(codes):
        raise UserError(
            f"--language-adversary clusters: {count} clusters of {len(codes)} languages ({', '.join(codes)}) leave no "
            "two of them neighbours; name fewer with --adversary-clusters, text of more languages, or "
            "--language-adversary clique"
        )
    found = medoids(distances, count)
    nearest = distances[list(found.sources)].argmin(axis=0)
    # A medoid may be as near to another one, of which it is no member all the same.
    nearest[list(found.sources)] = np.arange(count)
    pairs = [(i, j) for i, j in itertools.combinations(range(len(codes)), 2) if nearest[i] == nearest[j]]
    return _graph(codes, pairs, distance=name, medoids=[codes[place] for place in found.sources])


def permuted(graph: LanguageGraph, seed: int) -> LanguageGraph:
    """The same graph with its languages exchanged: an isomorphic graph that has other edges.

    Raises:
        UserError: there is none, as in a clique.
    """
    draw = np.random.default_rng([seed, 0x1A46])
    for _ in range(TRIES):
        order = draw.permutation(len(graph.codes))
        found = _graph(graph.codes, ((int(order[i]), int(order[j])) for i, j in graph.edges), permutation=seed)
        if found.edges != graph.edges:
            moved = [graph.codes[place] for place in order]
            made = {**graph.made, **found.made, "place_taken_by": dict(zip(graph.codes, moved, strict=True))}
            return LanguageGraph(found.codes, found.edges, made)
    raise UserError(
        "--language-adversary permuted: exchanging languages does not change this graph, so that it is no control; "
        "name a graph in which not all languages are alike"
    )


def read_graph(path: Path, codes: Sequence[str]) -> LanguageGraph:
    """A user's graph over the languages that have text.

    ``.csv``/``.tsv``: two codes a line, a header such as ``from,to`` or none. ``.toml``: ``edges = [["de", "nl"]]`` or
    ``clusters = [["de", "nl", "af"]]`` or both.

    Raises:
        UserError: no such file, another format, a language without text, a language joined to itself, no edge.
    """
    if not path.is_file():
        raise UserError(f"--adversary-graph: {path} does not exist; name a .csv or .toml file of edges")
    readers = {".csv": _from_table, ".tsv": _from_table, ".toml": _from_toml}
    if path.suffix.lower() not in readers:
        raise UserError(f"--adversary-graph: {path} is neither .csv, .tsv nor .toml")
    places = {canonical(code) or code: place for place, code in enumerate(codes)} | {
        code: place for place, code in enumerate(codes)
    }
    pairs = []
    for where, one, other in readers[path.suffix.lower()](path):
        ends = []
        for code in (one, other):
            known = code if code in places else canonical(code)
            if known not in places:
                hint = "of those with unlabelled text; add its text, or remove the edge"
                raise UserError(f"{where}: {unknown('language', code, codes, hint)}")
            ends.append(places[known])
        if ends[0] == ends[1]:
            raise UserError(f"{where}: {one} is joined to itself; an edge joins two languages")
        pairs.append((ends[0], ends[1]))
    if not pairs:
        raise UserError(f"{path} has no edge; write two languages a line, such as de,nl")
    return _graph(codes, pairs, file=path.name, file_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _from_table(path: Path) -> Iterable[tuple[str, str, str]]:
    """Where an edge stands, and its two ends."""
    text = _text(path)
    for number, cells in enumerate(csv.reader(text.splitlines(), delimiter="\t" if path.suffix == ".tsv" else ","), 1):
        ends = [cell.strip() for cell in cells]
        if not any(ends) or (number == 1 and tuple(end.lower() for end in ends) in HEADERS):
            continue
        if len(ends) != 2 or not all(ends):
            raise UserError(f"{path}, line {number}: expected two languages, such as de,nl, not '{','.join(cells)}'")
        yield f"{path}, line {number}", ends[0], ends[1]


def _from_toml(path: Path) -> Iterable[tuple[str, str, str]]:
    try:
        table = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is no TOML ({error})") from error
    for key, value in table.items():
        if key not in ("edges", "clusters"):
            raise UserError(f"{path}: {unknown('key', key, ('edges', 'clusters'))}")
        if not isinstance(value, list) or not all(
            isinstance(each, list) and each and all(isinstance(code, str) for code in each) for each in value
        ):
            raise UserError(f'{path}: {key} must be a list of lists of languages, such as [["de", "nl"]]')
        for number, each in enumerate(value, 1):
            if key == "edges" and len(each) != 2:
                raise UserError(f"{path}: edge {number} joins {len(each)} languages; expected two")
            for one, other in itertools.combinations(each, 2):
                yield f"{path}, {key[:-1]} {number}", one, other


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error})") from error
