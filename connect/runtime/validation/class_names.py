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
