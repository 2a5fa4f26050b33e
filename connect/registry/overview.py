"""What is told of all subjects at once, for people who look: no route of Confluent's has it in one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connect.registry import errors
from connect.registry.lookups import Lookups
from connect.registry.records import StoredSchema
from connect.registry.subjects import context_of
from connect.registry.topic import SchemaTopic


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """A subject in a listing.

    Attributes:
        context: That it is in; `.` is the default one.
        newest: Its latest version; the latest of those that are deleted where no other is left.
        living, deleted: How many versions it has, and how many are softly deleted.
        level, mode: Those in force.
        has_own_level, has_own_mode: They were set for the subject itself.
        references: How many schemas the newest version refers to.
        referrers: How many versions refer to one of its versions.
    """

    subject: str
    context: str
    newest: StoredSchema
    living: int
    deleted: int
    level: str
    has_own_level: bool
    mode: str
    has_own_mode: bool
    references: int
    referrers: int


class Overview:
    """Reads of what is in memory, and how the topic does.

    Args:
        topic: Open.
        types: The types of schemas that are known.
    """

    def __init__(self, topic: SchemaTopic, lookups: Lookups, types: Sequence[str]) -> None:
        self._topic = topic
        self._memory = topic.memory
        self._lookups = lookups
        self.types = tuple(types)

    @property
    def level(self) -> str:
        """The level of subjects that have none of their own, nor one of their context."""
        return str(self._lookups.config(None)["compatibilityLevel"])

    @property
    def mode(self) -> str:
        """The mode of these."""
        return self._lookups.mode(None)

    @property
    def contexts(self) -> list[str]:
        """The contexts, the default one first."""
        return self._lookups.contexts()

    @property
    def trouble(self) -> str | None:
        """Why the topic cannot be read just now."""
        return self._topic.trouble

    @property
    def passed_over(self) -> int:
        """How many records of the topic could not be read."""
        return self._topic.passed_over

    async def unfit(self) -> str | None:
        """Say what of the topic is not as it must be by now; None where all is, or where that cannot be asked."""
        return await self._topic.unfit()

    def subjects(self, *, contains: str = "", deleted: bool = False) -> list[str]:
        """Return the subjects whose names hold a text, in any case of its letters.

        Args:
            deleted: Those too of which all versions are softly deleted.
        """
        text = contains.lower()
        return [name for name in self._lookups.subjects(deleted=deleted) if text in name.lower()]

    def row(self, subject: str) -> SubjectRow:
        """Return what a listing says of a subject.

        Raises:
            RegistryError: 40401.
        """
        versions = self.versions(subject)
        living = [one for one in versions if not one.deleted]
        newest = (living or versions)[-1]
        return SubjectRow(
            subject=subject,
            context=context_of(subject),
            newest=newest,
            living=len(living),
            deleted=len(versions) - len(living),
            level=str(self._lookups.config(subject, in_scope=True)["compatibilityLevel"]),
            has_own_level=self.own_config(subject).get("compatibilityLevel") is not None,
            mode=self._lookups.mode(subject, in_scope=True),
            has_own_mode=subject in self._memory.modes,
            references=len(newest.references),
            referrers=sum(len(self.referrers(one)) for one in versions),
        )

    def versions(self, subject: str) -> list[StoredSchema]:
        """Return the versions of a subject, deleted ones too, the oldest first.

        Raises:
            RegistryError: 40401.
        """
        found = self._memory.versions(subject, deleted=True)
        if not found:
            raise errors.subject_not_found(subject)
        return found

    def referrers(self, schema: StoredSchema) -> list[StoredSchema]:
        """Return the versions that refer to one, deleted ones too: these keep it from being deleted for good."""
        found = self._memory.referrers(schema.subject, schema.version, deleted=True)
        return sorted(found, key=lambda one: (one.subject, one.version))

    def own_config(self, subject: str) -> Mapping[str, Any]:
        """Return the config that was set for a subject itself; empty where there is none."""
        return self._memory.configs.get(subject) or {}
