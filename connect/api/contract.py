"""What plugins may return, and the words in which anything else is refused.

Checked once a batch, at the first of our steps that sees it: the base classes' batch forms where single records are
given, and the runtime where it calls. Columns are measured, not walked, except where each item is touched anyway or a
list of timestamps or headers came: those cost a look at each item's type.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from connect.api.config_provider import ConfigData
from connect.api.config_values import Problem
from connect.api.errors import ConnectError, DataError, FailedRecord, PluginError
from connect.api.previews import Preview, PreviewItem
from connect.api.record import Batch, Record
from connect.api.schema import Schema

POLLED: Final = "Record, a list of them, a Batch, or None"
BATCHES: Final = "a Batch, a list of them, or None"
_TIMES: Final = frozenset({int, type(None)})
_LONG: Final = 1 << 63
_PREVIEWS: Final = ("statements", "rows", "lines", "files", "records")


def refuse(plugin: object, method: str, returned: object, expected: str) -> NoReturn:
    """Raise what a method's wrong return comes to.

    Raises:
        PluginError: plugin.broken.
    """
    raise PluginError(f"{_owner(plugin)}.{method} returned {_named(returned)}; expected {expected}")


def batches_of(
    plugin: object, method: str, result: Any, expected: str = BATCHES, *, given: Batch | None = None
) -> list[Batch]:
    """Return what a batch form returned as a list of sound batches. A generator is run here.

    Args:
        given: What the method was called with: columns that it handed on were looked at before.
    """
    if result is None:
        return []
    if isinstance(result, Batch):
        if result is not given:
            check_batch(plugin, method, result, given)
        return [result]
    if isinstance(result, str | bytes | Mapping | Record) or not isinstance(result, Iterable):
        refuse(plugin, method, result, expected)
    batches = list(result)
    for batch in batches:
        if not isinstance(batch, Batch):
            refuse(plugin, method, [batch], expected)
        check_batch(plugin, method, batch, given)
    return batches


def records_of(plugin: object, method: str, result: Any, expected: str = POLLED) -> list[Batch]:
    """Return what a single form returned as batches: records in order, or batches as they are."""
    if result is None:
        return []
    if isinstance(result, Record):
        return Batch.group([result])
    if isinstance(result, Batch):
        return [result]
    if isinstance(result, str | bytes | Mapping) or not isinstance(result, Iterable):
        refuse(plugin, method, result, expected)
    records = list(result)
    if all(map(_is_record, records)):
        return Batch.group(records)
    if all(isinstance(item, Batch) for item in records):
        return records
    odd = [item for item in records if not isinstance(item, Batch | Record)]
    refuse(plugin, method, [odd[0] if odd else records[0]], expected)


def check_batch(plugin: object, method: str, batch: Batch, given: Batch | None = None) -> None:
    """Refuse a batch whose columns differ in length, or whose parts are not what they should be.

    Args:
        given: What a transform was called with. The topic that it hands on is not its own; and an empty one comes of
            its config, as with a router whose replacement is empty: whoever makes the topic refuses that.

    Raises:
        PluginError: plugin.broken; says which part.
    """
    values, timestamps = batch.values, batch.timestamps
    if type(values) is not list and (not isinstance(values, Sequence) or isinstance(values, str | bytes)):
        _part(plugin, method, "values", values, "a list")
    count = len(values)
    if (type(batch.topic) is not str or not batch.topic) and not _handed_on(batch.topic, given):
        _part(plugin, method, "topic", batch.topic, "a topic's name")
    if batch.keys is not None and _length(batch.keys) != count:
        _columns(plugin, method, "keys", batch.keys, count)
    if timestamps is not None and type(timestamps) is not int and (given is None or timestamps is not given.timestamps):
        _check_timestamps(plugin, method, timestamps, count)
    if batch.headers is not None and (given is None or batch.headers is not given.headers):
        _check_headers(plugin, method, batch.headers, count)
    if batch.partition is not None and type(batch.partition) is not int:
        _part(plugin, method, "partition", batch.partition, "a number or None")
    if batch.key_schema is not None and not isinstance(batch.key_schema, Schema):
        _part(plugin, method, "key_schema", batch.key_schema, "a Schema or None")
    if batch.value_schema is not None and not isinstance(batch.value_schema, Schema):
        _part(plugin, method, "value_schema", batch.value_schema, "a Schema or None")


def _handed_on(topic: Any, given: Batch | None) -> bool:
    """Whether what is no topic's name is not the plugin's fault: a transform was given it, or its config is empty."""
    return given is not None and (topic is given.topic or topic == "")


def check_source(plugin: object, method: str, batch: Batch) -> None:
    """Refuse a source's coordinates that cannot be stored: both are JSON objects, or None.

    No offset without a partition.

    Raises:
        PluginError: plugin.broken; names the key.
    """
    partition, offset = batch.source_partition, batch.source_offset
    if partition is not None and not _is_plain(partition):
        _check_json_object(plugin, method, "source_partition", partition)
    if offset is not None and not _is_plain(offset):
        _check_json_object(plugin, method, "source_offset", offset)
    if batch.source_offsets is not None:
        _check_source_offsets(plugin, method, batch.source_offsets, len(batch))
    if partition is None and (offset is not None or any(one is not None for one in batch.source_offsets or ())):
        # Offsets are kept by partition: this one would be dropped, and every restart would begin anew.
        _part(plugin, method, "source_partition", None, "a dict, since there is a source_offset")


def check_column(plugin: object, method: str, column: Any, count: int) -> None:
    """Refuse what a converter's `encode` returned unless it is `count` values of bytes or None."""
    if not isinstance(column, Sequence) or isinstance(column, str | bytes):
        refuse(plugin, method, column, "a list of bytes and None")
    if len(column) != count:
        refuse(plugin, method, column, f"one item for each of {count} values, and not {len(column)}")
    if count:
        for item in (column[0], column[-1]):
            if item is not None and not isinstance(item, bytes):
                refuse(plugin, method, item, "bytes or None")


def check_encoded(plugin: object, method: str, encoded: Any, count: int) -> None:
    """Refuse what a converter's `encode_with_headers` returned unless it is `count` values and pairs for headers."""
    if not isinstance(encoded, tuple) or len(encoded) != 2:
        refuse(plugin, method, encoded, "an Encoded")
    check_column(plugin, method, encoded[0], count)
    if not isinstance(encoded[1], list | tuple):
        refuse(plugin, method, encoded[1], "a list of a header's name and bytes")
    for pair in encoded[1]:
        is_pair = isinstance(pair, tuple) and len(pair) == 2
        if not is_pair or not isinstance(pair[0], str) or not isinstance(pair[1], bytes):
            refuse(plugin, method, pair, "a header's name and bytes")


def check_runs(plugin: object, method: str, runs: Any, count: int) -> None:
    """Refuse what a converter's `decode` returned unless its runs of values make `count`."""
    if not isinstance(runs, list | tuple) or not all(isinstance(run, tuple) and len(run) == 2 for run in runs):
        refuse(plugin, method, runs, "a list of Column")
    found = sum(_length(values) for _, values in runs)
    if found != count:
        refuse(plugin, method, runs, f"columns of {count} values in all, and not {found}")
    for schema, _ in runs:
        if schema is not None and not isinstance(schema, Schema):
            refuse(plugin, method, schema, "a Schema or None in each Column")


def check_bytes(plugin: object, method: str, data: Any) -> bytes | None:
    """Return one value's bytes, or None for null."""
    if data is not None and not isinstance(data, bytes):
        refuse(plugin, method, data, "bytes or None")
    return data


def check_pair(plugin: object, method: str, pair: Any) -> tuple[Any, Any]:
    """Return the schema and the value that a single form returned."""
    if not isinstance(pair, tuple) or len(pair) != 2 or not (pair[0] is None or isinstance(pair[0], Schema)):
        refuse(plugin, method, pair, "a pair of a Schema (or None) and a value")
    return pair


def task_configs_of(plugin: object, result: Any) -> list[dict[str, str]]:
    """Return what `task_configs` returned: flat configs, text only."""
    if not isinstance(result, list | tuple):
        refuse(plugin, "task_configs", result, "a list with a dict for each task")
    for number, config in enumerate(result):
        if not isinstance(config, Mapping):
            refuse(plugin, "task_configs", [config], "a list with a dict for each task")
        for name, value in config.items():
            if not isinstance(name, str) or not isinstance(value, str):
                _part(plugin, "task_configs", f"task {number}'s {name!r:.60}", value, "text for each key")
    return [dict(config) for config in result]


def problems_of(plugin: object, result: Any) -> list[Problem]:
    """Return what `check` returned: problems. A generator is run here."""
    if isinstance(result, str | bytes | Mapping) or not isinstance(result, Iterable):
        refuse(plugin, "check", result, "an iterable of Problem")
    problems = list(result)
    for problem in problems:
        if not isinstance(problem, Problem) or not isinstance(problem.message, str):
            refuse(plugin, "check", [problem], "an iterable of Problem")
    return problems


def config_data_of(plugin: object, result: Any) -> ConfigData:
    """Return what a config provider's `get` returned. What is refused is told by its type alone: it may be a secret."""
    if not isinstance(result, ConfigData):
        refuse_type(plugin, "get", "", result, "ConfigData")
    if not isinstance(result.values, Mapping):
        refuse_type(plugin, "get", "values: ", result.values, "a mapping of texts")
    for name, value in result.values.items():
        if not isinstance(name, str):
            refuse_type(plugin, "get", "a key: ", name, "text")
        if not isinstance(value, str):
            refuse_type(plugin, "get", f"{name!r:.60}: ", value, "text")
    if result.ttl_ms is not None and (type(result.ttl_ms) is not int or result.ttl_ms < 0):
        raise PluginError(
            f"{_owner(plugin)}.get returned ttl_ms {result.ttl_ms!r:.20}; expected a number of ms, or None"
        )
    return result


def refuse_type(plugin: object, method: str, which: str, returned: object, expected: str) -> NoReturn:
    """As `refuse`, where what was returned may be a secret.

    Raises:
        PluginError: plugin.broken.
    """
    raise PluginError(f"{_owner(plugin)}.{method} returned {which}{type(returned).__name__}; expected {expected}")


def looked_of(plugin: object, result: Any) -> bool:
    """Return what `alter_offsets` returned: whether the connector looked at the offsets."""
    if not isinstance(result, bool):
        refuse(plugin, "alter_offsets", result, "True, or False where it did not look at them")
    return result


def failed_of(plugin: object, method: str, error: DataError, count: int) -> list[FailedRecord]:
    """Return which of a call's `count` records an error says are bad, in order; [] where it does not say.

    Raises:
        PluginError: plugin.broken: it names a record twice, one that was not given, no reason, or details that are
            no text.
    """
    failed = error.failed
    if not isinstance(failed, list | tuple):
        _raised(plugin, method, failed, "a list of FailedRecord")
    found: dict[int, FailedRecord] = {}
    for given in failed:
        one = FailedRecord(*given) if isinstance(given, tuple) and len(given) == 2 else given
        if not isinstance(one, FailedRecord) or type(one.index) is not int or not isinstance(one.reason, str):
            _raised(plugin, method, [given], "pairs of an index and a reason")
        if not 0 <= one.index < count or one.index in found:
            _raised(plugin, method, one.index, f"each index once, from 0 to {count - 1}")
        _check_details(plugin, method, one.details)
        found[one.index] = one
    return [found[index] for index in sorted(found)]


def details_of(plugin: object, method: str, error: DataError) -> dict[str, str]:
    """Return what an error knows of its cause by name.

    Raises:
        PluginError: plugin.broken: it is no mapping of text.
    """
    _check_details(plugin, method, error.details)
    return dict(error.details or {})


def flushed_of(plugin: object, result: Any, put: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int] | None:
    """Return how far a `flush` says it got, of the partitions that are the task's; None: all that was put is flushed.

    Args:
        put: By (topic, partition), the offset behind the last record that was put.

    Raises:
        PluginError: plugin.broken: it is no mapping of offsets, or beyond what was put.
    """
    if result is None:
        return None
    found = _offsets_of(plugin, "flush", result)
    for at, offset in found.items():
        if at in put and offset > put[at]:
            _part(plugin, "flush", _at(at), offset, f"at most {put[at]}, since no more was put")
    return {at: offset for at, offset in found.items() if at in put}


def preview_of(plugin: object, result: Any, count: int) -> Preview:
    """Return what `preview` returned, sound: its items are of records that were given, its texts are text.

    Args:
        count: How many records it was given.
    """
    if not isinstance(result, Preview):
        refuse(plugin, "preview", result, "a Preview")
    if result.kind not in _PREVIEWS or not isinstance(result.note, str):
        _part(plugin, "preview", "kind or note", (result.kind, result.note), f"one of {', '.join(_PREVIEWS)}, and text")
    for item in result.items:
        if not isinstance(item, PreviewItem) or not isinstance(item.text, str):
            refuse(plugin, "preview", [item], "items of PreviewItem with a text")
        if not all(type(index) is int and 0 <= index < count for index in item.records):
            _part(plugin, "preview", "records", item.records, f"numbers from 0 to {count - 1}")
        if item.parameters is not None and (
            not isinstance(item.parameters, Sequence) or isinstance(item.parameters, str | bytes)
        ):
            _part(plugin, "preview", "parameters", item.parameters, "a list or None")
        if item.error is not None and not isinstance(item.error, ConnectError):
            _part(plugin, "preview", "error", item.error, "a ConnectError or None")
    return result


def resume_offsets_of(plugin: object, result: Any, asked: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return where a sink goes on by its own word, of the partitions that it was asked for.

    Raises:
        PluginError: plugin.broken: it is no mapping of offsets, or of a partition that it was not asked for.
    """
    if result is None:
        return {}
    found = _offsets_of(plugin, "resume_offsets", result)
    for at, offset in found.items():
        if at not in asked:
            _part(plugin, "resume_offsets", _at(at), offset, "none but the partitions that it was asked for")
    return found


def check_acknowledged(plugin: object, method: str, batch: Batch) -> None:
    """Refuse a batch without offsets of its records, of a task that wants to hear of each.

    Raises:
        PluginError: plugin.broken.
    """
    if batch.source_partition is None or batch.source_offsets is None or None in batch.source_offsets:
        _part(plugin, method, "source_offset", None, "one for each record, since the task has commit_records")


# -- parts ---------------------------------------------------------------------------------------------------------


def _check_timestamps(plugin: object, method: str, timestamps: Any, count: int) -> None:
    if isinstance(timestamps, bool) or not isinstance(timestamps, list | tuple | int):
        _part(plugin, method, "timestamps", timestamps, "ms since the epoch: a number, a list of them, or None")
    if isinstance(timestamps, int):
        return
    if len(timestamps) != count:
        _columns(plugin, method, "timestamps", timestamps, count)
    if not set(map(type, timestamps)) <= _TIMES:
        for time in timestamps:
            if time is not None and (isinstance(time, bool) or not isinstance(time, int)):
                _part(plugin, method, "timestamp", time, "ms since the epoch as a whole number, or None")


def _check_headers(plugin: object, method: str, headers: Any, count: int) -> None:
    if _length(headers) != count:
        _columns(plugin, method, "headers", headers, count)
    for each in headers:
        if each is not None and not isinstance(each, list):
            _part(plugin, method, "headers", each, "Headers or None")


def _check_source_offsets(plugin: object, method: str, offsets: Any, count: int) -> None:
    if _length(offsets) != count:
        _columns(plugin, method, "source_offsets", offsets, count)
    for offset in offsets:
        if offset is not None and not _is_plain(offset):
            _check_json_object(plugin, method, "source_offset", offset)


def _is_plain(value: Any) -> bool:
    """Whether a value is a dict of ASCII text and whole numbers, as nearly all are: the quick answer."""
    if type(value) is not dict:
        return False
    for key, item in value.items():
        if type(key) is not str or not key.isascii():
            return False
        if type(item) is int:
            if not -_LONG <= item < _LONG:
                return False
        elif type(item) is not str or not item.isascii():
            return False
    return True


def _check_json_object(plugin: object, method: str, name: str, value: Any) -> None:
    if type(value) is not dict and not isinstance(value, Mapping):
        _part(plugin, method, name, value, "a dict that JSON can hold")
    for key, item in value.items():
        if type(key) is not str:
            _part(plugin, method, f"{name} with the key {key!r:.60}", key, "keys of text")
        _check_json(plugin, method, f"the key {key!a:.60} of {name}", key, 0)
        kind = type(item)
        if (kind is int and -_LONG <= item < _LONG) or kind is bool or item is None:
            continue
        if kind is str and item.isascii():
            continue
        _check_json(plugin, method, f"{name}[{key!r:.60}]", item, 0)


def _check_json(plugin: object, method: str, where: str, item: Any, depth: int) -> None:
    kind, expected = type(item), "what JSON can hold: text, numbers, true, false, null, lists and objects of these"
    if kind is int and not -_LONG <= item < _LONG:
        _part(plugin, method, where, item, "a number of at most 64 bits")
    if kind is float and not math.isfinite(item):
        _part(plugin, method, where, item, "a finite number")
    if kind is str:
        if any("\ud800" <= c <= "\udfff" for c in item):
            _part(plugin, method, where, item, "text that UTF-8 can hold")
    elif kind is dict and depth < 50:
        for key, inner in item.items():
            if type(key) is not str:
                _part(plugin, method, f"{where} with the key {key!r:.60}", key, "keys of text")
            _check_json(plugin, method, f"{where}[{key!r:.60}]", inner, depth + 1)
    elif kind in (list, tuple) and depth < 50:
        for inner in item:
            _check_json(plugin, method, where, inner, depth + 1)
    elif item is not None and kind not in (bool, int, float):
        _part(plugin, method, where, item, expected)


def _offsets_of(plugin: object, method: str, result: Any) -> dict[tuple[str, int], int]:
    expected = "a dict of offsets by (topic, partition)"
    if not isinstance(result, Mapping):
        refuse(plugin, method, result, f"{expected}, or None")
    found: dict[tuple[str, int], int] = {}
    for at, offset in result.items():
        if not isinstance(at, tuple) or len(at) != 2 or not isinstance(at[0], str) or type(at[1]) is not int:
            _part(plugin, method, "a key", at, expected)
        if type(offset) is not int or offset < 0:
            _part(plugin, method, _at(at), offset, "an offset of 0 or more")
        found[at[0], at[1]] = offset
    return found


def _at(partition: tuple[str, int]) -> str:
    return f"the offset of {partition[0]}-{partition[1]}"


def _check_details(plugin: object, method: str, details: Any) -> None:
    if details is None:
        return
    if not isinstance(details, Mapping):
        _raised(plugin, method, details, "a mapping of text, or None", part="details")
    for name, value in details.items():
        if not isinstance(name, str) or not isinstance(value, str):
            _raised(plugin, method, value, f"text for {name!r:.60}", part="details")


def _raised(plugin: object, method: str, given: object, expected: str, *, part: str = "failed") -> NoReturn:
    raise PluginError(f"{_owner(plugin)}.{method} raised DataError with {part} = {_named(given)}; expected {expected}")


def _part(plugin: object, method: str, part: str, given: object, expected: str) -> NoReturn:
    raise PluginError(f"{_owner(plugin)}.{method} returned {part} = {_named(given)}; expected {expected}")


def _columns(plugin: object, method: str, part: str, given: object, count: int) -> NoReturn:
    found = f"{_length(given)} {part}" if _length(given) >= 0 else f"{part} = {_named(given)}"
    raise PluginError(f"{_owner(plugin)}.{method} returned {found} for {count} values; expected one for each")


def _is_record(item: object) -> bool:
    return type(item) is Record or isinstance(item, Record)


def _length(column: Any) -> int:
    """Return a column's length; -1 for what is no column."""
    return len(column) if isinstance(column, Sequence) and not isinstance(column, str | bytes) else -1


def _owner(plugin: object) -> str:
    return (plugin if isinstance(plugin, type) else type(plugin)).__qualname__


def _named(value: object) -> str:
    """Name what came: its type, with the value where that is short and plain."""
    if value is None:
        return "None"
    if isinstance(value, list) and len(value) == 1:
        return f"a list with {_named(value[0])} in it"
    if type(value) in (str, int, float, bool):
        try:
            return f"{type(value).__name__} {value!r:.60}"
        except ValueError:  # Python does not write numbers of thousands of digits
            return f"{type(value).__name__} of very many digits"
    return type(value).__name__
