"""A batch of ticks on its way to shards and back: checked before it is cut, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._core import outcomes as OUTCOMES
from fastcore._engine_arguments import check_unit, names_of
from fastcore.errors import InputError
from fastcore.ticks import TICK

__all__ = ["checked", "together"]

_REJECTED = OUTCOMES.index("rejected")


def checked(ticks: Any, symbols: Sequence[str], rows: str | None) -> tuple[npt.NDArray[Any], list[str]]:
    """Ticks and names; what an engine would refuse as a whole is refused before it is cut.

    Raises
    ------
    InputError
        As `Engine.on_ticks`: then no shard has taken anything.
    """
    if rows not in (None, "all"):
        raise InputError(f"on_ticks: rows must be 'all' or None, not {rows!r}")
    array = np.asarray(ticks)
    if array.dtype != TICK:
        raise InputError(f"on_ticks: ticks must be an array of fastcore.TICK, not of {array.dtype}")
    if array.ndim != 1:
        raise InputError(f"on_ticks: an array of fastcore.TICK must have one dimension, not {array.ndim}")
    check_unit(array)
    names = names_of("on_ticks", symbols)
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise InputError(
            f"on_ticks: the name of a symbol must be text, but one has {half!r}, "
            "a lone surrogate, which is half a character"
        ) from None
    if len(array) and array["symbol"][0] >= len(names):
        there = f"{len(names)} symbol{'' if len(names) == 1 else 's'}"
        raise InputError(
            f"on_ticks: the first tick has symbol={array['symbol'][0]}, but symbols= has {there}: "
            "give the names that the field indexes, on_ticks(ticks, symbols=[...])"
        )
    return array, names


def together(
    shape: tuple[int, int], parts: list[npt.NDArray[Any]], answers: list[Any], rows: bool, outcomes: bool
) -> Any:
    """What shards have answered for their parts of a batch, as an engine answers for all of it.

    Parameters
    ----------
    shape : (int, int)
        Ticks of the batch, and columns.
    parts : list of ndarray
        Which ticks each shard was given.
    answers : list
        Of the shards, in the same order.
    rows, outcomes : bool
        What was asked for.
    """
    if not rows and not outcomes:
        return int(sum(answers))
    whole_rows = np.full(shape, np.nan)  # of a tick of no symbol, as an engine says it
    whole_outcomes = np.full(shape[0], _REJECTED, np.uint8)
    for part, answer in zip(parts, answers, strict=True):
        if rows:
            whole_rows[part] = answer[0] if outcomes else answer
        if outcomes:
            whole_outcomes[part] = answer[1] if rows else answer
    if rows and outcomes:
        return whole_rows, whole_outcomes
    return whole_rows if rows else whole_outcomes
