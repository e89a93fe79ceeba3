"""A plan as a function of frames, for what maps functions over parts of data: Ray Data, Dask, pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastcore._checks import MAPPING, TEXT, arguments, optional
from fastcore._formula_plan import must_travel
from fastcore.calendars import Calendar
from fastcore.engine import Engine
from fastcore.indicators import Indicator
from fastcore.policy import Policy

__all__ = ["Outputs"]


class Outputs:
    """The outputs of a plan for a frame that has all ticks, or all bars, of its symbols.

    Each call begins anew, so a part must hold its symbols whole and in the order of time: cut by symbol,
    never by time, since windows would begin at each cut. It can be pickled, and goes where a function goes:
    ``dataset.groupby("symbol").map_groups(Outputs(plan), batch_format="pyarrow")`` in Ray Data,
    ``frame.groupby("symbol")[list(frame.columns)].apply(outputs, meta=outputs(head[:0]))`` in Dask, with a
    pandas frame `head` of these columns: without the list pandas leaves the symbol out. For sets of files
    there is `backfill`: it cuts by time as well, goes on where it stopped, and writes each row once.

    Parameters
    ----------
    plan : mapping of str to Indicator
        As of `Engine`.
    policy : Policy, optional
    calendars : mapping of str to Calendar, optional
        As of `Engine`.
    bars : str, optional
        The span, such as ``"1m"``: the rows are closed bars.
    columns : mapping of str to str, optional
        Field -> column, as of `Engine.run`.
    symbol : str, optional
        The symbol of all rows, where there is no column of symbols.

    Raises
    ------
    PlanError
        If the plan cannot be, has no indicator on such bars, or has a `fastcore.function`, which workers do
        not have; at once, not on one.

    Examples
    --------
    >>> import pandas as pd
    >>> import fastcore as fc
    >>> from fastcore.scale import Outputs
    >>> ticks = pd.DataFrame({"ts": range(10**18, 10**18 + 4), "symbol": list("abab")})
    >>> ticks["price"] = [1.0, 5.0, 3.0, 7.0]
    >>> outputs = Outputs({"sma": fc.SMA(2)})
    >>> pd.concat(outputs(part) for _, part in ticks.groupby("symbol"))["sma"].tolist()
    [nan, 2.0, nan, 6.0]
    """

    @arguments("Outputs", bars=optional(TEXT), columns=optional(MAPPING), symbol=optional(TEXT))
    def __init__(
        self,
        plan: Mapping[str, Indicator],
        *,
        policy: Policy | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        bars: str | None = None,
        columns: Mapping[str, str] | None = None,
        symbol: str | None = None,
    ) -> None:
        engine = Engine(plan, policy=policy, calendars=calendars)
        must_travel(plan, "Outputs")
        if bars is not None:
            engine._clock(bars)
        self.__name__ = type(self).__name__  # Ray Data asks for it
        #: An engine without a symbol: what each call begins with.
        self._fresh = engine.snapshot()
        self._options: dict[str, Any] = {"bars": bars, "columns": columns, "symbol": symbol}

    def __repr__(self) -> str:
        return f"<Outputs of {len(Engine.restore(self._fresh).columns)} columns>"

    def __call__(self, frame: Any) -> Any:
        """A frame of the same kind, as `Engine.run` gives it.

        Raises
        ------
        InputError
            If a column is missing, or is not what it must be.
        """
        return Engine.restore(self._fresh).run(frame, **self._options)
