"""PartitionRouting: the partition of a change event is chosen by some of its fields.

Their hash codes are added up, as Java has them or by MurmurHash, so that a record goes where Debezium sends it.

Source: Debezium 3.6.1, PartitionRouting.java.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from connect.api import Batch, Config, Problem, Schema, SchemaType, Transform, config_key
from connect_transforms.debezium.envelopes import PREFIX, VERSION, is_envelope, members, runs
from connect_transforms.debezium.hashes import java_hash, murmur_hash
from connect_transforms.fields.columns import valid_list

_31: Final = (1 << 31) - 1


class PartitionRoutingConfig(Config):
    """Which fields, and how many partitions there are."""

    partition_payload_fields: list[str] = config_key(
        "Fields of the change event by which the partition is chosen, such as after.id, source.table; change.id is "
        "that of the row after the change, and before a deletion. One that is missing or null does not count.",
        importance="high",
        validators=[valid_list("partition.payload.fields")],
    )
    partition_topic_num: int = config_key(
        "Partitions of the topic.", name="partition.topic.num", importance="high", ge=1
    )
    partition_hash_function: str = config_key(
        "How fields are hashed: java, by their hashCode, or murmur.",
        default="java",
        importance="low",
        one_of=("java", "murmur"),
        ignore_case=True,
    )

    def problems(self) -> Iterable[Problem]:
        for text in self.partition_payload_fields:
            if not all(step.strip() for step in text.split(".")):
                yield Problem(
                    "partition.payload.fields",
                    f"Invalid value {text} for configuration partition.payload.fields: a name or a step is empty",
                )


class PartitionRouting(Transform[PartitionRoutingConfig]):
    """Choose the partition of a change event by some of its fields."""

    class_name = PREFIX + "partitions.PartitionRouting"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        texts = self.config.partition_payload_fields
        self._paths = [tuple(step.strip() for step in text.split(".")) for text in texts]
        self._hash: Callable[[Any, Schema], int] = (
            murmur_hash if self.config.partition_hash_function.lower() == "murmur" else java_hash
        )

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        schema = batch.value_schema
        if schema is None or not is_envelope(schema):
            return batch
        chosen = [None if value is None else self._partition(value, schema) for value in batch.values]
        parts = [
            part if partition is None else part.replace(partition=partition) for partition, part in runs(batch, chosen)
        ]
        return parts[0] if len(parts) == 1 else parts

    def _partition(self, value: Any, schema: Schema) -> int | None:
        """Return the partition of a change event; None where it stays as it is."""
        (op,) = members([value], "op")
        if op in ("t", "m"):
            return None
        found = [each for path in self._paths if (each := _at(value, schema, path, op)) is not None]
        if not found:
            return None
        total = sum(self._hash(each, of) for each, of in found) & _31
        return (0 if total == _31 else total) % self.config.partition_topic_num


def _at(value: Any, schema: Schema, path: tuple[str, ...], op: Any) -> tuple[Any, Schema] | None:
    """Return what lies at a path with its schema; None where it is null, or there is nothing of that name."""
    for index, step in enumerate(path):
        name = step if step != "change" or index == len(path) - 1 else "before" if op == "d" else "after"
        field = schema.field(name) if schema.type is SchemaType.STRUCT else None
        if field is None or not isinstance(value, dict):
            return None
        schema, found = field.schema, value.get(name)
        value = schema.default if found is None else found
        if value is None:
            return None
    return value, schema
