"""The OpenAPI document at /openapi.json, and a page of it at /docs that needs nothing from elsewhere.

Paths, parameters and docstrings come from the routes by FastAPI's own generator, bodies and answers from the
declarations in `connect.rest.models`, by pydantic; both when the document is first asked for.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from connect.rest.models.errors import Error
from connect.rest.operations import Declared, declared, media_of

_DESCRIPTION: Final = """Kafka Connect's REST API (reference: 4.3.1), and what it lacks under /v1.

Bodies and answers are application/json. Every failure is `{"error_code", "message"}`; the dotted code of the header
`X-Connect-Error-Code` is explained in the error reference."""
_Mode = Literal["validation", "serialization"]
_JSON: Final = "application/json"
PATH_EXAMPLES: Final[dict[str, Any]] = {
    "name": "orders-source",
    "task": "0",
    "plugin": "FileStreamSource",
    "topic": "orders",
    "partition": 0,
    "group": "connect-orders-sink",
    "logger": "root",
    "offset": 0,
    "operation_id": "3f9c1a7be204",
    "subject": "orders-value",
}


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Let the application answer /openapi.json with our document of these routes, and /docs with our page."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app, routes)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(
            page(openapi()), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        )


def document(app: FastAPI, routes: Sequence[BaseRoute] = ()) -> dict[str, Any]:
    """Return the OpenAPI document of an application's routes."""
    made = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=routes)
    found = list(declared(routes))
    schemas = _Schemas(found)
    made["components"] = {
        "schemas": schemas.components,
        "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic"},
            "bearer": {"type": "http", "scheme": "bearer"},
        },
    }
    # All three are right: without rest.authentication.file nobody is asked.
    made["security"] = [{}, {"basic": []}, {"bearer": []}]
    for one in found:
        _complete(made["paths"][one.route.path_format][one.method.lower()], one, schemas)
    return made


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each operation of a document with its method and path."""
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


class _Schemas:
    """JSON Schemas of all bodies and answers, made at once so that they share their parts."""

    def __init__(self, found: Sequence[Declared]) -> None:
        kinds: dict[int, Any] = {id(Error): Error}
        for one in found:
            kinds |= {id(kind): kind for kind in (one.operation.body, one.answer) if kind is not None}
        self._kinds = kinds  # keeps what the numbers stand for
        inputs: list[tuple[int, _Mode, TypeAdapter[Any]]] = [
            (key, "validation", TypeAdapter(kind)) for key, kind in kinds.items()
        ]
        made, rest = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
        self._schemas = made
        self.components: dict[str, Any] = _plain(rest.get("$defs", {}))

    def content(self, kind: Any, example: Any = None, *, media: str = _JSON) -> dict[str, Any]:
        """Return a body or an answer as OpenAPI has it; the example is the declaration's own where none is given."""
        schema = _plain(self._schemas[id(kind), "validation"])
        return {media: {"schema": schema, "example": self._example(schema) if example is None else example}}

    def _example(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            schema = self.components[schema["$ref"].rpartition("/")[2]]
        if "examples" in schema:
            return schema["examples"][0]
        assert schema.get("type") == "array", f"an example is missing: {schema}"
        return [self._example(schema["items"])]


def _plain(schema: Any, *, names: bool = False) -> Any:
    """Return a schema without the titles that pydantic makes of names. `names`: it is an object of members' names."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in ("examples", "default") and not names else _plain(value, names=key == "properties")
        for key, value in schema.items()
        if names or key != "title"
    }


def _complete(operation: dict[str, Any], one: Declared, schemas: _Schemas) -> None:
    told = one.operation
    operation["parameters"] = [_parameter(parameter) for parameter in operation.get("parameters", [])]
    if told.body is not None:
        operation["requestBody"] = {"required": True, "content": schemas.content(told.body)}
    answer: dict[str, Any] = {"description": operation.get("description", operation["summary"])}
    if one.answer is not None:
        answer["content"] = schemas.content(one.answer, told.example, media=media_of(one.route.endpoint))
    responses = {str(one.status): answer}
    for status, why in told.also.items():
        same = {"content": answer["content"]} if status in told.same else {}
        responses[str(status)] = {"description": why, **same}
    responses["default"] = {"description": "A failure.", "content": schemas.content(Error)}
    operation["responses"] = responses


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in parameter["schema"].items() if key not in ("title", "description")}
    made = {**parameter, "schema": schema}
    if parameter["in"] == "path" and parameter["name"] in PATH_EXAMPLES:
        made["example"] = PATH_EXAMPLES[parameter["name"]]
    return made


# -- the page ------------------------------------------------------------------------------------------------------

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 13px/1.45 ui-monospace, monospace }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8885; border-radius: 4px }
summary { cursor: pointer; padding: .25rem 0 } .m { display: inline-block; min-width: 4.5rem; font-weight: 600 }
h2 { margin-top: 2rem }
"""


def page(made: dict[str, Any]) -> str:
    """Return an HTML page of a document: each operation with its parameters and examples, no script, nothing loaded."""
    groups: dict[str, list[str]] = {}
    for method, path, operation in operations(made):
        groups.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(method, path, operation))
    title = html.escape(f"{made['info']['title']} {made['info']['version']}")
    body = "".join(f"<h2>{html.escape(tag)}</h2>{''.join(parts)}" for tag, parts in groups.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1><p>{html.escape(made['info']['description'])}</p>"
        f'<p>As OpenAPI: <a href="openapi.json">openapi.json</a></p>{body}</body></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"<p>{html.escape(operation.get('description', ''))}</p>"]
    queries = [p for p in operation["parameters"] if p["in"] == "query"]
    if queries:
        rows = "".join(
            f"<li><code>{html.escape(p['name'])}</code> {html.escape(p.get('description', ''))}</li>" for p in queries
        )
        parts.append(f"<p>Query</p><ul>{rows}</ul>")
    for heading, holder in [("Body", operation.get("requestBody")), *operation["responses"].items()]:
        content = next(iter((holder or {}).get("content", {}).values()), None)
        if content is not None and "example" in content:
            text = orjson.dumps(content["example"], option=orjson.OPT_INDENT_2).decode()
            parts.append(f"<p>{html.escape(heading)}</p><pre>{html.escape(text)}</pre>")
        elif holder is not None:
            parts.append(f"<p>{html.escape(heading)}: no body</p>")
    head = f'<span class="m">{method}</span><code>{html.escape(path)}</code> {html.escape(operation["summary"])}'
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"
