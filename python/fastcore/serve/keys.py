"""API keys: who may do what, and how often. Only hashes are kept.

A key is ``fc_<id>_<secret>``: the id finds its row, the secret has 256 random bits, so its SHA-256 is as
safe as the secret is long. The file is TOML, one table for each key, readable by its owner alone.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
import re
import secrets
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fastcore._checks import MANY, Fit, arguments, check
from fastcore._replacing import replace_file
from fastcore.errors import ConfigError

__all__ = ["SCOPES", "Key", "KeyRing"]

#: What a key may be for: to read, to send ticks, to change the plan, to save and drop.
SCOPES = ("read", "ingest", "plan", "admin")
_FORM = re.compile(r"fc_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_NOBODY = hashlib.sha256(b"nobody").digest()


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept.

    Parameters
    ----------
    id : str
        Eight hexadecimal digits.
    name : str
        Whose it is; for people.
    digest : bytes
        SHA-256 of the secret.
    scopes : frozenset of str
        Of `SCOPES`.
    rate : float
        Requests a second that it may make; 0 for any number.
    """

    id: str
    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[str]
    rate: float = 0.0


class KeyRing:
    """All keys of a service.

    Parameters
    ----------
    keys : iterable of Key

    Examples
    --------
    >>> ring = KeyRing()
    >>> text = ring.add("dashboard", ["read"])
    >>> ring.check(text).name, ring.check(text[:-1] + "x")
    ('dashboard', None)
    """

    @arguments("KeyRing", keys=MANY)
    def __init__(self, keys: Iterable[Key] = ()) -> None:
        keys = list(keys)
        for key in keys:
            check(
                "KeyRing", "each of keys", key, Fit("a fastcore.serve.Key", lambda one: isinstance(one, Key))
            )
        self._keys = {key.id: key for key in keys}

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self)} keys>"

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def check(self, text: str) -> Key | None:
        """The key that a text is; None for one that is none. Takes as long for both."""
        match = _FORM.fullmatch(text)
        key = self._keys.get(match[1]) if match else None
        digest = hashlib.sha256((match[2] if match else text).encode("utf-8", "replace")).digest()
        same = hmac.compare_digest(digest, key.digest if key else _NOBODY)
        return key if same and key is not None else None

    def add(self, name: str, scopes: Iterable[str], rate: float = 0.0) -> str:
        """Make a key; its text is shown here and never again.

        Raises
        ------
        ConfigError
            If a scope is none, the name has control characters, or the rate is below 0.
        """
        wanted = frozenset(scopes)
        for scope in sorted(wanted - set(SCOPES)) or ([] if wanted else [""]):
            raise ConfigError(f"a key's scopes are of {', '.join(SCOPES)}, not {scope!r}")
        if not name.isprintable() or not 1 <= len(name) <= 64:
            raise ConfigError(f"a key's name has 1 to 64 printable characters, unlike {name!r}")
        if not 0 <= rate < float("inf"):
            raise ConfigError(f"a key's rate must be 0 or more requests a second, not {rate!r}")
        number, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        digest = hashlib.sha256(secret.encode()).digest()
        self._keys[number] = Key(number, name, digest, wanted, rate)
        return f"fc_{number}_{secret}"

    def remove(self, number: str) -> None:
        """Forget a key by its id.

        Raises
        ------
        ConfigError
            If there is none.
        """
        if self._keys.pop(number, None) is None:
            raise ConfigError(f"there is no key {number!r}; there are {', '.join(self._keys) or 'none'}")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KeyRing:
        """The keys of a file; none where there is no file.

        Raises
        ------
        ConfigError
            If the file is damaged, or others than its owner may read it.
        """
        file = Path(path)
        try:
            if file.stat().st_mode & 0o077:
                raise ConfigError(f"{file} holds keys and can be read by others: chmod 600 {file}")
            tables = tomllib.loads(file.read_text(encoding="utf-8")).get("key", {})
            return cls(_key(number, table) for number, table in tables.items())
        except FileNotFoundError:
            return cls()
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{file} cannot be read as keys: {type(error).__name__}: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the keys to a file, whole or not at all; its owner alone may read it."""
        lines = ["# Keys of fastcore serve: hashes, not secrets. Written by `fastcore keys`.\n"]
        for key in self._keys.values():
            scopes = ", ".join(f'"{scope}"' for scope in SCOPES if scope in key.scopes)
            name = key.name.replace("\\", "\\\\").replace('"', '\\"')
            lines += [f"\n[key.{key.id}]", f'name = "{name}"', f'sha256 = "{key.digest.hex()}"']
            lines += [f"scopes = [{scopes}]", f"rate = {float(key.rate)}"]
            lines.append(f'written = "{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"')
        replace_file(path, ("\n".join(lines) + "\n").encode(), mode=0o600)


def _key(number: str, table: dict[str, object]) -> Key:
    scopes, rate = table["scopes"], table.get("rate", 0.0)
    if not isinstance(scopes, list) or not set(scopes) <= set(SCOPES):
        raise ConfigError(f"the key {number} has the scopes {scopes!r}; they are of {', '.join(SCOPES)}")
    if not isinstance(rate, (int, float)) or rate < 0:
        raise ConfigError(f"the key {number} has the rate {rate!r}; it must be 0 or more")
    digest = bytes.fromhex(str(table["sha256"]))
    if len(digest) != 32:
        raise ConfigError(f"the key {number} has a sha256 of {len(digest)} bytes; it has 32")
    return Key(number, str(table["name"]), digest, frozenset(scopes), float(rate))
