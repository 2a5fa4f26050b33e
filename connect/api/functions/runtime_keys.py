"""The keys that the runtime reads itself of every connector and transform: a plugin's own of that name would hide it.

A list of names, since the API knows nothing of the runtime; a test holds it against what the runtime declares.
"""

from __future__ import annotations

from typing import Final

_OF_BOTH: Final = frozenset(
    [
        "name",
        "connector.class",
        "connector.plugin.version",
        "tasks.max",
        "tasks.max.enforce",
        "config.action.reload",
        "transforms",
        "predicates",
        "key.converter",
        "key.converter.plugin.version",
        "value.converter",
        "value.converter.plugin.version",
        "header.converter",
        "header.converter.plugin.version",
        "errors.retry.timeout",
        "errors.retry.delay.max.ms",
        "errors.tolerance",
        "errors.log.enable",
        "errors.log.include.messages",
        "errors.restart.policy",
        "errors.restart.max.attempts",
        "errors.restart.delay.ms",
        "errors.restart.delay.max.ms",
        "errors.deadletterqueue.topic.name",
        "errors.deadletterqueue.topic.replication.factor",
        "errors.deadletterqueue.context.headers.enable",
        "apply.set",
        "delivery.guarantee",
        "plugin.isolation",
        "plugin.memory.limit",
        "plugin.process.timeout.ms",
        "rate.limit.bytes.per.second",
        "rate.limit.records.per.second",
        "schema.compatibility",
        "schema.contract",
        "schema.contract.fields",
        "schema.contract.topics",
        "schema.contract.types",
        "schema.contract.widening",
        "task.max.inflight.bytes",
    ]
)
_OF_SOURCES: Final = frozenset(
    [
        "topic.creation.groups",
        "exactly.once.support",
        "transaction.boundary",
        "transaction.boundary.interval.ms",
        "offsets.storage.topic",
        "schedule.cron",
        "schedule.at.start",
        "schedule.timezone",
    ]
)
#: By the short form that makes the class.
RUNTIME_KEYS: Final[dict[str, frozenset[str]]] = {
    "source": _OF_BOTH | _OF_SOURCES,
    "sink": _OF_BOTH | {"topics", "topics.regex"},
    "transform": frozenset(("type", "plugin.version", "predicate", "negate")),
}
#: How keys of a connector begin that are of another part of it.
PREFIXES: Final = (
    "transforms.", "predicates.", "key.converter.", "value.converter.", "header.converter.",
    "producer.override.", "consumer.override.", "admin.override.", "topic.creation.",
)  # fmt: skip


def is_of_runtime(form: str, key: str) -> bool:
    """Return whether the runtime reads a key itself, of what a short form makes: 'source', 'sink' or 'transform'."""
    return key in RUNTIME_KEYS[form] or (form != "transform" and key.startswith(PREFIXES))
