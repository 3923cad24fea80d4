"""The file reader against values worked out one weight at a time."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_e5s1 import NORMALISED, PIECES, SCORES, VOCABULARY, shapes, write_e5s1

from xtremor.encoders import e5s1
from xtremor.errors import UserError


def test_sizes_pieces_and_map_are_read(tiny):
    file = e5s1.parse(tiny[0], "tiny.bin")
    assert file.sizes == e5s1.Sizes(32, 2, 4, 64, VOCABULARY, 16, 2, 1e-12)
    assert file.pieces.pieces == PIECES and file.pieces.scores == SCORES
    assert (file.pieces.bos, file.pieces.eos, file.pieces.pad, file.pieces.unk) == (0, 2, 1, 3)
    assert file.pieces.normalised == NORMALISED


@pytest.mark.parametrize("rows_at_once", [1, 3, 8192])
def test_every_tensor_is_decoded_exactly(tiny, monkeypatch, rows_at_once):
    monkeypatch.setattr(e5s1, "DECODE_ROWS", rows_at_once)
    data, values = tiny
    file = e5s1.parse(data, "tiny.bin")
    assert set(file.tensors) == set(shapes())
    for name, shape in shapes().items():
        rows, columns = shape if len(shape) == 2 else (1, shape[0])
        found = np.concatenate(list(e5s1.decode(file, name, rows, columns)))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found.reshape(shape), values[name])


def test_another_file_is_refused():
    with pytest.raises(UserError, match=r"x.bin is not an E5S1 file"):
        e5s1.parse(b"PK\x03\x04 something else", "x.bin")


def test_another_version_is_refused():
    with pytest.raises(UserError, match=r"version 2 of E5S1.*expected 1"):
        e5s1.parse(write_e5s1(version=2)[0], "x.bin")


@pytest.mark.parametrize("kept", [6, 60, 200, 900])
def test_a_file_cut_short_in_its_head_is_refused(tiny, kept):
    with pytest.raises(UserError, match=r"x.bin is damaged or cut short"):
        e5s1.parse(tiny[0][:kept], "x.bin")


def test_a_file_cut_short_in_a_tensor_is_refused(tiny):
    file = e5s1.parse(tiny[0][:-4], "x.bin")
    with pytest.raises(UserError, match=r"'l1.oln.b' is cut short"):
        list(e5s1.decode(file, "l1.oln.b", 1, 32))


@pytest.mark.parametrize(("name", "said"), [("l9.q.w", "missing"), ("l0.q.w", "of 1024 weights")])
def test_a_tensor_that_is_missing_or_of_another_size_is_refused(tiny, name, said):
    with pytest.raises(UserError, match=f"'{name}' is {said}; expected 64 x 32"):
        list(e5s1.decode(e5s1.parse(tiny[0], "x.bin"), name, 64, 32))
