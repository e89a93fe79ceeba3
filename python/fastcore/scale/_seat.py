"""A shard as the router sees it: where it dies, it is started elsewhere and given its commands again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastcore.errors import ShardLostError
from fastcore.scale._places import Place
from fastcore.scale._shard import Command

_TRIES = 3  # a command that kills its place so often will do so for ever


class Seat:
    """One shard as the router sees it: its place, its last checkpoint, and the commands since."""

    def __init__(self, make: Callable[[], Place], state: bytes, sequence: int = 0) -> None:
        self._make = make
        self.state = state
        self.base = sequence  # of the last command in `state`
        self.log: list[Command] = []
        self.ticks = 0  # in the log
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}
        self.restarts = 0
        self._called = False  # and the answer not yet read
        self.place = make()
        try:
            self.place.start(state, [])
        except BaseException:
            self.place.close()
            raise

    def send(self, command: Command) -> None:
        """Give the next command."""
        self._settle()
        self.log.append(command)
        self._called = True
        try:
            self.place.send("apply", self.base + len(self.log), command)
        except BaseException:
            self.log.pop()
            raise

    def answer(self) -> Any:
        """The answer to the command given last; one that raises has not changed anything and is forgotten."""
        try:
            try:
                answer = self.place.answer()
            except ShardLostError:
                answer = self._revive()
        except ShardLostError:
            raise
        except Exception:
            self.log.pop()
            self._called = False
            raise
        self._called = False
        return answer

    def ask(self, question: str, *arguments: Any) -> Any:
        """Ask what changes nothing."""
        self._settle()
        for attempt in range(_TRIES):
            self._called = True
            self.place.send("ask", question, *arguments)
            try:
                answer = self.place.answer()
            except ShardLostError:
                if attempt == _TRIES - 1:
                    raise
                self._revive()
            except Exception:
                self._called = False
                raise
            else:
                self._called = False
                return answer

    def _settle(self) -> None:
        """After a call that was broken off, as by a second Ctrl-C: its answer is not the next one's."""
        if self._called:
            self._revive()
            self._called = False

    def checkpoint(self) -> None:
        """Have the state here, and forget the commands that led to it."""
        self.state = self.ask("snapshot")
        self.base += len(self.log)
        self.log.clear()
        self.ticks = 0

    def _revive(self) -> Any:
        """Start the shard elsewhere from its checkpoint; the answer to the last command."""
        for attempt in range(_TRIES):
            self.place.close()
            self.restarts += 1
            self.place = self._make()
            answer = None
            try:
                self.place.start(self.state, self.names)
                for number, command in enumerate(self.log, self.base + 1):
                    self.place.send("apply", number, command)
                    answer = self.place.answer()
                return answer
            except ShardLostError as error:
                if attempt == _TRIES - 1:
                    raise ShardLostError(
                        f"a shard has died {_TRIES} times in a row at its restart: {error}"
                    ) from error
        return None
