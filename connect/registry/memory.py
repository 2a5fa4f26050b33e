"""What the topic says, in memory: every record is applied in the order of the log, and nothing else changes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from connect.registry.records import (
    Content,
    Key,
    Reference,
    StoredSchema,
    UnreadableError,
    read_config,
    read_deleted_version,
    read_key,
    read_mode,
    read_schema,
)
from connect.registry.subjects import DEFAULT_CONTEXT, context_of, is_context, normalized, qualified, within

#: A version of a subject.
At = tuple[str, int]
#: Settings of all contexts that have none of their own; it is no context for schemas.
_GLOBAL: Final = ":.__GLOBAL:"


class Memory:
    """Subjects, ids, configs, modes and contexts. Reading never waits; what is returned must not be changed."""

    def __init__(self) -> None:
        self.configs: dict[str | None, dict[str, Any]] = {}
        self.modes: dict[str | None, str] = {}
        self._subjects: dict[str, dict[int, StoredSchema]] = {}
        self._ids: dict[tuple[str, int], dict[At, None]] = {}
        self._contents: dict[tuple[str, Content], int] = {}
        self._guids: dict[bytes, dict[tuple[str, int], None]] = {}
        self._referrers: dict[At, dict[At, None]] = {}
        self._max_ids: dict[str, int] = {}
        self._contexts: set[str] = set()

    # -- read ------------------------------------------------------------------------------------------------------

    def subjects(self, prefix: str | None = None) -> list[str]:
        """Return the subjects with any version, deleted ones too, sorted.

        Args:
            prefix: Of subjects of one context; those of all contexts where left out.
        """
        if prefix is None:
            return sorted(self._subjects)
        context = context_of(prefix)
        return sorted(name for name in self._subjects if context_of(name) == context and name.startswith(prefix))

    def versions(self, subject: str, *, deleted: bool = False) -> list[StoredSchema]:
        """Return a subject's versions, the oldest first."""
        found = self._subjects.get(subject, {})
        return [found[version] for version in sorted(found) if deleted or not found[version].deleted]

    def has_subject(self, subject: str, *, deleted: bool = False) -> bool:
        """Say whether a subject, or a context, has any version."""
        names = self.in_scope(subject) if is_context(subject) else [subject]
        # Not by `versions`, which sorts: listings ask of each subject.
        return any(deleted or not one.deleted for name in names for one in self._subjects.get(name, {}).values())

    def in_scope(self, scope: str | None) -> list[str]:
        """Return the subjects of a context; of None those of the default one."""
        context = DEFAULT_CONTEXT if scope is None else qualified(scope).context
        return [name for name in sorted(self._subjects) if context_of(name) == context]

    def version(self, subject: str, version: int, *, deleted: bool = False) -> StoredSchema | None:
        """Return one version, -1 for the latest that is not deleted."""
        if version == -1:
            return next(reversed(self.versions(subject)), None)
        found = self._subjects.get(subject, {}).get(version)
        return found if found is not None and (deleted or not found.deleted) else None

    def with_id(self, context: str, schema_id: int) -> list[StoredSchema]:
        """Return the versions of one schema in a context, deleted ones too."""
        return list(self._with_id(context, schema_id))

    def _with_id(self, context: str, schema_id: int) -> Iterator[StoredSchema]:
        return (self._subjects[subject][version] for subject, version in self._ids.get((context, schema_id), ()))

    def with_content(self, context: str, content: Content) -> list[StoredSchema]:
        """Return the versions with some content in a context, deleted ones too."""
        found = self._contents.get((context, content))
        return [] if found is None else [one for one in self.with_id(context, found) if one.content == content]

    def with_guid(self, content: bytes) -> list[tuple[str, int]]:
        """Return the contexts with some content, and its id in each."""
        return list(self._guids.get(content, ()))

    def max_id(self, context: str) -> int:
        """Return the largest id that a context had; 0 where it had none."""
        return self._max_ids.get(context, 0)

    def referrers(self, subject: str, version: int, *, deleted: bool = False) -> list[StoredSchema]:
        """Return the versions that refer to one."""
        found = (self._subjects[name][number] for name, number in self._referrers.get((subject, version), ()))
        return [one for one in found if deleted or not one.deleted]

    def contexts(self) -> list[str]:
        """Return the contexts, the default one first."""
        return [DEFAULT_CONTEXT, *sorted(self._contexts - {DEFAULT_CONTEXT})]

    def config_in_scope(self, subject: str | None) -> dict[str, Any] | None:
        """Return the config in force; None where there is none.

        What a subject's does not say is its context's, or where that has none, that of all.
        """
        own, *wider = [self.configs.get(scope) for scope in _scopes(subject)]
        found = next((config for config in wider if config is not None), None)
        return found if own is None else {**(found or {}), **own}

    def mode_in_scope(self, subject: str | None) -> str | None:
        """Return the mode in force, by the same rule."""
        return next((self.modes[scope] for scope in _scopes(subject) if scope in self.modes), None)

    def resolved(self, subject: str, reference: Reference) -> StoredSchema | None:
        """Return what a schema of a subject refers to; it may be soft deleted by now."""
        return self.version(within(subject, reference.subject), reference.version, deleted=True)

    # -- applied ---------------------------------------------------------------------------------------------------

    def apply(self, raw_key: bytes, raw_value: bytes | None, timestamp_ms: int = 0) -> None:
        """Apply a record.

        Raises:
            UnreadableError: It is none of the registry's, or says what cannot be; nothing was changed.
        """
        key = read_key(raw_key)
        raw_value = raw_value or None  # Karapace deletes by a value that is empty
        match key.keytype:
            case "SCHEMA":
                self._apply_schema(key, raw_value, timestamp_ms)
            case "CONFIG" | "MODE":
                self._apply_setting(key, raw_value)
            case "DELETE_SUBJECT" if raw_value is not None and key.subject is not None:
                self._soft_delete(key.subject, read_deleted_version(raw_value))
            case "CLEAR_SUBJECT" if raw_value is not None:
                self._clear(key.subject)
            case "CONTEXT" if raw_value is not None and key.subject is not None:
                self._contexts.add(key.subject)
            case "CONTEXT" if key.subject is not None:
                self._contexts.discard(key.subject)

    def _apply_schema(self, key: Key, raw_value: bytes | None, timestamp_ms: int) -> None:
        assert key.subject is not None
        if raw_value is None:
            self._drop(key.subject, key.version)
            return
        schema = read_schema(key, raw_value, timestamp_ms)
        context = context_of(schema.subject)
        # One of them speaks for all: a schema may be that of thousands of subjects.
        others = (
            one for one in self._with_id(context, schema.id) if (one.subject, one.version) != (key.subject, key.version)
        )
        other = next(others, None)
        if other is not None and other.schema != schema.schema:
            raise UnreadableError(f"id {schema.id} is that of another schema already")
        self._drop(schema.subject, schema.version)
        self._put(schema)

    def _put(self, schema: StoredSchema) -> None:
        at, context, content = (schema.subject, schema.version), context_of(schema.subject), schema.content
        self._subjects.setdefault(schema.subject, {})[schema.version] = schema
        self._ids.setdefault((context, schema.id), {})[at] = None
        self._contents.setdefault((context, content), schema.id)
        self._guids.setdefault(content[1], {})[context, schema.id] = None
        self._max_ids[context] = max(self.max_id(context), schema.id)
        if context != DEFAULT_CONTEXT:
            self._contexts.add(context)
        for target in self._targets(schema):
            self._referrers.setdefault(target, {})[at] = None

    def _drop(self, subject: str, version: int) -> None:
        schema = self._subjects.get(subject, {}).pop(version, None)
        if schema is None:
            return
        if not self._subjects[subject]:
            del self._subjects[subject]
        at, context, content = (subject, version), context_of(subject), schema.content
        for target in self._targets(schema):
            _discard(self._referrers, target, at)
        _discard(self._ids, (context, schema.id), at)
        if not any(one.content == content for one in self._with_id(context, schema.id)):
            if self._contents.get((context, content)) == schema.id:
                del self._contents[context, content]
            if not any(one.hash == content[1] for one in self._with_id(context, schema.id)):
                _discard(self._guids, content[1], (context, schema.id))

    def _targets(self, schema: StoredSchema) -> Iterator[At]:
        for reference in schema.references:
            subject = within(schema.subject, reference.subject)
            if reference.version != -1:
                yield subject, reference.version
            elif (latest := self.version(subject, -1)) is not None:
                yield subject, latest.version

    def _apply_setting(self, key: Key, raw_value: bytes | None) -> None:
        subject = None if key.subject is None else normalized(key.subject) or None
        if key.keytype == "CONFIG":
            if raw_value is None:
                self.configs.pop(subject, None)
            else:
                self.configs[subject] = read_config(raw_value)
        elif raw_value is None:
            self.modes.pop(subject, None)
        else:
            self.modes[subject] = read_mode(raw_value)

    def _soft_delete(self, subject: str, version: int) -> None:
        for number, schema in self._subjects.get(subject, {}).items():
            if number <= version and not schema.deleted:
                self._subjects[subject][number] = dataclasses.replace(schema, deleted=True)

    def _clear(self, subject: str | None) -> None:
        names = self.in_scope(subject) if subject is None or is_context(subject) else [subject]
        for name in names:
            for schema in self.versions(name, deleted=True):
                if schema.deleted:
                    self._drop(name, schema.version)


def _scopes(subject: str | None) -> Iterator[str | None]:
    if subject is None:
        yield None
        return
    yield subject
    context = qualified(subject).context
    yield None if context == DEFAULT_CONTEXT else f":{context}:"
    yield _GLOBAL


def _discard(kept: dict[Any, dict[Any, None]], key: Any, member: Any) -> None:
    members = kept.get(key)
    if members is not None:
        members.pop(member, None)
        if not members:
            del kept[key]
