"""Records through converters, for `connect consume`: bytes become values, and a record that cannot be is told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from connect.api import DataError
from connect.api.contract import check_runs, failed_of
from connect.cli.output import UsageError, visible
from connect.cli.plugins import plugin_host, plugin_path
from connect.cli.registry import DEFAULT_LISTENER
from connect.records import FetchedBatch

if TYPE_CHECKING:
    from connect.api import Converter

#: Names for people; every name that a config may give is one, too.
SHORT_NAMES: Final = {
    "avro": "io.confluent.connect.avro.AvroConverter",
    "protobuf": "io.confluent.connect.protobuf.ProtobufConverter",
    "json-schema": "io.confluent.connect.json.JsonSchemaConverter",
    "json": "org.apache.kafka.connect.json.JsonConverter",
    "string": "org.apache.kafka.connect.storage.StringConverter",
    "bytes": "org.apache.kafka.connect.converters.ByteArrayConverter",
    "boolean": "org.apache.kafka.connect.converters.BooleanConverter",
    "short": "org.apache.kafka.connect.converters.ShortConverter",
    "integer": "org.apache.kafka.connect.converters.IntegerConverter",
    "long": "org.apache.kafka.connect.converters.LongConverter",
    "float": "org.apache.kafka.connect.converters.FloatConverter",
    "double": "org.apache.kafka.connect.converters.DoubleConverter",
}
_URL_KEY: Final = "schema.registry.url"


class Decoded(NamedTuple):
    """A key or value that a converter read."""

    value: Any


#: A key or value as it is printed: bytes of the log, or what a converter read.
Part = bytes | None | Decoded


class Choice(NamedTuple):
    """Which converter reads keys, or values, and with which keys of its own. `name` is None for none."""

    name: str | None
    properties: tuple[str, ...] = ()


def converter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what names the converters of keys and values."""
    for option in (
        plugin_path,
        click.option(
            "--value-converter-property", "value_properties", multiple=True, metavar="KEY=VALUE",
            help="A key of the value converter, without value.converter. in front; several times for several.",
        ),
        click.option(
            "--key-converter-property", "key_properties", multiple=True, metavar="KEY=VALUE",
            help="A key of the key converter.",
        ),
        click.option(
            "--schema-registry", metavar="URL",
            help=f"The schema registry of the converters; CONNECT_REGISTRY_URL, else {DEFAULT_LISTENER}.",
        ),
        click.option(
            "--value-converter", metavar="NAME",
            help=f"Print values decoded: {', '.join(SHORT_NAMES)}, or a converter's class.",
        ),
        click.option("--key-converter", metavar="NAME", help="Print keys decoded, by the same names."),
    ):  # fmt: skip
        command = option(command)
    return command


class Decoders:
    """The converters of keys and values. `decode` blocks while a registry is asked, no longer than until `interrupt`.

    Args:
        tell: Told of each record that cannot be decoded: a line for people.

    Raises:
        ConfigError: There is no such converter, or its keys are wrong.
    """

    def __init__(
        self, key: Choice, value: Choice, registry: str | None, folders: tuple[Path, ...], tell: Callable[[str], None]
    ) -> None:
        self._tell = tell
        self._interrupted = threading.Event()
        self._made: dict[str, Converter] = {}
        try:
            for which, choice in (("key", key), ("value", value)):
                if choice.name is not None:
                    self._made[which] = self._make(which, choice, registry, folders)
        except BaseException:
            self.close()
            raise

    def _make(self, which: str, choice: Choice, registry: str | None, folders: tuple[Path, ...]) -> Converter:
        from connect.runtime.connector_config import SourceConnectorConfig
        from connect.runtime.factory import make_converter
        from connect.runtime.model import PluginKind
        from connect.runtime.worker_config import WorkerConfig

        assert choice.name is not None, "a converter is asked for"
        host = plugin_host(folders)
        at = f"{which}.converter"
        desc = host.resolve(SHORT_NAMES.get(choice.name, choice.name), PluginKind.CONVERTER, config_path=at)
        keys = _properties(f"--{which}-converter-property", choice.properties)
        known = desc.cls.config_class.keys()
        if _URL_KEY in known and (registry is not None or _URL_KEY not in keys):
            keys[_URL_KEY] = registry or os.environ.get("CONNECT_REGISTRY_URL") or DEFAULT_LISTENER
        for name in keys:
            if not desc.cls.config_class.model_reads(name):
                self._tell(f"warning: nothing reads key {visible(name)} of {desc.name}")
        config = {"name": "consume", "connector.class": "none", at: desc.name}
        config |= {f"{at}.{name}": text for name, text in keys.items()}
        parsed = SourceConnectorConfig.parse(config)
        return make_converter(host, WorkerConfig.parse({}), parsed, at, interrupted=self._interrupted)

    def decode(self, batch: FetchedBatch) -> tuple[Sequence[Part], Sequence[Part]]:
        """Return a batch's keys and values. What cannot be decoded is told, and stays bytes.

        Raises:
            RetriableError: The registry does not answer: no record is at fault.
        """
        columns = batch.columns
        keys: Sequence[bytes | None] = columns.keys or [None] * len(batch)
        return self._column(batch, "key", keys), self._column(batch, "value", columns.values)

    def _column(self, batch: FetchedBatch, which: str, data: Sequence[bytes | None]) -> Sequence[Part]:
        converter = self._made.get(which)
        if converter is None or not data:
            return data
        parts: list[Part] = list(data)
        odd: dict[int, str] = {}
        waiting = [list(range(len(data)))]
        while waiting:
            places = waiting.pop()
            try:
                for place, value in zip(places, _values(converter, batch, places, data), strict=True):
                    parts[place] = None if value is None else Decoded(value)
            except DataError as error:
                failed = {one.index: one.reason for one in failed_of(converter, "decode", error, len(places))}
                if not failed and len(places) > 1:
                    waiting += [[place] for place in reversed(places)]
                    continue
                odd |= {places[index]: reason for index, reason in (failed or {0: error.message}).items()}
                left = [place for index, place in enumerate(places) if index not in (failed or {0: ""})]
                waiting += [left] if left else []
        for place, reason in sorted(odd.items()):  # those of one kind came together
            at = f"{batch.topic}-{batch.partition}@{batch.offsets[place]}"
            self._tell(f"{at}: its {which} is shown as it is: {visible(reason)}")
        return parts

    def interrupt(self) -> None:
        """Have a decoding that waits for a registry give up. From any thread."""
        self._interrupted.set()

    def close(self) -> None:
        """Close the converters."""
        self.interrupt()
        for converter in self._made.values():
            converter.close()


def decoders(
    key: Choice, value: Choice, registry: str | None, folders: tuple[Path, ...], tell: Callable[[str], None]
) -> Decoders | None:
    """Return what the options ask for, None where they name no converter.

    Raises:
        ConfigError: As `Decoders`; or something is given of a converter that is not there.
    """
    for which, choice in (("key", key), ("value", value)):
        if choice.properties and choice.name is None:
            raise UsageError(f"--{which}-converter-property needs --{which}-converter")
    if key.name is None and value.name is None:
        if registry is not None:
            raise UsageError("--schema-registry needs --value-converter or --key-converter")
        return None
    return Decoders(key, value, registry, folders, tell)


def _values(
    converter: Converter, batch: FetchedBatch, places: Sequence[int], column: Sequence[bytes | None]
) -> list[Any]:
    from connect.runtime.border.calls import within

    data, headers = [column[at] for at in places], batch.columns.headers or [None] * len(batch)
    own = [headers[at] for at in places]
    runs = within(converter.plugin_name(), "decode", converter.decode_with_headers, batch.topic, data, own)
    check_runs(converter, "decode", runs, len(data))
    return [value for run in runs for value in run.values]


def _properties(option: str, pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option}: a pair KEY=VALUE is expected; what is given has no name or no '='")
        found[name.strip()] = text
    return found
