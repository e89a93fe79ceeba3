"""`@cached`: a coroutine function whose results are kept."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from fastcore._checks import CACHE, CALL, TEXT, arguments, optional
from fastcore.cache.facade import Cache

__all__ = ["cached"]

P = ParamSpec("P")
T = TypeVar("T")


@arguments("cached", cache=CACHE, kind=TEXT, key=optional(CALL))
def cached(
    cache: Cache,
    kind: str,
    *,
    key: Callable[..., str] | None = None,
    tags: Iterable[str] | Callable[..., Iterable[str]] = (),
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Keep what a coroutine function returns, by its arguments.

    Parameters
    ----------
    cache : Cache
        Where.
    kind : str
        Under which of the cache's kinds.
    key : callable, optional
        Takes the arguments and gives the key; by default the function's name and its arguments, which
        must then be text, numbers, booleans, None or tuples of them.
    tags : iterable of str, or callable
        Tags of every value, or what gives them from the arguments.

    Returns
    -------
    decorator
        The decorated function has ``forget(*arguments)``, which deletes one value everywhere.

    Raises
    ------
    TypeError
        If the function is no coroutine function, or an argument cannot be part of a key.

    Examples
    --------
    >>> import asyncio
    >>> from fastcore.cache import Cache, Kind, cached
    >>> cache = Cache({"square": Kind(ttl=60)})
    >>> @cached(cache, "square")
    ... async def square(number):
    ...     print("computing")
    ...     return number * number
    >>> async def main():
    ...     return await square(7), await square(number=7)
    >>> asyncio.run(main())
    computing
    (49, 49)
    """

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"@cached is for coroutine functions, and {function!r} is none")
        signature = inspect.signature(function)
        name = f"{function.__module__}.{function.__qualname__}"

        def key_of(*args: Any, **kwargs: Any) -> str:
            if key is not None:
                return key(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return f"{name}({', '.join(_text(name, *item) for item in bound.arguments.items())})"

        @functools.wraps(function)
        async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            labels = tags(*args, **kwargs) if callable(tags) else tags
            found = await cache.get_or_load(
                kind, key_of(*args, **kwargs), lambda: function(*args, **kwargs), tags=labels
            )
            return found  # type: ignore[no-any-return]  # what comes out is what the function gave

        async def forget(*args: P.args, **kwargs: P.kwargs) -> None:
            await cache.delete(kind, key_of(*args, **kwargs))

        wrapper.forget = forget  # type: ignore[attr-defined]  # functions take attributes unseen
        return wrapper

    return decorate


def _text(function: str, name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return f"{name}=({', '.join(_text(function, '', one) for one in value)})"
    if value is not None and not isinstance(value, str | int | float | bool):
        raise TypeError(
            f"{function}: the argument {name} is a {type(value).__name__}, which makes no key: "
            "give @cached a key= that does"
        )
    return f"{name}={value!r}"
