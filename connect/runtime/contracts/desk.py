"""What people ask of contracts: shown, given, and forgotten, whatever state their connector is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.api import ConfigError, ConflictError, Schema
from connect.records import why_no_topic
from connect.runtime.contracts.changes import count_of
from connect.runtime.contracts.config import ContractConfig, settings_of
from connect.runtime.contracts.contract import FIELDS_MAX
from connect.stores.contracts import ContractStore, Known
from connect.stores.history import AUTHOR
from connect.stores.schema_texts import DEPTH_MAX

#: How often another is faster before giving one's own is given up.
_TRIES_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class ContractInfo:
    """A connector's contract.

    Attributes:
        settings: What is in force, by key.
        topics: What is known, by topic.
    """

    settings: Mapping[str, Any]
    topics: Mapping[str, Known]


class ContractDesk:
    """Shows and changes what is known. For the event loop."""

    def __init__(self, store: ContractStore) -> None:
        self._store = store

    async def show(self, connector: str, config: ContractConfig) -> ContractInfo:
        """Return a connector's contract. Where nobody has ever had one, no topic is made for it."""
        return ContractInfo(settings_of(config), await self.known(connector))

    async def known(self, connector: str) -> Mapping[str, Known]:
        """Return what is known of each topic of a connector."""
        if await self._store.exists():
            await self._store.open()
        return self._store.all(connector)

    async def give(self, connector: str, topic: str, schema: Schema) -> Known:
        """Know this schema of a topic from now on, whatever was known.

        Raises:
            ConfigError: request.invalid: it is too large for a contract. log.invalid_topic: no topic has that name.
            ConflictError: Others change it all the time.
        """
        if (why := why_no_topic(topic)) is not None:
            raise ConfigError(f"topic name {topic!r:.300} is illegal: {why}", code="log.invalid_topic")
        try:
            is_too_large = count_of(schema, most=FIELDS_MAX, depth=DEPTH_MAX) > FIELDS_MAX
        except ValueError as error:
            raise ConfigError(f"the schema {error}", code="request.invalid") from None
        if is_too_large:
            raise ConfigError(f"the schema has more than {FIELDS_MAX} fields", code="request.invalid")
        await self._store.open()
        for _ in range(_TRIES_MAX):
            before = self._store.get(connector, topic)
            if before is not None and before.schema == schema:
                return before
            after = 0 if before is None else before.version
            known = await self._store.learn(connector, topic, schema, after=after, by=AUTHOR.get().name)
            if known is not None and known.schema == schema:
                return known
        raise ConflictError(f"what is known of topic {topic} of connector {connector!r} changes all the time")

    async def forget(self, connector: str, topic: str | None) -> list[str]:
        """Forget what is known of a topic, or of all; return of which. The next record teaches anew."""
        if not await self._store.exists():
            return []
        await self._store.open()
        return await self._store.forget(connector, topic)
