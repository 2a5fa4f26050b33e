"""JSON bodies, read and checked against their models; what is wrong is said in one clear sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from typing_extensions import get_type_hints, is_typeddict

from connect.api import ConfigError

B = TypeVar("B", bound=BaseModel)
_SHOWN_CHARS: Final = 100


async def body_of(request: Request, model: type[B], *, numbers_as_text: bool = False) -> B:
    """Return a request's JSON body as its model.

    Args:
        numbers_as_text: Numbers become the text that was sent: config values are text, and 0.10 is not 0.1.

    Raises:
        ConfigError: request.invalid: it is absent, no JSON object, or not what the model declares. One that is nested
            too deep does not come here: limits.py refuses it.
    """
    parsed = _object(await request.body(), numbers_as_text=numbers_as_text)
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        raise ConfigError(problem(model, error), code="request.invalid") from None


def _object(raw: bytes, *, numbers_as_text: bool) -> dict[str, Any]:
    if not raw.strip():
        raise ConfigError("the request has no body; a JSON object is expected", code="request.invalid")
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"the body is not JSON: {error}", code="request.invalid") from None
    if not isinstance(parsed, dict):
        raise ConfigError(f"the body is {_kind(parsed)}; a JSON object is expected", code="request.invalid")
    return json.loads(raw, parse_int=str, parse_float=str) if numbers_as_text else parsed


# -- what is wrong -------------------------------------------------------------------------------------------------


def problem(model: type[BaseModel], error: ValidationError) -> str:
    """Return the first thing that is wrong with a body: where, what is there, what is expected."""
    # An error of a union names the branches it tried; the first is as good as the others.
    found = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    path, kinds = _declared(model, found["loc"])
    return _sentence(found, path, kinds)


def _sentence(found: ErrorDetails, path: list[str | int], kinds: list[Any]) -> str:
    given, expected = found["input"], _expected(kinds[-1])
    match found["type"]:
        case "extra_forbidden":
            known = _members(_plain(kinds[-2]))
            return f"unknown member {path[-1]!r}; {_and(known)} {'is' if len(known) == 1 else 'are'} known"
        case "missing":
            return f"{_where(path)} is missing: {expected} is expected"
        case "config_value":
            return f"the value of {path[-1]!r} is {_kind(given)}; text, a number or true or false is expected"
        case "too_long":
            return f"{_where(path)} has {len(given)} items; at most {found['ctx']['max_length']} are taken"
        case "literal_error" | "greater_than_equal" | "less_than" | "int_parsing" | "int_from_float":
            return f"{_where(path)} is {_shown(given)}; {expected} is expected{_bounds(found)}"
    return f"{_where(path)} is {_kind(given)}; {expected} is expected"


def _bounds(found: ErrorDetails) -> str:
    bounds = found.get("ctx", {})
    if "ge" in bounds:
        return f", {bounds['ge']} or more"
    return f", less than {bounds['lt']}" if "lt" in bounds else ""


def _declared(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[list[str | int], list[Any]]:
    """Return the members of a path that the body has, and what is declared at each, the body itself first.

    The path of an error in a union also names the branch; that is no member.
    """
    path: list[str | int] = []
    kinds: list[Any] = [model]
    for part in loc:
        found = next(_inside(kinds[-1], part), None)
        if found is not None or part == loc[-1]:
            path.append(part)
            kinds.append(found)
    return path, kinds


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    """Yield what is declared for a member, or an item, of a declared type."""
    kind = _plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if "root" in kind.model_fields:
            yield from _inside(kind.model_fields["root"], part)
        elif part in kind.model_fields:
            yield kind.model_fields[str(part)]
    elif is_typeddict(kind):
        if part in (hints := get_type_hints(kind, include_extras=True)):
            yield hints[part]
    elif get_origin(kind) is tuple:
        yield from get_args(kind)[part : part + 1] if isinstance(part, int) else ()
    elif get_origin(kind) in (list, dict):
        if isinstance(part, int) is (get_origin(kind) is list):
            yield get_args(kind)[-1]
    else:
        for one in get_args(kind):
            yield from _inside(one, part)


def _plain(kind: Any) -> Any:
    if isinstance(kind, FieldInfo):
        return kind.annotation
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _members(kind: Any) -> list[str]:
    """Return the members of the model that a type is, or may be."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return next(filter(None, map(_members, map(_plain, get_args(kind)))), [])


def _expected(kind: Any) -> str:
    if isinstance(kind, FieldInfo):
        return kind.description or "another type"
    infos = [part for part in getattr(kind, "__metadata__", ()) if isinstance(part, FieldInfo)]
    return next((info.description for info in infos if info.description), "another type")


def _where(path: list[str | int]) -> str:
    """Return a path as it is told: member 'name', offsets[0], 'partition' of offsets[0], records[0].headers[1][0]."""
    if not path:
        return "the body"
    *before, last = path
    if isinstance(last, str):
        return f"{last!r} of {_where(before)}" if before else f"member {last!r}"
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
