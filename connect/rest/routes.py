"""The class of our routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute


class Route(APIRoute):
    """A route that answers by itself, with an `Answer`.

    FastAPI would build a model of the return type to encode by, of each route as the worker starts; here the type is
    for `connect.rest.operations` to read when somebody asks.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **told: Any) -> None:
        super().__init__(path, endpoint, **{**told, "response_model": None})
