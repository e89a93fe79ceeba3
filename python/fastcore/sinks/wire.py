"""Rows, bars and signals as messages, for who sits behind a broker: MessagePack around arrays' bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcore import _core
from fastcore.errors import InputError
from fastcore.feeds.wire import array_of, names_of, pack, ticks_fields, ticks_of_message, unpack
from fastcore.loop.events import BarEvent, Event, Rows, Signal

__all__ = ["decode", "encode"]

_NUMBER = (int, float)
#: What the fields of a message must be.
_SIGNAL: dict[str, Any] = {"symbol": str, "ts": int, "value": object, "strategy": str}
_BAR: dict[str, Any] = dict.fromkeys(BarEvent._fields, _NUMBER) | {
    **dict.fromkeys(("symbol", "span"), str),
    **dict.fromkeys(("ts", "ticks", "first_ts", "last_ts", "gap", "revision"), int),
    **dict.fromkeys(("complete", "stale"), bool),
    "values": list,
}


def encode(event: Event) -> bytes:
    """An event as a message. A signal's value must be made of numbers, texts, lists and dicts.

    Examples
    --------
    >>> decode(encode(Signal("BTCUSDT", 10**18, "buy")))
    Signal(symbol='BTCUSDT', ts=1000000000000000000, value='buy', strategy='')
    """
    if isinstance(event, Rows):
        return pack(
            "rows",
            ticks_fields(event.ticks, event.symbols)
            | {
                "columns": event.columns,
                "rows": np.ascontiguousarray(event.rows).tobytes(),
                "outcomes": event.outcomes.tobytes(),
            },
        )
    if isinstance(event, BarEvent):
        return pack("bar", event._asdict())
    if isinstance(event, Signal):
        fields = {name: getattr(event, name) for name in ("symbol", "ts", "value", "strategy")}
        return pack("signal", fields)
    raise InputError(f"a message is made of Rows, a BarEvent or a Signal, not of {event!r:.100}")


def decode(data: bytes) -> Event:
    """The event of a message.

    Raises
    ------
    InputError
        If the bytes are damaged, cut short, of a newer version, or of something else.
    """
    message = unpack(data)
    kind = message["kind"]
    try:
        if kind == "rows":
            return _rows(message)
        if kind == "bar":
            return BarEvent._make(_field(message, name, one) for name, one in _BAR.items())
        if kind == "signal":
            return Signal(*(_field(message, name, one) for name, one in _SIGNAL.items()))
    except KeyError as error:
        raise InputError(f"a message of the kind {kind!r} lacks {error}") from None
    raise InputError(f"a message of the kind {kind!r} is no event")


def _field(message: dict[str, Any], name: str, kinds: type | tuple[type, ...]) -> Any:
    """A field of a message, which must be of a kind; a whole number is no truth value, nor the reverse."""
    value = message[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds not in (bool, object)):
        raise InputError(f"a message of the kind {message['kind']!r} has {name} {value!r:.100}")
    return value


def _rows(message: dict[str, Any]) -> Rows:
    batch = ticks_of_message(message)
    columns = names_of(message, "columns")
    outcomes = array_of(message, "outcomes", np.dtype(np.uint8))
    cells = array_of(message, "rows", np.dtype("<f8"))
    if len(outcomes) != len(batch) or len(cells) != len(batch) * len(columns):
        raise InputError(
            f"a message of {len(batch)} rows has {len(outcomes)} outcomes, "
            f"and {len(cells)} cells in {len(columns)} columns"
        )
    if len(outcomes) and int(outcomes.max()) >= len(_core.outcomes):
        raise InputError(f"a message of rows has outcome {outcomes.max()}; there are {len(_core.outcomes)}")
    return Rows(batch.ticks, batch.symbols, cells.reshape(len(batch), len(columns)), outcomes, columns)
