"""Requests that nobody would think of, made from the OpenAPI document: none may bring the service down."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from services import Served, walk

EXAMPLES = 300 if os.environ.get("FASTCORE_PROOF") == "1" else 12


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("state")
    hooks = folder / "hooks.toml"
    hooks.write_text('[in.desk]\nsecret = "a secret that is long enough"\n')
    hooks.chmod(0o600)
    arguments = ("--indicator", "ema=EMA(3)", "--indicator", 'rsi=RSI(3).on("1m")', "--data", str(folder))
    with Served(*arguments) as service:
        service.send(walk("A", 100))
        yield service


def strategies_of(operation: Any) -> st.SearchStrategy[Case]:
    """Requests as the document has them, and, where there is anything to get wrong, as it has them not."""
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.body or operation.query:
        return right | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return right


def test_no_request_is_a_fault(served: Served) -> None:
    """Whatever is asked, the answer is a success or a problem, and the service goes on."""
    document = schemathesis.openapi.from_dict(served.get("/openapi.json"))
    document.config.update(base_url=served.url)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 20
    asked = 0
    for operation in operations:
        if operation.path == "/v1/events":  # which does not end
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategies_of(operation))
        def ask(case: Case) -> None:
            nonlocal asked
            asked += 1
            answer = case.call(timeout=30)
            assert answer.status_code < 500 or (case.path == "/ready" and answer.status_code == 503), (
                answer.text
            )
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == ["application/problem+json"], answer.text

        ask()
        assert served.process.poll() is None, operation.path
    assert asked > 5 * len(operations)
    assert served.get("/ready")["ready"]
