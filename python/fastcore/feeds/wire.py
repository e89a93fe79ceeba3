"""How ticks and bars travel between processes: MessagePack around the arrays' own bytes. Nothing is pickled.

A message says what it is and which version of this form it has; arrays are little-endian, in the layouts
`fastcore.TICK` and `fastcore.BAR`, and the names that they index are those of the message alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcore._extras import require
from fastcore.errors import InputError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.ticks import BAR, TICK

__all__ = ["VERSION", "decode", "encode", "pack", "unpack"]

VERSION = 1


def pack(kind: str, fields: dict[str, Any]) -> bytes:
    """A message of a kind: numbers, texts, lists, dicts and bytes.

    Raises
    ------
    InputError
        If there is anything else in it.
    """
    try:
        data: bytes = _msgpack().encode({"v": VERSION, "kind": kind} | fields, enc_hook=_plain)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"a message of the kind {kind!r} cannot hold what it was given: {error}") from error
    return data


def _plain(value: Any) -> Any:
    """NumPy's numbers, texts and arrays, as a strategy has them of rows, are sent as Python's."""
    if isinstance(value, (np.generic, np.ndarray)) and value.dtype.kind in "biufU":
        return value.tolist()
    raise TypeError(f"it is made of numbers, texts, lists and dicts, not of {value!r:.100}")


def unpack(data: bytes) -> dict[str, Any]:
    """The fields of a message, with its kind.

    Raises
    ------
    InputError
        If it is none, or of a newer version.
    """
    faults = (require("msgspec", "feeds", "decoding").MsgspecError, UnicodeDecodeError, ValueError)
    try:
        message = _msgpack().decode(data)
    except (*faults, RecursionError) as error:  # the last where it is nested deeply
        raise InputError(f"{len(data)} bytes are no message: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise InputError(f"{len(data)} bytes are no message: they say no kind")
    version = message.get("v")
    if version != VERSION:
        raise InputError(f"a message is of version {version!r}; this is version {VERSION}")
    return message


def encode(batch: TickBatch | BarBatch) -> bytes:
    """Ticks or bars as a message.

    Examples
    --------
    >>> decode(encode(TickBatch(np.zeros(2, TICK), ["BTCUSDT", "ETHUSDT"]))).symbols
    ['BTCUSDT']
    """
    if isinstance(batch, BarBatch):
        return pack("bars", {"span": batch.span, "names": batch.names, "bars": batch.bars.tobytes()})
    return pack("ticks", ticks_fields(batch.ticks, batch.symbols))


def ticks_fields(ticks: Any, symbols: list[str]) -> dict[str, Any]:
    """Ticks, and of the symbols those that they index."""
    codes, ticks_codes = np.unique(ticks["symbol"], return_inverse=True)
    if len(codes) != len(symbols):
        ticks = ticks.copy()
        ticks["symbol"] = ticks_codes
    return {"symbols": [symbols[code] for code in codes.tolist()], "ticks": ticks.tobytes()}


def decode(data: bytes) -> TickBatch | BarBatch:
    """The ticks or bars of a message; of rows, their ticks.

    Raises
    ------
    InputError
        If the bytes are damaged, cut short, of a newer version, or of something else.
    """
    message = unpack(data)
    if message["kind"] in ("ticks", "rows"):
        return ticks_of_message(message)
    if message["kind"] == "bars":
        bars, names = array_of(message, "bars", BAR), names_of(message, "names")
        span = message.get("span")
        if not isinstance(span, str) or len(names) != len(bars):
            raise InputError(f"a message of {len(bars)} bars has {len(names)} names and the span {span!r}")
        return BarBatch(span, bars, names)
    raise InputError(f"a message of the kind {message['kind']!r} holds no ticks or bars")


def ticks_of_message(message: dict[str, Any]) -> TickBatch:
    """The ticks of an unpacked message."""
    ticks, symbols = array_of(message, "ticks", TICK), names_of(message, "symbols")
    if len(ticks) and int(ticks["symbol"].max()) >= len(symbols):
        raise InputError(f"a message of {len(symbols)} symbols has ticks of symbol {ticks['symbol'].max()}")
    return TickBatch(ticks, symbols)


def array_of(message: dict[str, Any], name: str, dtype: Any) -> Any:
    """An array that a message carries as bytes."""
    data = message.get(name)
    if not isinstance(data, bytes) or len(data) % dtype.itemsize:
        size = len(data) if isinstance(data, bytes) else repr(data)
        raise InputError(f"a message's {name} must be bytes, {dtype.itemsize} for each, not {size}")
    return np.frombuffer(data, dtype)


def names_of(message: dict[str, Any], name: str) -> list[str]:
    """A list of texts that a message carries."""
    names = message.get(name)
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise InputError(f"a message's {name} must be a list of names, not {names!r:.100}")
    return names


def _msgpack() -> Any:
    return require("msgspec.msgpack", "feeds", "sending ticks")
