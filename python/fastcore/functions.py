"""Indicators from functions of Python or of Numba: what cannot be written as a formula.

A function gets the newest inputs, each finite, and a list of its state, which it may change; it returns a
number. What Numba compiles costs a call of machine code at each row, a Python function a call of Python.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any, overload

from fastcore import _core
from fastcore._checks import FLAG, NAME, TEXTS, WHOLE, arguments, optional
from fastcore._formula_parts import FunctionOf
from fastcore.errors import PlanError
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
    replace: bool = False,
) -> Formula: ...
@overload
def function(
    *,
    name: str | None = None,
    inputs: Sequence[str] = ("close",),
    state: int = 0,
    warmup: int = 1,
    replace: bool = False,
) -> Callable[[Callable[..., float]], Formula]: ...
@arguments("function", name=optional(NAME), inputs=TEXTS, state=WHOLE, warmup=WHOLE, replace=FLAG)
def function(
    body: Callable[..., float] | None = None,
    /,
    *,
    name: str | None = None,
    inputs: Sequence[str] = ("close",),
    state: int = 0,
    warmup: int = 1,
    replace: bool = False,
) -> Any:
    """An indicator from a function, for plans and formulas; also as a decorator.

    Parameters
    ----------
    body : callable, or numba cfunc
        ``body(x1, ..., state)``: floats, then the state, a list, where there is one. A ``numba.cfunc`` has
        the signature ``float64(CPointer(float64), CPointer(float64))``: the inputs and the state.
    name : str, optional
        What plans and snapshots call it: define it under that name before one is restored. By default the
        function's own. There are at most 128 in a process. The same function may be given again, as when
        a module is loaded anew.
    inputs : sequence of str
        What it reads of ticks or bars, 1 to 8 of open, high, low, close, volume, ts, side. Its ``of`` gives
        it other columns and formulas.
    state : int
        Numbers that it keeps between rows, 0 to 1024, at first 0. Snapshots hold them, `peek` leaves them.
    warmup : int
        Rows until its first value.
    replace : bool
        Whether it takes the place of another function of that name, in engines that run, too; its inputs,
        state and warm-up must be the same.

    Returns
    -------
    Formula
        To be put into a plan as it is, or computed with.

    Raises
    ------
    PlanError
        If the name is an indicator's or, without `replace`, that of another function, or something is out
        of range.
    TypeError
        If the body cannot be called with that many inputs, and its state, or has no name and is given none.

    Notes
    -----
    A row with an input that is no number gives NaN, and the function is not called. What a Python function
    raises goes to ``sys.unraisablehook``; the row is NaN and the state stays. An interrupt (Ctrl-C) is
    raised where the engine's call ends, or ends its batch. The engine that calls a function cannot be entered
    from within it: that is a BusyError. Machine code must not raise, and must stay within its arrays.
    Functions live in the process that defined them: a worker process has those that it defines itself.

    Examples
    --------
    >>> import fastcore as fc
    >>> @fc.function(state=1)
    ... def highest_so_far(x, state):
    ...     state[0] = x if x > state[0] else state[0]
    ...     return state[0]
    >>> engine = fc.Engine({"top": highest_so_far, "below": highest_so_far - fc.SMA(1)})
    >>> btc = engine.symbol("BTCUSDT")
    >>> for i, price in enumerate([100.0, 103.0, 102.0]):
    ...     row = btc.on_tick(1_700_000_000_000_000_000 + i, price, 0.5)
    >>> btc.values()
    (103.0, 1.0)
    """
    if body is None:
        return lambda one: function(
            one, name=name, inputs=inputs, state=state, warmup=warmup, replace=replace
        )
    if not callable(body):
        raise TypeError(f"function: a function must be callable, not {body!r}")
    for what, number, least, most in (("state", state, 0, 1_024), ("warmup", warmup, 1, 2**31 - 1)):
        if not least <= number <= most:
            raise PlanError(f"function: {what} must be {least} to {most}, not {number}")
    called = getattr(body, "__name__", None) if name is None else name
    if called is None:
        raise TypeError(f"function: {body!r} has no name of its own; give it one with name=")
    sources = tuple(price(one) for one in inputs)
    shape = (len(sources), state, warmup)
    known = _defined.get(called)
    if known is not None and known[1] == shape and not replace and not _same(known[0], body):
        raise PlanError(
            f"function {called!r} is defined already, and not as this one: plans and snapshots know "
            f"functions by their names, so give this one another with name=, or the other one up with "
            f"replace=True"
        )
    if hasattr(body, "address"):
        _check_signature(called, body)
    else:
        _check_arguments(called, body, len(sources) + (state > 0))
    _core.define(called, *shape, body, getattr(body, "address", 0))
    _defined[called] = (body, shape)
    return FunctionOf(called, sources)


#: The signature of a `numba.cfunc`, in Numba's words.
_COMPILED = "(float64*, float64*) -> float64"
#: What each name stands for: the function, and its inputs, state and warm-up.
_defined: dict[str, tuple[Callable[..., float], tuple[int, int, int]]] = {}


def _same(one: Callable[..., float], other: Callable[..., float]) -> bool:
    """Whether two functions do the same: one object, or equal code that uses the same values."""
    one, other = (getattr(each, "__wrapped__", each) for each in (one, other))  # what Numba has compiled
    if one is other:
        return True
    if not isinstance(one, FunctionType) or not isinstance(other, FunctionType):
        return False
    return _bare(one.__code__) == _bare(other.__code__) and _used(one) == _used(other)


def _bare(code: CodeType) -> CodeType:
    """Code without the place where it was written."""
    inner = tuple(_bare(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_firstlineno=1, co_linetable=b"", co_filename="", co_qualname="", co_consts=inner)


def _used(body: FunctionType) -> list[Any]:
    """What it finds around itself: closed over and by name, as identities, and its defaults."""
    cells = [id(cell.cell_contents) for cell in body.__closure__ or ()]
    found = [id(body.__globals__.get(name)) for name in body.__code__.co_names]
    return [cells, found, body.__defaults__, body.__kwdefaults__]


def _check_signature(called: str, body: Any) -> None:
    """Refuse machine code that would take the addresses of its inputs and state for something else."""
    found = str(getattr(body, "_sig", _COMPILED))  # Numba keeps it there; others do not say
    if found != _COMPILED:
        raise TypeError(
            f"function {called!r} must be compiled as float64(CPointer(float64), CPointer(float64)), "
            f"its inputs and its state, but its signature is {found}"
        )


def _check_arguments(called: str, body: Callable[..., float], count: int) -> None:
    try:
        wanted = inspect.signature(body)
    except (TypeError, ValueError):  # a builtin that does not say
        return
    try:
        wanted.bind(*range(count))
    except TypeError:
        raise TypeError(
            f"function {called!r} must take {count} arguments, its inputs and then its state if it has one, "
            f"but its signature is {wanted}"
        ) from None
