"""Avro schemas, as trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NAMED: Final = ("record", "error", "enum", "fixed")


class InvalidAvroError(ValueError):
    """A text is no Avro schema; the message says why."""


@dataclass(eq=False, slots=True)
class Avro:
    """A schema. Types that are named refer to each other, and to themselves.

    Attributes:
        type: One of `PRIMITIVES` and `NAMED`, array, map or union.
        name: The full name, of the named ones.
        aliases: Full names.
        element: Of arrays the items, of maps the values.
        props: What else it has, logicalType among them.
    """

    type: str
    name: str = ""
    doc: str | None = None
    aliases: tuple[str, ...] = ()
    props: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    symbols: tuple[str, ...] = ()
    default_symbol: str | None = None
    size: int = 0
    element: Avro | None = None
    branches: tuple[Avro, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether others may refer to it."""
        return self.type in NAMED

    @property
    def short_name(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(".")[2]


@dataclass(eq=False, frozen=True, slots=True)
class Field:
    """A field of a record."""

    name: str
    schema: Avro
    doc: str | None = None
    has_default: bool = False
    default: Any = None
    order: str = "ascending"
    aliases: tuple[str, ...] = ()
    props: Mapping[str, Any] = field(default_factory=dict)
