"""PUBLIC. Kafka Connect's transforms as a library: a chain of them from a connector's config, without a worker.

    chain = Chain({"transforms": "mask", "transforms.mask.type": "MaskField$Value", "transforms.mask.fields": "card"})
    chain.value({"id": 1, "card": "4111"})      # {"id": 1, "card": ""}

The chain is what a worker would run: the same classes, predicates, order and errors. Transforms of plugins that are
installed are found too.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self

from connect.api import Batch, Headers, Record, Schema, hooks
from connect.runtime.border.calls import within
from connect.runtime.connector_config import SourceConnectorConfig
from connect.runtime.factory import make_stages
from connect.runtime.model import PluginKind
from connect.runtime.plugin_sources import OURS
from connect.runtime.plugins import PluginHost
from connect.runtime.tasks.stages import Stage
from connect.runtime.worker_config import WorkerConfig

__all__ = ["Chain"]

#: What a connector's config has to have, and a chain of its transforms does not need.
_OTHERS: Final = {"name": "chain", "connector.class": "none"}
_OWN: Final = ("transforms", "predicates")


class Chain:
    """Transforms in their order, each with its predicate, made from a connector's config.

    For one thread at a time: a transform may count. Nothing that is given is changed.

    Args:
        config: `transforms`, `transforms.NAME.*`, `predicates`, `predicates.NAME.*` as Kafka Connect knows them; what
            else a connector's config holds is left alone, so it may be given whole.
        allow_python: Allow `connect.transforms.Python`, which runs functions of files that the config names.

    Raises:
        ConfigError: A class is unknown or not allowed, or a key is missing or wrong: `config_path` names it.
    """

    def __init__(self, config: Mapping[str, Any], *, allow_python: bool = False) -> None:
        own = {key: value for key, value in config.items() if key.partition(".")[0] in _OWN}
        parsed = SourceConnectorConfig.parse({**own, **_OTHERS})
        worker = WorkerConfig.parse({"transforms.python.enabled": allow_python})
        types = [
            str(own.get(f"{group}.{alias}.type", "")).strip()
            for group, aliases in (("transforms", parsed.transforms), ("predicates", parsed.predicates))
            for alias in aliases
        ]
        kinds = (PluginKind.TRANSFORM, PluginKind.PREDICATE)
        host = _bundled() if all(_bundled().find(name, *kinds) for name in types) else _installed()
        self._stages: list[Stage] = make_stages(host, parsed, worker)

    @classmethod
    def of(cls, type: str, config: Mapping[str, Any] | None = None, *, allow_python: bool = False) -> Self:  # noqa: A002 - Kafka's word
        """Make a chain of one transform, from its own keys.

        Args:
            type: Its class as a config names it: `MaskField$Value`, or Kafka's whole name.

        Raises:
            ConfigError: As of the class.
        """
        own = {f"transforms.only.{key}": value for key, value in (config or {}).items()}
        return cls({"transforms": "only", "transforms.only.type": type, **own}, allow_python=allow_python)

    def value(
        self,
        value: Any,
        *,
        key: Any = None,
        topic: str = "",
        headers: Headers | None = None,
        timestamp: int | None = None,
        schema: Schema | None = None,
    ) -> Any:
        """Return what becomes of one value; None where its record is dropped, or becomes a tombstone.

        Args:
            value: A dict for most transforms; whatever a record may hold.
            topic, key, headers, timestamp: Of its record: some transforms look at them, or write to them.
            schema: Of the value; None is schemaless, as parsed JSON is.

        Raises:
            DataError: The record cannot be transformed.
        """
        given = Record(topic, value, key=key, headers=headers, timestamp=timestamp, value_schema=schema)
        changed = self.record(given)
        return None if changed is None else changed.value

    def record(self, record: Record) -> Record | None:
        """Return what becomes of one record, None where it is dropped.

        Raises:
            DataError: It cannot be transformed.
        """
        return next(self._applied(Batch.group([record])), None)

    def records(self, records: Iterable[Record], *, batch_size: int = 500) -> Iterator[Record]:
        """Yield what becomes of records, in their order, without those that are dropped.

        They go through in batches, which is several times as fast as one by one. Takes up to `batch_size` from
        `records` before it yields.

        Raises:
            DataError: One cannot be transformed; those before it were yielded.
        """
        rest = iter(records)
        while some := list(islice(rest, batch_size)):
            try:
                changed = list(self._applied(Batch.group(some)))
            except Exception:  # of which record it is shows where each goes alone
                for record in some:
                    if (one := self.record(record)) is not None:
                        yield one
            else:
                yield from changed

    def close(self) -> None:
        """Release what the transforms hold; `with` does it. Safe to call twice."""
        stages, self._stages = self._stages, []
        for plugin in [p for stage in stages for p in (stage.transform, stage.predicate) if p is not None]:
            within(plugin.plugin_name(), "close", plugin.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _applied(self, batches: Iterable[Batch]) -> Iterator[Record]:
        for stage in self._stages:
            batches = [changed for batch in batches for changed in stage.apply(batch)]
        return (record for batch in batches for record in batch.records())


@cache
def _bundled() -> PluginHost:
    """Return the transforms that come with Connect: found as any plugin, and quicker than all there are."""
    host = PluginHost(tells=False)
    for entry in importlib.metadata.distribution(OURS).entry_points:
        if entry.group == hooks.ENTRY_POINT_GROUP and entry.name == "transforms":
            host.register(entry.load(), entry.name)
    return host


@cache
def _installed() -> PluginHost:
    return PluginHost.discover(tells=False)
