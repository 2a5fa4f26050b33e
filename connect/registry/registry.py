"""The registry: what changes it, by one decision at a time on all that the topic says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Final

from connect.registry import errors
from connect.registry.lookups import Lookups
from connect.registry.overview import Overview
from connect.registry.records import (
    Content,
    Key,
    Record,
    Reference,
    StoredSchema,
    content_hash,
    context_record,
    delete_subject_record,
    schema_record,
    tombstone,
)
from connect.registry.schemas import Form, NewSchema, Parsed, Schemas, problems_between, schema_types
from connect.registry.settings import Settings
from connect.registry.subjects import DEFAULT_CONTEXT, context_of, is_context, is_valid, within
from connect.registry.topic import Decided, SchemaTopic

_IMPORT: Final = "IMPORT"
_READ_ONLY: Final = ("READONLY", "READONLY_OVERRIDE")
_INT_MAX: Final = 2**31 - 1


class Registry:
    """Subjects and their schemas. For the event loop; reads are in `lookups` and `overview`, configs and modes in
    `settings`.

    Args:
        topic: Open.
        level: The compatibility where none is configured.
        modes_change: Whether modes may be set.
    """

    def __init__(self, topic: SchemaTopic, *, level: str = "BACKWARD", modes_change: bool = True) -> None:
        self._topic = topic
        self._memory = topic.memory
        self._schemas = Schemas(topic.memory)
        self.lookups = Lookups(topic.memory, level=level)
        self.overview = Overview(topic, self.lookups, schema_types())
        self.settings = Settings(topic, self.lookups, modes_change=modes_change)

    @property
    def trouble(self) -> str | None:
        """Why the topic cannot be read just now."""
        return self._topic.trouble

    async def text(self, schema: StoredSchema, form: Form) -> str | None:
        """Return another text of a stored schema than the one that is stored; None where it has none of that form.

        Raises:
            RegistryError: 42201.
        """
        return await self._schemas.text(await self._schemas.parse(schema.subject, schema), form)

    # -- looked up -------------------------------------------------------------------------------------------------

    async def look_up(
        self, subject: str, given: NewSchema, *, normalize: bool = False, deleted: bool = False
    ) -> StoredSchema:
        """Return the version of a subject that a schema is.

        Raises:
            RegistryError: 40401, 40403, 42201.
        """
        for name in self.lookups.named(subject):
            found = await self._looked_up(name, given, normalize=normalize, deleted=deleted)
            if found is not None:
                return found
        if not self._memory.has_subject(subject, deleted=deleted):
            raise errors.subject_not_found(subject)
        raise errors.schema_not_found()

    async def _looked_up(
        self, subject: str, given: NewSchema, *, normalize: bool, deleted: bool = False
    ) -> StoredSchema | None:
        if not self._memory.has_subject(subject, deleted=deleted):
            # What is no schema is refused all the same.
            await self._schemas.parse(subject, given)
            return None
        exact, parsed = await self._canonical(subject, given, normalize=normalize, is_new=False)
        versions = self._memory.versions(subject, deleted=deleted)
        for wanted in (exact, self._with_inherited(exact, versions)):
            content = _content_of(wanted)
            for one in reversed(versions):
                if one.content == content:
                    return one
        return await self._otherwise_written(parsed, exact, versions)

    async def _otherwise_written(
        self, parsed: Parsed, exact: NewSchema, versions: Sequence[StoredSchema]
    ) -> StoredSchema | None:
        """Return the version that a schema is by its meaning, though its text is another one."""
        inlined = await self._inlined(parsed, exact, versions)
        return inlined if inlined is not None else await self._sorted(exact, versions)

    async def _sorted(self, exact: NewSchema, versions: Sequence[StoredSchema]) -> StoredSchema | None:
        """Return the version that an Avro schema is, where Karapace wrote that one, which sorts the members."""
        for one in reversed(versions) if exact.schema_type == "AVRO" else ():
            if one.schema_type != "AVRO" or one.schema.startswith('{"type"'):  # as it is written here
                continue
            same = dataclasses.replace(one, schema=exact.schema)
            if same.content == _content_of(exact) and _has_sorted_members(one.schema):
                before = await self._schemas.parse(one.subject, one)
                if await self._schemas.text(before) == exact.schema:
                    return one
        return None

    async def _inlined(self, parsed: Parsed, exact: NewSchema, versions: Sequence[StoredSchema]) -> StoredSchema | None:
        """Return the version that a schema without references is, where that one has them."""
        having = [one for one in reversed(versions) if one.references and one.schema_type == exact.schema_type]
        if exact.references or not having:
            return None
        wanted = await self._schemas.text(parsed, "inlined")
        for one in having:
            before = await self._schemas.parse(one.subject, one)
            try:
                if await self._schemas.text(before, "inlined") == wanted:
                    return one
            except errors.RegistryError:  # with all in it, it is deeper than any schema may be: it is not this one
                continue
        return None

    async def _canonical(
        self, subject: str, given: NewSchema, *, normalize: bool, is_new: bool
    ) -> tuple[NewSchema, Parsed]:
        """Return a schema with the text that is stored, and as it was read.

        Raises:
            RegistryError: 42201.
        """
        given = dataclasses.replace(given, references=self._settled(subject, given.references))
        parsed = await self._schemas.parse(subject, given, is_new=is_new)
        normalize = normalize or self.lookups.config(subject, in_scope=True).get("normalize") is True
        text = await self._schemas.text(parsed, "normalized" if normalize else "canonical")
        assert text is not None, "each type has these"
        return dataclasses.replace(given, schema=text), parsed

    def _settled(self, subject: str, references: Sequence[Reference]) -> tuple[Reference, ...]:
        """Return references of which each names a version: 'the latest' would be another one later."""
        found = []
        for one in references:
            latest = self._memory.version(within(subject, one.subject), -1) if one.version == -1 else None
            found.append(one if latest is None else dataclasses.replace(one, version=latest.version))
        return tuple(found)

    @staticmethod
    def _with_inherited(given: NewSchema, versions: Sequence[StoredSchema]) -> NewSchema:
        """Return a schema with the metadata and rules of the latest version where it has none of its own."""
        latest = next((one for one in reversed(versions) if not one.deleted), None)
        if latest is None:
            return given
        return dataclasses.replace(
            given,
            metadata=latest.metadata if given.metadata is None else given.metadata,
            rule_set=latest.rule_set if given.rule_set is None else given.rule_set,
        )

    # -- compared --------------------------------------------------------------------------------------------------

    async def compatibility(
        self, subject: str, given: NewSchema, version: int | None = None, *, normalize: bool = False
    ) -> list[str]:
        """Return why a schema may not follow those of a subject, or one version of it; nothing where it may.

        Raises:
            RegistryError: 40402, 42201.
        """
        exact, parsed = await self._canonical(subject, given, normalize=normalize, is_new=True)
        earlier = self._memory.versions(subject)
        if version is not None:
            one = self._memory.version(subject, version)
            if one is None and version != -1:
                raise errors.version_not_found(version)
            earlier = [] if one is None else [one]
        return await self._incompatible(subject, exact, parsed, earlier)

    async def _incompatible(
        self, subject: str, given: NewSchema, parsed: Parsed, earlier: Sequence[StoredSchema]
    ) -> list[str]:
        config = self.lookups.config(subject, in_scope=True)
        level = str(config["compatibilityLevel"])
        if (group := config.get("compatibilityGroup")) is not None:
            own = _group_of(given, group)
            earlier = [one for one in earlier if _group_of(one, group) == own]
        if not level.endswith("_TRANSITIVE"):
            earlier = earlier[-1:]
        if level == "NONE":
            return []
        read = [(one, await self._schemas.parse(one.subject, one)) for one in earlier]
        found = await problems_between(level, parsed, read, given.schema_type)
        return [*found, f"{{validateFields: 'false', compatibility: '{level}'}}"] if found else []

    # -- registered ------------------------------------------------------------------------------------------------

    async def register(
        self, subject: str, given: NewSchema, *, normalize: bool = False, force: bool = False
    ) -> StoredSchema:
        """Register a schema as the next version of a subject, unless it is one of its versions already.

        Args:
            force: Compatibility is not looked at.

        Raises:
            RegistryError: 409, 42201, 42205, 42208, 42209, 50001.
        """
        if not is_valid(subject):
            raise errors.invalid_subject(subject)
        known = await self._looked_up(subject, given, normalize=normalize)
        if known is not None and given.id in (-1, known.id) and given.version in (-1, 0, known.version):
            return known

        async def decide() -> Decided[StoredSchema]:
            return await self._next_version(subject, given, normalize=normalize, force=force)

        return await self._topic.change(decide)

    async def _next_version(
        self, subject: str, given: NewSchema, *, normalize: bool, force: bool
    ) -> Decided[StoredSchema]:
        mode = self._check_mode(subject, given)
        versions = self._memory.versions(subject, deleted=True)
        living = [one for one in versions if not one.deleted]
        exact, parsed = await self._canonical(subject, given, normalize=normalize, is_new=mode != _IMPORT)
        if mode != _IMPORT:
            exact = self._with_inherited(exact, living)
        content = _content_of(exact)
        same = self._memory.with_content(context_of(subject), content)
        if given.id in (-1, same[0].id if same else -1) and given.version <= 0:
            here = next((one for one in living if one.content == content), None)
            here = here or await self._otherwise_written(parsed, exact, living)
            if here is not None:
                return [], here
        if mode != _IMPORT and not force:
            found = await self._incompatible(subject, exact, parsed, living)
            if found:
                raise errors.incompatible(subject, found)
        schema_id = self._id_of(subject, exact, content, same)
        number = 1 + max((one.version for one in versions), default=0)
        if given.version > 0:
            if given.version != number and mode != _IMPORT:
                raise errors.invalid_schema("Version is not one more than previous version")
            number = given.version
        if number > _INT_MAX:
            raise errors.store_failed(f"subject {subject!r} has used its last version, {_INT_MAX}")
        made = StoredSchema(
            subject,
            number,
            schema_id,
            exact.schema_type,
            exact.schema,
            exact.references,
            exact.metadata,
            exact.rule_set,
        )
        context = context_of(subject)
        is_new_context = context != DEFAULT_CONTEXT and context not in self._memory.contexts()
        records: list[Record] = [context_record(context)] if is_new_context else []
        # Of a version that comes back from its soft deletion one record stays.
        records += [
            tombstone(Key("SCHEMA", subject, one.version))
            for one in versions
            if one.deleted
            and one.id == schema_id
            and one.version < number
            and not self._memory.referrers(subject, one.version, deleted=True)
        ]
        return [*records, schema_record(made)], made

    def _check_mode(self, subject: str, given: NewSchema) -> str:
        mode = self.lookups.mode(subject, in_scope=True)
        told = None
        if mode in _READ_ONLY:
            told = "is in read-only mode"
        elif given.id >= 0 and mode != _IMPORT:
            told = "is not in import mode"
        elif given.id < 0 and mode != "READWRITE":
            told = "is not in read-write mode"
        if told is not None:
            raise errors.not_permitted(f"Subject {subject} in context {_told_context(subject)} {told}")
        return mode

    def _id_of(self, subject: str, exact: NewSchema, content: Content, same: Sequence[StoredSchema]) -> int:
        context = context_of(subject)
        if exact.id >= 0:
            there = self._memory.with_id(context, exact.id)
            if any(one.content != content for one in there):
                raise errors.not_permitted(
                    f"Overwrite new schema with id {exact.id} in context {_told_context(subject)} is not permitted."
                )
            return exact.id
        if same:
            return same[0].id
        made = self._memory.max_id(context) + 1
        if made > _INT_MAX:
            raise errors.store_failed(f"context {context} has used its last id, {_INT_MAX}")
        return made

    # -- deleted ---------------------------------------------------------------------------------------------------

    async def delete_subject(self, subject: str, *, permanent: bool = False) -> list[int]:
        """Delete all versions of a subject: softly first, and then for good. Returns their numbers.

        Raises:
            RegistryError: 40401, 40404, 40405, 42205, 42206, 50001.
        """

        async def decide() -> Decided[list[int]]:
            if is_context(subject) or not self._memory.has_subject(subject, deleted=True):
                raise errors.subject_not_found(subject)
            if not permanent and not self._memory.has_subject(subject):
                raise errors.subject_soft_deleted(subject)
            self._check_writable(subject)
            versions = self._memory.versions(subject, deleted=permanent)
            for one in versions:
                referrers = self._memory.referrers(subject, one.version, deleted=permanent)
                if any(other.subject != subject for other in referrers):
                    raise errors.reference_exists(subject, one.version)
            numbers = [one.version for one in versions]
            if not permanent:
                return [delete_subject_record(subject, numbers[-1])], numbers
            if not all(one.deleted for one in versions):
                raise errors.subject_not_soft_deleted(subject)
            records = [tombstone(Key("SCHEMA", subject, number)) for number in reversed(numbers)]
            return [*records, *self._settings_gone(subject)], numbers

        return await self._topic.change(decide)

    async def delete_version(self, subject: str, version: int, *, permanent: bool = False) -> int:
        """Delete one version of a subject: softly first, and then for good. Returns its number.

        Raises:
            RegistryError: 40401, 40402, 40406, 40407, 42205, 42206, 50001.
        """

        async def decide() -> Decided[int]:
            found = self._memory.version(subject, version, deleted=True)
            if found is None:
                if not self._memory.has_subject(subject, deleted=True):
                    raise errors.subject_not_found(subject)
                raise errors.version_not_found(version)
            if not permanent and found.deleted:
                raise errors.version_soft_deleted(subject, found.version)
            self._check_writable(subject)
            if self._memory.referrers(subject, found.version, deleted=permanent):
                raise errors.reference_exists(subject, found.version)
            if not permanent:
                return [schema_record(dataclasses.replace(found, deleted=True))], found.version
            if not found.deleted:
                raise errors.version_not_soft_deleted(subject, found.version)
            records = [tombstone(Key("SCHEMA", subject, found.version))]
            if len(self._memory.versions(subject, deleted=True)) == 1:
                records += self._settings_gone(subject)
            return records, found.version

        return await self._topic.change(decide)

    def _settings_gone(self, subject: str) -> list[Record]:
        modes = [tombstone(Key("MODE", subject))] if subject in self._memory.modes else []
        return modes + ([tombstone(Key("CONFIG", subject))] if subject in self._memory.configs else [])

    def _check_writable(self, subject: str) -> None:
        if self.lookups.mode(subject, in_scope=True) in _READ_ONLY:
            raise errors.not_permitted(f"Subject {subject} in context {_told_context(subject)} is in read-only mode")


def _content_of(given: NewSchema) -> Content:
    return given.schema_type, content_hash(given.schema, given.references, given.metadata, given.rule_set)


def _told_context(subject: str) -> str:
    context = context_of(subject)
    return "" if context == DEFAULT_CONTEXT else f":{context}:"


def _group_of(schema: NewSchema | StoredSchema, group: object) -> object:
    properties = (schema.metadata or {}).get("properties") or {}
    return properties.get(group) if isinstance(properties, dict) else None


def _has_sorted_members(text: str) -> bool:
    orders: list[list[str]] = []

    def looked_at(members: list[tuple[str, Any]]) -> None:
        orders.append([name for name, _ in members])

    try:
        json.loads(text, object_pairs_hook=looked_at)
    except (ValueError, RecursionError):
        return False
    return all(names == sorted(names) for names in orders)
