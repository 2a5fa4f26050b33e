"""Every failure as Kafka Connect's body `{"error_code", "message"}`; the dotted code travels in a header."""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from connect.api import ConnectError
from connect.rest.answers import Answer
from connect.rest.models.errors import Error
from connect.runtime.secrets import redact

logger = logging.getLogger(__name__)

CODE_HEADER: Final = "X-Connect-Error-Code"
#: The hint with which the message ends, percent-encoded UTF-8, so that a face can show it apart.
HINT_HEADER: Final = "X-Connect-Error-Hint"
#: Proxies take headers of a few KiB in all.
_HINT_BYTES_MAX: Final = 1024
_SHOWN_CHARS: Final = 100


def error_response(status: int, message: str, code: str, hint: str = "") -> Answer[Error]:
    """Return an error's answer; its message ends with the hint."""
    headers, message, hint = {CODE_HEADER: code}, redact(message), redact(hint)
    if hint:
        message = f"{message} ({hint})"
        if len(encoded := quote(hint, safe=" '", errors="backslashreplace")) <= _HINT_BYTES_MAX:
            headers[HINT_HEADER] = encoded
    return Answer({"error_code": status, "message": message}, status, headers)


def _parameter(problem: dict[str, Any]) -> str:
    name, given = problem["loc"][-1], problem["input"]
    return f"{name}: {problem['msg']}" if given is None else f"{name} is {given!r:.{_SHOWN_CHARS}}: {problem['msg']}"


def install(app: FastAPI) -> None:
    """Answer errors of ours, of routing, and everything unexpected."""

    @app.exception_handler(ConnectError)
    async def ours(request: Request, error: ConnectError) -> Response:
        if error.status >= 500:
            logger.error("%s %s: %s", request.method, request.url.path, error.message, exc_info=error)
        return error_response(error.status, error.message, error.code, error.hint)

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: RequestValidationError) -> Response:
        problems = "; ".join(map(_parameter, error.errors()))
        return error_response(400, f"HTTP 400 Bad Request: {problems}", "request.invalid")

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> Response:
        response = error_response(error.status_code, f"HTTP {error.status_code} {error.detail}", "request.invalid")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return error_response(500, f"{type(error).__name__}: {error}", "internal")
