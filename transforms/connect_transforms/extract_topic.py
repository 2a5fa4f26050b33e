"""ExtractTopic: the topic's name comes from the key, the value, one of their fields, or a header. Confluent's."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from connect.api import Batch, Config, DataError, Problem, Transform, config_key
from connect.api.java import java_class
from connect_transforms.fields.columns import VERSION, ColumnTransform, KeyColumn, ValueColumn
from connect_transforms.fields.field_path import FieldPath, syntax_version_key
from connect_transforms.fields.field_path import path_problems as field_problems
from connect_transforms.filter_by_path import CONFLUENT, path_problems
from connect_transforms.json_path.path import JsonPath
from connect_transforms.timestamp_router import by_topic

_NAME_AND_VALUE = itemgetter(0, 1)


class ExtractTopicConfig(Config):
    """Where the name comes from."""

    field: str = config_key(
        "Field, or header, that holds the topic name. Empty: the whole key or value, which is text then.", default=""
    )
    field_format: str = config_key(
        "How 'field' is read: PLAIN, the name of a field, or JSON_PATH.",
        default="PLAIN",
        one_of=("PLAIN", "JSON_PATH"),
        ignore_case=True,
    )
    skip_missing_or_null: bool = config_key(
        "Whether a record without a name keeps its topic; otherwise it is an error.", default=False
    )
    field_syntax_version: str = syntax_version_key()

    @property
    def is_json_path(self) -> bool:
        """Whether 'field' is a JSONPath."""
        return self.field_format.upper() == "JSON_PATH"

    def problems(self) -> Iterable[Problem]:
        if self.is_json_path:
            return path_problems("field", self.field)
        return field_problems("field", [self.field], self.field_syntax_version)


class ExtractHeaderTopicConfig(ExtractTopicConfig):
    """Which header."""

    def problems(self) -> Iterable[Problem]:
        if not self.field:
            yield Problem(
                "field", "Invalid value  for configuration field: ExtractTopic$Header needs the name of a header"
            )


def _renamed(batch: Batch, names: list[Any], config: ExtractTopicConfig) -> Batch | list[Batch]:
    """Return the records under the topics they name."""
    if set(map(type, names)) != {str} or "" in names:
        names = [_checked(name, batch.topic, config) for name in names]
    return by_topic(batch, names)


def _checked(name: Any, topic: str, config: ExtractTopicConfig) -> str:
    where = config.field or "the whole"
    if name is None or name == "":
        if config.skip_missing_or_null:
            return topic
        raise DataError(f"no topic name at {where!r}: it is missing, null or empty; see skip.missing.or.null")
    if not isinstance(name, str):
        raise DataError(f"the topic name at {where!r} must be a String, found: {java_class(name)}")
    return name


class _ExtractTopic(ColumnTransform[ExtractTopicConfig]):
    def configure(self, config: Config) -> None:
        super().configure(config)
        own = self.config
        self._json_path = JsonPath(own.field) if own.is_json_path else None
        self._steps = FieldPath(own.field, own.field_syntax_version).steps if own.field else ()

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        values = self.column(batch)[1]
        if self._json_path is not None:
            find = self._json_path.find
            names = [next(iter(find(value)), None) for value in values]
        elif len(self._steps) == 1 and set(map(type, values)) == {dict}:
            (name,) = self._steps
            names = [value.get(name) for value in values]
        else:
            names = [_at(value, self._steps) for value in values]
        return _renamed(batch, names, self.config)


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise DataError(f"field {step!r} is looked for in an object, found: {java_class(value)}")
        value = value.get(step)
    return value


class ExtractTopicKey(_ExtractTopic, KeyColumn):
    """Name the topic by the key or one of its fields."""

    class_name = CONFLUENT + "ExtractTopic$Key"


class ExtractTopicValue(_ExtractTopic, ValueColumn):
    """Name the topic by the value or one of its fields."""

    class_name = CONFLUENT + "ExtractTopic$Value"


class ExtractTopicHeader(Transform[ExtractHeaderTopicConfig]):
    """Name the topic by a header."""

    class_name = CONFLUENT + "ExtractTopic$Header"
    version = VERSION

    def apply_batch(self, batch: Batch) -> Batch | list[Batch]:
        name = self.config.field
        # Of several headers of the name the last counts, as in a dict.
        names = [
            dict(map(_NAME_AND_VALUE, headers)).get(name) if headers else None
            for headers in batch.headers or [None] * len(batch)
        ]
        return _renamed(batch, names, self.config)
