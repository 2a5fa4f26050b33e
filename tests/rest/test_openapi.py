"""The OpenAPI document says what is there, and a machine that reads it finds no failure of ours."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from schemathesis.generation import GenerationMode

from connect.rest.app import ROUTES
from connect.rest.openapi import document, operations, page
from connect.rest.operations import declared
from tests.support.forks import ForkedWorker
from tests.support.lengths import length
from tests.support.plain import NO_TLS
from tests.support.worker import running_worker

BUDGET_S = length("CONNECT_ATTACK_S")
EXAMPLES_MAX = length("CONNECT_ATTACKS")
#: Codes of a 5xx that the worker answers on purpose; any other, or none, is a failure of ours.
ON_PURPOSE = {"environment.fault", "environment.unreachable", "retriable", "timeout", "plugin.failed"}


@pytest.fixture
async def made(tmp_path: Path) -> dict[str, Any]:
    async with running_worker(tmp_path) as worker:
        found: dict[str, Any] = (await worker.client.get("/openapi.json")).json()
        return found


def test_every_operation_has_examples_of_what_it_takes_and_answers(made: dict[str, Any]) -> None:
    told = {(one.method, one.route.path_format): one for one in declared(ROUTES)}
    assert set(told) == {(method, path) for method, path, _ in operations(made)}
    for method, path, operation in operations(made):
        one = told[method, path]
        answer = operation["responses"][str(one.status)]
        assert ("content" in answer) == (one.answer is not None), (method, path)
        assert all("example" in p for p in operation["parameters"] if p["in"] == "path"), (method, path)
        assert ("requestBody" in operation) == (one.operation.body is not None), (method, path)
        if method == "PUT" or method == "PATCH":
            assert "requestBody" in operation or path.rpartition("/")[2] in ("pause", "resume", "stop", "reset")


def test_every_example_has_the_shape_that_is_told(made: dict[str, Any]) -> None:
    for method, path, operation in operations(made):
        for holder in [operation.get("requestBody"), *operation["responses"].values()]:
            content = (holder or {}).get("content", {}).get("application/json")
            if content is not None:
                schema = {**content["schema"], "components": made["components"]}
                assert jsonschema_rs.is_valid(schema, content["example"]), (method, path)


async def test_the_page_shows_every_operation_and_loads_nothing(tmp_path: Path, made: dict[str, Any]) -> None:
    async with running_worker(tmp_path / "other") as worker:
        answer = await worker.client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert answer.text.count("<details>") == len(list(operations(made)))
    assert "&lt;b&gt;" in page({**made, "info": {**made["info"], "title": "<b>"}})


def test_a_document_is_made_of_any_application() -> None:
    from fastapi import FastAPI

    assert document(FastAPI(title="x", version="1"))["paths"] == {}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ForkedWorker(tmp_path_factory.mktemp("worker") / "data") as worker:
        url = worker.url()
        # What the examples of the paths name, so that some calls meet something.
        config = {"connector.class": "FileStreamSource", "topic": "orders", "file": "/nowhere/orders.jsonl"}
        httpx.put(f"{url}/connectors/orders-source/config", json=config, verify=NO_TLS).raise_for_status()
        httpx.post(f"{url}/v1/topics", json={"name": "orders"}, verify=NO_TLS).raise_for_status()
        yield url
        assert worker.stop() == 0
        assert "Exception in ASGI application" not in worker.log


#: Their answers end with the connection.
ENDLESS = ("/v1/events",)


@pytest.mark.slow
def test_what_a_machine_makes_of_the_document_finds_no_failure_of_ours(url: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    assert len(found) >= 30
    found = [operation for operation in found if operation.path not in ENDLESS]
    attacks = list(itertools.product((GenerationMode.POSITIVE, GenerationMode.NEGATIVE), found))
    # Making the first call of an operation takes half a second: a short run tries some, others each time.
    chosen = random.sample(attacks, len(attacks) // length("CONNECT_ATTACK_EACH"))
    ends, tried = time.monotonic() + BUDGET_S, 0
    for turn, (mode, operation) in enumerate(chosen):
        print(mode.value, operation.label)
        # Each operation gets an even share of what is left.
        tried += attack(operation, mode, (ends - time.monotonic()) / (len(chosen) - turn))
    assert tried >= len(chosen) // 2  # how many more is a matter of time


def attack(operation: Any, mode: GenerationMode, budget_s: float) -> int:
    """Call an operation with what its schema allows, or forbids; return how often."""
    ends, count = time.monotonic() + budget_s, 0

    @hypothesis.settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        nonlocal count
        if time.monotonic() > ends and count:
            return
        count += 1
        answer = case.call()
        code = answer.headers.get("x-connect-error-code", [""])[0]
        assert answer.status_code < 500 or code in ON_PURPOSE, f"{case.as_curl_command()}\n{answer.text}"
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error_code", "message"}, case.as_curl_command()
        case.validate_response(answer, checks=[schemathesis.checks.CHECKS.get_one("response_schema_conformance")])

    try:
        call()
    except hypothesis.errors.Unsatisfiable:  # nothing can be forbidden to an operation without parameters
        return 0
    return count
