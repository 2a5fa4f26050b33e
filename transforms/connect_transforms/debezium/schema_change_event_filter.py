"""SchemaChangeEventFilter: schema change events of some kinds are dropped.

Source: Debezium 3.6.1, SchemaChangeEventFilter.java.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from connect.api import Batch, Config, DataError, Problem, Transform, config_key
from connect.api.java import java_class
from connect_transforms.debezium.envelopes import PREFIX, VERSION, members

KINDS: Final = ("CREATE", "ALTER", "DROP", "TRUNCATE", "DATABASE")


class SchemaChangeEventFilterConfig(Config):
    """Which kinds."""

    schema_change_event_exclude_list: list[str] = config_key(
        "Kinds of schema changes to drop: CREATE, ALTER, DROP, TRUNCATE, DATABASE.", importance="high"
    )

    def problems(self) -> Iterable[Problem]:
        for kind in self.schema_change_event_exclude_list:
            if kind not in KINDS:
                yield Problem(
                    "schema.change.event.exclude.list",
                    f"Invalid value {kind} for configuration schema.change.event.exclude.list: "
                    f"expected one of {', '.join(KINDS)}",
                )


class SchemaChangeEventFilter(Transform[SchemaChangeEventFilterConfig]):
    """Drop schema change events of some kinds."""

    class_name = PREFIX + "SchemaChangeEventFilter"
    version = VERSION

    def apply_batch(self, batch: Batch) -> Batch | None:
        schema = batch.value_schema
        if schema is None or not (schema.name or "").endswith(".SchemaChangeValue"):
            return batch
        excluded = self.config.schema_change_event_exclude_list
        kept = [
            value is None or ((kind := _kind(value)) is not None and kind not in excluded) for value in batch.values
        ]
        return batch.select(kept) if True in kept else None


def _kind(value: Any) -> str | None:
    """Return the kind of a schema change: that of its first table; None where it does not say which tables."""
    (tables,) = members([value], "tableChanges")
    if tables is None:
        return None
    if not isinstance(tables, list):
        raise DataError(f"the field 'tableChanges' of a schema change must be an array, found: {java_class(tables)}")
    return str(members(tables[:1], "type")[0]) if tables else "DATABASE"
