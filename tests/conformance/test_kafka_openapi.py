"""Our OpenAPI document beside Kafka's: the same paths, methods, parameters, bodies and answers, or a reason."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from connect.rest.app import ROUTES as OURS
from connect.rest.openapi import document
from tests.conformance.kafka_openapi import ROUTES, Route, differences, routes_of

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "rest.md"
#: How we differ, as a pattern of the lines that say so, and why.
REASONS = {
    r"GET /connectors query\.expand: only ours": "Kafka Connect takes it, and does not tell it",
    r"GET /connector-plugins/{pluginName}/config query\.version: only ours": (
        "KIP-891; Kafka's document does not tell it"
    ),
    r".* path task: integer there, string here": (
        "what is no number is 404, as with Kafka Connect, and no wrong parameter"
    ),
    r"PUT /admin/loggers/{logger} body\.(\*: missing|level: only ours)": "one member is read of it, `level`",
    r".* body(\.config)?\.\*: string there, string\|number\|boolean here": (
        "Kafka Connect makes text of numbers and booleans"
    ),
    r".*\.order: missing": (
        "Kafka's document of 4.1 has `order` as its answers had; since 4.2 they have `order_in_group` in its place"
    ),
    r".*\.msg: missing": "a constructor's argument in Kafka's class; no answer has it",
    r"GET /health query\.(failed|connectors|scope): only ours": (
        "failed connectors count where a request says from when on"
    ),
    r"GET /health/(live|ready): only ours": "probes that ask for one thing each",
    r".*\.restart: only ours": "what `errors.restart.*` does about a failure; only where it does something",
    r"GET .*/offsets answer\.offsets\[\]\.(partition|offset): .* there, any here": (
        "any JSON, as a plugin has committed it"
    ),
    r"PATCH .*/offsets body\.offsets\[\]\.(partition|offset): {'\*': 'object'} there, object here": (
        "values of any kind; Kafka's document means a Java Object"
    ),
}


@pytest.fixture(scope="module")
def ours() -> dict[str, Route]:
    made = routes_of(document(FastAPI(title="x", version="1"), OURS))
    return {name: route for name, route in made.items() if " /v1/" not in name}


def test_we_are_as_kafkas_document_says_or_have_a_reason(ours: dict[str, Route]) -> None:
    unexplained = [
        line for line in differences(ROUTES, ours) if not any(re.fullmatch(known, line) for known in REASONS)
    ]
    assert sorted(unexplained) == []


def test_every_reason_explains_something_and_is_documented(ours: dict[str, Route]) -> None:
    found, text = list(differences(ROUTES, ours)), DOCS.read_text()
    for known, reason in REASONS.items():
        assert any(re.fullmatch(known, line) for line in found), known
        assert reason in text, reason


@pytest.mark.parametrize(
    ("name", "route", "line"),
    [
        ("GET /health", None, "GET /health: missing"),
        ("GET /more", Route(), "GET /more: only ours"),
        ("GET /", Route(answer={"version": "integer", "commit": "string"}), "GET / answer.kafka_cluster_id: missing"),
        ("GET /", Route(answer={"version": "integer"}), "GET / answer.version: string there, integer here"),
        ("POST /connectors", Route(), "POST /connectors body: {"),
    ],
)
def test_a_difference_is_seen(ours: dict[str, Route], name: str, route: Route | None, line: str) -> None:
    changed = {**ours, name: route} if route is not None else {key: one for key, one in ours.items() if key != name}
    assert any(found.startswith(line) for found in differences(ROUTES, changed))


@pytest.mark.skipif("CONNECT_KAFKA_OPENAPI" not in os.environ, reason="CONNECT_KAFKA_OPENAPI names no copy of it")
def test_the_table_says_what_kafkas_document_says() -> None:
    import yaml

    told: dict[str, Any] = yaml.safe_load(Path(os.environ["CONNECT_KAFKA_OPENAPI"]).read_text())
    assert sorted(differences(routes_of(told), ROUTES)) == []
