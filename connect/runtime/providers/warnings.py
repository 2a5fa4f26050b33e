"""What a user would want to hear of references and providers: those that lead nowhere, and those that open too much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from connect.api import ConfigKey
from connect.runtime.providers.config_providers import ConfigProviders, Look, UnknownProvider
from connect.runtime.providers.references import Reference, references_in
from connect.runtime.validation.config_warnings import RISKY, ConfigWarning

UNKNOWN_PROVIDER: Final = "unknown_provider"
#: Keys by which a provider's operator says what may be read, and what everybody may read without them.
_LIMITS: Final = {
    "allowed.paths": "any file that the worker's user may read",
    "allowlist.pattern": "any variable of the worker's environment",
}


def reference_warnings(look: Look, keys: Mapping[str, ConfigKey]) -> list[ConfigWarning]:
    """Return what is likely to be wrong with the references of a config; `keys` are the plugin's."""
    found = [
        ConfigWarning(one.key, UNKNOWN_PROVIDER, f"{one.reference} is taken as it is: {one.why}")
        for one in meant_as_references(look.unknown, keys)
    ]
    return [*found, *_line_breaks(look)]


def meant_as_references(found: Iterable[UnknownProvider], keys: Mapping[str, ConfigKey]) -> Iterator[UnknownProvider]:
    """Leave out what the plugin fills itself, by its `keys`."""
    for one in found:
        own = keys[one.key].placeholders if one.key in keys else ()
        if not all(reference.provider in own for reference in references_in(one.reference)):
            yield one


def _line_breaks(look: Look) -> Iterator[ConfigWarning]:
    for key, parts in look.resolved.parts.items():
        for part in parts:
            if isinstance(part, Reference) and look.resolved.values[part.text].endswith("\n"):
                yield ConfigWarning(key, RISKY, f"the value of {part} ends in a line break, which belongs to it")


def open_providers(providers: ConfigProviders) -> Iterator[tuple[str, str]]:
    """Yield each provider that nothing confines, with what can be read by it.

    A key that says what may be read, and that is not given, is the sign.
    """
    for name, instance in providers.instances():
        for key, what in _LIMITS.items():
            declared = instance.config_class.keys()
            if key in declared and not instance.config.originals.get(key):
                told = (
                    f"config provider {name!r} has no config.providers.{name}.param.{key}, and REST asks for no "
                    f"password: whoever reaches it can read {what}, by a connector whose config refers to it"
                )
                yield name, told
