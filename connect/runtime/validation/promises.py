"""Whether a connector can keep what its config asks for about delivery, checked before it is created.

Source of rules and messages: Kafka 4.3.1, DistributedHerder.validateSourceConnectorExactlyOnceSupport and
validateSourceConnectorTransactionBoundary. Its standalone herder does not look, and finds out later or never.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from connect.api import ConfigError, ConfigValue, ConnectError, Connector, ExactlyOnceSupport
from connect.runtime import guarantee
from connect.runtime.guarantee import asked_of, is_at_most_once
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.promises import asked, defines_boundaries, offer_of, support_of
from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

SUPPORT, BOUNDARY = "exactly.once.support", "transaction.boundary"
INTERVAL = "transaction.boundary.interval.ms"

NOT_ENABLED = "This worker does not have exactly-once source support enabled."
NOT_SUPPORTED = "The connector does not support exactly-once semantics with the provided configuration."
NOT_KNOWN = (
    "The connector does not implement the API required for preflight validation of exactly-once source support. "
    "Please consult the documentation for the connector to determine whether it supports exactly-once semantics, "
    'and then consider reconfiguring the connector to use the value "requested" for this property '
    "(which will disable this preflight check and allow the connector to be created)."
)
#: Of `delivery.guarantee`, which is no key of Kafka's: what to do is told with what is wrong.
GUARANTEE_NOT_KNOWN = (
    "The connector does not say whether it can deliver exactly once; use 'at-least-once', or leave the key out."
)
GUARANTEE_NOT_ENABLED = (
    f"{NOT_ENABLED} Set exactly.once.source.support=enabled in the worker's config, or use 'at-least-once'."
)
AT_MOST_ONCE = (
    "exactly.once.support=required and delivery.guarantee=at-most-once exclude each other: a source that stores "
    "offsets before its records loses some in a crash. Leave out the one that is not meant."
)
NO_BOUNDARIES = (
    "The connector does not support connector-defined transaction boundaries with the given configuration. "
    "Please reconfigure it to use a different transaction boundary definition."
)


def check(desc: PluginDesc, worker: WorkerConfig, config: Mapping[str, Any], values: Mapping[str, ConfigValue]) -> None:
    """Add to the values what the connector cannot keep. Asks an instance of it only where something is asked for; one
    whose other keys are wrong is not asked, since it could not be configured."""
    if desc.kind is PluginKind.SINK:
        if asked_of(config) == "exactly-once" and guarantee.KEY in values:
            _ask(desc, config, values[guarantee.KEY], partial(_refusal_of_guarantee, desc))
        return
    for key, wanted, not_enabled, question in (
        (SUPPORT, "required", NOT_ENABLED, _refusal_of_support),
        (guarantee.KEY, "exactly-once", GUARANTEE_NOT_ENABLED, partial(_refusal_of_guarantee, desc)),
    ):
        value = values.get(key)
        if value is None or value.errors or _text(config, key) != wanted:
            continue
        if is_at_most_once(config):
            value.errors.append(AT_MOST_ONCE)
            continue
        if not worker.exactly_once_sources:
            value.errors.append(not_enabled)
        _ask(desc, config, value, question)
    if not values[BOUNDARY].errors and _text(config, BOUNDARY) == "connector":
        _ask(desc, config, values[BOUNDARY], lambda plugin: None if defines_boundaries(plugin) else NO_BOUNDARIES)


def without_effect(desc: PluginDesc, worker: WorkerConfig, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield keys about transactions that change nothing with this config on this worker, and why."""
    if desc.kind is not PluginKind.SOURCE:
        if _text(config, SUPPORT):
            yield SUPPORT, "it is a key of sources; a sink is asked with delivery.guarantee=exactly-once"
        return
    given = [key for key in (BOUNDARY, INTERVAL) if _text(config, key)]
    why = None
    if not worker.exactly_once_sources:
        why = f"exactly.once.source.support of the worker is {worker.exactly_once_source_support.lower()}"
    elif is_at_most_once(config):
        why = "delivery.guarantee is at-most-once"
    if why is not None:
        for key in given:
            yield key, f"{why}, so there are no transactions"
        return
    if INTERVAL in given and _text(config, BOUNDARY) != "interval":
        yield INTERVAL, "transaction.boundary is not interval"
    for key in ("producer.override.transactional.id", "producer.override.enable.idempotence"):
        if _text(config, key) not in ("", "true"):
            yield key, "a task that writes in transactions has its own"


def _ask(
    desc: PluginDesc, config: Mapping[str, Any], value: ConfigValue, question: Callable[[Connector], str | None]
) -> None:
    try:
        with asked(desc, config) as connector:
            try:
                refusal = question(connector)
            except ConfigError as error:  # it says why itself
                refusal = f"{error.message.rstrip('.')}. {error.hint}" if error.hint else error.message
    except ConfigError:  # told at the keys that are wrong
        return
    except ConnectError as error:
        if error.status == HTTPStatus.SERVICE_UNAVAILABLE:  # a process that ended, a call that was late: ask again
            raise
        logger.error("asking %s what it can promise failed", desc.name, exc_info=True)
        refusal = f"An unexpected error occurred during validation: {error.message}"
    if refusal is not None:
        value.errors.append(refusal)


def _refusal_of_support(connector: Connector) -> str | None:
    support = support_of(connector)
    if support is ExactlyOnceSupport.SUPPORTED:
        return None
    return NOT_KNOWN if support is None else NOT_SUPPORTED


def _refusal_of_guarantee(desc: PluginDesc, connector: Connector) -> str | None:
    support = support_of(connector)
    if support is ExactlyOnceSupport.SUPPORTED:
        return None
    if support is None:
        return GUARANTEE_NOT_KNOWN
    offer = offer_of(desc)
    depends = f" What it says of that: {offer.exactly_once.rstrip('.')}." if offer and offer.exactly_once else ""
    return f"{NOT_SUPPORTED}{depends} Change the config so, or use 'at-least-once'."


def _text(config: Mapping[str, Any], key: str) -> str:
    return str(config.get(key) or "").strip().lower()
