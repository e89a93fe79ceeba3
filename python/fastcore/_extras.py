"""Optional dependencies, imported when they are first needed, so that `import fastcore` stays light."""

from __future__ import annotations

import importlib
from typing import Any

from fastcore.errors import MissingExtraError

#: The extras that the package offers here, and the modules that each brings.
EXTRAS: dict[str, tuple[str, ...]] = {
    "frames": ("pyarrow", "polars", "pandas"),
    "cli": ("typer", "rich"),
    "report": ("matplotlib",),
    "loop": ("uvloop",),
    "feeds": ("websockets", "msgspec"),
    "ccxt": ("ccxt",),
    "brokers": ("msgspec", "redis", "nats"),
    "perf": ("prometheus_client",),
    "alerts": ("apprise",),
    "apm": ("opentelemetry",),
    "profile": ("memray", "py_spy"),
    "store": ("sqlalchemy", "aiosqlite", "asyncpg", "alembic"),
    "serve": ("litestar", "granian", "msgspec", "cramjam", "uvloop", "prometheus_client"),
    "cache": ("cachebox", "cramjam", "msgspec", "redis", "xxhash"),
    "ray": ("ray",),
    "dask": ("distributed",),
}


def require(module: str, extra: str, purpose: str) -> Any:
    """Import an optional module, or say in one sentence how to get it.

    Parameters
    ----------
    module : str
        Dotted name to import, such as ``"pyarrow.csv"``.
    extra : str
        The extra of the distribution that brings it, a key of `EXTRAS`.
    purpose : str
        What needs it, as the start of the sentence: ``"reading tick files"``.

    Returns
    -------
    module
        Typed as ``Any``: most of these packages bring no type information.

    Raises
    ------
    MissingExtraError
        If the module, or its parent, is not installed.

    Examples
    --------
    >>> require("json", "frames", "this example").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        # A module that is there but lacks a dependency of its own is a broken installation: show it.
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        raise MissingExtraError(
            f"{purpose} needs {top}, which is not installed: pip install 'fastcore-ticks[{extra}]'", name=top
        ) from error
