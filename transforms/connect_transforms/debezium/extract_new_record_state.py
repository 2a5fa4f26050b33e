"""ExtractNewRecordState: the row takes the place of the change event that holds it.

Each change event becomes the row after the change; what a deletion becomes, and the tombstone behind it, says
`delete.tombstone.handling.mode`. A TRUNCATE has no row, and is dropped.

Beyond Debezium: envelopes without schema are unwrapped too, and so are the two keys that its version 3 took away.

Source: Debezium 3.6.1, ExtractNewRecordState.java, DefaultDeleteHandlingStrategy.java.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

from connect.api import (
    OPTIONAL_STRING,
    STRING,
    Batch,
    Config,
    DataError,
    Header,
    Problem,
    Schema,
    SchemaType,
    Transform,
    config_key,
)
from connect.api.java import java_class
from connect_transforms.debezium.envelopes import (
    PREFIX,
    SCHEMAS_MAX,
    VERSION,
    FieldReference,
    is_envelope,
    is_schemaless_envelope,
    members,
    reference_problems,
    runs,
    values_at,
    with_headers,
)
from connect_transforms.fields.columns import has_nulls, map_copies, require_structs, struct_copies, struct_like
from connect_transforms.replace_field import ReplaceFieldKey, ReplaceFieldValue
from connect_transforms.timestamp_router import by_topic

PURPOSE: Final = "source field insertion"
DELETED: Final = "__deleted"
MODES: Final = ("drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone")
#: What a record is.
_ROW, _DELETE, _TRUNCATE, _TOMBSTONE, _OTHER = range(5)
Column = tuple[Schema | None, list[Any]]
_Place = tuple[str, tuple[str, ...], Schema | None]


class ExtractNewRecordStateConfig(Config):
    """What becomes of deletions, and what is added to the row."""

    delete_tombstone_handling_mode: str = config_key(
        "What becomes of a deletion, and of the tombstone behind it. drop: both are dropped. tombstone: the deletion "
        "becomes a null of the row's schema, the tombstone is dropped. rewrite: every row gets a field __deleted, "
        "'true' for a deletion, which is the row as it was before; the tombstone is dropped. rewrite-with-tombstone: "
        "the same, and the tombstone stays. delete-to-tombstone: the deletion becomes a tombstone, the one behind it "
        "is dropped.",
        default="tombstone",
        one_of=MODES,
        ignore_case=True,
    )
    route_by_field: str = config_key(
        "Field of the row, a text, whose value is the new topic's name; an empty one keeps the topic.",
        default="",
        importance="low",
    )
    add_fields_prefix: str = config_key("Prefix of the fields that are added.", default="__", importance="low")
    add_fields: list[str] = config_key(
        "Fields of the change event to add to the row: op, ts_ms, FIELD of source or transaction, or STRUCT.FIELD, "
        "which is called STRUCT_FIELD; with :NAME behind it, NAME. A field that is not there is left out.",
        default=[],
        importance="low",
    )
    add_headers_prefix: str = config_key("Prefix of the headers that are added.", default="__", importance="low")
    add_headers: list[str] = config_key(
        "Fields of the change event to add as headers, in the same form. A tombstone gets op alone: 'd'.",
        default=[],
        importance="low",
    )
    drop_fields_header_name: str | None = config_key(
        "Header with a list of fields to take out of the row, such as ExtractChangedRecordState adds.",
        default=None,
        importance="low",
    )
    drop_fields_from_key: bool = config_key(
        "Whether these fields are taken out of the key, too.", default=False, importance="low"
    )
    drop_fields_keep_schema_compatible: bool = config_key(
        "Whether only optional ones of these fields are taken out.", default=True, importance="low"
    )
    replace_null_with_default: bool = config_key(
        "Whether the rewrite modes replace nulls by the default that their column's schema has.",
        default=True,
        importance="low",
    )
    drop_tombstones: bool = config_key(
        "Debezium 2's. Whether tombstones are dropped; without delete.tombstone.handling.mode.",
        default=True,
        importance="low",
        internal=True,
    )
    delete_handling_mode: str = config_key(
        "Debezium 2's. What becomes of a deletion: drop, rewrite, or none for a null; "
        "without delete.tombstone.handling.mode.",
        default="drop",
        importance="low",
        one_of=("drop", "rewrite", "none"),
        ignore_case=True,
        internal=True,
    )

    @property
    def handling(self) -> tuple[str, bool]:
        """What becomes of a deletion (drop, null, rewrite, tombstone), and whether tombstones stay."""
        given = self.originals
        old = "delete.handling.mode" in given or "drop.tombstones" in given
        if old and "delete.tombstone.handling.mode" not in given:
            deletion = self.delete_handling_mode.lower()
            return "null" if deletion == "none" else deletion, not self.drop_tombstones
        mode = self.delete_tombstone_handling_mode.lower()
        named = {"tombstone": "null", "delete-to-tombstone": "tombstone", "rewrite-with-tombstone": "rewrite"}
        return named.get(mode, mode), mode == "rewrite-with-tombstone"

    def problems(self) -> Iterable[Problem]:
        yield from reference_problems("add.fields", self.add_fields)
        yield from reference_problems("add.headers", self.add_headers)


class ExtractNewRecordState(Transform[ExtractNewRecordStateConfig]):
    """Replace a change event by the row in it."""

    class_name = PREFIX + "ExtractNewRecordState"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._deletion, self._keeps_tombstones = own.handling
        self._fields = _references(own.add_fields, own.add_fields_prefix)
        self._headers = _references(own.add_headers, own.add_headers_prefix)
        self._header_name = (own.drop_fields_header_name or "").strip()
        dropped = {_TRUNCATE}
        if not self._keeps_tombstones:
            dropped.add(_TOMBSTONE)
        if self._deletion == "drop":
            dropped.add(_DELETE)
        self._dropped = frozenset(dropped)
        self._field_places = lru_cache(SCHEMAS_MAX)(lambda envelope: _places(self._fields, envelope))
        self._header_places = lru_cache(SCHEMAS_MAX)(lambda envelope: _places(self._headers, envelope))
        self._with_fields = lru_cache(SCHEMAS_MAX)(self._with_fields_of)
        self._with_deleted = lru_cache(SCHEMAS_MAX)(_with_deleted)
        self._droppers = lru_cache(SCHEMAS_MAX)(self._droppers_of)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch] | None:
        schema = batch.value_schema
        kinds = _kinds(schema, batch.values)
        if self._dropped.intersection(kinds):
            kept = [kind not in self._dropped for kind in kinds]
            if True not in kept:
                return None
            batch = batch.select(kept)
            kinds = [kind for kind in kinds if kind not in self._dropped]
        if self._is_one(set(kinds), schema):
            return self._changed(kinds[0], batch, kinds)
        parts: list[Batch] = []
        for kind, part in runs(batch, kinds):
            changed = self._changed(kind, part, [kind] * len(part))
            parts += changed if isinstance(changed, list) else [changed]
        return parts

    def _is_one(self, kinds: set[int], schema: Schema | None) -> bool:
        """Whether records of these kinds come out with one schema."""
        if len(kinds) == 1:
            return True
        if kinds != {_ROW, _DELETE}:
            return False
        if self._deletion != "rewrite":
            return False  # a null needs another schema than a row
        return schema is None or _row_schema(schema, "before") == _row_schema(schema, "after")

    def _changed(self, kind: int, batch: Batch, kinds: list[int]) -> Batch | list[Batch]:
        if kind == _OTHER:
            return batch
        if kind == _TOMBSTONE:
            columns = [
                [Header(reference.new, "d", STRING)] * len(batch)
                for reference in self._headers
                if reference.field == "op"
            ]
            return batch.replace(headers=with_headers(batch, columns)) if columns else batch
        envelopes = batch.values
        topics = self._topics(batch, kinds) if self.config.route_by_field else None
        headers = with_headers(batch, list(self._header_columns(batch))) if self._headers else batch.headers
        schema, rows = self._rows(batch, kinds)
        if kind == _ROW or self._deletion == "rewrite":
            schema, rows = self._added(batch.value_schema, schema, envelopes, rows)
        made = batch.replace(value_schema=schema, values=rows, headers=headers)
        if topics is None and not self._header_name:
            return made
        parts = [made] if topics is None else _batches(by_topic(made, topics))
        if self._header_name:
            parts = [changed for part in parts for changed in self._without_fields(part)]
        return parts[0] if len(parts) == 1 else parts

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _rows(self, batch: Batch, kinds: list[int]) -> Column:
        """Return the rows that take the place of change events; null for a deletion that is none."""
        schema, envelopes = batch.value_schema, batch.values
        if self._deletion != "rewrite":
            if kinds[0] == _DELETE and self._deletion == "tombstone":
                return None, [None] * len(batch)
            return None if schema is None else _row_schema(schema, "after"), members(envelopes, "after")
        rows = members(envelopes, "after")
        if _DELETE in kinds:
            before = members(envelopes, "before")
            rows = [b if kind == _DELETE else a for kind, a, b in zip(kinds, rows, before, strict=True)]
        row_schema = None if schema is None else _row_schema(schema, "before" if kinds[0] == _DELETE else "after")
        if row_schema is None:
            copies = map_copies(rows, "field insertion")
        else:
            defaults = self.config.replace_null_with_default
            copies = struct_copies(row_schema, rows, "field insertion", nulls_to_defaults=defaults)
        for copy, kind in zip(copies, kinds, strict=True):
            copy[DELETED] = "true" if kind == _DELETE else "false"
        return None if row_schema is None else self._with_deleted(row_schema), copies

    def _added(self, envelope: Schema | None, schema: Schema | None, envelopes: list[Any], rows: list[Any]) -> Column:
        """Return rows with the fields of `add.fields`, and their schema, of which there is no null."""
        if schema is not None:
            require_structs(schema, rows, PURPOSE)
        if not self._fields:
            return (None if schema is None or envelope is None else self._with_fields(envelope, schema)), rows
        copies = map_copies(rows, PURPOSE)
        for new, path, _ in self._field_places(envelope):
            for copy, value in zip(copies, values_at(envelopes, path), strict=True):
                copy[new] = value
        return (None if schema is None or envelope is None else self._with_fields(envelope, schema)), copies

    def _with_fields_of(self, envelope: Schema, row: Schema) -> Schema:
        added = [(new, schema) for new, _, schema in self._field_places(envelope) if schema is not None]
        return struct_like(row, [*((field.name, field.schema) for field in row.fields), *added])

    # -- headers and topics --------------------------------------------------------------------------------------------

    def _header_columns(self, batch: Batch) -> Iterator[list[Header]]:
        for new, path, schema in self._header_places(batch.value_schema):
            yield [Header(new, value, schema) for value in values_at(batch.values, path)]

    def _topics(self, batch: Batch, kinds: list[int]) -> list[str]:
        """Return the topics that the rows name."""
        name = self.config.route_by_field
        schema = batch.value_schema
        if schema is not None:
            field = _row_schema(schema, "after").field(name)
            if field is None:
                raise DataError(f"{name} is not a valid field name")
            if field.schema.type is not SchemaType.STRING:
                raise DataError(f"Field '{name}' is not of type STRING")
        after, before = members(batch.values, "after"), members(batch.values, "before")
        rows = [b if kind == _DELETE else a for kind, a, b in zip(kinds, after, before, strict=True)]
        return [_topic_name(value, name) or batch.topic for value in members(rows, name)]

    def _without_fields(self, batch: Batch) -> Iterator[Batch]:
        """Yield the records without the fields that a header of each lists."""
        name = self._header_name
        for names, part in runs(batch, [_listed(headers, name) for headers in batch.headers or [None] * len(batch)]):
            if not names:
                yield part
                continue
            made = [part]
            for dropper in self._droppers(names, part.key_schema, part.value_schema):
                made = [changed for one in made for changed in _batches(dropper.apply_batch(one))]
            yield from made

    def _droppers_of(
        self, names: tuple[str, ...], key_schema: Schema | None, value_schema: Schema | None
    ) -> list[Transform]:
        """Return what takes fields out of keys and values of two schemas, as far as they are there."""
        droppers: list[Transform] = []
        if self.config.drop_fields_from_key and (dropped := self._to_drop(names, key_schema)):
            droppers.append(_made(ReplaceFieldKey, dropped))
        if dropped := self._to_drop(names, value_schema):
            droppers.append(_made(ReplaceFieldValue, dropped))
        return droppers

    def _to_drop(self, names: tuple[str, ...], schema: Schema | None) -> list[str]:
        if schema is None:
            return list(names)
        if schema.type is not SchemaType.STRUCT:
            return []
        any_field = not self.config.drop_fields_keep_schema_compatible
        return [field.name for field in schema.fields if field.name in names and (any_field or field.schema.optional)]


def _kinds(schema: Schema | None, values: list[Any]) -> list[int]:
    """Return what each value is."""
    if schema is None:
        return [
            _TOMBSTONE if value is None else _kind(value) if is_schemaless_envelope(value) else _OTHER
            for value in values
        ]
    if not is_envelope(schema):
        return [_TOMBSTONE if value is None else _OTHER for value in values]
    if set(map(type, values)) == {dict}:
        rows = [value.get("after") for value in values]
        if not has_nulls(rows):
            return [_ROW] * len(values)
        return [_ROW if row is not None else _kind(value) for row, value in zip(rows, values, strict=True)]
    return [_TOMBSTONE if value is None else _kind(value) for value in values]


def _kind(value: Any) -> int:
    if not isinstance(value, dict):
        raise DataError(f"Only Struct objects supported for [{PURPOSE}], found: {java_class(value)}")
    if value.get("after") is not None:
        return _ROW
    return _TRUNCATE if value.get("before") is None else _DELETE


def _places(references: list[FieldReference], envelope: Schema | None) -> list[_Place]:
    """Return what each field is called, where it lies, and its schema; without those that are not there."""
    found = [(reference.new, reference.place(envelope)) for reference in references]
    return [(new, *place) for new, place in found if place is not None]


def _references(texts: Iterable[str], prefix: str) -> list[FieldReference]:
    return [found for text in texts if (found := FieldReference.parse(text, prefix)) is not None]


def _row_schema(envelope: Schema, name: str) -> Schema:
    field = envelope.field(name)
    if field is None:
        raise DataError(f"Unknown field: {name}")
    if field.schema.type is not SchemaType.STRUCT:
        raise DataError(f"Only Struct objects supported for [{PURPOSE}], found: {field.schema.type.name} in {name!r}")
    return field.schema


def _with_deleted(row: Schema) -> Schema:
    return struct_like(row, [*((field.name, field.schema) for field in row.fields), (DELETED, OPTIONAL_STRING)])


def _topic_name(value: Any, field: str) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    if not isinstance(value, str):
        raise DataError(f"route.by.field={field} needs a text to name the topic by, found: {java_class(value)}")
    return value


def _listed(headers: Any, name: str) -> tuple[str, ...]:
    """Return the names that the first header of a name lists."""
    header = next((header for header in headers or () if header.name == name), None)
    if header is None or header.value is None:
        return ()
    if not isinstance(header.value, list | tuple) or not all(isinstance(item, str) for item in header.value):
        raise DataError(
            f"the header {name!r} of drop.fields.header.name must hold a list of field names, "
            f"found: {java_class(header.value)}"
        )
    return tuple(item for item in header.value if item)


def _made(cls: type[Transform], names: list[str]) -> Transform:
    dropper = cls()
    dropper.configure(cls.config_class.parse({"exclude": names, "replace.null.with.default": "true"}))
    return dropper


def _batches(made: Batch | list[Batch] | None) -> list[Batch]:
    return [] if made is None else made if isinstance(made, list) else [made]
