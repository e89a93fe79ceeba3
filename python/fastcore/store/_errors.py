"""What drivers raise, as sentences: which of it means that the database is away, full, or gone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asyncpg.exceptions import InterfaceError as DriverError
from asyncpg.exceptions import InternalClientError, PostgresConnectionError, PostgresError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore.errors import StoreError

__all__ = ["at_hand", "driver", "is_gone", "reason", "refusal"]

#: PostgreSQL's for: resources, limits, an operator's doing, its system's errors, deadlocks, rights.
_STATES = ("53", "54", "57", "58", "25006", "40", "55P03", "42501", "28")
_SQLITE = re.compile(r"full|locked|readonly|malformed|not a database|disk I/O|unable to open", re.IGNORECASE)
DRIVER_ERRORS = (PostgresError, DriverError, InternalClientError, OSError)
_GONE = ("57P01", "57P02", "57P03", "08")


def reason(error: BaseException) -> str:
    """The first line of what the driver says; without a password."""
    cause = getattr(error, "orig", None) or error
    line = next(iter(str(cause).splitlines()), "").strip() or type(cause).__name__
    line = re.sub(r"^<class '[^']*'>: ", "", line)
    return re.sub(r"(//[^:/@\s]*):[^@\s]*@", r"\1:***@", line)


def _cause(error: BaseException) -> BaseException:
    """The driver's own error, below what SQLAlchemy has put around it."""
    found: Any = getattr(error, "orig", None) or error
    return found.__cause__ if isinstance(found.__cause__, DRIVER_ERRORS) else found


def is_gone(error: BaseException) -> bool:
    """Whether the connection is of no more use."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = _cause(error)
    if isinstance(cause, PostgresError):
        state = str(getattr(cause, "sqlstate", "") or "")
        return isinstance(cause, PostgresConnectionError) or state.startswith(_GONE)
    if isinstance(cause, InternalClientError):
        return True  # its protocol is out of step, as when a connection is cut in the middle of an answer
    if isinstance(cause, DriverError):
        return "closed" in str(cause) or "connection" in str(cause)
    return isinstance(cause, OSError) and not isinstance(cause, TimeoutError)


def refusal(error: BaseException, shown: str) -> StoreError | None:
    """The `StoreError` for what is the database's matter; None for what is the caller's."""
    if is_gone(error):
        return StoreError(f"the database {shown} closed the connection: {reason(error)}")
    cause = _cause(error)
    if isinstance(cause, PostgresError) and str(getattr(cause, "sqlstate", "") or "").startswith(_STATES):
        return StoreError(f"the database {shown} refuses: {reason(error)}")
    if isinstance(cause, sqlite3.DatabaseError) and _SQLITE.search(str(cause)):
        return StoreError(f"the database {shown} refuses: {reason(error)}")
    return None


def at_hand(connection: AsyncConnection) -> Any:
    """The driver's own connection for a question outside of SQLAlchemy; None where that has to ask it.

    It has to where a transaction was asked for that it begins with the next statement, and where the
    connection was lost and has to be made anew.
    """
    own: Any = connection.sync_connection
    if own.invalidated:
        return None
    raw = own.connection.driver_connection
    return raw if raw.is_in_transaction() or not own.in_transaction() else None


@asynccontextmanager
async def driver(connection: AsyncConnection) -> AsyncIterator[Any]:
    """The driver's own connection, for what SQLAlchemy has no call for; one that dies is not used again.

    SQLAlchemy begins a transaction with the first statement that goes through it: to write in one, one must
    have gone before.
    """
    own: Any = connection.sync_connection
    # A connection that is there is at hand; to make one anew takes SQLAlchemy's switch of stacks.
    held = (await connection.get_raw_connection()) if own.invalidated else own.connection
    raw = held.driver_connection
    assert raw is not None
    try:
        yield raw
    except BaseException as error:
        if is_gone(error):
            await connection.invalidate()
        raise
