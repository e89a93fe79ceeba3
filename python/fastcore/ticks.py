"""The layouts in which ticks and bars travel: arrays of `TICK` and `BAR`, and what their fields mean."""

from __future__ import annotations

import numpy as np

#: One trade or quote tick, 40 bytes, the layout of the native core.
#:
#: ``ts`` nanoseconds since 1970 UTC; ``price`` and ``size`` in the market's own units; ``id`` the
#: venue's trade id, 0 for none; ``symbol`` an index into a table of names; ``side`` 1 for a buyer
#: who took, -1 for a seller who took, 0 for unknown.
TICK = np.dtype(
    [("ts", "<i8"), ("price", "<f8"), ("size", "<f8"), ("id", "<i8"), ("symbol", "<u4"), ("side", "i1")],
    align=True,
)

#: One bar, 56 bytes: ``ts`` the start of its span in nanoseconds since 1970 UTC, ``count`` its ticks.
BAR = np.dtype(
    [
        ("ts", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),
        ("count", "<i8"),
    ]
)
