"""What Kafka Connect says of a class name that names no plugin of the wanted kind, and what is near it.

In Java a wrong name may be no class at all, a class of another sort, or an interface or abstract class; each has words
of its own, and configs that were written for Java hold Java's names.

Source: Kafka 4.3.1, Utils.ensureConcreteSubclass, ConfigDef.parseType.
"""

from __future__ import annotations

from typing import Final

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost

#: The interface that a plugin of each kind implements, with its simple name.
INTERFACES: Final = {
    PluginKind.CONVERTER: "org.apache.kafka.connect.storage.Converter",
    PluginKind.HEADER_CONVERTER: "org.apache.kafka.connect.storage.HeaderConverter",
    PluginKind.TRANSFORM: "org.apache.kafka.connect.transforms.Transformation",
    PluginKind.PREDICATE: "org.apache.kafka.connect.transforms.predicates.Predicate",
}
#: Packages whose classes exist wherever Java does, and are no plugins.
_PLATFORM: Final = ("java.lang.", "java.util.")

_JSON_OR_TEXT: Final = "JsonConverter, with schemas.enable=true where schemas matter, or StringConverter"
#: Classes that configs in use name and nobody has here, by what their names end with, and what to do instead.
_INSTEAD: Final = {
    ".avro.AvroConverter": f"no converter for Avro or a schema registry is bundled: use {_JSON_OR_TEXT}",
    ".protobuf.ProtobufConverter": f"no converter for Protobuf or a schema registry is bundled: use {_JSON_OR_TEXT}",
    ".json.JsonSchemaConverter": (
        "no converter for a schema registry is bundled: use JsonConverter with schemas.enable=true"
    ),
    ".ExtractNewRecordState": (
        "Debezium's envelopes are not unwrapped by a class of that name: use ExtractField$Value with field=after"
    ),
    ".UnwrapFromEnvelope": (
        "Debezium's envelopes are not unwrapped by a class of that name: use ExtractField$Value with field=after"
    ),
    ".TimestampNowField$Value": "use InsertField$Value with timestamp.field, which inserts the record's timestamp",
    ".TimestampNowField$Key": "use InsertField$Key with timestamp.field, which inserts the record's timestamp",
    ".ChangeTopicCase": "no transform changes the case of a topic: RegexRouter renames topics one by one",
    ".ExtractTimestamp$Value": "no transform sets a record's timestamp from a field",
}


def instead_of(given: str) -> str | None:
    """Return what to do where a config names a well-known class that is not here; None for others."""
    return next((instead for end, instead in _INSTEAD.items() if given.endswith(end)), None)


def missing_class(name: str, given: str) -> str:
    """Return ConfigDef's words for a name that is no class."""
    return f"Invalid value {given} for configuration {name}: Class {given} could not be found."


def wrong_class(plugins: PluginHost, given: str, kind: PluginKind) -> str | None:
    """Return what is wrong with a class that exists but is no plugin of this kind.

    None where there is no such class.
    """
    simple = INTERFACES[kind].rpartition(".")[2]
    if given == INTERFACES[kind]:
        return "This class is abstract and cannot be created."
    if given in INTERFACES.values():
        return f"Class interface {given} does not implement the {simple} interface"
    nested = [desc for desc in plugins.list() if desc.name.startswith(f"{given}$")]
    fitting = [desc.name for desc in nested if desc.kind is kind]
    if fitting:
        return f"This class is abstract and cannot be created. Did you mean {', '.join(fitting)}?"
    other = plugins.find(given, *PluginKind)
    if other is not None or nested or given.startswith(_PLATFORM):
        return f"Class class {other.name if other else given} does not implement the {simple} interface"
    return None
