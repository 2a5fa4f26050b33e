"""What configs in use name that is not here, and what to do instead: the one table of such words.

Beside the names that plugins answer to (their `class_name` and `aliases`) stand here the classes that nobody has, keys
of theirs that another key replaces, and keys that are read and mean something else on the bundled log. Whether a key is
known, and whether its value is right, is never said here: that is for the declarations, and for validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_JSON_OR_TEXT: Final = "JsonConverter, with schemas.enable=true where schemas matter, or StringConverter"
#: Transforms and converters, by what their names end with.
_CLASSES: Final = {
    ".utils.converter.ProtobufConverter": (
        "use io.confluent.connect.protobuf.ProtobufConverter with "
        "schema.registry.url=http://HOST:PORT/apis/ccompat/v7, which Apicurio's registry answers too"
    ),
    "com.blueapron.connect.protobuf.ProtobufConverter": (
        f"no converter for Protobuf without a schema registry is bundled: use {_JSON_OR_TEXT}; "
        "or io.confluent.connect.protobuf.ProtobufConverter with a registry"
    ),
    ".utils.converter.ExtJsonConverter": (
        "its records name the schema of JsonConverter, which is no JSON Schema: use "
        "io.confluent.connect.json.JsonSchemaConverter for new topics"
    ),
    ".UnwrapFromEnvelope": "Debezium gave it another name: use ExtractNewRecordState",
    "io.debezium.transforms.Filter": (
        "its condition is a script for an engine of the JVM: use FilterByPath$Value with filter.condition, or Python, "
        "which runs a function"
    ),
    ".ContentBasedRouter": (
        "its expression is a script for an engine of the JVM: use ExtractTopic$Value, which takes the topic from a "
        "field, or Python, which runs a function"
    ),
    ".replicator.util.ByteArrayConverter": "use ByteArrayConverter",
    ".TimestampNowField$Value": "use InsertField$Value with timestamp.field, which inserts the record's timestamp",
    ".TimestampNowField$Key": "use InsertField$Key with timestamp.field, which inserts the record's timestamp",
    ".ChangeTopicCase": "no transform changes the case of a topic: RegexRouter renames topics one by one",
    ".ExtractTimestamp$Value": "no transform sets a record's timestamp from a field",
}
_STORES: Final = (
    "nothing bundled writes to or reads from object stores: FolderSink writes files, Parquet too, for a tool to upload"
)
_OTHER_DATABASE: Final = (
    "of databases PostgreSQL alone is read: changes by PostgresCdcSource, rows by JdbcSourceConnector"
)
_FOLDERS: Final = (
    "FileStreamSource reads many files with the key files, parses CSV and JSON, and moves or deletes what is read"
)
_BETWEEN_CLUSTERS: Final = "it copies between Kafka clusters; the bundled log is moved with Kafka's own files and tools"
#: Connectors, by what their names begin with; the first that fits.
_CONNECTORS: Final = {
    "io.debezium.connector.mysql.": _OTHER_DATABASE,
    "io.debezium.connector.mariadb.": _OTHER_DATABASE,
    "io.debezium.connector.sqlserver.": _OTHER_DATABASE,
    "io.debezium.connector.oracle.": _OTHER_DATABASE,
    "io.debezium.connector.db2.": _OTHER_DATABASE,
    "io.debezium.connector.mongodb.": _OTHER_DATABASE,
    "io.debezium.connector.vitess.": _OTHER_DATABASE,
    "io.debezium.connector.spanner.": _OTHER_DATABASE,
    "io.debezium.connector.cassandra.": _OTHER_DATABASE,
    "io.debezium.connector.informix.": _OTHER_DATABASE,
    "io.confluent.connect.oracle.": _OTHER_DATABASE,
    "io.confluent.connect.cdc.": _OTHER_DATABASE,
    "org.apache.kafka.connect.mirror.": _BETWEEN_CLUSTERS,
    "io.confluent.connect.replicator.": _BETWEEN_CLUSTERS,
    "io.confluent.connect.s3.": _STORES,
    "io.confluent.connect.gcs.": _STORES,
    "io.confluent.connect.azure.": _STORES,
    "io.confluent.connect.hdfs": _STORES,
    "io.aiven.kafka.connect.s3.": _STORES,
    "io.aiven.kafka.connect.gcs.": _STORES,
    "io.mdrogalis.voluble.": "DatagenConnector generates related topics from a model of its own",
    "com.github.jcustenborder.kafka.connect.spooldir.": _FOLDERS,
    "io.streamthoughts.kafka.connect.filepulse.": _FOLDERS,
}
WRITE_ONE: Final = "a plugin that has the class runs, and one is a page of Python (docs/howto/write-a-connector.md)"

#: Keys of classes that are not here, by the class as above: what takes the place of each there.
_OF_CLASSES: Final[dict[str, dict[str, str]]] = {
    "io.confluent.connect.s3.": {
        "s3.* storage.class store.url aws.*": "folder of FolderSink, which another tool uploads",
        "topics.dir": "folder",
        "format.class": "format: json, csv, lines, whole or parquet",
        "flush.size": "flush.size",
        "rotate.interval.ms": "rotate.interval.ms",
        "rotate.schedule.interval.ms": "rotate.schedule.interval.ms",
        "partitioner.class": "partitioner.class",
        "partition.field.name": "partition.field.name",
        "partition.duration.ms": "partition.duration.ms",
        "path.format": "path.format",
        "timestamp.extractor": "timestamp.extractor",
        "timestamp.field": "timestamp.field",
        "timezone locale": "timezone",
        "parquet.codec": "parquet.codec",
        "behavior.on.null.values": "behavior.on.null.values",
        "file.delim": "file.extension, for the files' ending; parts of names are parted by '+'",
    },
    "com.github.jcustenborder.kafka.connect.spooldir.": {
        "input.path input.file.pattern": "files, as folders and globs",
        "finished.path": "on.eof.folder, with on.eof=move",
        "cleanup.policy": "on.eof: move, delete or stop",
        "error.path halt.on.error": "errors.tolerance",
        "topic": "topic",
        "csv.first.row.as.header": "csv.header",
        "csv.separator.char": "csv.delimiter, as the character",
        "csv.quote.char": "csv.quote, as the character",
        "value.schema schema.generation.*": "csv.columns, as NAME:TYPE",
        "file.minimum.age.ms": "on.eof.wait.ms",
        "batch.size": "batch.size",
    },
}
#: Keys of Debezium Server that are no connector's.
_OF_SERVERS: Final = {
    "debezium.sink.type": ("a sink connector takes records on from the bundled log, where they go"),
    "debezium.sink.*": "a sink connector's config, where one is there for the target",
    "debezium.source.offset.*": "offset.storage.topic and offset.flush.interval.ms of the worker",
    "debezium.source.schema.history.*": "not needed: the schema is read from the database",
    "debezium.source.database.history.*": "not needed: the schema is read from the database",
    "debezium.format.*": "key.converter, value.converter and header.converter: json is JsonConverter",
    "quarkus.http.*": "listeners of the worker",
    "quarkus.log.*": "log.level of the worker",
    "quarkus.*": "not needed: there is no Quarkus",
    "debezium.*": "not needed: it is a key of Debezium Server",
}


@dataclass(frozen=True, slots=True)
class _Departure:
    """A key that is read, and does not do here what it does in Kafka Connect.

    Attributes:
        of: What the connector's class ends with; '' for all.
        applies: Whether it does so with this config.
        bundled: It is so on the bundled log alone.
        page: Which of docs/reference/departures.md it is; '' for those of the page of the connector.
    """

    names: str
    told: str
    of: str = ""
    applies: Callable[[Mapping[str, Any]], bool] = lambda config: True
    bundled: bool = False
    page: str = ""


def _is(key: str, value: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda config: str(config.get(key) or "").strip().lower() == value


def _writes_structs(config: Mapping[str, Any]) -> bool:
    converter = str(config.get("value.converter") or "")
    return not converter.endswith(("StringConverter", "ByteArrayConverter"))


_DEPARTURES: Final = (
    _Departure(
        "errors.tolerance",
        "bad records of a put and of a producer are skipped too, where Kafka Connect's task fails; "
        "after an outage the task is restarted, and skips nothing",
        applies=_is("errors.tolerance", "all"),
        page="bad-records-at-every-stage",
    ),
    _Departure(
        "topic.creation.*.replication.factor errors.deadletterqueue.topic.replication.factor",
        "the bundled log has one copy of each topic",
        bundled=True,
    ),
    _Departure(
        "connector.class",
        "values that are no text are written as JSON, not as Java's toString has them",
        of=".FileStreamSinkConnector",
        applies=_writes_structs,
    ),
    _Departure(
        "iterations",
        "after so many records the task stays RUNNING and idles; Confluent's fails",
        of=".DatagenConnector",
        applies=lambda config: str(config.get("iterations")).strip() not in ("", "-1"),
    ),
)


def instead_of(given: str) -> str | None:
    """Return what to do where a config names a well-known transform or converter that is not here; None for others."""
    return next((instead for end, instead in _CLASSES.items() if given.endswith(end)), None)


def instead_of_connector(given: str) -> str | None:
    """Return what to do where a config names a well-known connector that is not here; None for others."""
    return next((instead for begin, instead in _CONNECTORS.items() if given.startswith(begin)), None)


def instead_of_key(connector: str, key: str) -> str | None:
    """Return what takes the place of a key of a connector that is not here, None where it is not known."""
    keys = next((keys for begin, keys in _OF_CLASSES.items() if connector.startswith(begin)), {})
    return _found(keys, key)


def instead_in_server(key: str) -> str | None:
    """Return what takes the place of a key of Debezium Server, None for a key of another program."""
    return _found(_OF_SERVERS, key)


def departures(connector: str, config: Mapping[str, Any], *, bundled: bool) -> Iterator[tuple[str, str]]:
    """Yield the keys of a config that do not do here what they do in Kafka Connect, and what they do.

    Args:
        connector: The name of the class that runs.
        bundled: The worker runs on the bundled log.
    """
    for departure in _DEPARTURES:
        if not connector.endswith(departure.of) or (departure.bundled and not bundled):
            continue
        if not departure.applies(config):
            continue
        for key in config:
            if any(_fits(name, key) for name in departure.names.split()):
                yield key, departure.told


def pages() -> list[str]:
    """Return the departures of docs/reference/departures.md that are told of here."""
    return [departure.page for departure in _DEPARTURES if departure.page]


def _found(keys: Mapping[str, str], key: str) -> str | None:
    found = next((told for names, told in keys.items() if any(_fits(name, key) for name in names.split())), None)
    return found if found is None or found.startswith("not ") else f"instead: {found}"


def _fits(name: str, key: str) -> bool:
    """Whether a key is a name's; '*' in a name stands for anything."""
    begin, star, end = name.partition("*")
    return key == name if not star else key.startswith(begin) and key.endswith(end) and len(key) > len(begin + end)
