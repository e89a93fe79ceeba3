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

#: One bar, 112 bytes.
#:
#: ``ts`` the start of its span, or the time of its first tick, in nanoseconds since 1970 UTC; ``open``,
#: ``high``, ``low``, ``close``; ``volume`` the sum of sizes; ``value`` that of price times size and ``vwap``
#: the one over the other, NaN where there is none; ``buy_volume`` and ``sell_volume`` what buyers and
#: sellers took, where ticks say so; ``count`` its ticks; ``first_ts`` and ``last_ts`` their earliest and
#: latest time; ``gap`` a sum of `GAPS`, for what lies in it or right before it; ``complete`` whether
#: nothing of it is known to be missing; ``stale`` whether nothing traded, so that it repeats the last close;
#: ``revision`` how often it was made anew after it had closed.
BAR = np.dtype(
    [
        ("ts", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),
        ("value", "<f8"),
        ("vwap", "<f8"),
        ("buy_volume", "<f8"),
        ("sell_volume", "<f8"),
        ("count", "<i8"),
        ("first_ts", "<i8"),
        ("last_ts", "<i8"),
        ("gap", "<u2"),
        ("complete", "?"),
        ("stale", "?"),
        ("revision", "<u4"),
    ],
    align=True,
)

#: The bits of a bar's ``gap``: a hole in the venue's numbers, a long silence while the feed was up, the end
#: of a session, a feed that was down.
GAPS = {"sequence": 1, "silence": 2, "session": 4, "feed": 8}
