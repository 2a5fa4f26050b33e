"""What is different about a schema, seen from the one that is known: new fields, changed types, and widenings.

Names of structs, docs, versions, defaults and the order of fields say nothing of what values look like, so none of them
is a change. A schema that takes less than the known one, such as int32 for int64 or required for optional, fits it.
Numbers widen in the order of Kafka's SchemaProjector: int8, int16, int32, int64, float32, float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from connect.api import Schema, SchemaType
from connect.api.logical import DECIMAL
from connect.api.logical import scale as scale_of

#: FIELD: a field that is not known. TYPE: one of another type. WIDENING: one that takes all that it took, and more.
Kind = Literal["field", "type", "widening"]


class Mark(Enum):
    """A part of a path that is no field: the items of an array, the keys and values of a map."""

    ITEMS = "[]"
    KEYS = "{key}"
    VALUES = "{}"


ITEMS, KEYS, VALUES = Mark.ITEMS, Mark.KEYS, Mark.VALUES
_NUMBERS: Final = (
    SchemaType.INT8,
    SchemaType.INT16,
    SchemaType.INT32,
    SchemaType.INT64,
    SchemaType.FLOAT32,
    SchemaType.FLOAT64,
)

#: Of a field without a schema whose values were all null: its name is known, and its type is to come.
NULL: Final = Schema(SchemaType.STRING, name="null", optional=True)

#: Of the items of a list, or the values of a map, without a schema that were of several types from the start: all fits.
MIXED: Final = Schema(SchemaType.STRING, name="connect.contract.mixed", optional=True)

#: Fields, and marks, from the value down.
Path = tuple[str | Mark, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Says that two schemas are of values that lie beside each other, and what these are held against."""

    held: Schema | None


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        path: Where it is.
        text: What was known and what came, without a value.
    """

    kind: Kind
    path: Path
    text: str

    @property
    def field(self) -> Path:
        """The innermost field that can be left out for it; () where there is none. Keys of a map cannot."""
        path = self.path[: self.path.index(KEYS)] if KEYS in self.path else self.path
        while path and isinstance(path[-1], Mark):
            path = path[:-1]
        return path

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.text}" if self.path else self.text


def shown(path: Path) -> str:
    """Return a path for people: a.b[].c; the value itself where it is empty."""
    text = ""
    for part in path:
        text += part.value if isinstance(part, Mark) else f".{part}" if text else part
    return text or "the value"


def described(schema: Schema | None) -> str:
    """Return a type in a few words."""
    if schema is None:
        return "a type that is not known yet"
    if schema == NULL:
        return "null until now"
    if is_mixed(schema):
        return "values of several types"
    name = f" ({schema.name})" if schema.name is not None and schema.type is not SchemaType.STRUCT else ""
    return f"{schema.type.value}{name}"


def is_mixed(schema: Schema) -> bool:
    """Whether values of all types fit."""
    return schema.name == MIXED.name and schema.type is MIXED.type


def changes_of(known: Schema, new: Schema) -> list[Change]:
    """Return how a schema differs from the one that is known; [] where its values fit that. Whether the value as a
    whole may be null is no difference: a tombstone fits every schema."""
    return list(_changes(known, new, ()))


def _changes(known: Schema, new: Schema, path: Path) -> Iterator[Change]:
    if known is new or new == NULL or is_mixed(known):
        return
    if known == NULL:
        yield Change("widening", path, f"was always null, and is {described(new)} now")
        return
    if path and new.optional and not known.optional and known.default is None:
        yield Change("widening", path, f"{described(known)}, required, may be null now")
    if not _is_same_type(known, new):
        if widens(known, new):
            yield Change("widening", path, f"{described(known)} is {described(new)} now")
        elif not widens(new, known):
            yield Change("type", path, f"{described(known)} is {_new_type(known, new)} now")
        return
    if known.type is SchemaType.STRUCT:
        yield from _of_fields(known, new, path)
    elif known.type is SchemaType.ARRAY:
        yield from _of_part(known.value_schema, new.value_schema, (*path, ITEMS))
    elif known.type is SchemaType.MAP:
        yield from _of_part(known.key_schema, new.key_schema, (*path, KEYS))
        yield from _of_part(known.value_schema, new.value_schema, (*path, VALUES))


def _of_fields(known: Schema, new: Schema, path: Path) -> Iterator[Change]:
    for field in new.fields:
        before = known.field(field.name)
        if before is None:
            yield Change("field", (*path, field.name), f"a new field, {described(field.schema)}")
        else:
            yield from _changes(before.schema, field.schema, (*path, field.name))
    for field in known.fields:
        if is_required(field.schema) and new.field(field.name) is None:
            yield Change("widening", (*path, field.name), f"{described(field.schema)}, required, is missing now")


def _of_part(known: Schema | None, new: Schema | None, path: Path) -> Iterator[Change]:
    if known is not None and new is not None:
        yield from _changes(known, new, path)
    elif new is not None:
        yield Change("widening", path, f"was always empty, and holds {described(new)} now")


def is_required(schema: Schema) -> bool:
    """Whether a field must have a value: it is not optional, and no default takes its place."""
    return not schema.optional and schema.default is None


def widens(known: Schema, new: Schema) -> bool:
    """Whether a number's type takes all that another takes, and more."""
    if known.name is not None or new.name is not None or known.type not in _NUMBERS or new.type not in _NUMBERS:
        return False
    return _NUMBERS.index(new.type) > _NUMBERS.index(known.type)


def _is_same_type(known: Schema, new: Schema) -> bool:
    if known.type is not new.type:
        return False
    if known.type is SchemaType.STRUCT:
        return True
    return known.name == new.name and (known.name != DECIMAL.schema_name or scale_of(known) == scale_of(new))


def _new_type(known: Schema, new: Schema) -> str:
    if known.name == new.name == DECIMAL.schema_name:
        return f"one of scale {scale_of(new)} instead of {scale_of(known)}"
    return described(new)


def merged(known: Schema, new: Schema, beside: Beside | None = None) -> Schema:
    """Return the known schema, grown so that values of both fit it: by new fields, which are optional, and widenings.
    Of a type that has changed it keeps what is known.

    Args:
        beside: Where both are of values that lie beside each other. Of two types that which is not taken by what they
            are held against is kept, so that it is not lost behind the other; where nothing is known both are.
    """
    if known == NULL or new == NULL:
        grown = new if known == NULL else known
    elif is_mixed(known):
        grown = known
    elif not _is_same_type(known, new):
        if widens(known, new):
            grown = known.replace(type=new.type, default=None)
        else:
            grown = known if beside is None or widens(new, known) else _odd_one(known, new, beside.held)
    elif known.type is SchemaType.STRUCT:
        grown = _merged_struct(known, new, beside)
    elif known.type in (SchemaType.ARRAY, SchemaType.MAP):
        held = beside.held if beside is not None and beside.held is not None else None
        held = held if held is not None and held.type is known.type else None
        of_keys, of_values = beside and Beside(held and held.key_schema), beside and Beside(held and held.value_schema)
        grown = known.replace(
            key_schema=_merged_part(known.key_schema, new.key_schema, of_keys),
            value_schema=_merged_part(known.value_schema, new.value_schema, of_values),
        )
    else:
        grown = known
    may_be_null = new.optional or known == NULL
    return grown.replace(optional=True) if may_be_null and not grown.optional else grown


def merged_all(
    schemas: Sequence[Schema],
    is_too_large: Callable[[Schema], bool] = lambda _schema: False,
    beside: Beside | None = None,
) -> Schema | None:
    """Return one schema that values of all fit, in which what is in front counts, as in `merged`; None once a part of
    it is too large. In halves: one after the other, each would cost as much as all before it."""
    if len(schemas) == 1:
        return schemas[0]
    half = len(schemas) // 2
    left = merged_all(schemas[:half], is_too_large, beside)
    right = None if left is None else merged_all(schemas[half:], is_too_large, beside)
    if left is None or right is None:
        return None
    found = merged(left, right, beside)
    return None if is_too_large(found) else found


def _odd_one(one: Schema, other: Schema, held: Schema | None) -> Schema:
    if held is None or held == NULL:
        return MIXED
    return other if _is_same_type(held, one) or widens(one, held) else one


def _merged_struct(known: Schema, new: Schema, beside: Beside | None) -> Schema:
    fields = []
    held = beside.held if beside is not None and beside.held is not None else None
    for field in known.fields:
        other = new.field(field.name)
        before = held.field(field.name) if held is not None and held.type is SchemaType.STRUCT else None
        grown = (
            _optional(field.schema)
            if other is None
            else merged(field.schema, other.schema, beside and Beside(None if before is None else before.schema))
        )
        fields.append((field.name, grown))
    fields += [(field.name, _optional(field.schema)) for field in new.fields if known.field(field.name) is None]
    return known.replace(fields=fields, default=None)


def _merged_part(known: Schema | None, new: Schema | None, beside: Beside | None) -> Schema | None:
    return merged(known, new, beside) if known is not None and new is not None else known if new is None else new


def _optional(schema: Schema) -> Schema:
    return schema.replace(optional=True) if is_required(schema) else schema


def count_of(schema: Schema | None, *, most: int, depth: int) -> int:
    """Return how many fields a schema has, those of its parts too; not counted any further beyond `most`.

    Raises:
        ValueError: It is nested deeper than `depth`, as one that contains itself is.
    """
    if schema is None:
        return 0
    if depth == 0:
        raise ValueError("is nested too deeply, or contains itself")
    count = len(schema.fields)
    for part in (*(field.schema for field in schema.fields), schema.key_schema, schema.value_schema):
        if count > most:
            break
        count += count_of(part, most=most - count, depth=depth - 1)
    return count
