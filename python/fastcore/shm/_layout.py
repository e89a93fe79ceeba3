"""The layout of messages as text: a dtype goes into a segment's header and comes out on the other side."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from fastcore.errors import InputError, ShmError

__all__ = ["dtype_of", "journal_of", "schema_of"]

DType = np.dtype[Any]


def schema_of(dtype: DType, journal: str | None = None) -> str:
    """The text of a dtype: its fields with their places, or one kind of number; and where its journal lies.

    Parameters
    ----------
    dtype : numpy.dtype
        Of fixed size, without Python objects.
    journal : str, optional
        Folder of the journal that has the messages, too.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    InputError
        If values of the dtype cannot lie in shared memory.

    Examples
    --------
    >>> schema_of(np.dtype([("ts", "<i8"), ("price", "<f8")]))
    '{"fields":[["ts","<i8",0],["price","<f8",8]],"bytes":16}'
    """
    if dtype.hasobject:
        raise InputError(f"shared memory cannot carry Python objects, which {dtype} holds")
    if dtype.itemsize == 0:
        raise InputError(f"shared memory carries messages of one byte or more, not {dtype}")
    described = _described(dtype)
    if journal is not None:
        described = {"messages": described, "journal": journal}
    return json.dumps(described, separators=(",", ":"))


def _described(dtype: DType) -> Any:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"of": _described(base), "shape": list(shape)}
    if dtype.fields is None:
        return dtype.str
    # By name: `fields` has those with titles twice.
    fields = [[name, _described(dtype.fields[name][0]), dtype.fields[name][1]] for name in dtype.names or ()]
    return {"fields": fields, "bytes": dtype.itemsize}


def dtype_of(schema: str, name: str) -> DType:
    """The dtype of a text that `schema_of` made, from the header of the segment `name`.

    Raises
    ------
    ShmError
        If the text is not one.

    Examples
    --------
    >>> dtype_of('{"fields":[["ts","<i8",0],["price","<f8",8]],"bytes":16}', "ticks")
    dtype([('ts', '<i8'), ('price', '<f8')])
    """
    try:
        made = _made(_messages_of(json.loads(schema)))
        if made.hasobject:
            raise ValueError("it holds Python objects")
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise ShmError(f"the segment '{name}' does not say what its messages are: {error}") from error
    return made


def journal_of(schema: str) -> str | None:
    """The folder of the journal that a text of `schema_of` names; None where it names none.

    Examples
    --------
    >>> journal_of(schema_of(np.dtype("<f8"), "/data/prices"))
    '/data/prices'
    """
    described = json.loads(schema)
    journal = described.get("journal") if isinstance(described, dict) else None
    return journal if isinstance(journal, str) else None


def _messages_of(described: Any) -> Any:
    return described["messages"] if isinstance(described, dict) and "messages" in described else described


def _made(described: Any) -> DType:
    if isinstance(described, str):
        return np.dtype(described)
    if "of" in described:
        return np.dtype((_made(described["of"]), tuple(int(n) for n in described["shape"])))
    names, formats, offsets = zip(*described["fields"], strict=True)
    return np.dtype(
        {
            "names": list(names),
            "formats": [_made(one) for one in formats],
            "offsets": list(offsets),
            "itemsize": int(described["bytes"]),
        }
    )
