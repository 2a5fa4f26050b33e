"""What each route takes and answers, beside the route: `@operation(body=CreateTopic)`.

The answer is the route's own return type, `Answer[Topic]`. Nothing is built of it before somebody asks for the OpenAPI
document: a worker starts without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute
from typing_extensions import get_original_bases

from connect.rest.answers import Answer
from connect.rest.models.errors import Error

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route's signature does not say.

    Attributes:
        body: What it takes.
        example: Of its answer, where the answer's declaration has none that fits.
        status: Of its answer, where that is not the route's own.
        also: Further answers without failure, by status.
        same: Statuses of `also` whose body has the shape of the answer.
    """

    body: type[BaseModel] | None = None
    example: Any = None
    status: int | None = None
    also: Mapping[int, str] = field(default_factory=dict)
    same: tuple[int, ...] = ()


_NOTHING: Final = Operation()
_OPERATIONS: Final[dict[Callable[..., Any], Operation]] = {}


def operation(
    *,
    body: type[BaseModel] | None = None,
    example: Any = None,
    status: int | None = None,
    also: Mapping[int, str] | None = None,
    same: tuple[int, ...] = (),
) -> Callable[[F], F]:
    """Return a decorator, to stand below the router's, that says what the route's signature does not."""

    def declare(endpoint: F) -> F:
        _OPERATIONS[endpoint] = Operation(body, example, status, also or {}, same)
        return endpoint

    return declare


def operation_of(endpoint: Callable[..., Any]) -> Operation:
    """Return what a route was declared with."""
    return _OPERATIONS.get(endpoint, _NOTHING)


def answer_of(endpoint: Callable[..., Any]) -> Any:
    """Return the type of a route's answer, None where it has no body."""
    told = get_type_hints(endpoint)["return"]
    for kind in (told, *get_args(told)):
        if get_origin(kind) is Answer:
            return get_args(kind)[0]
        if isinstance(kind, type) and issubclass(kind, Answer):  # of a media type of its own
            return get_args(get_original_bases(kind)[0])[0]
    return None


def media_of(endpoint: Callable[..., Any]) -> str:
    """Return the media type of a route's answer."""
    told = get_type_hints(endpoint)["return"]
    kinds = [kind for kind in (told, *get_args(told)) if isinstance(kind, type) and issubclass(kind, Answer)]
    return str(kinds[0].media_type if kinds else Answer.media_type)


@dataclass(frozen=True, slots=True)
class Declared:
    """A route and its types."""

    method: str
    route: APIRoute
    operation: Operation
    answer: Any

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.operation.status or self.route.status_code or 200

    def answered(self, status: int) -> Any:
        """Return the type of an answer of a status, None where it has no body."""
        if status == self.status or status in self.operation.same:
            return self.answer
        return Error if status >= 400 else None


def declared(routes: Iterable[BaseRoute]) -> Iterator[Declared]:
    """Yield what the documented ones of these routes take and answer."""
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in sorted(route.methods or ()):
                yield Declared(method, route, operation_of(route.endpoint), answer_of(route.endpoint))
