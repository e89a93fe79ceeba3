"""The writing side of a segment: one process publishes, and waits for nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastcore import _core
from fastcore._checks import MANY, PATH, TEXT, WHOLE, arguments, check, optional
from fastcore.errors import InputError
from fastcore.shm._layout import schema_of

__all__ = ["Writer"]

#: Slots at most; the native core refuses more.
_MOST = 2**32


class Writer(_core.RingWriter):
    """The one writer of a ring in shared memory; made by `fastcore.shm.create`.

    A context manager: leaving it closes the ring. A process that dies leaves it, and the next writer of the
    same name and dtype goes on with its sequence.

    Examples
    --------
    >>> import fastcore as fc
    >>> with fc.shm.create("doc.signals", [("ts", "<i8"), ("score", "<f8")], capacity=8) as signals:
    ...     reader = fc.shm.attach("doc.signals")
    ...     first = signals.publish((1_700_000_000_000_000_000, 0.75))
    ...     print(first, reader.latest()["score"])
    0 0.75
    """

    @arguments("shm.Writer", name=TEXT, folder=PATH, key=optional(TEXT), rows=WHOLE, mode=WHOLE)
    def __init__(
        self,
        name: str,
        dtype: npt.DTypeLike,
        *,
        folder: str,
        capacity: int = 65_536,
        key: str | None = None,
        rows: int = 0,
        mode: int = 0o600,
        journal: str | None = None,
    ) -> None:
        try:
            layout = np.dtype(dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(f"shm.create: dtype must be what numpy.dtype takes, not {dtype!r}") from error
        schema = schema_of(layout, journal)
        if isinstance(capacity, bool) or not isinstance(capacity, int | np.integer):
            raise TypeError(f"shm.create: capacity must be a whole number, not {capacity!r}")
        if not 1 <= capacity <= _MOST:
            raise InputError(f"shm.create: capacity must be from 1 to {_MOST}, not {capacity}")
        slots = 1 << (int(capacity) - 1).bit_length()
        if not 0 <= mode <= 0o777:
            raise InputError(f"shm.create: mode must be from 0o000 to 0o777, not {mode:#o}")
        super().__init__(folder, name, layout, slots, rows, _place_of(layout, key, rows), schema, mode)
        # One that was taken over has names already; the first row of a name is the one that readers find.
        known = _core.RingReader(folder, name).names if self._names else []
        self._numbers = {known[row]: row for row in reversed(range(len(known)))}

    def publish_many(self, messages: npt.ArrayLike) -> int:
        """Publish messages in order, as that many `publish`, and return the sequence of the first.

        Parameters
        ----------
        messages : array_like
            One dimension, of the ring's dtype or what becomes it.
        """
        return self._publish_many(self._array(messages))

    @arguments("name_rows", names=MANY)
    def name_rows(self, names: Sequence[str]) -> dict[str, int]:
        """Name the next rows of the table of latest messages; returns the number of each.

        A name that a row has keeps it, also where the writer before this one gave it.

        Raises
        ------
        CapacityError
            If there are not so many rows; those before it are named.

        Examples
        --------
        >>> import fastcore as fc
        >>> with fc.shm.create("doc.names", fc.TICK, capacity=8, key="symbol", rows=3) as ring:
        ...     print(ring.name_rows(["BTC", "ETH"]), ring.name_rows(["ETH", "SOL"]))
        {'BTC': 0, 'ETH': 1} {'ETH': 1, 'SOL': 2}
        """
        wanted = list(names)
        for name in wanted:
            check("name_rows", "each of names", name, TEXT)
        return {name: self._numbered(name) for name in wanted}

    def _numbered(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = self._name_row(name)
        return number

    def _array(self, messages: npt.ArrayLike) -> npt.NDArray[Any]:
        """Messages as the core takes them."""
        try:
            array = np.ascontiguousarray(messages, dtype=self.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"publish_many: messages must be an array of {self.dtype}, not {messages!r:.100}"
            ) from error
        if array.ndim != 1:
            raise InputError(f"publish_many takes an array of one dimension, not of {array.ndim}")
        return array

    def _packed(self, message: Any) -> npt.NDArray[Any]:
        """One message as an array, from a record, a tuple or a mapping of its fields."""
        names = self.dtype.names
        if isinstance(message, Mapping):
            if names is None or set(message) != set(names):
                raise InputError(f"the ring '{self.name}' has the fields {names}, not {sorted(message)}")
            message = tuple(message[field] for field in names)
        if names is not None and isinstance(message, list):
            message = tuple(message)
        try:
            packed = np.array(message, dtype=self.dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"the ring '{self.name}': {message!r} is no message of {self.dtype}") from error
        if packed.size != 1:
            raise InputError(f"publish takes one message, not {packed.size}: use publish_many")
        return packed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{state} writer of '{self.name}', {self.next} published, {self.capacity} slots>"


def _place_of(dtype: np.dtype[Any], key: str | None, rows: int) -> int | None:
    """Where in a message the number of its row stands."""
    if key is None and rows == 0:
        return None
    if key is None or rows < 1:
        raise InputError(
            "shm.create: key and rows come together: the field that numbers the rows, and how many"
        )
    if dtype.fields is None or key not in dtype.fields:
        raise InputError(f"shm.create: the key '{key}' is not a field of {dtype}")
    part = dtype.fields[key]
    if part[0] != np.dtype("<u4"):
        raise InputError(f"shm.create: the key '{key}' must be of dtype <u4, not {part[0]}")
    return int(part[1])
