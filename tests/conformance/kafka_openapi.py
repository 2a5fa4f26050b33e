"""What Kafka's own OpenAPI document says of Connect's REST API, in a notation of this project.

Kafka makes the document (`connect_rest.yaml`) of its resource classes and publishes it with the documentation of each
release; read for this table were those of 3.9, 4.0.2 and 4.1 (https://kafka.apache.org/41/generated/connect_rest.yaml).
The table holds what a client needs: paths, methods, parameters, and the members of bodies and answers. The document
itself is not part of this project; `CONNECT_KAFKA_OPENAPI=FILE pytest tests/conformance/test_kafka_openapi.py` checks
the table against a copy of it.

A shape is a JSON type, `[shape]` for an array, `{"*": shape}` for an object of any keys, or an object of its members.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TEXTS = {"*": "string"}
TASK_ID = {"connector": "string", "task": "integer"}
INFO = {"name": "string", "config": TEXTS, "tasks": [TASK_ID], "type": "string"}
STATE = {"state": "string", "worker_id": "string", "trace": "string", "version": "string", "msg": "string"}
TASK_STATE = {"id": "integer", **STATE}
STATUS = {"name": "string", "connector": STATE, "tasks": [TASK_STATE], "type": "string"}
OFFSETS = {"offsets": [{"partition": {"*": "object"}, "offset": {"*": "object"}}]}
CREATION = {"name": "string", "config": TEXTS, "initial_state": "string"}
PLUGIN = {"class": "string", "type": "string", "version": "string"}
KEY = {
    "name": "string",
    "type": "string",
    "required": "boolean",
    "default_value": "string",
    "importance": "string",
    "documentation": "string",
    "group": "string",
    "order": "integer",
    "order_in_group": "integer",
    "width": "string",
    "display_name": "string",
    "dependents": ["string"],
}
VALUE = {
    "name": "string",
    "value": "string",
    "recommended_values": ["string"],
    "errors": ["string"],
    "visible": "boolean",
}
VALIDATION = {
    "name": "string",
    "error_count": "integer",
    "groups": ["string"],
    "configs": [{"definition": KEY, "value": VALUE}],
}
SERVER = {"version": "string", "commit": "string", "kafka_cluster_id": "string"}


@dataclass(frozen=True, slots=True)
class Route:
    """An operation: types of its parameters, shapes of its body and answer, None where nothing is told."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    answer: Any = None


NAMED = {"connector": "string"}
A_TASK = {"connector": "string", "task": "integer"}
A_PLUGIN = {"pluginName": "string"}
A_LOGGER = {"logger": "string"}
ROUTES = {
    "GET /": Route(answer=SERVER),
    "GET /health": Route(),
    "GET /admin/loggers": Route(),
    "GET /admin/loggers/{logger}": Route(A_LOGGER),
    "PUT /admin/loggers/{logger}": Route(A_LOGGER, {"scope": "string"}, TEXTS),
    "GET /connector-plugins": Route({}, {"connectorsOnly": "boolean"}, answer=[PLUGIN]),
    "GET /connector-plugins/{pluginName}/config": Route(A_PLUGIN, answer=[KEY]),
    "PUT /connector-plugins/{pluginName}/config/validate": Route(A_PLUGIN, body=TEXTS, answer=VALIDATION),
    "GET /connectors": Route(),
    "POST /connectors": Route(body=CREATION),
    "GET /connectors/{connector}": Route(NAMED, answer=INFO),
    "DELETE /connectors/{connector}": Route(NAMED),
    "GET /connectors/{connector}/config": Route(NAMED, answer=TEXTS),
    "PUT /connectors/{connector}/config": Route(NAMED, body=TEXTS),
    "PATCH /connectors/{connector}/config": Route(NAMED, body=TEXTS),
    "GET /connectors/{connector}/offsets": Route(NAMED, answer=OFFSETS),
    "PATCH /connectors/{connector}/offsets": Route(NAMED, body=OFFSETS),
    "DELETE /connectors/{connector}/offsets": Route(NAMED),
    "PUT /connectors/{connector}/pause": Route(NAMED),
    "PUT /connectors/{connector}/resume": Route(NAMED),
    "PUT /connectors/{connector}/stop": Route(NAMED),
    "POST /connectors/{connector}/restart": Route(NAMED, {"includeTasks": "boolean", "onlyFailed": "boolean"}),
    "GET /connectors/{connector}/status": Route(NAMED, answer=STATUS),
    "GET /connectors/{connector}/tasks": Route(NAMED, answer=[{"id": TASK_ID, "config": TEXTS}]),
    "GET /connectors/{connector}/tasks/{task}/status": Route(A_TASK, answer=TASK_STATE),
    "POST /connectors/{connector}/tasks/{task}/restart": Route(A_TASK),
    "GET /connectors/{connector}/topics": Route(NAMED),
    "PUT /connectors/{connector}/topics/reset": Route(NAMED),
}


# -- reading a document --------------------------------------------------------------------------------------------


def routes_of(document: dict[str, Any]) -> dict[str, Route]:
    """Return the operations of an OpenAPI document, in this notation."""
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            kinds = {
                where: {p["name"]: shape(p["schema"], document) for p in parameters if p["in"] == where}
                for where in ("path", "query")
            }
            body, answer = _content(operation.get("requestBody"), document), _content(_success(operation), document)
            found[f"{method.upper()} {path}"] = Route(kinds["path"], kinds["query"], body, answer)
    return found


def _success(operation: dict[str, Any]) -> dict[str, Any]:
    responses = operation["responses"]
    told = [answer for status, answer in sorted(responses.items()) if status.startswith("2") and "content" in answer]
    return told[0] if told else {} if "200" in responses or "204" in responses else responses.get("default", {})


def _content(holder: dict[str, Any] | None, document: dict[str, Any]) -> Any:
    schema = (holder or {}).get("content", {}).get("application/json", {}).get("schema")
    return None if schema is None else shape(schema, document)


def shape(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """Return the shape of a JSON Schema; that something may be null is left out, Kafka's document does not tell it."""
    if "$ref" in schema:
        return shape(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema:
        return shape(next(one for one in schema["anyOf"] if one != {"type": "null"}), document)
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return "|".join(name for name in kind if name != "null")
    if kind == "array":
        return [shape(schema.get("items", {}), document)]
    if "properties" in schema:
        return {name: shape(one, document) for name, one in schema["properties"].items()}
    if kind == "object" and isinstance(values := schema.get("additionalProperties"), dict):
        return {"*": shape(values, document)}
    return kind


def differences(theirs: Mapping[str, Route], ours: Mapping[str, Route]) -> Iterator[str]:
    """Yield how our operations differ from theirs, a line each; a path parameter's name is no difference."""
    known = {_plain(name): route for name, route in ours.items()}
    for name, their in theirs.items():
        our = known.pop(_plain(name), None)
        if our is None:
            yield f"{name}: missing"
            continue
        pairs = zip(their.path.items(), our.path.values(), strict=True)
        for (parameter, kind), own in pairs:
            yield from _differing(f"{name} path {parameter}", kind, own)
        yield from _differing(f"{name} query", dict(their.query), dict(our.query))
        yield from _differing(f"{name} body", their.body, our.body)
        if their.answer is not None:
            yield from _differing(f"{name} answer", their.answer, our.answer)
    yield from (f"{name}: only ours" for name in known)


def _plain(name: str) -> str:
    return re.sub(r"{\w+}", "{}", name)


def _differing(where: str, their: Any, our: Any) -> Iterator[str]:
    if isinstance(their, list) and isinstance(our, list):
        yield from _differing(f"{where}[]", their[0], our[0])
    elif isinstance(their, dict) and isinstance(our, dict):
        for name in their.keys() - our.keys():
            yield f"{where}.{name}: missing"
        for name in our.keys() - their.keys():
            yield f"{where}.{name}: only ours"
        for name in their.keys() & our.keys():
            yield from _differing(f"{where}.{name}", their[name], our[name])
    elif their != our:
        yield f"{where}: {their} there, {our} here"
