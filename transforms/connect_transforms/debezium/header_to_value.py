"""HeaderToValue: headers are moved or copied into fields of the value.

Source: Debezium 3.6.1, HeaderToValue.java, ConnectRecordUtil.java.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from connect.api import Batch, Config, DataError, Header, Headers, Problem, Schema, SchemaType, Transform, config_key
from connect_transforms.debezium.envelopes import PREFIX, SCHEMAS_MAX, VERSION, runs
from connect_transforms.fields.columns import require_map, require_structs, valid_list
from connect_transforms.fields.nested_insertion import put_at, with_field

PURPOSE = "Header field insertion"


class HeaderToValueConfig(Config):
    """Which headers become which fields."""

    headers: list[str] = config_key("Names of the headers.", importance="high", validators=[valid_list("headers")])
    fields_: list[str] = config_key(
        "Names of the fields, in the order of the headers; with dots between, a field of an object within the value.",
        name="fields",
        importance="high",
        validators=[valid_list("fields")],
    )
    operation: str = config_key(
        "move takes the headers away, copy keeps them.", importance="high", one_of=("move", "copy"), ignore_case=True
    )

    def problems(self) -> Iterable[Problem]:
        if len(self.fields_) != len(self.headers):
            yield Problem("fields", "'fields' config must have the same number of elements as 'headers' config.")
        for name, texts in (("fields", self.fields_), ("headers", self.headers)):
            for text in texts:
                if " " in text or (name == "fields" and not all(text.split("."))):
                    yield Problem(
                        name, f"Invalid value {text} for configuration {name}: expected a name without spaces"
                    )


#: A field to add: the steps to it, and the schema of its value.
_Place = tuple[tuple[str, ...], Schema | None]


class HeaderToValue(Transform[HeaderToValueConfig]):
    """Move or copy headers into fields of the value."""

    class_name = PREFIX + "HeaderToValue"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._steps = {name: tuple(field.split(".")) for name, field in zip(own.headers, own.fields_, strict=True)}
        self._moves = own.operation.lower() == "move"
        self._schema = lru_cache(SCHEMAS_MAX)(_with_fields)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        if batch.headers is None:
            return batch
        found = [
            () if value is None or not headers else self._found(headers)
            for value, headers in zip(batch.values, batch.headers, strict=True)
        ]
        places = [tuple([(steps, header.schema) for steps, header in each]) for each in found]
        parts: list[Batch] = []
        start = 0
        for wanted, part in runs(batch, places):
            end = start + len(part)
            parts.append(self._inserted(part, wanted, found[start:end]) if wanted else part)
            start = end
        return parts[0] if len(parts) == 1 else parts

    def _found(self, headers: Headers) -> tuple[tuple[tuple[str, ...], Header], ...]:
        """Return the headers that are to go into the value; of several of a name the last counts."""
        wanted = self._steps
        found = {header.name: header for header in headers if header.name in wanted}
        return tuple([(wanted[name], header) for name, header in found.items()])

    def _inserted(
        self, batch: Batch, places: tuple[_Place, ...], found: list[tuple[tuple[tuple[str, ...], Header], ...]]
    ) -> Batch:
        schema = batch.value_schema
        if schema is not None:
            require_structs(schema, batch.values, PURPOSE)
        values = []
        for value, each in zip(batch.values, found, strict=True):
            changed = dict(require_map(value, PURPOSE))
            for steps, header in each:
                if len(steps) == 1:
                    changed[steps[0]] = header.value
                else:
                    put_at(changed, steps, header.value, schema, PURPOSE)
            values.append(changed)
        made = None if schema is None else self._schema(schema, places)
        if not self._moves or batch.headers is None:
            return batch.replace(value_schema=made, values=values)
        left = [Headers([header for header in old or () if header.name not in self._steps]) for old in batch.headers]
        return batch.replace(value_schema=made, values=values, headers=left)


def _with_fields(schema: Schema, places: tuple[_Place, ...]) -> Schema:
    """Return a struct's schema with further fields; one that is there already stays as it was."""
    for steps, added in places:
        if added is None:
            raise DataError(f"the header for field {'.'.join(steps)} has no schema, and the value has one")
        if not _has(schema, steps):
            schema = with_field(schema, steps, added, PURPOSE)
    return schema


def _has(schema: Schema, steps: tuple[str, ...]) -> bool:
    for step in steps:
        field = schema.field(step) if schema.type is SchemaType.STRUCT else None
        if field is None:
            return False
        schema = field.schema
    return True
