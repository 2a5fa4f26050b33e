"""ByLogicalTableRouter: change events of several tables, such as the parts of a sharded one, go into one topic.

The key gets a field that says which table it is of, unless `key.enforce.uniqueness` is false, and the schemas of key
and event are named by the new topic.

Source: Debezium 3.6.1, ByLogicalTableRouter.java.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache

from connect.api import (
    STRING,
    Batch,
    Config,
    DataError,
    Problem,
    Schema,
    SchemaType,
    Transform,
    compile_pattern,
    config_key,
    valid_pattern,
)
from connect.api.java import java_class
from connect_transforms.debezium.adjustment import MODES, adjusted
from connect_transforms.debezium.envelopes import PREFIX, VERSION, is_envelope, runs
from connect_transforms.fields.columns import has_nulls, require_structs
from connect_transforms.java.replacement import replaced_first

logger = logging.getLogger(__name__)
PURPOSE = "Updating schema"


class ByLogicalTableRouterConfig(Config):
    """Which topics become which, and what tells their keys apart."""

    topic_regex: str = config_key(
        "Regular expression for the whole name of a topic; of others the records pass as they are.",
        importance="low",
        validators=[valid_pattern],
    )
    topic_replacement: str = config_key("The new topic's name.", importance="low", non_empty=True)
    key_enforce_uniqueness: bool = config_key(
        "Whether keys get a field that tells the tables apart.", default=True, importance="low"
    )
    key_field_regex: str | None = config_key(
        "Regular expression for the whole name of a topic, by which that field's value is made.",
        default=None,
        importance="low",
    )
    key_field_name: str = config_key(
        "That field's name.", default="__dbz__physicalTableIdentifier", importance="low", non_empty=True
    )
    key_field_replacement: str | None = config_key(
        "The value of that field; without key.field.regex, or where it does not match, the old topic's name.",
        default=None,
        importance="low",
    )
    schema_name_adjustment_mode: str = config_key(
        "How the names of schemas are made fit for Avro: none, avro, avro_unicode.",
        default="none",
        importance="low",
        one_of=MODES,
        ignore_case=True,
    )
    logical_table_cache_size: int = config_key(
        "Topics and schemas that are remembered with what was made of them.", default=16, ge=1, importance="low"
    )

    def problems(self) -> Iterable[Problem]:
        regex = (self.key_field_regex or "").strip()
        if regex:
            try:
                valid_pattern(regex)
            except ValueError as error:
                yield Problem("key.field.regex", f"Invalid value {regex} for configuration key.field.regex: {error}")
            if not (self.key_field_replacement or "").strip():
                yield Problem(
                    "key.field.replacement", "key.field.replacement must be non-empty if key.field.regex is set."
                )


class ByLogicalTableRouter(Transform[ByLogicalTableRouterConfig]):
    """Put the change events of several tables in one topic."""

    class_name = PREFIX + "ByLogicalTableRouter"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._pattern = compile_pattern(own.topic_regex, key="topic.regex")
        regex = (own.key_field_regex or "").strip()
        self._key_pattern = compile_pattern(regex, key="key.field.regex") if regex else None
        size = own.logical_table_cache_size
        self._new_topic = lru_cache(size)(self._new_topic_of)
        self._table = lru_cache(size)(self._table_of)
        self._key_schema = lru_cache(size)(self._key_schema_of)
        self._envelope = lru_cache(size)(self._envelope_of)

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        old = batch.topic
        if not isinstance(old, str):
            raise DataError("ByLogicalTableRouter needs a topic, and the record has none")
        new = self._new_topic(old)
        if new is None:
            return batch
        if not new:
            logger.warning("topic.regex and topic.replacement make an empty name of topic %s: it is kept", old)
            return batch
        if not batch.values:
            return batch.replace(topic=new)
        # A key that is null has no schema then, and an event that is none keeps its own: they go in batches apart.
        of_events = is_envelope(batch.value_schema)
        if not has_nulls(batch.key_column()) and not has_nulls(batch.values):
            return self._moved(batch, old, new, has_key=True, is_event=of_events)
        has_keys = [key is not None for key in batch.key_column()]
        are_events = [value is not None and of_events for value in batch.values]
        parts = [
            self._moved(part, old, new, has_key=has_key, is_event=is_event)
            for (has_key, is_event), part in runs(batch, list(zip(has_keys, are_events, strict=True)))
        ]
        return parts[0] if len(parts) == 1 else parts

    def _moved(self, batch: Batch, old: str, new: str, *, has_key: bool, is_event: bool) -> Batch:
        keys, key_schema = None, None
        if has_key:
            schema = batch.key_schema
            if schema is None:
                raise DataError(
                    f"Only Struct objects supported for [{PURPOSE}], found: a key without schema, "
                    f"{java_class(batch.key_column()[0])}"
                )
            keys = batch.key_column()
            require_structs(schema, keys, PURPOSE)
            key_schema = self._key_schema(schema, new)
            if self.config.key_enforce_uniqueness:
                table, name = self._table(old), self.config.key_field_name
                keys = [{**key, name: table} for key in keys]
        value_schema = batch.value_schema
        if is_event:
            assert value_schema is not None, "an event has a schema"
            require_structs(value_schema, batch.values, PURPOSE)
            value_schema = self._envelope(value_schema, new)
        return batch.replace(topic=new, keys=keys, key_schema=key_schema, value_schema=value_schema)

    def _new_topic_of(self, topic: str) -> str | None:
        if self._pattern.fullmatch(topic) is None:
            return None
        return replaced_first(self._pattern, self.config.topic_replacement, topic)

    def _table_of(self, topic: str) -> str:
        if self._key_pattern is None:
            return topic
        return replaced_first(self._key_pattern, self.config.key_field_replacement or "", topic)

    def _key_schema_of(self, schema: Schema, topic: str) -> Schema:
        fields = [(field.name, field.schema) for field in schema.fields]
        if self.config.key_enforce_uniqueness:
            fields.append((self.config.key_field_name, STRING))
        return schema.replace(name=self._named(f"{topic}.Key"), fields=fields, default=None)

    def _envelope_of(self, schema: Schema, topic: str) -> Schema:
        row = schema.field("before") or schema.field("after")
        if row is None or row.schema.type is not SchemaType.STRUCT:
            raise DataError(f"{schema} is named as an envelope, and has no struct in 'before'")
        renamed = row.schema.replace(name=self._named(f"{topic}.Value"), default=None)
        fields = [(f.name, renamed if f.name in ("before", "after") else f.schema) for f in schema.fields]
        return schema.replace(name=self._named(f"{topic}.Envelope"), fields=fields, default=None)

    def _named(self, name: str) -> str:
        return adjusted(name, self.config.schema_name_adjustment_mode.lower())
