"""TimezoneConverter: the dates of change events in another time zone. Debezium's.

Texts of Debezium's ZonedTimestamp keep their instant and get the zone's offset. Numbers and Timestamps have no offset
to show it by: they are moved so that what was read as UTC is now read in the zone, as Debezium moves them.

Beyond Debezium: rows without envelope, and texts without schema where `include.list` names the field.

Source: Debezium, TimezoneConverter.java.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from connect.api import TIMESTAMP_NAME, Batch, Config, DataError, Problem, Schema, SchemaType, Transform, config_key
from connect.api.java import java_class
from connect_transforms.fields.columns import VERSION

_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_TEXT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_TIME: Final = re.compile(r"(\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_UNITS: Final = {
    "io.debezium.time.Timestamp": 1000,
    "io.debezium.time.MicroTimestamp": 1_000_000,
    "io.debezium.time.NanoTimestamp": 1_000_000_000,
}
_ZONED_TIMESTAMP, _ZONED_TIME = "io.debezium.time.ZonedTimestamp", "io.debezium.time.ZonedTime"
_ROWS: Final = ("before", "after")
_EPOCH: Final = dt.datetime(1970, 1, 1)

Conversion = Callable[[Any], Any]


class TimezoneConverterConfig(Config):
    """Which zone, and which fields."""

    converted_timezone: str = config_key(
        "The zone: a name such as America/New_York, or an offset such as +02:00.",
        name="converted.timezone",
        importance="high",
    )
    include_list: list[str] = config_key(
        "Rules of what is converted: source:TABLE, source:TABLE:FIELD, topic:TOPIC, topic:TOPIC:FIELD or NAME:FIELD, "
        "where NAME is a topic or table. Empty: every date.",
        default=[],
        importance="high",
    )
    exclude_list: list[str] = config_key(
        "Rules of what is not converted, in the same form.", default=[], importance="high"
    )

    def problems(self) -> Iterable[Problem]:
        if zone_of(self.converted_timezone) is None:
            yield Problem(
                "converted.timezone",
                f"Invalid value {self.converted_timezone} for configuration converted.timezone: "
                "expected a time zone such as America/Los_Angeles, or an offset from UTC such as +08:00",
            )
        if self.include_list and self.exclude_list:
            yield Problem("exclude.list", "Both include and exclude lists are specified. Please specify only one.")
        for name, rules in (("include.list", self.include_list), ("exclude.list", self.exclude_list)):
            for rule in rules:
                if _rule_of(rule) is None:
                    yield Problem(
                        name,
                        f"Invalid value {rule} for configuration {name}: "
                        "expected source:TABLE, source:TABLE:FIELD, topic:TOPIC, topic:TOPIC:FIELD or NAME:FIELD",
                    )


def zone_of(text: str) -> dt.tzinfo | None:
    """Return the zone of a name or offset, None where there is none."""
    match = _OFFSET.fullmatch(text)
    if match is not None:
        shift = dt.timedelta(hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
        return dt.timezone(shift if match[1] == "+" else -shift) if shift < dt.timedelta(hours=24) else None
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


class _Rule(NamedTuple):
    """Where a rule applies: `kind` is 'source', 'topic' or '' for either; no field means all."""

    kind: str
    name: str
    field: str | None


def _rule_of(text: str) -> _Rule | None:
    parts = [part.strip() for part in text.split(":")]
    if not all(parts) or len(parts) > 3:
        return None
    if parts[0].lower() in ("source", "topic") and len(parts) > 1:
        return _Rule(parts[0].lower(), parts[1], parts[2] if len(parts) == 3 else None)
    return _Rule("", parts[0], parts[1] if len(parts) == 2 else None) if len(parts) < 3 else None


class TimezoneConverter(Transform[TimezoneConverterConfig]):
    """Show the dates of change events, or of plain rows, in another time zone."""

    class_name = "io.debezium.transforms.TimezoneConverter"
    version = VERSION

    def configure(self, config: Config) -> None:
        super().configure(config)
        zone = zone_of(self.config.converted_timezone)
        assert zone is not None, "checked when the config was read"
        self._zone = zone
        self._includes = bool(self.config.include_list) or not self.config.exclude_list
        rules = [_rule_of(text) for text in (self.config.include_list or self.config.exclude_list)]
        self._rules = [rule for rule in rules if rule is not None]

    def apply_batch(self, batch: Batch) -> Batch:
        schema = batch.value_schema
        if schema is not None and schema.type is not SchemaType.STRUCT:
            return batch
        try:
            return batch.replace(values=[self._converted(value, schema, batch.topic) for value in batch.values])
        except OverflowError:
            raise DataError("a date lies outside the years 1 to 9999, or does in another zone") from None

    def _converted(self, value: Any, schema: Schema | None, topic: str) -> Any:
        if not isinstance(value, dict):
            return value
        source = value.get("source")
        table = source.get("table") if isinstance(source, dict) else None
        fields = self._fields(topic, table)
        if fields is None:
            return value
        if not _is_envelope(value, schema):
            return self._row(value, schema, fields, "after.")
        changed = dict(value)
        for name in (*_ROWS, "source"):
            row = value.get(name)
            if isinstance(row, dict):
                inner = schema.field(name) if schema is not None else None
                changed[name] = self._row(row, inner.schema if inner else None, fields, name + ".")
        return changed

    def _fields(self, topic: str, table: str | None) -> frozenset[str] | None:
        """Return the fields that the rules name for a record, none of them for all; None where it is left alone."""
        if not self._rules:
            return frozenset()
        for kind, name in (("topic", topic), ("source", table), ("", topic), ("", table)):
            found = [rule.field for rule in self._rules if rule.kind == kind and rule.name == name]
            if found:
                named = frozenset(field for field in found if field is not None)
                # A whole table or topic: all that is included, or nothing of what is excluded.
                return named if named or self._includes else None
        return None if self._includes else frozenset()

    def _row(self, row: dict[str, Any], schema: Schema | None, fields: frozenset[str], prefix: str) -> dict[str, Any]:
        if prefix == "source." and not any(field.startswith(prefix) for field in fields):
            return row
        changed = dict(row)
        for name, value in row.items():
            named = f"{prefix}{name}" in fields or (name in fields and prefix != "source.")
            wanted = named if self._includes and fields else not named
            if value is None or not wanted:
                continue
            field = schema.field(name) if schema is not None else None
            if field is not None:
                changed[name] = self._in_zone(value, field.schema.name or "")
            elif schema is None and named:
                changed[name] = self._text(name, value)
        return changed

    def _in_zone(self, value: Any, kind: str) -> Any:
        if kind == _ZONED_TIMESTAMP:
            return self._text(kind, value)
        if kind == _ZONED_TIME:
            return self._time(value)
        if kind == TIMESTAMP_NAME and isinstance(value, dt.datetime):
            local = value.astimezone(dt.UTC) if value.tzinfo is not None else value
            return local.replace(tzinfo=self._zone).astimezone(dt.UTC)
        if kind in _UNITS and isinstance(value, int):
            local = _EPOCH + dt.timedelta(seconds=value // _UNITS[kind])
            shift = local.replace(tzinfo=self._zone).utcoffset()
            assert shift is not None, "every zone knows its offset"
            return value - int(shift.total_seconds()) * _UNITS[kind]
        return value

    def _text(self, name: str, value: Any) -> str:
        match = _TEXT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            shown = repr(value) if isinstance(value, str) else java_class(value)
            raise DataError(f"{name}: expected a date with an offset, such as 2024-01-31T12:00:00Z, found: {shown}")
        return _written(dt.datetime.fromisoformat(match[1] + match[3]).astimezone(self._zone), match[2])

    def _time(self, value: Any) -> str:
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise DataError(f"expected a time with an offset, such as 12:00:00Z, found: {value!r}")
        today = dt.datetime.now(self._zone).date().isoformat()
        time = dt.datetime.fromisoformat(f"{today}T{match[1]}{match[3]}").astimezone(self._zone)
        return _written(time, match[2]).partition("T")[2]


def _written(time: dt.datetime, fraction: str | None) -> str:
    digits = (fraction or "").rstrip("0")
    whole, offset = time.strftime("%H:%M:%S"), time.isoformat()[-6:]
    shown = "Z" if offset == "+00:00" else offset
    return f"{time.date().isoformat()}T{whole}{'.' if digits else ''}{digits}{shown}"


def _is_envelope(value: dict[str, Any], schema: Schema | None) -> bool:
    if schema is not None:
        return (schema.name or "").endswith(".Envelope")
    return "op" in value and any(isinstance(value.get(name), dict) for name in _ROWS)
