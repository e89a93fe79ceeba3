"""Values as bytes: what goes in comes out, and no bytes do harm."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from fastcore.cache import _codec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

MOST = 1 << 20
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=10),
    max_leaves=50,
)
tags = st.lists(st.text(), max_size=3).map(tuple)


def back(data: bytes, schema: int = 1) -> tuple[Any, tuple[str, ...]]:
    return _codec.decode(data, schema, MOST)


@given(plain, tags, st.integers(0, 65_535))
def test_what_goes_in_comes_out(value: Any, labels: tuple[str, ...], schema: int) -> None:
    assert back(_codec.encode(value, labels, schema), schema) == (value, labels)


@given(
    arrays.arrays(
        st.sampled_from([np.float64, np.int32, np.bool_, np.dtype("<M8[ns]")]), st.integers(0, 3000)
    )
)
def test_arrays_keep_their_bits(array: np.ndarray[Any, Any]) -> None:
    found, _ = back(_codec.encode({"column": array}, (), 1))
    assert found["column"].dtype == array.dtype
    assert found["column"].tobytes() == array.tobytes()
    assert not found["column"].flags.writeable


@pytest.mark.parametrize(("size", "how"), [(100, _codec.PLAIN), (10_000, _codec.LZ4), (500_000, _codec.ZSTD)])
def test_compression_is_chosen_by_size(size: int, how: int) -> None:
    data = _codec.encode(b"ab" * (size // 2), (), 1)
    assert data[1] == how
    assert len(data) < size / 10 or how == _codec.PLAIN
    assert back(data)[0] == b"ab" * (size // 2)


def test_what_does_not_shrink_is_left_as_it_is() -> None:
    noise = np.random.default_rng(1).bytes(100_000)
    data = _codec.encode(noise, (), 1)
    assert data[1] == _codec.PLAIN
    assert back(data)[0] == noise


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_no_bytes_do_harm(body: bytes, length: int) -> None:
    for how in range(4):
        for data in (body, _codec.sealed(_codec.HEAD.pack(_codec.FORMAT, how, 1, length), body)):
            with contextlib.suppress(_codec.DecodeError):
                back(data)


def test_every_cut_and_every_flipped_byte_is_refused() -> None:
    data = _codec.encode({"prices": np.arange(500.0), "name": "BTC" * 100}, ("tag",), 1)
    for end in range(len(data)):
        with pytest.raises(_codec.DecodeError):
            back(data[:end])
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 0xFF
        with pytest.raises(_codec.DecodeError):
            back(bytes(broken))


@pytest.mark.parametrize("how", [_codec.LZ4, _codec.ZSTD])
def test_a_bomb_is_not_unpacked(how: int) -> None:
    import cramjam

    zeros = bytes(50 << 20)
    packed = (
        cramjam.lz4.compress_block(zeros, store_size=False)
        if how == _codec.LZ4
        else cramjam.zstd.compress(zeros)
    )
    honest = _codec.sealed(_codec.HEAD.pack(_codec.FORMAT, how, 1, len(zeros)), bytes(packed))
    with pytest.raises(_codec.DecodeError, match="says that it holds 52428800 bytes, the most is 1048576"):
        back(honest)
    lying = _codec.sealed(_codec.HEAD.pack(_codec.FORMAT, how, 1, 1000), bytes(packed))
    with pytest.raises(_codec.DecodeError, match="cannot be decoded"):
        back(lying)


class Level(msgspec.Struct, array_like=True, frozen=True):
    price: float
    size: float


def test_a_kind_says_what_its_values_become() -> None:
    data = _codec.encode([Level(1.5, 2.0)], (), 1)
    found, _ = _codec.decode(data, 1, MOST, list[Level])
    assert found == [Level(1.5, 2.0)]
    assert _codec.decode(_codec.encode(None, (), 1), 1, MOST, list[Level])[0] is None
    with pytest.raises(_codec.DecodeError, match="cannot be decoded"):
        _codec.decode(_codec.encode("text", (), 1), 1, MOST, list[Level])


def test_another_schema_or_format_is_refused() -> None:
    data = _codec.encode(math.pi, (), 3)
    with pytest.raises(_codec.DecodeError, match="is of schema 3, asked for is 4"):
        back(data, 4)
    with pytest.raises(_codec.DecodeError, match="is of format 9, known is 1"):
        back(b"\x09" + data[1:], 3)
    with pytest.raises(_codec.DecodeError, match="extension of type 7"):
        body = msgspec.msgpack.encode(((), msgspec.msgpack.Ext(7, b"x")))
        back(_codec.sealed(_codec.HEAD.pack(_codec.FORMAT, 0, 1, len(body)), body))
