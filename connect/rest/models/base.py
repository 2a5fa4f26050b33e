"""What the declarations are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, with_config
from pydantic_core import PydanticCustomError

T = TypeVar("T")


class Body(BaseModel):
    """A request's body: types are taken as they are, and members that no model declares are passed over.

    Where an unknown member is a mistake, a model says `extra="forbid"`. The description of a field names what is
    expected, with its article: errors end with it.
    """

    model_config = ConfigDict(strict=True, frozen=True, defer_build=True)


def example(value: Any) -> Callable[[type[T]], type[T]]:
    """Return a decorator that gives an answer its example in the OpenAPI document."""
    return with_config(ConfigDict(json_schema_extra={"examples": [value]}))


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise PydanticCustomError("config_value", "text, a number or true or false is expected")


#: The value of a config key: numbers and booleans become text, as Kafka Connect's parser makes them. Null is left to
#: the routes, and not offered.
ConfigValue = Annotated[
    str | None, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
#: The same in a patch, where null removes a key, or sets it back to its default.
ConfigChange = Annotated[
    str | None, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
]
