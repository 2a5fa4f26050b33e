"""ExtractChangedRecordState: headers that list which columns a change has changed, and which it has not.

Every change event gets both headers, so that what follows finds them; the lists are empty unless there is a row before
and one after the change.

Source: Debezium 3.6.1, ExtractChangedRecordState.java.
"""

from __future__ import annotations

from typing import Any

from connect.api import (
    OPTIONAL_STRING,
    Batch,
    Config,
    DataError,
    Header,
    Schema,
    SchemaType,
    Transform,
    config_key,
)
from connect.api.java import java_class
from connect_transforms.debezium.envelopes import PREFIX, VERSION, is_envelope, members, runs, with_headers


class ExtractChangedRecordStateConfig(Config):
    """What the headers are called."""

    header_changed_name: str | None = config_key(
        "Header with the names of the columns that have changed; not set: none.", default=None, importance="low"
    )
    header_unchanged_name: str | None = config_key(
        "Header with the names of the columns that have not; not set: none.", default=None, importance="low"
    )


class ExtractChangedRecordState(Transform[ExtractChangedRecordStateConfig]):
    """List in headers what a change has changed."""

    class_name = PREFIX + "ExtractChangedRecordState"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._headers = [
            (name.strip(), Schema.array(OPTIONAL_STRING, optional=True, name=name), is_changed)
            for name, is_changed in ((own.header_changed_name, True), (own.header_unchanged_name, False))
            if name and name.strip()
        ]

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        schema = batch.value_schema
        if schema is None or not is_envelope(schema) or not self._headers:
            return batch
        if None not in batch.values:
            return self._listed(batch, schema)
        present = [value is not None for value in batch.values]
        return [self._listed(part, schema) if is_event else part for is_event, part in runs(batch, present)]

    def _listed(self, batch: Batch, schema: Schema) -> Batch:
        field = schema.field("after")
        names = [f.name for f in field.schema.fields] if field and field.schema.type is SchemaType.STRUCT else []
        pairs = zip(members(batch.values, "before"), members(batch.values, "after"), strict=True)
        compared = [_compared(before, after, names) for before, after in pairs]
        columns = [
            [Header(name, [column for column, same in each if same is not is_changed], of) for each in compared]
            for name, of, is_changed in self._headers
        ]
        return batch.replace(headers=with_headers(batch, columns))


def _compared(before: Any, after: Any, names: list[str]) -> list[tuple[str, bool]]:
    """Return whether each column is the same before and after a change; nothing where there is one row, or none."""
    if before is None or after is None:
        return []
    for row in (before, after):
        if not isinstance(row, dict):
            raise DataError(f"Only Struct objects supported for [rows of a change event], found: {java_class(row)}")
    return [(name, before.get(name) == after.get(name)) for name in names]
