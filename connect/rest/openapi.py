"""The OpenAPI document at /openapi.json, and a page of it at /docs that needs nothing from elsewhere.

The routes and their docstrings come from the routers; the shapes, parameters and examples, which routes that take a
bare request cannot tell, from the tables of `connect.rest.shapes`. A route that is in no table is listed all the same,
and a test names it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from connect.rest.shapes import ERROR, OPERATIONS, PATH_EXAMPLES, SCHEMAS, Operation, ref

_DESCRIPTION: Final = """Kafka Connect's REST API (reference: 4.3.1), and what it lacks under /v1.

Bodies and answers are application/json. Every failure is `{"error_code", "message"}`; the dotted code of the header
`X-Connect-Error-Code` is explained in the error reference."""


def install(app: FastAPI) -> None:
    """Let the application answer /openapi.json with our document, and /docs with our page."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(
            page(openapi()), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        )


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    made = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes)
    made["components"] = {
        "schemas": SCHEMAS,
        "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic"},
            "bearer": {"type": "http", "scheme": "bearer"},
        },
    }
    # All three are right: without rest.authentication.file nobody is asked.
    made["security"] = [{}, {"basic": []}, {"bearer": []}]
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            _complete(operation, OPERATIONS.get(f"{method.upper()} {path}", Operation()))
    return made


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each operation of a document with its method and path."""
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _complete(operation: dict[str, Any], told: Operation) -> None:
    given = [_path_parameter(p) for p in operation.get("parameters", []) if p["in"] == "path"]
    queries = [p for p in operation.get("parameters", []) if p["in"] == "query"]
    operation["parameters"] = given + queries + [query.rendered() for query in told.query]
    if told.body is not None:
        content = {"schema": ref(told.body), "example": told.body_example}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    success = min(status for status in operation["responses"] if status.startswith("2"))
    responses: dict[str, Any] = {str(told.status or success): _answer(told, operation)}
    responses |= {str(status): {"description": why} for status, why in told.also.items()}
    error = {"schema": ref("Error"), "example": ERROR}
    responses["default"] = {"description": "A failure.", "content": {"application/json": error}}
    operation["responses"] = responses


def _answer(told: Operation, operation: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.get("description", operation["summary"])}
    if told.answer is not None:
        answer["content"] = {"application/json": {"schema": ref(told.answer), "example": told.example}}
    return answer


def _path_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    example = PATH_EXAMPLES.get(parameter["name"])
    return {**parameter, "example": example} if example is not None else parameter


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
        content = (holder or {}).get("content", {}).get("application/json")
        if content is not None and "example" in content:
            text = orjson.dumps(content["example"], option=orjson.OPT_INDENT_2).decode()
            parts.append(f"<p>{html.escape(heading)}</p><pre>{html.escape(text)}</pre>")
        elif holder is not None:
            parts.append(f"<p>{html.escape(heading)}: no body</p>")
    head = f'<span class="m">{method}</span><code>{html.escape(path)}</code> {html.escape(operation["summary"])}'
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"
