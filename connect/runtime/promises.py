"""What a connector promises about delivery, with the config that it has on this worker; and why.

A source delivers exactly once where the worker writes in transactions (`exactly.once.source.support=enabled`) and the
connector says that its config supports it; a sink where its config asks for it and the connector says that it keeps
its offsets in the target. Asked is an instance that is configured and not started.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from connect.api import Connector, ExactlyOnceSupport, SinkConnector, SourceConnector
from connect.api.contract import refuse
from connect.runtime import guarantee
from connect.runtime.border.calls import within
from connect.runtime.connector_config import ConnectorConfig, SourceConnectorConfig
from connect.runtime.guarantee import acknowledges_each, asked_of, is_at_most_once
from connect.runtime.model import PluginKind
from connect.runtime.plugins import CONNECTOR_KINDS, PluginDesc
from connect.runtime.tasks.context import ConnectorContextImpl
from connect.runtime.worker_config import WorkerConfig

Guarantee = Literal["exactly-once", "at-least-once", "at-most-once"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a connector promises, and why: in words for people."""

    guarantee: Guarantee
    why: str


def writes_in_transactions(worker: WorkerConfig, config: ConnectorConfig) -> bool:
    """Whether a connector's tasks are sources that write in transactions; those are all, unless one asks for less."""
    is_source = isinstance(config, SourceConnectorConfig)
    return is_source and worker.exactly_once_sources and not is_at_most_once(config.originals)


def promise_of_source(worker: WorkerConfig, config: Mapping[str, Any], support: ExactlyOnceSupport | None) -> Promise:
    """Return what a source promises.

    Args:
        support: What the connector says.
    """
    if is_at_most_once(config):
        return Promise("at-most-once", "delivery.guarantee=at-most-once: offsets are stored before the records")
    if not worker.exactly_once_sources:
        return Promise(
            "at-least-once",
            "after a crash some records come again: exactly.once.source.support of the worker is "
            f"{worker.exactly_once_source_support.lower()}",
        )
    if support is ExactlyOnceSupport.SUPPORTED:
        return Promise("exactly-once", "records and source offsets are committed in one transaction of the log")
    if support is ExactlyOnceSupport.UNSUPPORTED:
        return Promise(
            "at-least-once",
            "records are written in transactions, and the connector says that with this config it may read some again",
        )
    return Promise(
        "at-least-once",
        "records are written in transactions, and the connector does not say whether it reads none again",
    )


def promise_of_sink(config: Mapping[str, Any], support: ExactlyOnceSupport | None) -> Promise:
    """Return what a sink promises; see `promise_of_source`."""
    if is_at_most_once(config):
        return Promise(
            "at-most-once", "delivery.guarantee=at-most-once: offsets are committed before the records are put"
        )
    if support is ExactlyOnceSupport.SUPPORTED and asked_of(config) == "exactly-once":
        return Promise("exactly-once", "the connector keeps its offsets in the target, with the records")
    if support is ExactlyOnceSupport.SUPPORTED:
        return Promise(
            "at-least-once",
            "after a crash some records come again; the connector can do better: delivery.guarantee=exactly-once",
        )
    return Promise("at-least-once", "after a crash some records come again")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a connector class can promise at all, before there is a config.

    Attributes:
        guarantees: The best last.
        exactly_once: On what it depends whether it is exactly once, in the connector's words; empty where it never is.
        keys: The keys that ask for something, each with what it asks for.
    """

    guarantees: tuple[Guarantee, ...]
    exactly_once: str
    keys: Mapping[str, str]


_SOURCE_KEYS: Final = {
    "exactly.once.source.support": "of the worker; enabled: sources write in transactions, with their offsets in them",
    "exactly.once.support": "required: a config that cannot be delivered exactly once is refused",
    "transaction.boundary": "where transactions end: poll, interval, connector",
    "transaction.boundary.interval.ms": "how long they last with interval",
    "offsets.storage.topic": "a topic of the connector's own for its offsets",
}
_GUARANTEE_KEY: Final = {
    guarantee.KEY: "at-least-once, at-most-once (offsets first), or exactly-once, which is refused where it "
    "cannot be kept"
}


def offer_of(desc: PluginDesc) -> Offer | None:
    """Return what a connector class can promise; None for other plugins."""
    if desc.kind not in CONNECTOR_KINDS:
        return None
    is_source = desc.kind is PluginKind.SOURCE
    base = SourceConnector if is_source else SinkConnector
    method = cast("type[SourceConnector | SinkConnector]", desc.cls).exactly_once_support
    says = method is not base.exactly_once_support
    lines = (method.__doc__ or "it depends on the config").strip().splitlines() if says else [""]
    guarantees: tuple[Guarantee, ...] = ("at-most-once", "at-least-once")
    if acknowledges_each(desc.cls):
        guarantees = ("at-least-once",)
    keys = {**(_SOURCE_KEYS if is_source else {}), **_GUARANTEE_KEY}
    return Offer((*guarantees, "exactly-once") if says else guarantees, lines[0], keys)


def promise_of(desc: PluginDesc, worker: WorkerConfig, config: Mapping[str, Any]) -> Promise:
    """Return what a connector promises with a config. Asks an instance of it, so it may block: not on the event loop.

    Raises:
        ConfigError: The config does not hold.
        PluginError: The connector failed, or gave no answer.
    """
    with asked(desc, config) as connector:
        support = support_of(connector)
    if desc.kind is PluginKind.SINK:
        return promise_of_sink(config, support)
    return promise_of_source(worker, config, support)


@contextmanager
def asked(desc: PluginDesc, config: Mapping[str, Any]) -> Iterator[Connector]:
    """Make an instance that is asked something: configured, not started, and closed at the end. Blocks."""
    connector = cast(Connector, within(desc.name, "__init__", desc.cls))
    connector.context = ConnectorContextImpl(
        str(config.get("name") or ""), reconfigure=lambda: None, fail=lambda error: None
    )
    try:
        parsed = within(desc.name, "checking its config", connector.config_class.parse, config)
        within(desc.name, "configure", connector.configure, parsed)
        yield connector
    finally:
        connector.context.stopping.set()
        within(desc.name, "close", connector.close)


def support_of(connector: Connector) -> ExactlyOnceSupport | None:
    """Ask a configured connector whether it can deliver exactly once.

    Raises:
        PluginError: It failed, or returned what is no answer.
    """
    plugin = cast("SourceConnector | SinkConnector", connector)
    answer: Any = within(plugin.plugin_name(), "exactly_once_support", plugin.exactly_once_support)
    if answer is not None and not isinstance(answer, ExactlyOnceSupport):
        refuse(plugin, "exactly_once_support", answer, "an ExactlyOnceSupport, or None")
    return answer


def defines_boundaries(connector: Connector) -> bool:
    """Ask a configured source connector whether its tasks say where transactions end.

    Raises:
        PluginError: It failed, or returned what is no answer.
    """
    plugin = cast(SourceConnector, connector)
    answer: Any = within(
        plugin.plugin_name(), "can_define_transaction_boundaries", plugin.can_define_transaction_boundaries
    )
    if not isinstance(answer, bool):
        refuse(plugin, "can_define_transaction_boundaries", answer, "True or False")
    return answer
