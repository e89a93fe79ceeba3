"""What a journal has recorded, as a feed: the ticks of another day through another plan, paced or not.

    await fc.TickLoop(engine, paced(read_ticks("journal"), speed=10)).run()

Quotes and bars are passed over; `fastcore.replay.Replay` plays those, too, and restores what was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from fastcore.feeds import TickBatch
from fastcore.journal import read_journal

__all__ = ["read_ticks"]


def read_ticks(folder: str | os.PathLike[str], *, start: int = 0, batch: int = 65_536) -> Iterator[TickBatch]:
    """The ticks of a journal in constant memory, in their order; it may be written to meanwhile.

    Parameters
    ----------
    folder : path
    start : int
        Sequence of the first record that is read.
    batch : int
        Ticks of a batch at most.

    Returns
    -------
    iterator of TickBatch

    Raises
    ------
    JournalError
        If there is no journal, at once; where records are missing, when the iterator comes there.

    Examples
    --------
    >>> import tempfile
    >>> from fastcore import EMA, Engine
    >>> folder = tempfile.mkdtemp()
    >>> engine = Engine({"ema": EMA(2)}, journal=folder)
    >>> row = engine.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000, 100.0, 0.5)
    >>> [batch.ticks["price"].tolist() for batch in read_ticks(folder)]
    [[100.0]]
    """
    runs = read_journal(folder, start=start, batch=batch)
    return (TickBatch(ticks, names) for ticks, names in runs)
