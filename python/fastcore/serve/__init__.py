"""The service: an HTTP API, a live stream and a dashboard in front of an engine.

    from fastcore.serve import Service, Settings

    Service(plan, feed, settings=Settings(data="state")).run_blocking()

On the command line it is ``fastcore serve``. It needs the extra ``serve``.
"""

from __future__ import annotations

from fastcore._extras import require

for _module in ("msgspec", "litestar", "granian"):
    require(_module, "serve", "the service")

from fastcore.serve.keys import SCOPES, Key, KeyRing  # noqa: E402
from fastcore.serve.service import Service  # noqa: E402
from fastcore.serve.settings import Settings  # noqa: E402

__all__ = ["SCOPES", "Key", "KeyRing", "Service", "Settings"]
