"""Avro schemas as objects: one for each type in a schema, named ones the same wherever they are used.

Source: Apache Avro 1.12, Specification, Schema Declaration; Schema.java.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAMED: Final = frozenset({"record", "enum", "fixed"})


class _NoDefault:
    """That a field has no default."""

    def __repr__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT: Final = _NoDefault()


@dataclass(slots=True, eq=False)
class Member:
    """A record's field.

    Attributes:
        default: As JSON has it; `NO_DEFAULT` for none.
    """

    name: str
    node: Node
    doc: str | None = None
    default: Any = NO_DEFAULT
    order: str = "ascending"
    aliases: Sequence[str] = ()
    props: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Node:
    """A type.

    Attributes:
        kind: A primitive's name, or 'record', 'enum', 'fixed', 'array', 'map', 'union'.
        props: What else is said of it, in order: 'logicalType', 'connect.name' and the like.
        members: A record's fields; None while they are being made.
        branches: A union's.
        inner: An array's items, or a map's values.
    """

    kind: str
    name: str | None = None
    namespace: str | None = None
    doc: str | None = None
    props: dict[str, Any] = field(default_factory=dict)
    members: list[Member] | None = None
    branches: tuple[Node, ...] = ()
    inner: Node | None = None
    symbols: tuple[str, ...] = ()
    enum_default: str | None = None
    size: int = 0
    aliases: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The name with its namespace; of what has no name its kind."""
        if self.name is None:
            return self.kind
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    @property
    def is_nullable(self) -> bool:
        """Whether it is a union of null and one other."""
        return len(self.branches) == 2 and any(branch.kind == "null" for branch in self.branches)

    def member(self, name: str) -> Member | None:
        """Return a record's field, None where it has none of that name."""
        return next((one for one in self.members or () if one.name == name), None)

    def other_than_null(self) -> Node:
        """Return the branch of a nullable union that is not null."""
        return next(branch for branch in self.branches if branch.kind != "null")

    def __repr__(self) -> str:
        return f"Node({self.full_name})"


def primitive(kind: str) -> Node:
    """Return a primitive type of its own, to which properties may be added."""
    return Node(kind)
