"""Shards as actors of a Ray cluster: the same commands, one call for each batch, never one for a tick."""

from __future__ import annotations

from typing import Any

from fastcore._extras import require
from fastcore.errors import ShardLostError
from fastcore.scale._shard import Shard

__all__ = ["Actor"]


class Actor:
    """A shard in a Ray actor, a `Place` of `ShardedEngine`; Ray is started on this machine if it is not yet.

    Ray does not restart it: it would come back without its state. `ShardedEngine` does, from its checkpoint.

    Parameters
    ----------
    patience : float
        Seconds for one call; an actor that takes longer counts as dead. Ray lets one wait for ever that no
        machine has a processor for.
    """

    def __init__(self, patience: float = 60.0) -> None:
        self._patience = patience
        self._ray = require("ray", "ray", "shards on Ray")
        if not self._ray.is_initialized():
            self._ray.init(include_dashboard=False, log_to_driver=False)
        self.handle: Any = None
        self._answers: list[Any] = []

    def start(self, state: bytes, names: list[str]) -> None:
        """Make the actor, and wait until it has its state."""
        self.handle = self._ray.remote(max_restarts=0, num_cpus=1)(Shard).remote(state, names)
        self.send("ask", "symbols")
        self.answer()

    def send(self, method: str, *arguments: Any) -> None:
        """Call a method of the shard."""
        if self.handle is None:
            raise ShardLostError("the actor has been given up")
        self._answers.append(getattr(self.handle, method).remote(*arguments))

    def answer(self) -> Any:
        """Wait for it."""
        try:
            answer = self._ray.get(self._answers.pop(0), timeout=self._patience)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except self._ray.exceptions.GetTimeoutError as error:
            processors = self._ray.cluster_resources().get("CPU", 0)
            raise ShardLostError(
                f"an actor has not answered for {self._patience:g} s; each takes a processor, "
                f"and the cluster has {processors:g}"
            ) from error
        except self._ray.exceptions.RayError as error:
            raise ShardLostError(f"the actor has died: {type(error).__name__}") from error

        return answer

    def close(self) -> None:
        """End the actor."""
        if self.handle is not None and self._ray.is_initialized():
            self._ray.kill(self.handle)
        self.handle = None
        self._answers.clear()
