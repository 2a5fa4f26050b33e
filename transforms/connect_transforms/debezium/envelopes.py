"""Debezium's envelope: what a change event is, its fields as columns, and the fields that a config names.

An envelope is a struct with the row before and after the change, `op` (c, r, u, d, t, m), `source`, `transaction` and
the times of reading. Its schema's name ends with `.Envelope`.

Source: Debezium 3.6.1, Envelope.java, AbstractExtractNewRecordState.java.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from connect.api import Batch, DataError, Header, Headers, Problem, Schema, SchemaType
from connect.api.java import java_class

PREFIX: Final = "io.debezium.transforms."
VERSION: Final = "3.6.1.Final"
#: Schemas that a transform remembers what it made of; a topic has one, now and then another.
SCHEMAS_MAX: Final = 64
_SUFFIX: Final = ".Envelope"
#: Where a field lies that a config names without its struct; all others lie in `source`.
_OF_TRANSACTION: Final = ("id", "data_collection_order", "total_order")
_OF_ENVELOPE: Final = ("op", "ts_ms", "ts_us", "ts_ns")


def is_envelope(schema: Schema | None) -> bool:
    """Whether values of a schema are change events."""
    return schema is not None and schema.type is SchemaType.STRUCT and (schema.name or "").endswith(_SUFFIX)


def is_schemaless_envelope(value: Any) -> bool:
    """Whether a value without schema looks like a change event: `op`, `source`, and a row or the place of one."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("op"), str)
        and isinstance(value.get("source"), dict)
        and ("after" in value or "before" in value)
    )


def members(structs: Sequence[Any], name: str) -> list[Any]:
    """Return one field of each struct, null where it is missing.

    Raises:
        DataError: One is no struct.
    """
    try:
        return [struct.get(name) for struct in structs]
    except AttributeError:
        found = next(struct for struct in structs if not isinstance(struct, dict))
        named = "null" if found is None else java_class(found)
        raise DataError(f"the field {name!r} of a change event is looked for in a struct, found: {named}") from None


def members_of(structs: Sequence[Any], parent: str, name: str) -> list[Any]:
    """Return one field of a struct within each struct, null where that is null or missing. Raises as `members` does."""
    held = members(structs, parent)
    if None not in held:
        return members(held, name)
    present = iter(members([struct for struct in held if struct is not None], name))
    return [None if struct is None else next(present) for struct in held]


class FieldReference(NamedTuple):
    """A field of the envelope that a config names, and what it is called in the record.

    Attributes:
        struct: The field of the envelope that holds it: source, transaction, before, after; None: it is the envelope's.
        new: With the prefix.
    """

    struct: str | None
    field: str
    new: str

    @classmethod
    def parse(cls, text: str, prefix: str) -> FieldReference | None:
        """Return the reference of `FIELD`, `STRUCT.FIELD` or either with `:NAME`; None for any other text."""
        path, _, renamed = text.partition(":")
        parts = path.split(".")
        if len(parts) > 2 or not all(parts) or ":" in renamed:
            return None
        field = parts[-1]
        struct = parts[0] if len(parts) == 2 else _struct_of(field)
        return cls(struct, field, prefix + (renamed or "_".join(parts)))

    def place(self, schema: Schema | None) -> tuple[tuple[str, ...], Schema | None] | None:
        """Return the path of the field in envelopes of a schema, and its schema there: always optional.

        A field that the struct lacks is the envelope's own where it has it: another transform may have put it there.
        None: There is no such field. Without schema it is believed to be where the config says.
        """
        if schema is None:
            return (self.field,) if self.struct is None else (self.struct, self.field), None
        parent = None if self.struct is None else schema.field(self.struct)
        if parent is not None and parent.schema.type is SchemaType.STRUCT:
            inner = parent.schema.field(self.field)
            if inner is not None:
                return (parent.name, self.field), _optional(inner.schema)
        own = schema.field(self.field)
        return None if own is None else ((self.field,), _optional(own.schema))


def _struct_of(field: str) -> str | None:
    if field in _OF_ENVELOPE:
        return None
    return "transaction" if field in _OF_TRANSACTION else "source"


def _optional(schema: Schema) -> Schema:
    return schema if schema.optional and schema.default is None else schema.replace(optional=True, default=None)


def reference_problems(key: str, texts: Iterable[str]) -> Iterator[Problem]:
    """Yield what is wrong with the fields that a config names."""
    for text in texts:
        if FieldReference.parse(text, "") is None:
            yield Problem(
                key,
                f"Invalid value {text} for configuration {key}: expected FIELD, or STRUCT.FIELD where STRUCT is "
                "source, transaction, before or after; behind either, a new name may follow as :NAME",
            )


def values_at(envelopes: Sequence[Any], path: tuple[str, ...]) -> list[Any]:
    """Return what lies at a path of one or two steps in each envelope."""
    return members(envelopes, path[0]) if len(path) == 1 else members_of(envelopes, *path)


def with_headers(batch: Batch, columns: Sequence[Sequence[Header]]) -> list[Headers | None] | None:
    """Return the batch's headers with one more of each column behind those of each record."""
    if not columns:
        return batch.headers
    added = zip(*columns, strict=True)
    if batch.headers is None:
        return [Headers(new) for new in added]
    return [Headers([*(old or ()), *new]) for old, new in zip(batch.headers, added, strict=True)]


def runs(batch: Batch, keys: Sequence[Hashable]) -> Iterator[tuple[Any, Batch]]:
    """Yield each run of records with one key as a batch of its own; order is kept."""
    start = 0
    for key, run in groupby(keys):
        end = start + sum(1 for _ in run)
        yield key, batch if end - start == len(batch) else batch[start:end]
        start = end
