"""The certificate of a converter, of values, of headers, or of both."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from connect.api import Converter, DataError, HeaderConverter, Record, Schema
from connect.api.contract import check_column, check_pair, check_runs, failed_of
from connect.testing.harness.workers import Worker
from connect.testing.suites.called import CalledSuite
from connect.testing.suites.given import given_source, keeping_sink, until
from connect.testing.suites.values import ODD, PLAIN, PRIMITIVES, Values, same, typed

_TOPIC: Final = "topic"
#: How many schemas a seed makes up.
_MADE_UP: Final = 40
_SEED: Final = 14
_BIG: Final = 1 << 20
#: How deep a value is nested that no JSON of ours goes into.
_DEEP: Final = 5_000


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something was refused."""

    why: str

    def __str__(self) -> str:
        return f"refused: {self.why}"


class ConverterSuite(CalledSuite):
    """Checks of a converter. Subclass it in a test module, with `Test` in front of the name.

    A class that is a `Converter` and a `HeaderConverter` is tried as both.

    Attributes:
        converter: The class.
        is_key: Whether it converts keys.
        keeps_schemas: A value with a schema comes back with that schema.
    """

    converter: ClassVar[type[Converter] | type[HeaderConverter]]
    is_key: ClassVar[bool] = False
    keeps_schemas: ClassVar[bool] = False
    _seen_in = "a message, in bytes"

    def plugin_class(self) -> type[Converter] | type[HeaderConverter]:
        return self.converter

    # -- what an author says -----------------------------------------------------------------------------------------

    def comes_back(self, schema: Schema | None, value: Any) -> Any:
        """Return as what a value comes back. Override it where the bytes hold less than the value: 5 is '5' as text."""
        return value

    def header_comes_back(self, schema: Schema | None, value: Any) -> Any:
        """Return as what a header's value comes back."""
        return self.comes_back(schema, value)

    # -- round trips -------------------------------------------------------------------------------------------------

    def test_values_with_schemas_come_back(self, tmp_path: Path) -> None:
        """A value of each type, at its edges, and values of made-up schemas come back as they were, or are refused."""
        self._needs_values()
        made, taken = self._made(tmp_path), 0
        for name, schema, value in typed(_SEED, _MADE_UP):
            taken += self._comes_back(made, name, schema, value)
        if not taken:
            self.broken("it refuses the values of all types")

    def test_values_without_schemas_come_back(self, tmp_path: Path) -> None:
        """What JSON can hold, and each type without its schema, comes back as it was, or is refused."""
        self._needs_values()
        made, taken = self._made(tmp_path), 0
        for value in (*PLAIN, *(edge for _, edges in PRIMITIVES.values() for edge in edges)):
            taken += self._comes_back(made, "a value without a schema", None, value)
        if not taken and not self.keeps_schemas:
            self.broken("it refuses all values without a schema")

    def test_values_that_are_null_come_back(self, tmp_path: Path) -> None:
        """Null is null again: a tombstone has to stay one."""
        self._needs_values()
        made = self._made(tmp_path)
        data = self._data(made, None, None)
        if isinstance(data, Refused):
            self.broken(f"null is {data}")
        if data is not None:
            self.broken(f"null is written as {data!r:.100}, so no record in the log is a tombstone; write None")
        found = self._back(made, None)
        if isinstance(found, Refused) or found[1] is not None:
            self.broken(f"null comes back as {found!r:.200}")
        if self._encoded(made, None, [None, None]) != [None, None]:
            self.broken("of a column of nulls come bytes")
        if [value for column in self._decoded(made, [None, None]) for value in column.values] != [None, None]:
            self.broken("of a column of nulls come values")

    def test_values_that_are_big_come_back(self, tmp_path: Path) -> None:
        """A text and bytes of a megabyte, and a list of many, come back, or are refused."""
        self._needs_values()
        made = self._made(tmp_path)
        string, binary = PRIMITIVES["string"][0], PRIMITIVES["bytes"][0]
        for name, schema, value in (
            ("a text of a megabyte", string, "ü" * _BIG),
            ("bytes of a megabyte", binary, bytes(range(256)) * (_BIG // 256)),
            ("a list of 20,000", Schema.array(string), ["text"] * 20_000),
        ):
            self._comes_back(made, name, schema, value)
            self._comes_back(made, f"{name}, without a schema", None, value)

    def test_values_that_are_deep_come_back_or_are_refused(self, tmp_path: Path) -> None:
        """A value that is nested deeper than anybody reads is refused in words, and does not end the task."""
        self._needs_values()
        deep: Any = []
        for _ in range(_DEEP):
            deep = [deep]
        self._data(self._made(tmp_path), None, deep, what="a list that is nested deeply")

    def test_values_of_any_kind_are_taken_or_refused(self, tmp_path: Path) -> None:
        """Whatever a value is, also one that its schema does not fit, it becomes bytes or raises a DataError."""
        self._needs_values()
        made = self._made(tmp_path)
        for value in ODD:
            for schema in (None, *(schema for schema, _ in PRIMITIVES.values())):
                self._data(made, schema, value, what=f"{value!r:.60} as {schema!r}")

    def test_values_stay_as_they_were(self, tmp_path: Path) -> None:
        """What it is given it does not change."""
        self._needs_values()
        made = self._made(tmp_path)
        for _, schema, value in typed(_SEED, _MADE_UP):
            before = copy.deepcopy(value)
            self._data(made, schema, value)
            if not same(before, value):
                self.broken(f"it changes the value that it is given: {before!r:.100} became {value!r:.100}")

    # -- bytes -------------------------------------------------------------------------------------------------------

    def test_bytes_of_any_kind_are_read_or_refused(self, tmp_path: Path) -> None:
        """Whatever bytes come, they are read or raise a DataError: any other exception ends the task for one record."""
        self._needs_values()
        made, values = self._made(tmp_path), Values(_SEED)
        texts = (b"", b"null", b"{", b"[1,", b'"', b"\xff\xfe", b"\0" * 9, b"1e999", b'{"schema":1,"payload":2}')
        nested = (b"[" * _DEEP, b'{"a":' * _DEEP)
        for data in (*texts, *nested, *(values.bytes() for _ in range(200))):
            self._back(made, data, what=f"the bytes {data!r:.60}")

    def test_bytes_are_the_same_again(self, tmp_path: Path) -> None:
        """A value has the same bytes in two instances, and again in one: keys are shared out by their bytes."""
        self._needs_values()
        made, other = self._made(tmp_path), self._made(tmp_path)
        for name, schema, value in typed(_SEED, _MADE_UP):
            found = [self._data(one, schema, value) for one in (made, other, made)]
            if found[1:] != found[:-1]:
                self.broken(
                    f"{name} has other bytes the next time: {found[0]!r:.80}, {found[1]!r:.80}, {found[2]!r:.80}"
                )

    # -- columns -----------------------------------------------------------------------------------------------------

    def test_columns_are_written_as_single_values(self, tmp_path: Path) -> None:
        """`encode` gives for many values what `from_connect_data` gives for each."""
        self._needs_values()
        made, values = self._made(tmp_path), Values(_SEED)
        for number in range(_MADE_UP):
            schema = values.schema()
            given = [values.value(schema) for _ in range(5)]
            single = [self._data(made, schema, value) for value in given]
            taken = [value for value, data in zip(given, single, strict=True) if not isinstance(data, Refused)]
            wanted = [data for data in single if not isinstance(data, Refused)]
            if not taken:
                continue
            found = self._encoded(made, schema, taken)
            if found != wanted:
                self.broken(
                    f"the column {number} of {schema!r} has other bytes than its values: {found} and {wanted}"[:600]
                )

    def test_columns_are_read_as_single_values(self, tmp_path: Path) -> None:
        """`decode` gives for many bytes, of several schemas, what `to_connect_data` gives for each, in order."""
        self._needs_values()
        made = self._made(tmp_path)
        written = [self._data(made, schema, value) for _, schema, value in typed(_SEED, _MADE_UP)]
        data = [one for one in written if not isinstance(one, Refused)] + [None]
        single = [self._back(made, one) for one in data]
        readable = [one for one, back in zip(data, single, strict=True) if not isinstance(back, Refused)]
        wanted = [back for back in single if not isinstance(back, Refused)]
        found = [(column.schema, value) for column in self._decoded(made, readable) for value in column.values]
        for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
            if one[0] != other[0] or not same(one[1], other[1]):
                self.broken(f"value {number + 1} of a column is {other!r:.200}; read alone it is {one!r:.200}")
        if len(found) != len(wanted):
            self.broken(f"of {len(wanted)} bytes {len(found)} values are read")

    def test_columns_may_be_empty(self, tmp_path: Path) -> None:
        """No values are no bytes, and no bytes no values."""
        self._needs_values()
        made = self._made(tmp_path)
        schemas = [
            schema
            for schema, edges in PRIMITIVES.values()
            if not isinstance(self._data(made, schema, edges[0]), Refused)
        ]
        for schema in schemas:
            if self._encoded(made, schema, []) != []:
                self.broken("of no values come bytes")
        if any(column.values for column in self._decoded(made, [])):
            self.broken("of no bytes come values")

    def test_columns_with_a_bad_value_say_which(self, tmp_path: Path) -> None:
        """A column with a bad value or bad bytes raises a DataError that, where it names some, names those."""
        self._needs_values()
        made, found = self._made(tmp_path), 0
        for schema, edges in PRIMITIVES.values():
            for odd in ODD:
                good = self._data(made, schema, edges[0])
                if isinstance(good, Refused) or not isinstance(self._data(made, schema, odd), Refused):
                    continue
                found += 1
                self._names(made, "encode", lambda: made.encode(_TOPIC, schema, [edges[0], odd, edges[1]]))  # noqa: B023
                bad = self._bad_bytes(made)
                if bad is not None:
                    self._names(made, "decode", lambda: made.decode(_TOPIC, [good, bad, good]))  # noqa: B023
                break
        if not found:
            pytest.skip("it takes every value")

    def test_columns_on_two_threads_do_not_meet(self, tmp_path: Path) -> None:
        """Two instances on two threads at once give what one gives alone: nothing is kept in the class or module."""
        self._needs_values()
        values = list(typed(_SEED, _MADE_UP))
        made = self._made(tmp_path)
        alone = [self._data(made, schema, value) for _, schema, value in values]

        def written(own: Any, is_second: bool) -> list[Any]:
            order = values[::-1] if is_second else values
            return [self._data(own, schema, value) for _, schema, value in order]

        for round_ in self._on_two_threads(tmp_path, written):
            for (name, _, value), one, other in zip(values, round_, alone, strict=True):
                if one != other:
                    self.broken(f"beside another instance {name} {value!r:.60} is {one!r:.100}; alone {other!r:.100}")

    # -- headers -----------------------------------------------------------------------------------------------------

    def test_headers_come_back(self, tmp_path: Path) -> None:
        """Header values of every type come back as they were, or are refused."""
        self._needs_headers()
        made = self._made(tmp_path)
        for name, schema, value in typed(_SEED, 0):
            data = self._guarded(lambda: made.from_connect_header(_TOPIC, "h", schema, value), f"a header, {name},")  # noqa: B023
            if isinstance(data, Refused):
                continue
            found = self._guarded(lambda: made.to_connect_header(_TOPIC, "h", data), f"its own bytes of {name}")  # noqa: B023
            wanted = self.header_comes_back(schema, value)
            if isinstance(found, Refused) or not same(found[1], wanted):
                self.broken(f"a header, {name} {value!r:.60}, comes back as {found!r:.100}; expected {wanted!r:.100}")

    def test_headers_of_any_bytes_are_read_or_refused(self, tmp_path: Path) -> None:
        """Whatever bytes a header has, they are read or raise a DataError."""
        self._needs_headers()
        made, values = self._made(tmp_path), Values(_SEED)
        for data in (None, b"", b"{", b"[1,", b"\xff", *(values.bytes() for _ in range(200))):
            self._guarded(lambda: made.to_connect_header(_TOPIC, "h", data), f"a header with the bytes {data!r:.60}")  # noqa: B023

    def test_headers_of_any_kind_are_taken_or_refused(self, tmp_path: Path) -> None:
        """Whatever a header's value is, it becomes bytes or raises a DataError."""
        self._needs_headers()
        made = self._made(tmp_path)
        for value in ODD:
            self._guarded(lambda: made.from_connect_header(_TOPIC, "h", None, value), f"a header of {value!r:.60}")  # noqa: B023

    # -- a worker ----------------------------------------------------------------------------------------------------

    def test_worker_converts_with_it(self, tmp_path: Path) -> None:
        """A worker writes a topic with it, and a sink reads that with it: the values are those of the source."""
        self._needs_values()
        made, part = self._made(tmp_path), "key" if self.is_key else "value"
        other = "value" if self.is_key else "key"
        taken = [
            (schema, value)
            for _, schema, value in typed(_SEED, 0)
            if not isinstance(self._data(made, schema, value), Refused)
        ]
        records = [Record(_TOPIC).replace(**{part: value, f"{part}_schema": schema}) for schema, value in taken]
        kept: list[Record] = []
        source, sink = given_source(records), keeping_sink(kept, "Kept")
        keys = {f"{part}.converter.{name}": text for name, text in self.make_config(tmp_path).items()}
        config = {
            f"{part}.converter": self.converter.plugin_name(),
            **keys,
            f"{other}.converter": "org.apache.kafka.connect.json.JsonConverter",
        }
        with Worker(plugins=[source, sink, self.converter]) as worker, self._working("a sink in a worker"):
            worker.run("given", {"connector.class": source.plugin_name(), **config})
            worker.run("kept", {"connector.class": sink.plugin_name(), "topics": _TOPIC, **config})
            until(worker, ["given", "kept"], lambda: len(kept) >= len(records), "the sink has the values")
        for record, (schema, value) in zip(kept, taken, strict=True):
            wanted, found = self.comes_back(schema, value), getattr(record, part)
            if not same(found, wanted):
                self.broken(f"in a worker {value!r:.60} as {schema!r} comes back as {found!r:.100}")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _needs_values(self) -> None:
        if not issubclass(self.converter, Converter):
            pytest.skip("it converts headers alone")

    def _needs_headers(self) -> None:
        if not issubclass(self.converter, HeaderConverter):
            pytest.skip("it converts no headers")

    def _unconfigured(self) -> Any:
        made = super()._unconfigured()
        made.is_key = self.is_key
        return made

    def _tried(self, made: Any, value: Any) -> Any:
        return self._data(made, None, value)

    def _used(self, folder: Path) -> None:
        made = self._made(folder)
        for value in PLAIN:
            data = self._data(made, None, value)
            if not isinstance(data, Refused):
                self._back(made, data)
        made.close()

    def _guarded(self, call: Callable[[], Any], what: str) -> Any:
        """Return what a call returns, or why it refuses; anything but a DataError fails the check."""
        try:
            return call()
        except DataError as error:
            return Refused(error.message)
        except Exception as error:
            self.broken(
                f"{what} raises {type(error).__name__}: {error}; raise a DataError that says what is wrong"[:800]
            )

    def _data(self, made: Any, schema: Schema | None, value: Any, *, what: str = "a value") -> bytes | Refused | None:
        """Return a value's bytes, or why it is refused."""
        if not issubclass(self.converter, Converter):
            found = self._guarded(lambda: made.from_connect_header(_TOPIC, "h", schema, value), what)
        else:
            found = self._guarded(lambda: made.from_connect_data(_TOPIC, schema, value), what)
        if found is not None and not isinstance(found, bytes | Refused):
            self.broken(f"{what} becomes {type(found).__name__}; expected bytes or None")
        return found

    def _back(
        self, made: Any, data: bytes | None, *, what: str = "its own bytes"
    ) -> tuple[Schema | None, Any] | Refused:
        """Return schema and value of bytes, or why they are refused."""
        if not issubclass(self.converter, Converter):
            method, found = "to_connect_header", self._guarded(lambda: made.to_connect_header(_TOPIC, "h", data), what)
        else:
            method, found = "to_connect_data", self._guarded(lambda: made.to_connect_data(_TOPIC, data), what)
        if isinstance(found, Refused):
            return found
        with self._working("a schema and a value"):
            return check_pair(made, method, found)

    def _comes_back(self, made: Any, name: str, schema: Schema | None, value: Any) -> bool:
        """Return whether a value is taken; fail where it then comes back as another."""
        data = self._data(made, schema, value, what=f"{name}, {value!r:.60},")
        if isinstance(data, Refused):
            return False
        found = self._back(made, data, what=f"what it wrote itself for {name}, {value!r:.60},")
        if isinstance(found, Refused):
            self.broken(f"{name}, {value!r:.60}, is written, and cannot be read back: {found}")
        wanted = self.comes_back(schema, value)
        if not same(found[1], wanted):
            self.broken(f"{name}, {value!r:.100}, comes back as {found[1]!r:.100}; expected {wanted!r:.100}")
        if self.keeps_schemas and schema is not None and data is not None and found[0] != schema:
            self.broken(f"{name} comes back with the schema {found[0]!r}, not with that which it had: {schema!r}")
        return True

    def _encoded(self, made: Any, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        found: Any = self._guarded(
            lambda: made.encode(_TOPIC, schema, values), "a column of values that it takes singly"
        )
        if isinstance(found, Refused):
            self.broken(f"a column of values that it takes singly is {found}")
        with self._working("a column of bytes"):
            check_column(made, "encode", found, len(values))
        return list(found)

    def _decoded(self, made: Any, data: Sequence[bytes | None]) -> list[Any]:
        what = "a column of bytes that it reads singly"
        found: Any = self._guarded(lambda: made.decode(_TOPIC, data), what)
        if isinstance(found, Refused):
            self.broken(f"{what} is {found}")
        with self._working("columns of values"):
            check_runs(made, "decode", found, len(data))
        return list(found)

    def _bad_bytes(self, made: Any) -> bytes | None:
        values = Values(_SEED)
        for data in (b"{", b"\xff\xfe\xfd", *(values.bytes() for _ in range(20))):
            if isinstance(self._back(made, data), Refused):
                return data
        return None

    def _names(self, made: Any, method: str, call: Callable[[], Any]) -> None:
        """Check what a column says of the bad one in the middle of three."""
        try:
            call()
        except DataError as error:
            named = [one.index for one in failed_of(made, method, error, 3)]
            if named and named != [1]:
                self.broken(f"{method} names {named} as bad of three; it is the one at 1")
        except Exception as error:
            self.broken(f"{method} of a column with a bad one raises {type(error).__name__}: {error}")
        else:
            self.broken(f"{method} takes a column with a bad one, and refuses the bad one alone")
