"""Indicators from functions of Python or of Numba: what cannot be written as a formula.

A function gets the newest inputs, each finite, and a list of its state, which it may change; it returns a
number. What Numba compiles costs a call of machine code at each row, a Python function a call of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from fastcore import _core
from fastcore._formula_parts import FunctionOf
from fastcore.formulas import Formula, price

__all__ = ["function"]


@overload
def function(
    body: Callable[..., float],
    /,
    *,
    name: str | None = None,
    inputs: Sequence[str] = ("close",),
    state: int = 0,
    warmup: int = 1,
) -> Formula: ...
@overload
def function(
    *, name: str | None = None, inputs: Sequence[str] = ("close",), state: int = 0, warmup: int = 1
) -> Callable[[Callable[..., float]], Formula]: ...
def function(
    body: Callable[..., float] | None = None,
    /,
    *,
    name: str | None = None,
    inputs: Sequence[str] = ("close",),
    state: int = 0,
    warmup: int = 1,
) -> Any:
    """An indicator from a function, for plans and formulas; also as a decorator.

    Parameters
    ----------
    body : callable, or numba cfunc
        ``body(x1, ..., state)``: floats, then the state, a list, where there is one. A ``numba.cfunc`` has
        the signature ``float64(CPointer(float64), CPointer(float64))``: the inputs and the state.
    name : str, optional
        What snapshots call it: define it under that name before one is restored. By default the
        function's own.
    inputs : sequence of str
        What it reads of ticks or bars, 1 to 8 of open, high, low, close, volume, ts, side. Its ``of`` gives
        it other columns and formulas.
    state : int
        Numbers that it keeps between rows, 0 to 1024, at first 0. Snapshots hold them, `peek` leaves them.
    warmup : int
        Rows until its first value.

    Returns
    -------
    Formula
        To be put into a plan as it is, or computed with.

    Raises
    ------
    PlanError
        If the name is an indicator's or that of a function of another shape, or something is out of range.

    Notes
    -----
    A row with an input that is no number gives NaN, and the function is not called. What a Python function
    raises goes to ``sys.unraisablehook``; the row is NaN and the state stays. Machine code must not raise,
    and must stay within its arrays.

    Examples
    --------
    >>> import fastcore as fc
    >>> @fc.function(state=1)
    ... def highest_ever(x, state):
    ...     state[0] = x if x > state[0] else state[0]
    ...     return state[0]
    >>> engine = fc.Engine({"top": highest_ever, "below": highest_ever - fc.SMA(1)})
    >>> btc = engine.symbol("BTCUSDT")
    >>> for i, price in enumerate([100.0, 103.0, 102.0]):
    ...     row = btc.on_tick(1_700_000_000_000_000_000 + i, price, 0.5)
    >>> btc.values()
    (103.0, 1.0)
    """
    if body is None:
        return lambda one: function(one, name=name, inputs=inputs, state=state, warmup=warmup)
    if not callable(body):
        raise TypeError(f"function: a function must be callable, not {body!r}")
    called = body.__name__ if name is None else name
    sources = tuple(price(one) for one in inputs)
    _core.define(called, len(sources), state, warmup, body, getattr(body, "address", 0))
    return FunctionOf(called, sources)
