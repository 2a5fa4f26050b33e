"""What the converters of all formats share: whose schema a record has, by which subject, and which records are bad.

A format gives two things, each made once for a schema and remembered: a `Writer`, from values of a Connect schema to
records, and a `Reader`, from records of a registered schema to values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Protocol

from typing_extensions import TypeVar

from connect.api import Column, Config, Converter, DataError, Encoded, FailedRecord, Schema
from connect_schemas import id_headers as ids
from connect_schemas import subjects
from connect_schemas.config import SchemaConverterConfig
from connect_schemas.errors import INCOMPATIBLE, INVALID, RULES, WIRE_FORMAT
from connect_schemas.registry.cache import Recent
from connect_schemas.registry.client import RegistryClient
from connect_schemas.registry.model import Registered, SchemaText
from connect_schemas.registry.settings import ClientSettings
from connect_schemas.registry.shared import Borrowed
from connect_schemas.wire import Framing, MessageId, Parted, ReaderKey, SchemaId

ConfigT = TypeVar("ConfigT", bound=SchemaConverterConfig, default=SchemaConverterConfig, covariant=True)


class Writer(Protocol):
    """Writes values of one Connect schema to one topic."""

    def write(self, values: Sequence[Any]) -> list[bytes]:
        """Return the records of values, none of them None, without what names their schema.

        Raises:
            DataError: Some do not fit; `failed` says which of `values`.
        """


class Reader(Protocol):
    """Reads records of one registered schema."""

    def read(self, data: Sequence[bytes], start: int) -> Column:
        """Return the values of records whose data begins at `start` of each.

        Raises:
            DataError: Some cannot be read; `failed` says which of `data`.
        """


class _Made(NamedTuple):
    """A writer, with what names its schema: what stands in front of each record, or else headers."""

    writer: Writer
    head: bytes
    headers: list[tuple[str, bytes]] | None


class SchemaConverter(Converter[ConfigT]):
    """The base of converters with a schema registry.

    Class attributes:
        schema_type: What the registry calls the format.
    """

    config_class: ClassVar[type[Config]] = SchemaConverterConfig
    schema_type: ClassVar[str]

    registry: RegistryClient

    def configure(self, config: Config) -> None:
        super().configure(config)
        self._borrowed = Borrowed(self.client_settings())
        self.registry = self._borrowed.client
        own = self.config.key_subject_name_strategy if self.is_key else self.config.value_subject_name_strategy
        found = subjects.strategy(own)
        assert found is not None, "the config has checked it"
        self._subject_name = found
        self._framing = Framing(self.id_bytes())
        self._id_header_names = self.id_header_names()
        self._writers = Recent(self.config.schemas_cache_config)
        self._readers = Recent(self.config.schemas_cache_config)
        #: Of subjects whose latest version is followed: the one that writers and readers were made for.
        self._followed: dict[str, int] = {}

    def close(self) -> None:
        if hasattr(self, "_borrowed"):
            self._borrowed.give_back()
        super().close()

    # -- what a format gives -----------------------------------------------------------------------------------------

    @abstractmethod
    def make_writer(self, topic: str, schema: Schema | None) -> tuple[Writer, Registered]:
        """Return who writes values of a schema to a topic, and the schema that they are written with (`target`).

        Raises:
            DataError: The schema cannot be expressed, or the registry does not take it.
        """

    @abstractmethod
    def make_reader(self, written: Registered, topic: str) -> Reader:
        """Return who reads records of a registered schema. Raises `DataError` where it is none of the format."""

    def can_read(self, reader: Registered, writer: SchemaText) -> str | None:
        """Return why data of one schema cannot be read by another; None where it can, or nothing is known of that."""
        return None

    def client_settings(self) -> ClientSettings:
        """Return what the client of the registry is made of."""
        return self.config.client_settings()

    def id_bytes(self) -> int:
        """Return how long an id in a record is."""
        return 4

    def parted(self, data: Sequence[bytes | None]) -> Parted:
        """Return which records are read together, by what names their schema; those of a format may say more of it."""
        return self._framing.parted(data)

    # -- for formats -------------------------------------------------------------------------------------------------

    def subject(self, topic: str, record: str | None) -> str:
        """Return the subject of a schema.

        Args:
            record: The full name of the schema's record; None where it is none.
        """
        return self._subject_name(topic, self.is_key, record)

    def target(self, topic: str, own: SchemaText, record: str | None) -> Registered:
        """Return the schema that records are written with: their own, registered or looked up, or another.

        Args:
            own: The schema that their Connect schema comes to.
        """
        config, subject = self.config, self.subject(topic, record)
        if config.auto_register_schemas:
            return self.registry.register(
                subject, own, normalize=config.normalize_schemas, interrupted=self.interrupted
            )
        if config.use_schema_id >= 0:
            other = self.registry.by_id(config.use_schema_id, subject, interrupted=self.interrupted)
            return self._checked(other, own, config.id_compatibility_strict, "id.compatibility.strict")
        if self._follows:
            other = self._latest(subject)
            return self._checked(other, own, config.latest_compatibility_strict, "latest.compatibility.strict")
        return self.registry.lookup(subject, own, normalize=config.normalize_schemas, interrupted=self.interrupted)

    def wanted(self, written: Registered, topic: str, record: str | None) -> Registered | None:
        """Return the schema that records of another are to be read as; None where it is their own.

        Args:
            record: The full name of the record that they were written as.
        """
        if not self._follows:
            return None
        found = self._latest(self.subject(topic, record))
        self._expect_type(found, "Register a version of the converter's format, or leave out use.latest.version.")
        if found.id == written.id or found.schema == written.schema:  # by its GUID a schema may come without its id
            return None
        for one in (written, found):
            _expect_no_rules(one, _BETWEEN, "read as another version")
        return found

    @property
    def _follows(self) -> bool:
        return self.config.use_latest_version or bool(self.config.use_latest_with_metadata)

    def _latest(self, subject: str) -> Registered:
        found = self._ask_latest(subject)
        self._followed[subject] = found.id
        return found

    def _ask_latest(self, subject: str) -> Registered:
        metadata = self.config.latest_metadata()
        if metadata:
            return self.registry.latest_with(subject, metadata, interrupted=self.interrupted)
        return self.registry.latest(subject, interrupted=self.interrupted)

    def _forget_outdated(self) -> None:
        """Have writers and readers made anew where there is another latest version, by `latest.cache.ttl.sec`."""
        if not self._followed or self.config.latest_cache_ttl_sec < 0:
            return
        for subject, known in self._followed.items():
            try:
                is_known = self._ask_latest(subject).id == known
            except DataError:  # it is there no more: who makes a writer or a reader says so
                is_known = False
            if not is_known:
                for made in (self._writers, self._readers):
                    made.clear()
                self._followed.clear()
                return

    def version_of(self, written: Registered, topic: str, record: str | None) -> int | None:
        """Return which version of its subject a schema is, None where it is not known there."""
        if written.version is not None:
            return written.version
        try:
            subject = self.subject(topic, record)
            return self.registry.lookup(subject, written.schema, interrupted=self.interrupted).version
        except DataError:  # read by another name than it was written by: its version is only for those who ask
            return None

    def _checked(self, other: Registered, own: SchemaText, is_strict: bool, key: str) -> Registered:
        self._expect_type(other)
        why = self.can_read(other, own) if is_strict else None
        if why is not None:
            raise DataError(
                f"schema {other.id} of the registry does not read what the records' own schema writes: {why}",
                code=INCOMPATIBLE,
                hint=f"Register a version that does, or set {key}=false.",
            )
        return other

    # -- ids in headers ----------------------------------------------------------------------------------------------

    def id_headers(self, written: Registered, rest: bytes) -> list[tuple[str, bytes]] | None:
        """Return the headers that name a schema in the place of its id in front of the data; None: it stands there.

        Args:
            rest: What else names the schema's part that the records are of.
        """
        own = self.config.key_schema_id_serializer if self.is_key else self.config.value_schema_id_serializer
        if ids.is_prefix(own):
            return None
        guid = written.guid or self.registry.by_id(written.id, interrupted=self.interrupted).guid
        if guid is None:
            raise DataError(
                f"the schema registry gives no GUID of schema {written.id}, and headers name schemas by it",
                code=INVALID,
                hint="Use a registry that has GUIDs (Confluent's 8.0, connect registry), or leave out "
                f"{'key' if self.is_key else 'value'}.schema.id.serializer.",
            )
        return [(ids.NAMES[self.is_key], ids.head(guid) + rest)]

    def id_header_names(self) -> frozenset[str]:
        """Return the names of headers that `head_in` looks at; none where it looks at none."""
        own = self.config.key_schema_id_deserializer if self.is_key else self.config.value_schema_id_deserializer
        return frozenset(() if ids.is_prefix(own) else (ids.NAMES[self.is_key],))

    def head_in(self, pairs: ids.Pairs) -> bytes | None:
        """Return what a record's headers say that would stand in front of its data; None where they say nothing.

        Args:
            pairs: With one at least of `id_header_names`.

        Raises:
            DataError: schemas.wire_format: they say something that is not known.
        """
        name = ids.NAMES[self.is_key]
        found = ids.last(pairs, name)
        if found is not None and not self._framing.is_head(found):
            raise DataError(f"header {name} names no schema: {found[:20].hex(' ') or 'it is empty'}", code=WIRE_FORMAT)
        return found

    def part_of(self, writer: Writer) -> bytes:
        """Return what a writer puts in front of each record's data, to say of which part of the schema it is."""
        return b""

    def encode_with_headers(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> Encoded:
        present = next((index for index, value in enumerate(values) if value is not None), None)
        if present is None:
            return Encoded(self.encode(topic, schema, values))
        self._forget_outdated()
        own = self._writer(topic, schema, values)
        if own.headers is None:
            return Encoded(self.encode(topic, schema, values))
        cut = len(own.head) + len(self.part_of(own.writer))
        data = self._encoded(topic, schema, values)
        return Encoded([item if item is None else item[cut:] for item in data], own.headers)

    def decode_with_headers(
        self, topic: str, data: Sequence[bytes | None], headers: Sequence[ids.Pairs | None]
    ) -> list[Column]:
        names = self._id_header_names
        named = [index for index, pairs in enumerate(headers) if pairs and not names.isdisjoint(dict(pairs))]
        if not named:
            return self.decode(topic, data)
        whole: list[bytes | None] = list(data)
        failed: list[FailedRecord] = []
        for index in named:
            item, pairs = data[index], headers[index]
            if item is None or pairs is None:
                continue
            try:
                head = self.head_in(pairs)
            except DataError as error:
                failed.append(FailedRecord(index, error.message))
                continue
            if head is not None:
                whole[index] = head + item
        if failed:
            raise _bad(failed, code=WIRE_FORMAT)
        return self.decode(topic, whole)

    # -- values to bytes ---------------------------------------------------------------------------------------------

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        """Return records with the id of their schema in front, also where it would go into headers."""
        return self._encoded(topic, schema, values)

    def _encoded(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        present = [value for value in values if value is not None]
        if len(present) < len(values) and schema is not None and not schema.optional:
            raise _bad(
                [
                    FailedRecord(index, "Found null value for non-optional schema")
                    for index, value in enumerate(values)
                    if value is None
                ]
            )
        if not present:
            return [None] * len(values)
        self._forget_outdated()
        made = self._writer(topic, schema, values)
        writer, head = made.writer, made.head
        try:
            written = writer.write(present)
        except DataError as error:
            places = [index for index, value in enumerate(values) if value is not None]
            raise _moved(error, places) from error
        if len(written) == len(values):
            return [head + payload for payload in written]
        rest = iter(written)
        return [None if value is None else head + next(rest) for value in values]

    def _writer(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> _Made:
        found: _Made | None = self._writers.get((topic, schema))
        if found is None:
            try:
                writer, written_with = self.make_writer(topic, schema)
                _expect_no_rules(written_with, _WRITING, "written")
                named = self.id_headers(written_with, self.part_of(writer))
            except DataError as error:  # it is the schema of all of them
                raise _moved(error, [index for index, value in enumerate(values) if value is not None]) from error
            found = _Made(writer, self._framing.head(written_with.id), named)
            self._writers.put((topic, schema), found)
        return found

    # -- bytes to values ---------------------------------------------------------------------------------------------

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        if not data:
            return []
        self._forget_outdated()
        parted = self.parted(data)
        # Those that are bad in one way are named at once, with what is to be done; others when the rest is given again.
        failed = [FailedRecord(index, f"not written with a schema: {why}") for index, why in parted.odd.items()]
        code: str | None = WIRE_FORMAT if failed else None
        hint: str | None = None
        columns: dict[ReaderKey, Column] = {}
        for schema_id, indexes in parted.indexes.items():
            try:
                reader = self._reader(schema_id, topic)
                whole = data if len(indexes) == len(data) else [data[index] for index in indexes]
                columns[schema_id] = reader.read(whole, parted.sizes[schema_id])  # type: ignore[arg-type]
            except DataError as error:
                if code is None:
                    code, hint = error.code, error.hint
                if (error.code, error.hint) == (code, hint):
                    failed += _moved(error, indexes, {"schema.id": str(schema_id)}).failed  # type: ignore[arg-type]
        if failed:
            raise _bad(failed, code=code, hint=hint)
        if len(columns) == 1 and not parted.nulls:
            return list(columns.values())
        read = list(zip(_alike([columns[one] for one in parted.indexes]), parted.indexes.values(), strict=True))
        return _in_order(len(data), read, parted.nulls)

    def _reader(self, key: ReaderKey, topic: str) -> Reader:
        found: Reader | None = self._readers.get((key, topic))
        if found is None:
            found = self.find_reader(key, topic)
            self._readers.put((key, topic), found)
        return found

    def find_reader(self, key: ReaderKey, topic: str) -> Reader:
        """Return who reads the records that `parted` puts together."""
        schema_id = key.schema_id if isinstance(key, MessageId) else key
        return self.make_reader(self.registered(schema_id), topic)

    def registered(self, schema_id: SchemaId) -> Registered:
        """Return the schema of an id. Raises `DataError` where it is unknown, or of another format."""
        written = self.registry.by_id(schema_id, interrupted=self.interrupted)
        self._expect_type(written, "Give the topic the converter that its records were written with.", schema_id)
        _expect_no_rules(written, _READING, "read")
        return written

    def _expect_type(self, found: Registered, hint: str | None = None, schema_id: SchemaId | None = None) -> None:
        if found.schema.type != self.schema_type:
            named = found.id if schema_id is None else schema_id
            raise DataError(
                f"schema {named} of the registry is {found.schema.type}, and {self.schema_type} is expected",
                code=INVALID,
                hint=hint,
            )


#: Modes of rules, by what is done with records.
_WRITING: Final = frozenset({"WRITE", "WRITEREAD"})
_READING: Final = frozenset({"READ", "WRITEREAD"})
_BETWEEN: Final = frozenset({"UPGRADE", "DOWNGRADE", "UPDOWN"})


def _expect_no_rules(schema: Registered, modes: frozenset[str], what: str) -> None:
    """Refuse a schema whose records would have to go through a rule: a field that is to be encrypted would not be."""
    rule = next((one for one in schema.rules if one.mode in modes), None)
    if rule is not None:
        raise DataError(
            f"schema {schema.id} of the registry has rule {rule.name!r} of type {rule.type}, which records have to go "
            f"through when they are {what}, and which is not carried out here",
            code=RULES,
        )


def one_by_one(items: Sequence[Any], one: Callable[[Any], Any], *, code: str | None = None) -> list[Any]:
    """Return what becomes of each, or raise one error that names all that fail.

    Args:
        one: Raises `DataError` where its item is bad.
        code: Of the error; that of the first where it is left out.
    """
    results: list[Any] = []
    failed: list[FailedRecord] = []
    for index, item in enumerate(items):
        try:
            results.append(one(item))
        except DataError as error:
            code = code or error.code
            failed.append(FailedRecord(index, error.message, error.details or None))
    if failed:
        raise _bad(failed, code=code)
    return results


def _bad(failed: Sequence[FailedRecord], *, code: str | None = None, hint: str | None = None) -> DataError:
    return DataError(failed[0].reason, failed=failed, code=code, hint=hint)


def _moved(error: DataError, places: Sequence[int], details: dict[str, str] | None = None) -> DataError:
    """Return an error with the places of its records in the whole column; where it names none, all of them are bad."""
    named: list[FailedRecord] = []
    for one in error.failed:
        known = one if isinstance(one, FailedRecord) else FailedRecord(*one)
        named.append(FailedRecord(places[known.index], known.reason, {**(details or {}), **(known.details or {})}))
    named = named or [FailedRecord(place, error.message, {**(details or {}), **error.details}) for place in places]
    return DataError(error.message, failed=named, code=error.code, hint=error.hint)


def _alike(columns: Sequence[Column]) -> list[Column]:
    """Return columns whose equal schemas are one object: versions that are read as one make no runs of their own."""
    found: list[Schema] = []
    result: list[Column] = []
    for column in columns:
        known = next((one for one in found if one == column.schema), None)
        if known is None and column.schema is not None:
            found.append(column.schema)
        result.append(column if known is None else Column(known, column.values))
    return result


def _in_order(count: int, columns: Sequence[tuple[Column, list[int]]], nulls: list[int]) -> list[Column]:
    """Return columns as runs, in the order of their records."""
    schemas: list[Schema | None] = [None] * count
    values: list[Any] = [None] * count
    for column, indexes in columns:
        for index, value in zip(indexes, column.values, strict=True):
            schemas[index], values[index] = column.schema, value
    runs: list[Column] = []
    for schema, value in zip(schemas, values, strict=True):
        if runs and runs[-1].schema is schema:
            runs[-1].values.append(value)
        else:
            runs.append(Column(schema, [value]))
    return runs
