"""JSON answers of a declared shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import orjson
from fastapi.responses import Response

T = TypeVar("T")
S = TypeVar("S")


class Answer(Response, Generic[T]):
    """A JSON answer: a route that returns `Answer[Topic]` answers a `Topic`, to the type checker and in OpenAPI.

    What it is given is written as it is, in its order. Half a surrogate pair, as texts of plugins may hold, is written
    out: JSON is UTF-8.
    """

    media_type = "application/json"

    def __init__(self, body: T, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(encode(body), status, headers)


def encode(body: Any) -> bytes:
    """Return JSON in UTF-8."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return orjson.dumps(_encodable(body))


def _encodable(body: Any) -> Any:
    if isinstance(body, str):
        return body.encode("utf-8", "backslashreplace").decode()
    if isinstance(body, dict):
        return {_encodable(name): _encodable(value) for name, value in body.items()}
    return [_encodable(item) for item in body] if isinstance(body, list | tuple) else body


def empty(status: int) -> Response:
    """Return an answer without a body."""
    return Response(status_code=status)


class Fragments:
    """Encoded parts of a listing, kept while what they tell of are the same objects."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, orjson.Fragment]] = {}

    def of(self, name: str, told: S, render: Callable[[S], T]) -> T:
        """Return what `render` makes of a thing, rendered and encoded once: to be encoded as a part, not to be read."""
        known = self._known.get(name)
        if known is None or known[0] is not told:
            known = self._known[name] = (told, orjson.Fragment(encode(render(told))))
        return cast(T, known[1])

    def keep(self, names: Sequence[str]) -> None:
        """Forget all others, once they are many."""
        if len(self._known) > 2 * len(names) + 16:
            self._known = {name: self._known[name] for name in names if name in self._known}
