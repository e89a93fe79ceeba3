"""Prints which native core runs, and one digest for each row of the catalogue over everything that it gives.

A program of its own because the core is chosen before it is loaded: test_contract.py runs it for each core.
"""

from __future__ import annotations

import hashlib
import json
import pickle

import fastcore as fc
from samples import (
    MARKETS,
    NAMES,
    T0,
    Params,
    batch,
    bits,
    columns_of,
    default_params,
    make,
    random_params,
    rng_of,
    smallest_params,
    stream,
)


def digest(name: str, all_params: list[Params]) -> str:
    """Batches, streams, states and an engine's rows."""
    sha = hashlib.sha256()
    for market in MARKETS:
        columns = columns_of(name, rng_of("digest", name, market), 900, market)
        for params in all_params:
            one, other = make(name, params), make(name, params)
            for part in (batch(one, columns), stream(other, [x[:300] for x in columns])):
                sha.update(bits(part).tobytes())
            sha.update(pickle.dumps(one) + pickle.dumps(other))
            engine = fc.Engine({"x": make(name, params)})
            symbol = engine.symbol("S")
            for row, price in enumerate(columns[0][:200].tolist()):
                symbol.on_tick(T0 + row, price, 1.0)
            sha.update(engine.snapshot())
    return sha.hexdigest()


def main() -> None:
    """One JSON object on standard output."""
    digests = {}
    for name in NAMES:
        rng = rng_of("digest parameters", name)
        all_params = [
            default_params(name),
            smallest_params(name),
            *(random_params(name, rng) for _ in range(2)),
        ]
        digests[name] = digest(name, all_params)
    print(json.dumps({"variant": fc.core_variant(), "digests": digests}))


if __name__ == "__main__":
    main()
