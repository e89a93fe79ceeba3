"""How a symbol takes what it is given: the rules behind the ledger's buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Policy:
    """Rules for ticks that are late, seen before, or cannot be; of an engine, or of one symbol.

    Parameters
    ----------
    order : {"drop", "reject", "accept", "buffer", "revise"}
        A tick older than the newest: counted as late_dropped; refused with a TickError and counted as
        rejected; or taken where it stands and counted as late_accepted. With "buffer" every tick is held
        until one has come that is younger by `lateness`, and all are taken in the order of their times; one
        that is older than what was released is late_dropped. With "revise" bars, indicators and rows become
        what they would be had the tick come in time: counted as late_accepted, and `Symbol.revisions` has
        the bars that changed; one older than all of the last `revise_bars` bars, or than the ticks that are
        remembered, is late_dropped. A closed bar older than the newest of its clock cannot be taken after
        it: it is left out, also where late ticks are accepted.
    invalid : {"drop", "raise", "clamp"}
        A price that is not above 0, a size below 0, NaN or infinite: counted as invalid, or counted
        and refused with a TickError; or taken, with the last price and with size 0 in their place.
    duplicates : {"keep", "id", "value"}
        A tick among the last `duplicate_window` with the same id (0 is none), or with the same time, price
        and size: counted as duplicate and left out.
    jumps : float, optional
        A price further than this many median absolute deviations from the median of the last
        `jump_window` prices is held. If the next price is nearer to it than to that median, both are
        taken; if not, it is counted as invalid. Where the deviation is 0 nothing is a jump.
    ahead : int or str, optional
        Most that a tick's time may be ahead of the symbol's newest: nanoseconds, or a text such as "1h"; at
        most 366 days. One further ahead is held. If the time of the next tick is nearer to its time than to
        the newest, as after a weekend, both go on; if not, it is counted as invalid. Without this one tick
        from the far future makes every later one late. The first tick has nothing to be ahead of.
    crossed : {"drop", "accept"}
        A quote whose bid is above its ask: counted as invalid, or taken at its mid.
    lateness : int or str
        How long "buffer" waits in event time: nanoseconds, or a text such as "250ms"; at most a day.
    buffer_size : int
        Ticks that "buffer" holds at most; beyond, the oldest is released early. Ticks that "revise"
        remembers at most. 1 to 16,777,216.
    duplicate_window : int
        Ticks remembered, 1 to 16,777,216.
    jump_window : int
        Prices by which a jump is judged, 4 to 1024.
    sequence : {"none", "id"}
        What a tick's id says of those before: nothing; or that one was lost where it is more than the last
        id and 1, which is a gap of the kind "sequence".
    silence : int or str, optional
        How long without a tick, in event time, is a gap of the kind "silence": nanoseconds, or a text such
        as "30s".
    fill : {"none", "flat"}
        A span of time without a tick: no bar; or a stale one at the last close, unless the feed was down or
        the session over. A hole of more than 1000 spans is filled by 1000.
    revise_bars : int
        Copies of the symbol's state that "revise" keeps, one for each bar that closes on the fastest of its
        clocks, 1 to 1024: each takes the memory of the symbol's indicators.
    large_trades : {"whole", "split"}
        A trade that crosses the threshold of a volume or value bar: goes into that bar whole; or fills it,
        and as many more as there are in it, and begins the next with the rest.

    Examples
    --------
    >>> from fastcore import EMA, Engine, Policy
    >>> engine = Engine({"ema": EMA(2)}, policy=Policy(duplicates="id"))
    >>> btc = engine.symbol("BTCUSDT")
    >>> for _ in range(2):
    ...     row = btc.on_tick(1_700_000_000_000_000_000, 100.0, 0.5, id=7)
    >>> btc.outcome
    'duplicate'
    """

    order: Literal["drop", "reject", "accept", "buffer", "revise"] = "drop"
    invalid: Literal["drop", "raise", "clamp"] = "drop"
    duplicates: Literal["keep", "id", "value"] = "keep"
    jumps: float | None = None
    crossed: Literal["drop", "accept"] = "drop"
    lateness: int | str = 0
    buffer_size: int = 4096
    duplicate_window: int = 1024
    jump_window: int = 32
    sequence: Literal["none", "id"] = "none"
    silence: int | str | None = None
    fill: Literal["none", "flat"] = "none"
    large_trades: Literal["whole", "split"] = "whole"
    revise_bars: int = 8
    ahead: int | str | None = None
