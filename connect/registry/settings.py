"""Configs, modes and contexts: set and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connect.registry import errors
from connect.registry.lookups import Lookups
from connect.registry.records import Key, Record, clear_subject_record, config_record, mode_record, tombstone
from connect.registry.subjects import DEFAULT_CONTEXT, context_of, is_context, is_valid, qualified
from connect.registry.topic import Decided, SchemaTopic

_READ_ONLY: Final = ("READONLY", "READONLY_OVERRIDE")


class Settings:
    """Changes of configs and modes. A subject of None is the global one.

    Args:
        modes_change: Whether modes may be set.
    """

    def __init__(self, topic: SchemaTopic, lookups: Lookups, *, modes_change: bool = True) -> None:
        self._topic = topic
        self._memory = topic.memory
        self._lookups = lookups
        self._modes_change = modes_change

    async def set_config(self, subject: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
        """Set some members of a config; null takes one back. Returns all that it has then.

        Raises:
            RegistryError: 42203, 42205, 42208, 50001.
        """
        level = given.get("compatibilityLevel")
        if level is not None:
            if str(level).upper() not in errors.LEVELS:
                raise errors.invalid_level()
            given = {**given, "compatibilityLevel": str(level).upper()}
        self._check_name(subject)

        async def decide() -> Decided[dict[str, Any]]:
            self._check_writable(subject)
            merged = {**self._memory.configs.get(subject, {}), **given}
            kept = {name: value for name, value in merged.items() if value is not None and value != ""}
            return [config_record(subject, kept)], kept

        return await self._topic.change(decide)

    async def delete_config(self, subject: str | None) -> dict[str, Any]:
        """Take a config back. Returns what it was.

        Raises:
            RegistryError: 40401, 42205, 50001.
        """

        async def decide() -> Decided[dict[str, Any]]:
            if subject is not None and subject not in self._memory.configs:
                raise errors.subject_not_found(subject)
            self._check_writable(subject)
            return [tombstone(Key("CONFIG", subject))], self._lookups.config(subject)

        return await self._topic.change(decide)

    async def set_mode(self, subject: str | None, mode: str, *, force: bool = False) -> str:
        """Set a mode. IMPORT needs that there are no schemas; what is deleted is forgotten then.

        Args:
            force: There may be.

        Raises:
            RegistryError: 42204, 42205, 42206, 42208, 50001.
        """
        mode = mode.upper()
        if mode not in errors.MODES:
            raise errors.invalid_mode()
        self._check_name(subject)

        async def decide() -> Decided[str]:
            self._check_modes_change()
            records: list[Record] = []
            if mode == "IMPORT" and self._lookups.mode(subject, in_scope=True) != "IMPORT" and not force:
                records = self._cleared(subject)
            return [*records, mode_record(subject, mode)], mode

        return await self._topic.change(decide)

    def _cleared(self, subject: str | None) -> list[Record]:
        whole = subject is None or is_context(subject)
        names = self._memory.in_scope(subject) if whole else [subject or ""]
        if any(self._memory.has_subject(name) for name in names):
            raise errors.not_permitted("Cannot import since found existing subjects")
        records: list[Record] = []
        for name in names:
            for one in self._memory.versions(name, deleted=True):
                if self._memory.referrers(name, one.version, deleted=True):
                    raise errors.reference_exists(name, one.version)
                records.append(tombstone(Key("SCHEMA", name, one.version)))
        return [*records, clear_subject_record(subject)]

    async def delete_mode(self, subject: str | None, *, recursive: bool = False) -> str | None:
        """Take a mode back, and with `recursive` those of all that is in a context. Returns what it was.

        Raises:
            RegistryError: 40401, 42205, 50001.
        """

        async def decide() -> Decided[str | None]:
            if subject is not None and subject not in self._memory.modes and not recursive:
                raise errors.subject_not_found(subject)
            self._check_modes_change()
            names: list[str | None] = [subject]
            if recursive and (subject is None or is_context(subject)):
                names += [name for name in self._memory.modes if name is not None and self._is_in(name, subject)]
            before = self._memory.modes.get(subject, "READWRITE" if subject is None else None)
            return [tombstone(Key("MODE", name)) for name in names], before

        return await self._topic.change(decide)

    @staticmethod
    def _is_in(name: str, scope: str | None) -> bool:
        context = DEFAULT_CONTEXT if scope is None else qualified(scope).context
        return name != scope and context_of(name) == context

    async def delete_context(self, context: str) -> None:
        """Take a context without subjects out of the list.

        Raises:
            RegistryError: 42205, 42211, 50001.
        """

        async def decide() -> Decided[None]:
            name = qualified(context).context
            self._check_writable(context)
            if self._memory.has_subject(context, deleted=True):
                raise errors.context_not_empty(context)
            return [tombstone(Key("CONTEXT", name))], None

        await self._topic.change(decide)

    def _check_modes_change(self) -> None:
        if not self._modes_change:
            raise errors.not_permitted("Mode changes are not allowed")

    def _check_name(self, subject: str | None) -> None:
        if subject is not None and not is_context(subject) and not is_valid(subject):
            raise errors.invalid_subject(subject)

    def _check_writable(self, subject: str | None) -> None:
        if self._lookups.mode(subject, in_scope=True) in _READ_ONLY:
            context = "" if subject is None or context_of(subject) == DEFAULT_CONTEXT else f":{context_of(subject)}:"
            raise errors.not_permitted(f"Subject {subject} in context {context} is in read-only mode")
