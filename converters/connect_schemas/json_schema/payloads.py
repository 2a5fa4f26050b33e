"""The records of one schema: a column at a time where they are to the letter of it, one by one where they are not."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

import orjson

from connect.api import DECIMAL_NAME, Column, DataError, FailedRecord, Schema
from connect.api.columns import OddValueError, Values
from connect.api.java import as_kafka_writes, strict_loads
from connect_schemas.json_schema import columns
from connect_schemas.json_schema.options import Options
from connect_schemas.json_schema.validating import Checker
from connect_schemas.json_schema.values import ABSENT, Decoder, Encoder

#: How many are done at a time: the caches hold these.
_BLOCK: Final = 512
#: How many are done one by one when one of them is odd.
_PART: Final = 32
#: Stands between two records where orjson writes them by one call; nobody else knows it, and no process has it twice.
_GUARD: Final = secrets.token_hex(16)
_SEPARATOR: Final = f',"{_GUARD}",'.encode()
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class JsonWriter:
    """Writes values of a Connect schema.

    Args:
        checker: What each record has to meet; None for nothing.
        is_key: Whether doubles are written as Java writes them, since partition and compaction go by the bytes.
    """

    def __init__(self, schema: Schema, options: Options, checker: Checker | None = None, *, is_key: bool) -> None:
        self._schema = schema
        self._encoder = Encoder(options, is_exact=is_key)
        self._checker = checker
        self._convert = columns.encoding(
            schema, self._encoder, nulls_to_defaults=options.nulls_to_defaults, is_key=is_key
        )

    def write(self, values: Sequence[Any]) -> list[bytes]:
        """Return the JSON of values, none of them None.

        Raises:
            DataError: Some do not fit; `failed` says which.
        """
        texts: list[bytes] = _in_blocks(values, self._together, self._one)
        if self._checker is not None:
            _each(texts, self._checker.check_text)
        return texts

    def _together(self, values: Sequence[Any]) -> list[bytes]:
        return _texts(self._convert(values if isinstance(values, list) else list(values)))

    def _one(self, value: Any) -> bytes:
        try:
            node = self._encoder.node(self._schema, value)
            return _texts([None if node is ABSENT else node])[0]
        except (OddValueError, RecursionError) as error:
            raise DataError(f"the value has no form in JSON: {error.__cause__ or error}") from error


class JsonReader:
    """Reads records of a registered schema.

    Args:
        checker: What each record has to meet; None for nothing.
    """

    def __init__(self, schema: Schema, options: Options, checker: Checker | None = None) -> None:
        self._schema = schema
        self._decoder = Decoder(options)
        self._checker = checker
        self._convert = columns.decoding(schema, self._decoder, nulls_to_defaults=options.nulls_to_defaults)
        self._may_be_numeric = _holds_decimal(schema, [])
        self._is_numeric = False

    def read(self, data: Sequence[bytes], start: int) -> Column:
        """Return the values of records whose JSON begins at `start`.

        Raises:
            DataError: Some cannot be read; `failed` says which.
        """
        part = slice(start, None)
        if self._checker is not None:
            _each([item[part] for item in data], self._checker.check_text)

        def together(items: Sequence[bytes]) -> Values:
            return self._together(list(map(itemgetter(part), items)))

        return Column(self._schema, _in_blocks(data, together, lambda item: self._one(item[part])))

    def _together(self, texts: Sequence[bytes]) -> Values:
        if not self._is_numeric:
            try:
                return self._convert(list(map(orjson.loads, texts)))
            except orjson.JSONDecodeError as error:
                raise OddValueError from error
            except OddValueError:
                if not self._may_be_numeric:
                    raise
        # Decimals that are numbers: parsed with every digit, and so are the next ones.
        values = self._convert([_loaded(text, OddValueError) for text in texts])
        self._is_numeric = True
        return values

    def _one(self, text: bytes) -> Any:
        try:
            return self._decoder.value(self._schema, _loaded(text, DataError))
        except RecursionError:
            raise DataError("it is nested too deeply") from None


def _texts(nodes: Values) -> list[bytes]:
    """Return orjson's text of each node, by one call for all of them: it is parted at the guards again."""
    if not nodes:
        return []
    try:
        joined = as_kafka_writes([orjson.dumps(_guarded(nodes), None, _OPTIONS)])[0]
    except TypeError as error:  # half a surrogate pair, or nested more than 254 times
        raise OddValueError from error
    texts = joined[1:-1].split(_SEPARATOR, -1 if len(nodes) > 1 else 0)
    if len(texts) != len(nodes):  # a value holds the guard
        raise OddValueError
    return texts


def _guarded(nodes: Values) -> Values:
    guarded: Values = [_GUARD] * (2 * len(nodes) - 1)
    guarded[::2] = nodes
    return guarded


def _loaded(text: bytes, failure: type[Exception]) -> Any:
    try:
        return strict_loads(text, whole=True)
    except RecursionError:
        raise failure("it is nested too deeply") from None
    except ValueError as error:
        raise failure(f"it is not JSON: {error}") from None


def _in_blocks(
    items: Sequence[Any], together: Callable[[Sequence[Any]], list[Any]], one: Callable[[Any], Any]
) -> list[Any]:
    """Return the results for items: together if that can be, in smaller parts, and one by one where it cannot."""
    results: list[Any] = []
    failed: list[FailedRecord] = []

    def run(start: int, stop: int, size: int) -> None:
        for at in range(start, stop, size):
            end = min(at + size, stop)
            try:
                results.extend(together(items[at:end]))
            except (OddValueError, RecursionError):
                if size > _PART:
                    run(at, end, _PART)
                else:
                    _singly(items, at, end, one, results, failed)

    run(0, len(items), _BLOCK)
    if failed:
        raise DataError(failed[0].reason, failed=failed)
    return results


def _singly(
    items: Sequence[Any],
    start: int,
    stop: int,
    one: Callable[[Any], Any],
    results: list[Any],
    failed: list[FailedRecord],
) -> None:
    for index in range(start, stop):
        try:
            results.append(one(items[index]))
        except DataError as error:
            failed.append(FailedRecord(index, error.message, error.details or None))


def _each(texts: Sequence[bytes], check: Callable[[bytes], None]) -> None:
    failed: list[FailedRecord] = []
    code: str | None = None
    for index, text in enumerate(texts):
        try:
            check(text)
        except DataError as error:
            code = code or error.code
            failed.append(FailedRecord(index, error.message, error.details or None))
    if failed:
        raise DataError(failed[0].reason, failed=failed, code=code)


def _holds_decimal(schema: Schema, around: list[int]) -> bool:
    if schema.name == DECIMAL_NAME:
        return True
    if id(schema) in around:
        return False
    members = [field.schema for field in schema.fields]
    members += [part for part in (schema.key_schema, schema.value_schema) if part is not None]
    return any(_holds_decimal(member, [*around, id(schema)]) for member in members)
