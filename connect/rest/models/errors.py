"""The one answer of every failure."""

from __future__ import annotations

from typing_extensions import TypedDict

from connect.rest.models.base import example


@example(
    {
        "error_code": 404,
        "message": "Connector orders-source not found (List the connectors with 'connect connector list'.)",
    }
)
class Error(TypedDict):
    """A failure, in Kafka Connect's words: the HTTP status, and what happened with a hint."""

    error_code: int
    message: str | None
