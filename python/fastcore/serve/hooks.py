"""Webhooks, in and out: who may send and who is told, how messages are signed, how old one may be.

Messages are signed as Standard Webhooks has it: ``webhook-id``, ``webhook-timestamp`` in seconds, and
``webhook-signature``, ``v1,`` and the base64 of the HMAC-SHA256 of ``id.timestamp.body``. Services that
cannot sign, TradingView for one, put a secret and the time into the body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from fastcore.errors import ConfigError
from fastcore.serve.problems import Problem

__all__ = ["Hooks", "Source", "Target", "signature", "verified"]

#: Seconds that a message's time may be off.
TOLERANCE = 300
_KINDS = ("signals", "alerts", "bars")


@dataclass(frozen=True, slots=True)
class Source:
    """Who may send: ``POST /hooks/<name>``. `kind` is "signed" or "tradingview"."""

    name: str
    kind: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Who is told of what: signals, alerts and bars, of all symbols or of some."""

    name: str
    url: str
    secret: str = field(repr=False)
    kinds: frozenset[str] = frozenset({"signals", "alerts"})
    symbols: frozenset[str] | None = None


@dataclass(frozen=True)
class Hooks:
    """All sources and targets.

    Examples
    --------
    >>> Hooks.parse('[in.desk]\\nsecret = "a long enough secret"').sources["desk"].kind
    'signed'
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Hooks:
        """From a file, which its owner alone may read; without a file there are none.

        Raises
        ------
        ConfigError
            If it cannot be read, or others may read it.
        """
        file = Path(path)
        if not file.exists():
            return cls()
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{file} holds secrets and can be read by others: chmod 600 {file}")
        try:
            return cls.parse(file.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, ConfigError) as error:
            raise ConfigError(f"{file} cannot be read as webhooks: {error}") from error

    @classmethod
    def parse(cls, text: str) -> Hooks:
        """From TOML: a table ``[in.NAME]`` for each source, ``[out.NAME]`` for each target."""
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(str(error)) from error
        for name in tables.keys() - {"in", "out"}:
            raise ConfigError(f"there are tables in and out, not {name!r}")
        sources = {name: _source(name, table) for name, table in tables.get("in", {}).items()}
        targets = {name: _target(name, table) for name, table in tables.get("out", {}).items()}
        return cls(sources, targets)


def _secret(name: str, table: Mapping[str, Any]) -> str:
    secret = table.get("secret")
    if not isinstance(secret, str) or len(secret) < 16:
        raise ConfigError(f"the webhook {name} needs a secret of at least 16 characters")
    return secret


def _source(name: str, table: Mapping[str, Any]) -> Source:
    kind = table.get("kind", "signed")
    if kind not in ("signed", "tradingview"):
        raise ConfigError(f"the webhook {name} is of the kind {kind!r}; there are signed and tradingview")
    return Source(name, kind, _secret(name, table))


def _target(name: str, table: Mapping[str, Any]) -> Target:
    url, kinds, symbols = table.get("url"), table.get("kinds", ["signals", "alerts"]), table.get("symbols")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ConfigError(f"the webhook {name} needs a url of http or https, not {url!r}")
    if not isinstance(kinds, list) or not set(kinds) <= set(_KINDS):
        raise ConfigError(f"the webhook {name} has the kinds {kinds!r}; they are of {', '.join(_KINDS)}")
    chosen = None if symbols is None else frozenset(symbols)
    return Target(name, url, _secret(name, table), frozenset(kinds), chosen)


def signature(secret: str, number: str, moment: int, body: bytes) -> str:
    """How a message is signed.

    Examples
    --------
    >>> signature("a long enough secret", "msg_1", 1_700_000_000, b"{}")
    'v1,90wRrvlqWV6tI3E8PJt/J1RHz9J4gzgx/4VM30DqqvI='
    """
    signed = f"{number}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def verified(
    source: Source, headers: Mapping[str, str], body: bytes, now: float
) -> tuple[str, dict[str, Any]]:
    """The id and the content of a message that is what it says.

    Raises
    ------
    Problem
        400 if it cannot be read, 401 if it is not signed with the secret, or too old.
    """
    try:
        content = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:  # the last: nested deeply
        raise Problem(400, f"the body is no JSON object: {error}", field="body") from None
    if source.kind == "tradingview":
        return _with_secret(source, content, body, now)
    number, moment, said = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not 1 <= len(number) <= 200 or not number.isprintable():
        raise Problem(401, "webhook-id must have 1 to 200 printable characters", field="webhook-id")
    if not moment.isascii() or not moment.isdigit() or len(moment) > 12:
        raise Problem(401, "webhook-timestamp must be seconds since 1970", field="webhook-timestamp")
    expected = signature(source.secret, number, int(moment), body).encode()
    same = [hmac.compare_digest(one.encode("utf-8", "replace"), expected) for one in said.split(" ")[:8]]
    if not any(same):
        raise Problem(
            401, "the signature is not of this secret, id, time and body", field="webhook-signature"
        )
    _in_time(int(moment), now, "webhook-timestamp")
    return number, content


def _with_secret(
    source: Source, content: dict[str, Any], body: bytes, now: float
) -> tuple[str, dict[str, Any]]:
    said = content.pop("secret", "")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), source.secret.encode()):
        raise Problem(401, "the body has not the secret of this webhook", field="secret")
    try:
        when = datetime.fromisoformat(str(content["time"]))
    except (KeyError, ValueError):
        raise Problem(401, 'the body needs its time: "time": "{{timenow}}"', field="time") from None
    _in_time(when.replace(tzinfo=when.tzinfo or UTC).timestamp(), now, "time")
    return f"tv_{hashlib.sha256(body).hexdigest()[:40]}", content


def _in_time(moment: float, now: float, field_: str) -> None:
    if abs(now - moment) > TOLERANCE:
        raise Problem(
            401, f"the message is of {abs(now - moment):.0f} s from now; at most {TOLERANCE}", field=field_
        )
