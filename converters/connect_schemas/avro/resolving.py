"""Whether data that one Avro schema wrote can be read by another.

Source: Apache Avro 1.12, Specification, Schema Resolution; SchemaCompatibility.java.
"""

from __future__ import annotations

from typing import Final

from connect_schemas.avro.nodes import NO_DEFAULT, Node

_PROMOTED: Final = {
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "string": {"string", "bytes"},
    "bytes": {"bytes", "string"},
}


def why_not(reader: Node, writer: Node) -> str | None:
    """Return what of the writer's data the reader has no place for; None where it reads all of it."""
    return _Comparison().why(reader, writer, "")


class _Comparison:
    """What is known of pairs of types: each is compared once.

    A pair that is under way is taken to fit, and so is one that was found to fit by that. What does not fit so does not
    fit anyhow. What was found to fit within a branch of a union that does not is forgotten with it.
    """

    def __init__(self) -> None:
        self._fitting: dict[tuple[int, int], None] = {}
        self._failed: dict[tuple[int, int], str] = {}

    def why(self, reader: Node, writer: Node, place: str) -> str | None:
        pair = id(reader), id(writer)
        if pair in self._fitting:
            return None
        why = self._failed.get(pair)
        if why is None:
            count = len(self._fitting)
            self._fitting[pair] = None
            why = self._compared(reader, writer, place)
            if why is not None:
                while len(self._fitting) > count:
                    self._fitting.popitem()
                self._failed[pair] = why
        return why

    def _compared(self, reader: Node, writer: Node, place: str) -> str | None:
        if writer.kind == "union":
            return next((why for branch in writer.branches if (why := self.why(reader, branch, place))), None)
        if reader.kind == "union":
            if any(self.why(branch, writer, place) is None for branch in reader.branches):
                return None
            return f"{place or 'it'} has no type for {writer.full_name}"
        if reader.kind != writer.kind:
            is_promoted = reader.kind in _PROMOTED.get(writer.kind, ())
            return None if is_promoted else f"{place or 'it'} is {reader.full_name} there, and {writer.full_name} here"
        match reader.kind:
            case "array" | "map":
                assert reader.inner is not None
                assert writer.inner is not None
                return self.why(reader.inner, writer.inner, f"{place}[]")
            case "record" | "enum" | "fixed":
                return self._named(reader, writer, place)
        return None

    def _named(self, reader: Node, writer: Node, place: str) -> str | None:
        if not is_called_alike(reader, writer):
            return f"{place or 'it'} is called {reader.full_name} there, and {writer.full_name} here"
        if reader.kind == "fixed":
            same = reader.size == writer.size
            return None if same else f"{place or 'it'} has {reader.size} bytes there, and {writer.size} here"
        if reader.kind == "enum":
            known = set(reader.symbols)
            unknown = next((symbol for symbol in writer.symbols if symbol not in known), None)
            has_place = unknown is None or reader.enum_default is not None
            return None if has_place else f"{place or 'it'} has no symbol {unknown!r}"
        written = {member.name: member for member in writer.members or ()}
        for member in reader.members or ():
            names = (member.name, *member.aliases)
            own = next((found for name in names if (found := written.get(name)) is not None), None)
            where = f"{place}.{member.name}" if place else f"field {member.name!r}"
            if own is None:
                if member.default is NO_DEFAULT:
                    return f"{where} has no default"
            elif (why := self.why(member.node, own.node, where)) is not None:
                return why
        return None


def branch_for(reader: Node, writer: Node) -> int | None:
    """Return which branch of a reader's union reads what is none itself: one that is the same before one that it is
    promoted to. None where none does.
    """
    fitting = [index for index, branch in enumerate(reader.branches) if why_not(branch, writer) is None]
    exact = (
        lambda branch: branch.kind == writer.kind and branch.full_name == writer.full_name,
        lambda branch: branch.kind == writer.kind,
        lambda branch: True,
    )
    return next((index for is_like in exact for index in fitting if is_like(reader.branches[index])), None)


def is_called_alike(reader: Node, writer: Node) -> bool:
    """Whether a named type is the reader's: by its name without the namespace, as Java has it, or by an alias."""
    return reader.name == writer.name or writer.full_name in reader.aliases
