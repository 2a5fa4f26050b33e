"""Schemas of every type, behind one face: read, written out canonically, and compared."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final, Literal, Protocol

from connect.registry import errors
from connect.registry.avro.schema import parse_avro
from connect.registry.json_schema.schema import parse_json_schema
from connect.registry.memory import Memory
from connect.registry.records import Reference, StoredSchema
from connect.registry.subjects import within

#: Schemas that are read are kept, so that each is read once: so many, of so many characters with what they refer to.
#: What is read takes some fifteen times of its text.
_KEPT_MAX: Final = 10_000
_KEPT_CHARS_MAX: Final = 16 << 20
#: How many schemas one may refer to, directly or not.
_REFERENCES_MAX: Final = 1000


class Parsed(Protocol):
    """A schema that was read. It never changes."""

    @property
    def canonical(self) -> str:
        """The text that is stored: white space makes no difference, what it refers to stays outside."""

    @property
    def inlined(self) -> str:
        """The same with all that it refers to in it."""

    @property
    def normalized(self) -> str:
        """The text that is the same for schemas that mean the same."""

    @property
    def serialized(self) -> str | None:
        """The schema as bytes, in base64; None where its type has no such form."""

    def problems(self, writer: Any, *, reader_name: str, writer_name: str) -> list[str]:
        """Return why this one, of the same type, cannot read what was written with another; nothing where it can.

        Args:
            reader_name, writer_name: What they are called: new, old.
        """


@dataclass(frozen=True, slots=True)
class NewSchema:
    """A schema as a request has it.

    Attributes:
        id, version: Given where it is imported; -1 and 0 where not.
    """

    schema: str
    schema_type: str = "AVRO"
    references: tuple[Reference, ...] = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None
    id: int = -1
    version: int = 0


@dataclass(frozen=True, slots=True)
class Referred:
    """A schema that another refers to, by the name that it does so."""

    name: str
    schema: str


#: Reads a text: with what it refers to, those first that others refer to, and whether it is new here.
_Parse = Callable[[str, Sequence[Referred], bool], Parsed]


def _parse_protobuf(text: str, referred: Sequence[Referred], is_new: bool) -> Parsed:
    from connect.registry.protobuf.schema import parse_protobuf  # an extra

    return parse_protobuf(text, referred, is_new)


_TYPES: Final[Mapping[str, _Parse]] = {"AVRO": parse_avro, "JSON": parse_json_schema, "PROTOBUF": _parse_protobuf}


#: The texts of a schema that was read: see `Parsed`.
Form = Literal["canonical", "inlined", "normalized", "serialized"]


def schema_types() -> list[str]:
    """Return the types that are known here; Protobuf is where its library is installed."""
    return [name for name in _TYPES if _is_known(name)]


def _is_known(schema_type: str) -> bool:
    if schema_type != "PROTOBUF":
        return schema_type in _TYPES
    return find_spec("google") is not None and find_spec("google.protobuf") is not None


@dataclass(slots=True)
class Schemas:
    """Reads schemas off the event loop, each once."""

    memory: Memory
    _kept: OrderedDict[tuple[Any, ...], tuple[Parsed, int]] = field(default_factory=OrderedDict)
    _kept_chars: int = 0

    async def parse(self, subject: str, given: NewSchema | StoredSchema, *, is_new: bool = False) -> Parsed:
        """Read a schema that is, or is to be, under a subject.

        Args:
            is_new: What a registry has taken before it knew better is refused.

        Raises:
            RegistryError: 42201.
        """
        read = _TYPES.get(given.schema_type)
        if read is None or not _is_known(given.schema_type):
            install = "" if read is None else "; PROTOBUF needs: pip install 'connect-runtime[protobuf]'"
            raise errors.invalid_schema(
                f"Invalid schema type {given.schema_type}; this registry knows {', '.join(schema_types())}{install}"
            )
        if not given.schema.strip():
            raise errors.invalid_schema("Empty schema")
        referred = self._referred(subject, given)
        known = (given.schema_type, given.schema, is_new, tuple(referred))
        if (kept := self._kept.get(known)) is not None:
            self._kept.move_to_end(known)
            return kept[0]
        try:
            parsed = await asyncio.to_thread(read, given.schema, referred, is_new)
        except (ValueError, RecursionError) as error:
            raise errors.invalid_schema(
                f"Invalid schema of type {given.schema_type} for subject {subject!r}, details: {_why(error)}"
            ) from None
        self._keep(known, parsed, len(given.schema) + sum(len(one.schema) for one in referred))
        return parsed

    def _keep(self, known: tuple[Any, ...], parsed: Parsed, chars: int) -> None:
        _, before = self._kept.pop(known, (None, 0))  # two may have read it at once
        self._kept[known] = parsed, chars
        self._kept_chars += chars - before
        while len(self._kept) > _KEPT_MAX or (self._kept_chars > _KEPT_CHARS_MAX and len(self._kept) > 1):
            _, (_, gone) = self._kept.popitem(last=False)
            self._kept_chars -= gone

    async def text(self, parsed: Parsed, form: Form = "canonical") -> str | None:
        """Return a text of a schema, written off the event loop; None where its type has none of that form.

        Raises:
            RegistryError: 42201: what was read makes no text, or one that has no bytes.
        """
        try:
            found: str | None = await asyncio.to_thread(getattr, parsed, form)
            if found is not None:
                found.encode()  # half a surrogate pair
        except (ValueError, RecursionError) as error:
            raise errors.invalid_schema(f"the schema cannot be written: {_why(error)}") from None
        return found

    def _referred(self, subject: str, given: NewSchema | StoredSchema) -> list[Referred]:
        """Return all that a schema refers to, each after what it refers to itself."""
        found: dict[str, Referred] = {}
        under_way: list[tuple[str, Reference, bool]] = [(subject, one, False) for one in reversed(given.references)]
        while under_way:
            parent, reference, is_entered = under_way.pop()
            if reference.name in found:
                continue
            target = self.memory.resolved(parent, reference)
            if target is None:
                raise errors.invalid_schema(
                    f"Invalid schema with refs {[one.body() for one in given.references]} of type "
                    f"{given.schema_type}, details: No schema reference found for subject "
                    f'"{within(parent, reference.subject)}" and version {reference.version}'
                )
            if target.schema_type != given.schema_type:
                raise errors.invalid_schema(
                    f"reference {reference.name!r} is to a schema of type {target.schema_type}; "
                    f"{given.schema_type} is expected"
                )
            if is_entered:
                found[reference.name] = Referred(reference.name, target.schema)
                continue
            if len(under_way) + len(found) > _REFERENCES_MAX:
                raise errors.invalid_schema(f"the schema refers to more than {_REFERENCES_MAX} others")
            under_way.append((parent, reference, True))
            under_way += [(target.subject, one, False) for one in reversed(target.references)]
        return list(found.values())


def _why(error: ValueError | RecursionError) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)


async def problems_between(
    level: str, parsed: Parsed, earlier: Sequence[tuple[StoredSchema, Parsed]], schema_type: str
) -> list[str]:
    """Return why a new schema may not follow earlier ones, by a level of compatibility; nothing where it may.

    Args:
        earlier: Those of the subject, the oldest first.

    Raises:
        RegistryError: 42201: the schemas are too large to be compared.
    """
    if level == "NONE" or not earlier:
        return []
    compared = list(reversed(earlier)) if level.endswith("_TRANSITIVE") else [earlier[-1]]
    return await asyncio.to_thread(_problems, level.removesuffix("_TRANSITIVE"), parsed, compared, schema_type)


def _problems(
    direction: str, parsed: Parsed, earlier: Sequence[tuple[StoredSchema, Parsed]], schema_type: str
) -> list[str]:
    for stored, before in earlier:
        if stored.schema_type != schema_type:
            return ["Incompatible because of different schema type"]
        try:
            found = []
            if direction in ("BACKWARD", "FULL"):
                found += parsed.problems(before, reader_name="new", writer_name="old")
            if direction in ("FORWARD", "FULL"):
                found += before.problems(parsed, reader_name="old", writer_name="new")
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, ValueError) else "they are nested too deep"
            raise errors.invalid_schema(f"the schemas cannot be compared: {why}") from None
        if found:
            return [*found, f"{{oldSchemaVersion: {stored.version}}}", f"{{oldSchema: '{stored.schema}'}}"]
    return []
