"""Each check of a converter's certificate finds the plugin that is wrong in its way."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.api import Column, Config, Converter, DataError, FailedRecord, HeaderConverter, Schema, Secret, config_key
from connect.testing.suites import ConverterSuite
from connect.testing.suites.base import Suite
from tests.testing.suites.faulty import caught, checks_of, suite_of, without_a_fault

END = threading.Event()


class RightConfig(Config):
    """Nothing."""

    token: Secret = config_key("Of a service.", default=Secret(""))


class Right(Converter[RightConfig], HeaderConverter[RightConfig]):
    """Writes texts and numbers as JSON, and nothing else."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        if type(value) not in (str, int) or (schema is not None and schema.is_logical):
            raise DataError(f"{type(value).__name__} is neither text nor number")
        try:
            return json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise DataError("the text is half a character") from error

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        if data is None:
            return None, None
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the bytes are no JSON: {error}") from error
        if type(found) not in (str, int):
            raise DataError("the JSON is neither text nor number")
        return None, found

    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return self.to_connect_data(topic, data)


class HoldsOn(Right):
    held = 0

    def configure(self, config: Config) -> None:
        super().configure(config)
        type(self).held += 1
        if self.held > 5:
            raise DataError("no connection is free")


class ClosesOnce(Right):
    def configure(self, config: Config) -> None:
        super().configure(config)
        self.open = ["file"]

    def close(self) -> None:
        self.open.pop()


class ClosesConfigured(Right):
    def close(self) -> None:
        self.config.token.get_secret_value()


class LeavesThread(Right):
    def configure(self, config: Config) -> None:
        super().configure(config)
        threading.Thread(target=END.wait, args=(20,), daemon=True, name="left").start()


class LogsSecret(Right):
    def configure(self, config: Config) -> None:
        super().configure(config)
        logging.getLogger("own").info("the token is %s", self.config.token.get_secret_value())


class CutsNumbers(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        is_number = schema is not None and type(value) is int
        return super().from_connect_data(topic, schema, value & 0xFFFF if is_number else value)


class CutsTexts(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return super().from_connect_data(topic, schema, value.strip("t") if type(value) is str else value)


class NullIsText(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return super().from_connect_data(topic, schema, "null" if value is None else value)


class NullIsJson(Right):
    """Reads what it writes, and has no tombstone in the log."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return b"null" if value is None else super().from_connect_data(topic, schema, value)

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return (None, None) if data == b"null" else super().to_connect_data(topic, data)


class NullsAreText(Right):
    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        return [b'""' if data is None else data for data in super().encode(topic, schema, values)]


class WritesText(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> Any:
        found = super().from_connect_data(topic, schema, value)
        return found.decode() if found is not None and len(found) > 12 else found


class ReadsValueAlone(Right):
    def to_connect_data(self, topic: str, data: bytes | None) -> Any:
        schema, value = super().to_connect_data(topic, data)
        return value if value == "text" else (schema, value)


class CutsBig(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return super().from_connect_data(topic, schema, value[:65_536] if type(value) is str else value)


class GoesDown(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return json.dumps(value).encode() if type(value) is list else super().from_connect_data(topic, schema, value)


class TakesAnything(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else json.dumps(value).encode()


class ChangesInput(Right):
    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if type(value) is dict:
            value["seen"] = True
        return super().from_connect_data(topic, schema, value)


class NeedsJson(Right):
    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return (None, None) if data is None else (None, json.loads(data))


class Numbered(Right):
    number = 0

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        self.number += 1
        return b" " * (self.number % 7) + (super().from_connect_data(topic, schema, value) or b"")


class ColumnsOtherwise(Right):
    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        found = super().encode(topic, schema, values)
        return found[:1] * len(found)


class ReadsReversed(Right):
    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        return super().decode(topic, data[::-1])


class NeedsOne(Right):
    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        first = self.from_connect_data(topic, schema, values[0])
        return [first, *(self.from_connect_data(topic, schema, value) for value in values[1:])]


class NamesAnother(Right):
    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        try:
            return super().encode(topic, schema, values)
        except DataError as error:
            raise DataError(error.message, failed=[FailedRecord(0, "bad")]) from error


class SharesBuffer(Right):
    buffer: list[Any] = []  # noqa: RUF012 - that is the fault

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        self.buffer[:] = [value]
        time.sleep(0.00002)
        return super().from_connect_data(topic, schema, self.buffer[0])


class HeadersOtherwise(Right):
    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return self.from_connect_data(topic, schema, str(value))


class HeadersNeedJson(Right):
    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return None, None if data is None else json.loads(data)


class HeadersTakeAnything(Right):
    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return json.dumps(value).encode()


class OfOneThread(Right):
    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        if threading.current_thread() is not threading.main_thread():
            return None, "what another thread finds"
        return super().to_connect_data(topic, data)


FAULTS: dict[str, type] = {
    "life_begins_again_and_again": HoldsOn,
    "life_closes_twice": ClosesOnce,
    "life_closes_when_it_was_not_configured": ClosesConfigured,
    "life_leaves_no_thread_and_no_file": LeavesThread,
    "life_hides_secrets": LogsSecret,
    "values_with_schemas_come_back": CutsNumbers,
    "values_without_schemas_come_back": CutsTexts,
    "values_that_are_null_come_back": NullIsText,
    "values_that_are_big_come_back": CutsBig,
    "values_that_are_deep_come_back_or_are_refused": GoesDown,
    "values_of_any_kind_are_taken_or_refused": TakesAnything,
    "values_stay_as_they_were": ChangesInput,
    "bytes_of_any_kind_are_read_or_refused": NeedsJson,
    "bytes_are_the_same_again": Numbered,
    "columns_are_written_as_single_values": ColumnsOtherwise,
    "columns_are_read_as_single_values": ReadsReversed,
    "columns_may_be_empty": NeedsOne,
    "columns_with_a_bad_value_say_which": NamesAnother,
    "columns_on_two_threads_do_not_meet": SharesBuffer,
    "headers_come_back": HeadersOtherwise,
    "headers_of_any_bytes_are_read_or_refused": HeadersNeedJson,
    "headers_of_any_kind_are_taken_or_refused": HeadersTakeAnything,
    "worker_converts_with_it": OfOneThread,
}
#: Further faults that a check has to find.
MORE: list[tuple[str, type[Right]]] = [
    ("values_that_are_null_come_back", NullIsJson),
    ("values_that_are_null_come_back", NullsAreText),
    ("values_with_schemas_come_back", WritesText),
    ("values_with_schemas_come_back", ReadsValueAlone),
]
ELSEWHERE = dict.fromkeys(checks_of(Suite), "of all plugins: test_faulty_sources.py")


@pytest.mark.parametrize("check", FAULTS)
def test_a_faulty_converter_is_caught(check: str, tmp_path: Path) -> None:
    assert caught(suite_of(ConverterSuite, converter=FAULTS[check]), check, tmp_path)


@pytest.mark.parametrize(("check", "converter"), MORE, ids=[converter.__name__ for _, converter in MORE])
def test_a_converter_that_is_faulty_in_another_way_is_caught(
    check: str, converter: type[Right], tmp_path: Path
) -> None:
    assert caught(suite_of(ConverterSuite, converter=converter), check, tmp_path)


def test_every_check_has_its_faulty_converter() -> None:
    assert without_a_fault(ConverterSuite, FAULTS, ELSEWHERE) == set()


@pytest.mark.parametrize("check", sorted(checks_of(ConverterSuite)))
def test_the_right_one_is_not(check: str, tmp_path: Path) -> None:
    """So what fails above fails for its fault alone."""
    with pytest.raises(AssertionError, match=r"passes|skipped"):
        caught(suite_of(ConverterSuite, converter=Right), check, tmp_path)
