"""A real cluster of Valkey for tests: three masters that share the slots, and a replica of the first."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import redis
from servers import PORTS, Valkey, free_port, wait_until

__all__ = ["cluster"]

MASTERS = 3


def port_pair() -> int:
    """A port whose neighbour 10,000 above, the cluster's own, is free as well."""
    while True:
        port = free_port()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port + 10_000))
            if port + 10_000 < PORTS.stop:
                return port


@contextmanager
def cluster() -> Iterator[list[Valkey]]:
    """The nodes, the replica last, when all slots are served and the replica has all."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "3000")
        nodes = [
            stack.enter_context(Valkey(*options, "--repl-diskless-sync-delay", "0", port=port_pair()))
            for _ in range(MASTERS + 1)
        ]
        clients = [stack.enter_context(redis.Redis(port=node.port, decode_responses=True)) for node in nodes]
        bounds = [16384 * i // MASTERS for i in range(MASTERS + 1)]
        for i in range(MASTERS):
            clients[i].execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[i], bounds[i + 1] - 1)
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)

        def agreed(client: Any) -> bool:
            info = client.execute_command("CLUSTER", "INFO")
            text = info if isinstance(info, str) else str(info)
            return "'ok'" in text or "cluster_state:ok" in text

        wait_until(lambda: len(clients[-1].execute_command("CLUSTER", "NODES")) > MASTERS, "all have met")
        first = clients[0].execute_command("CLUSTER", "MYID")

        def follows() -> bool:
            try:
                clients[-1].execute_command("CLUSTER", "REPLICATE", first)
            except redis.ResponseError:
                return False  # the replica has not heard of the master yet
            return True

        wait_until(follows, "the replica follows")
        wait_until(
            lambda: clients[-1].info("replication").get("master_link_status") == "up", "the replica has all"
        )
        wait_until(lambda: all(agreed(client) for client in clients), "all slots are served")
        yield nodes
