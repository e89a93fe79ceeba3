"""The tick loop and its parts: `TickLoop`, its queues `Intake` and `Outlet`, `Strategy`, `Sink`, events."""

from __future__ import annotations

from fastcore.loop.events import BarEvent, Row, Rows, Signal
from fastcore.loop.intake import Intake
from fastcore.loop.outlet import Outlet, Sink
from fastcore.loop.runner import run
from fastcore.loop.strategies import Strategy
from fastcore.loop.tick_loop import TickLoop

__all__ = ["BarEvent", "Intake", "Outlet", "Row", "Rows", "Signal", "Sink", "Strategy", "TickLoop", "run"]
