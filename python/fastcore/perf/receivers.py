"""Where alerts go: the log, a webhook, e-mail, Telegram, and all that apprise knows.

`send` blocks until the receiver has it, and raises where it has not; `fastcore.perf.delivery` calls it in a
thread. Secrets come from environment variables that the rules file names, never from the file.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import smtplib
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Protocol

from fastcore._extras import require
from fastcore.errors import ConfigError, FastcoreError
from fastcore.perf.alerts import Notification

__all__ = [
    "AppriseReceiver",
    "EmailReceiver",
    "LogReceiver",
    "Receiver",
    "TelegramReceiver",
    "WebhookReceiver",
    "receiver_of",
    "signature",
]

log = logging.getLogger("fastcore.alerts")

ALL = frozenset({"info", "warning", "page"})
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "page": logging.ERROR}


class Receiver(Protocol):
    """What takes notifications."""

    name: str
    severities: frozenset[str]

    def send(self, notification: Notification, /) -> None:
        """Return when it has it; raise where it has not."""


class LogReceiver:
    """Writes to the logger ``fastcore.alerts``."""

    def __init__(self, *, name: str = "log", severities: frozenset[str] = ALL) -> None:
        self.name, self.severities = name, severities

    def send(self, notification: Notification) -> None:
        """Log it, at the level of its severity."""
        log.log(_LEVELS[notification.severity], "%s\n%s", notification.title, notification.text)


def signature(secret: str, moment: int, body: bytes) -> str:
    """A webhook's header ``X-Fastcore-Signature``: the moment, and HMAC-SHA256 of it and the body.

    Examples
    --------
    >>> signature("s", 1700000000, b"{}")[:20]
    't=1700000000,v1=e923'
    """
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


class WebhookReceiver:
    """Posts JSON, signed.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``.
    secret : str, optional
        Signs each request, see `signature`; a receiver should refuse moments that are minutes old.
    """

    def __init__(
        self,
        url: str,
        secret: str = "",
        *,
        name: str = "webhook",
        severities: frozenset[str] = ALL,
        seconds: float = 5.0,
    ) -> None:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(f"receiver {name}: url must begin with http:// or https://, not {url!r}")
        self.name, self.severities = name, severities
        self._url, self._secret, self._seconds = url, secret, seconds

    def send(self, notification: Notification) -> None:
        """Post it; any answer but 2xx is a failure."""
        body = json.dumps(notification.to_json()).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "fastcore"}
        if self._secret:
            headers["X-Fastcore-Signature"] = signature(self._secret, int(time.time()), body)
        _post(self._url, body, headers, self._seconds)


def _post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> bytes:
    request = urllib.request.Request(url, body, dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(200).decode(errors="replace")
        # Not the address: it may hold a token.
        raise FastcoreError(f"it answers {error.code}: {text}") from None


class EmailReceiver:
    """Sends e-mail over SMTP.

    Parameters
    ----------
    host, port : str, int
    sender, to : str
        Addresses; `to` may be several, with commas between.
    user, password : str, optional
    tls : {"starttls", "tls", "none"}
    """

    def __init__(
        self,
        host: str,
        sender: str,
        to: str,
        *,
        port: int = 587,
        user: str = "",
        password: str = "",
        tls: str = "starttls",
        name: str = "email",
        severities: frozenset[str] = ALL,
        seconds: float = 10.0,
    ) -> None:
        if tls not in ("starttls", "tls", "none"):
            raise ConfigError(f"receiver {name}: tls must be one of starttls, tls, none, not {tls!r}")
        for what, address in (("sender", sender), *(("to", one) for one in to.split(","))):
            if "@" not in address or "\n" in address:
                raise ConfigError(f"receiver {name}: {what} must be an address, not {address!r}")
        self.name, self.severities = name, severities
        self._host, self._port, self._sender, self._to = host, port, sender, to
        self._user, self._password, self._tls, self._seconds = user, password, tls, seconds

    def send(self, notification: Notification) -> None:
        """Send it to all addresses."""
        message = EmailMessage()
        message["Subject"] = notification.title
        message["From"], message["To"] = self._sender, self._to
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = make_msgid(domain="fastcore")
        message.set_content(notification.text + "\n")
        context = ssl.create_default_context() if self._tls != "none" else None
        if self._tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._seconds, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._seconds)
        with server:
            if self._tls == "starttls":
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
            refused = server.send_message(message)
        if refused:
            raise FastcoreError(f"it refuses {', '.join(refused)}")


class TelegramReceiver:
    """Sends a message to a chat of Telegram.

    Parameters
    ----------
    token, chat : str
        The bot's token, the chat's id or ``@name``.
    api : str
        Where its API is.
    """

    def __init__(
        self,
        token: str,
        chat: str,
        *,
        api: str = "https://api.telegram.org",
        name: str = "telegram",
        severities: frozenset[str] = ALL,
        seconds: float = 10.0,
    ) -> None:
        if not token or not chat:
            raise ConfigError(f"receiver {name}: it needs a token and a chat")
        self.name, self.severities = name, severities
        self._url, self._chat, self._seconds = f"{api}/bot{token}/sendMessage", chat, seconds

    def send(self, notification: Notification) -> None:
        """Send it, cut to the 4,096 characters of a message."""
        text = f"{notification.title}\n{notification.text}"[:4096]
        body = json.dumps({"chat_id": self._chat, "text": text}).encode()
        answer = json.loads(_post(self._url, body, {"Content-Type": "application/json"}, self._seconds))
        if not answer.get("ok"):
            raise FastcoreError(f"it answers {answer.get('description', 'no')}")


class AppriseReceiver:
    """Sends to any address that apprise knows: Slack, Discord, SMS, a hundred more."""

    def __init__(self, url: str, *, name: str = "apprise", severities: frozenset[str] = ALL) -> None:
        apprise = require("apprise", "alerts", f"receiver {name}")
        self._apprise = apprise.Apprise()
        if not self._apprise.add(url):
            scheme = url.partition("://")[0]
            raise ConfigError(f"receiver {name}: apprise does not know such an address, {scheme}://...")
        self.name, self.severities = name, severities

    def send(self, notification: Notification) -> None:
        """Send it; apprise says True or False, and no more."""
        kind = {"info": "info", "warning": "warning", "page": "failure"}[notification.severity]
        if all(alert["state"] == "resolved" for alert in notification.alerts):
            kind = "success"
        if not self._apprise.notify(title=notification.title, body=notification.text, notify_type=kind):
            raise FastcoreError("apprise could not deliver it")


# ---- from the rules file

_Maker = Callable[..., Any]

#: By kind: what makes it; what it must be told; what it may be; what is in an environment variable.
_KINDS: dict[str, tuple[_Maker, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "log": (LogReceiver, (), (), ()),
    "webhook": (WebhookReceiver, ("url",), (), ("secret",)),
    "email": (EmailReceiver, ("host", "sender", "to"), ("port", "user", "tls"), ("password",)),
    "telegram": (TelegramReceiver, ("chat",), ("api",), ("token",)),
    "apprise": (AppriseReceiver, (), (), ("url",)),
}


def receiver_of(table: Mapping[str, Any]) -> Any:
    """A receiver from a table of the rules file.

    Parameters
    ----------
    table : mapping
        ``kind``, ``name``, ``severities``, what the kind needs, and ``secret_env``, ``password_env``,
        ``token_env`` or ``url_env``, the names of environment variables.

    Raises
    ------
    ConfigError
        If something is missing, of another kind, or unknown.
    MissingExtraError
        If it needs apprise, which is not installed.

    Examples
    --------
    >>> receiver_of({"kind": "webhook", "url": "https://example.org/hook"}).name
    'webhook'
    """
    left = dict(table)
    kind = left.pop("kind", None)
    if kind not in _KINDS:
        raise ConfigError(f"a receiver's kind must be one of {', '.join(_KINDS)}, not {kind!r}")
    make, needed, possible, secrets = _KINDS[kind]
    name = left.pop("name", kind)
    options: dict[str, Any] = {"name": name, "severities": _severities(left.pop("severities", None), name)}
    for key in needed:
        if key not in left:
            raise ConfigError(f"receiver {name}: {key} is missing")
    for key in (*needed, *possible):
        if key in left:
            kinds = int if key == "port" else str
            if not isinstance(left[key], kinds) or isinstance(left[key], bool):
                raise ConfigError(f"receiver {name}: {key} must be {_NAMES[kinds]}, not {left[key]!r}")
            options[key] = left.pop(key)
    for key in secrets:
        variable = left.pop(f"{key}_env", None)
        if variable is None:
            continue
        if not isinstance(variable, str) or variable not in os.environ:
            raise ConfigError(f"receiver {name}: {key}_env is {variable!r}, which is not in the environment")
        options[key] = os.environ[variable]
    if kind in ("telegram", "apprise") and secrets[0] not in options:
        raise ConfigError(f"receiver {name}: {secrets[0]}_env is missing, the name of a variable with it")
    if left:
        known = (*needed, *possible, *(f"{key}_env" for key in secrets))
        raise ConfigError(f"receiver {name}: there is no {next(iter(left))}: it has {', '.join(known)}")
    return make(**options)


_NAMES = {int: "a whole number", str: "text"}


def _severities(value: Any, name: str) -> frozenset[str]:
    if value is None:
        return ALL
    if not isinstance(value, list) or not value or not ALL.issuperset(map(str, value)):
        raise ConfigError(f"receiver {name}: severities must be some of info, page, warning, not {value!r}")
    return frozenset(value)
