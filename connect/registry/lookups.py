"""What is asked of a registry: reads alone, with Confluent's answers to what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from connect.api.config_values import whole_number
from connect.registry import errors
from connect.registry.memory import Memory
from connect.registry.records import StoredSchema
from connect.registry.subjects import (
    ALL_CONTEXTS,
    DEFAULT_CONTEXT,
    Qualified,
    context_of,
    is_context,
    qualified,
    within,
)

_VERSION_MAX = 2**31 - 1


def version_number(text: str) -> int:
    """Read a version of a path; 'latest' and -1 are -1.

    Raises:
        RegistryError: 42202.
    """
    text = text.strip()
    if text.lower() == "latest":
        return -1
    number = whole_number(text)
    if number is not None and (number == -1 or 1 <= number <= _VERSION_MAX):
        return number
    raise errors.invalid_version(text)


class Lookups:
    """Reads of what is in memory.

    Args:
        level: The compatibility where none is configured.
    """

    def __init__(self, memory: Memory, *, level: str = "BACKWARD") -> None:
        self._memory = memory
        self._level = level

    # -- subjects --------------------------------------------------------------------------------------------------

    def subjects(self, prefix: str = ALL_CONTEXTS, *, deleted: bool = False, deleted_only: bool = False) -> list[str]:
        """Return subjects; without `deleted` those alone that have a version that is not deleted."""
        names = self._memory.subjects(None if prefix == ALL_CONTEXTS else prefix)
        if prefix.startswith(ALL_CONTEXTS) and prefix != ALL_CONTEXTS:
            rest = prefix.removeprefix(ALL_CONTEXTS)
            names = [name for name in self._memory.subjects() if qualified(name).subject.startswith(rest)]
        if deleted_only:
            return [name for name in names if any(one.deleted for one in self._memory.versions(name, deleted=True))]
        return [name for name in names if self._memory.has_subject(name, deleted=deleted)]

    def versions(
        self, subject: str, *, deleted: bool = False, deleted_only: bool = False, as_negative: bool = False
    ) -> list[int]:
        """Return the versions of a subject.

        Raises:
            RegistryError: 40401.
        """
        found = self._memory.versions(subject, deleted=deleted or deleted_only or as_negative)
        if is_context(subject) or not self._memory.has_subject(subject, deleted=deleted or deleted_only):
            raise errors.subject_not_found(subject)
        if as_negative:
            return [-one.version if one.deleted else one.version for one in found]
        return [one.version for one in found if one.deleted or not deleted_only]

    def version(self, subject: str, version: int, *, deleted: bool = False) -> StoredSchema:
        """Return a version of a subject; of one without a context that has none, that of the first context that does.

        Raises:
            RegistryError: 40401, 40402.
        """
        found = self.version_or_none(subject, version, deleted=deleted)
        if found is not None:
            return found
        if not self._memory.has_subject(subject, deleted=deleted):
            raise errors.subject_not_found(subject)
        raise errors.version_not_found(version)

    def version_or_none(self, subject: str, version: int, *, deleted: bool = False) -> StoredSchema | None:
        """Return the same, None where there is none."""
        named = (self._memory.version(name, version, deleted=deleted) for name in self.named(subject))
        return next((one for one in named if one is not None), None)

    def named(self, subject: str) -> Iterator[str]:
        """Yield a subject, and where it names no context the same in each other context."""
        yield subject
        if context_of(subject) == DEFAULT_CONTEXT:
            for context in self._memory.contexts()[1:]:
                yield str(Qualified(context, subject))

    def referenced_by(self, subject: str, version: int, *, deleted: bool = False) -> list[int]:
        """Return the ids of the schemas that refer to a version.

        Raises:
            RegistryError: 40401, 40402.
        """
        found = self.version(subject, version, deleted=True)
        referrers = self._memory.referrers(found.subject, found.version, deleted=deleted)
        return list(dict.fromkeys(one.id for one in referrers))

    def latest_with(self, subject: str, wanted: dict[str, str], *, deleted: bool = False) -> StoredSchema:
        """Return the latest version with some properties in its metadata.

        Raises:
            RegistryError: 40401, 40403.
        """
        for one in reversed(self._memory.versions(subject, deleted=deleted)):
            properties = (one.metadata or {}).get("properties") or {}
            if isinstance(properties, dict) and wanted.items() <= properties.items():
                return one
        if not self._memory.has_subject(subject, deleted=deleted):
            raise errors.subject_not_found(subject)
        raise errors.schema_not_found()

    def listed(
        self, prefix: str = ALL_CONTEXTS, *, deleted: bool = False, latest_only: bool = False
    ) -> Iterable[StoredSchema]:
        """Yield the versions of subjects, in the order of their names."""
        for name in self.subjects(prefix, deleted=deleted):
            found = self._memory.versions(name, deleted=deleted)
            yield from found[-1:] if latest_only else found

    # -- ids -------------------------------------------------------------------------------------------------------

    def with_id(self, schema_id: int, subject: str = "") -> list[StoredSchema]:
        """Return the versions that have an id, one that is not deleted first.

        Args:
            subject: Says in which context the id is, or by its name which context is meant.

        Raises:
            RegistryError: 40403.
        """
        found = self._memory.with_id(context_of(subject), schema_id)
        wanted = qualified(subject).subject
        if wanted and context_of(subject) == DEFAULT_CONTEXT and not any(one.subject == subject for one in found):
            for context in self._memory.contexts()[1:]:
                there = self._memory.with_id(context, schema_id)
                if any(qualified(one.subject).subject == wanted for one in there):
                    found = there
                    break
        if not found:
            raise errors.schema_not_found(schema_id)
        return sorted(found, key=lambda one: (one.deleted, one.subject != subject))

    def max_id(self, subject: str) -> int:
        """Return the largest id of a context."""
        return self._memory.max_id(context_of(subject))

    def with_guid(self, guid: str) -> list[tuple[str, int]]:
        """Return the contexts that have a schema, and its id there.

        Raises:
            RegistryError: 40403.
        """
        try:
            found = self._memory.with_guid(UUID(guid).bytes)
        except ValueError:
            found = []
        if not found:
            raise errors.schema_not_found(guid)
        return found

    def contexts(self) -> list[str]:
        """Return the contexts, the default one first."""
        return self._memory.contexts()

    # -- settings --------------------------------------------------------------------------------------------------

    def config(self, subject: str | None, *, in_scope: bool = False) -> dict[str, Any]:
        """Return a config, its own or the one in force.

        Raises:
            RegistryError: 40408.
        """
        found = self._memory.config_in_scope(subject) if in_scope else self._memory.configs.get(subject)
        if found is None and subject is not None and not in_scope:
            raise errors.no_config(subject)
        return {"compatibilityLevel": self._level} | (found or {})

    def mode(self, subject: str | None, *, in_scope: bool = False) -> str:
        """Return a mode, its own or the one in force.

        Raises:
            RegistryError: 40409.
        """
        found = self._memory.mode_in_scope(subject) if in_scope else self._memory.modes.get(subject)
        if found is None and subject is not None and not in_scope:
            raise errors.no_mode(subject)
        return found or "READWRITE"

    def aliased(self, subject: str) -> str:
        """Return the subject that a subject stands for, by the alias in its config."""
        alias = (self._memory.configs.get(subject) or {}).get("alias")
        return within(subject, alias) if isinstance(alias, str) and alias else subject
