"""Connect schemas that contain themselves: a struct's field stands for the struct that it is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connect.api import Schema


class NotMadeError(LookupError):
    """A schema that stands within itself is looked at before the one that it stands for is made."""


class Place:
    """Where a schema comes to stand, once it is made."""

    __slots__ = ("schema",)

    def __init__(self) -> None:
        self.schema: Schema | None = None


class RecursiveSchema(Schema):
    """A schema that stands within itself: it looks like the one that it stands for, but for what is its own.

    Two are equal that have one name and are of equal schemas around them, which is all that can be said without end.

    Args:
        place: Where the one stands that it stands for.
        optional: Its own.
        parameters: Its own; those of the one that it stands for where they are left out.
    """

    __slots__ = ("_optional", "_parameters", "_place")

    def __init__(self, place: Place, *, optional: bool, parameters: Mapping[str, str] | None = None) -> None:
        self._place = place
        self._optional = optional
        self._parameters = parameters

    @property
    def target(self) -> Schema:
        """The schema that it stands for. Raises `NotMadeError` while that is under way."""
        if self._place.schema is None:
            raise NotMadeError("a schema that contains itself is needed before it is made")
        return self._place.schema

    @property
    def optional(self) -> bool:  # type: ignore[override]
        """Whether None is a value."""
        return self._optional

    @property
    def parameters(self) -> Mapping[str, str] | None:  # type: ignore[override]
        """Text properties."""
        return self.target.parameters if self._parameters is None else self._parameters

    def __getattribute__(self, name: str) -> Any:
        if name in _OF_TARGET:
            return getattr(object.__getattribute__(self, "target"), name)
        return object.__getattribute__(self, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RecursiveSchema):
            return False if isinstance(other, Schema) else NotImplemented
        same = self._place is other._place or self.target.name == other.target.name
        return same and (self._optional, self._parameters) == (other._optional, other._parameters)

    def __hash__(self) -> int:
        return hash((RecursiveSchema, self._optional))

    def __repr__(self) -> str:
        return f"Schema{{{self.target.name}:{self.target.type.name}, recursive}}"

    def __getstate__(self) -> Any:
        return None, {"_place": self._place, "_optional": self._optional, "_parameters": self._parameters}


_OF_TARGET: Final = frozenset(Schema.__slots__) - {"optional", "parameters", "_hash"}
