"""The framework's keys of every connector, source and sink, as Kafka Connect declares them.

Elsewhere: the worker's keys (`worker_config.py`), and what rules there are between keys of several parts
(`validation/`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from connect.api import (
    LOOP_LIMIT_S,
    Config,
    Problem,
    SlowPatternError,
    compile_pattern,
    config_key,
    valid_pattern,
)
from connect.runtime.config_checks import unique

DEAD_LETTER_TOPIC = "errors.deadletterqueue.topic.name"
COMMON, TRANSFORMS, PREDICATES, ERRORS = "Common", "Transforms", "Predicates", "Error Handling"
TOPIC_CREATION, EXACTLY_ONCE, OFFSETS_TOPIC = "Topic Creation", "Exactly Once Support", "offsets.topic"


def _regex(value: Any) -> None:
    valid_pattern(value or "")


def _connector_name(value: Any) -> None:
    if value is None:  # a name that is missing is told as such
        return
    if not value.strip():
        raise ValueError("String may not be empty")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise ValueError(
            "String may not contain control sequences but had the following ASCII chars: "
            + ", ".join(str(ord(c)) for c in value if ord(c) < 32 or 127 <= ord(c) < 160)
        )


def _not_negative(value: Any) -> None:
    if value is not None and value < 0:
        raise ValueError("Value must be at least 0")


def _text(raw: Mapping[str, Any], name: str) -> str:
    return str(raw.get(name) or "").strip()


def _dead_letters_match(pattern: str, topic: str) -> Iterator[Problem]:
    """Yield what is wrong between `topics.regex` and the dead letter queue.

    Fit for the event loop: it looks briefly.
    """
    try:
        if compile_pattern(pattern, key="topics.regex").fullmatch(topic, limit_s=LOOP_LIMIT_S) is not None:
            yield Problem(
                "topics.regex",
                f"The DLQ topic '{topic}' may not be matched by the regex for the topics ('topics.regex={pattern}') "
                "consumed by the connector",
            )
    except SlowPatternError as error:
        yield Problem("topics.regex", f"Invalid value {pattern} for configuration topics.regex: {error.message}")
    except ValueError:  # told of the key itself
        return


class DeadLetterConfig(Config):
    """The keys of the dead letter queue: Kafka's of sinks, and ours of sources."""

    errors_deadletterqueue_topic_name: str = config_key(
        "Topic for records that failed; empty for none.",
        default="",
        group=ERRORS,
        order=6,
        width="MEDIUM",
        display_name="Dead Letter Queue Topic Name",
    )
    errors_deadletterqueue_topic_replication_factor: int = config_key(
        "Replication factor of that topic.",
        type="SHORT",
        default=3,
        group=ERRORS,
        order=7,
        width="MEDIUM",
        display_name="Dead Letter Queue Topic Replication Factor",
    )
    errors_deadletterqueue_context_headers_enable: bool = config_key(
        "Whether headers tell why a record failed.",
        default=False,
        group=ERRORS,
        order=8,
        width="MEDIUM",
        display_name="Enable Error Context Headers",
    )


def _dead_letter_key(name: str) -> Any:
    """Declare a key of the dead letter queue as `DeadLetterConfig` does."""
    attribute = f"errors_deadletterqueue_{name.replace('.', '_')}"
    return DeadLetterConfig.model_fields[attribute]


class ConnectorConfig(Config):
    """The framework keys that every connector has."""

    groups: ClassVar[tuple[str, ...]] = (COMMON, TRANSFORMS, PREDICATES, ERRORS)

    name: str = config_key(
        "Globally unique name to use for this connector.",
        importance="high",
        group=COMMON,
        order=1,
        width="MEDIUM",
        display_name="Connector name",
        validators=[_connector_name],
    )
    connector_class: str = config_key(
        "Name or alias of the class for this connector.",
        importance="high",
        group=COMMON,
        order=2,
        width="LONG",
        display_name="Connector class",
    )
    connector_plugin_version: str | None = config_key(
        "Version of the connector; the installed one is taken.",
        default=None,
        group=COMMON,
        order=3,
        width="MEDIUM",
        display_name="Connector version",
    )
    tasks_max: int = config_key(
        "Maximum number of tasks to use for this connector.",
        default=1,
        ge=1,
        importance="high",
        group=COMMON,
        order=4,
        width="SHORT",
        display_name="Tasks max",
    )
    tasks_max_enforce: bool = config_key(
        "Whether a connector that makes more tasks than tasks.max fails.",
        default=True,
        importance="low",
        group=COMMON,
        order=5,
        width="SHORT",
        display_name="Enforce tasks max",
    )
    key_converter: str | None = config_key(
        "Converter of keys; the worker's when left out.",
        type="CLASS",
        default=None,
        importance="low",
        group=COMMON,
        order=6,
        width="SHORT",
        display_name="Key converter class",
    )
    key_converter_plugin_version: str | None = config_key(
        "Version of the key converter.",
        default=None,
        importance="low",
        group=COMMON,
        order=7,
        width="SHORT",
        display_name="Key converter version",
    )
    value_converter: str | None = config_key(
        "Converter of values; the worker's when left out.",
        type="CLASS",
        default=None,
        importance="low",
        group=COMMON,
        order=8,
        width="SHORT",
        display_name="Value converter class",
    )
    value_converter_plugin_version: str | None = config_key(
        "Version of the value converter.",
        default=None,
        importance="low",
        group=COMMON,
        order=9,
        width="SHORT",
        display_name="Value converter version",
    )
    header_converter: str | None = config_key(
        "Converter of headers; the worker's when left out.",
        type="CLASS",
        default=None,
        importance="low",
        group=COMMON,
        order=10,
        width="SHORT",
        display_name="Header converter class",
    )
    header_converter_plugin_version: str | None = config_key(
        "Version of the header converter.",
        default=None,
        importance="low",
        group=COMMON,
        order=11,
        width="SHORT",
        display_name="Header converter version",
    )
    transforms: list[str] = config_key(
        "Aliases of the transforms, in order.",
        default=[],
        importance="low",
        group=TRANSFORMS,
        order=12,
        width="LONG",
        display_name="Transforms",
        validators=[unique("transforms")],
    )
    predicates: list[str] = config_key(
        "Aliases of the predicates.",
        default=[],
        importance="low",
        group=PREDICATES,
        order=13,
        width="LONG",
        display_name="Predicates",
        validators=[unique("predicates")],
    )
    config_action_reload: str = config_key(
        "What to do when an external configuration value changes.",
        default="restart",
        one_of=("none", "restart"),
        importance="low",
        group=COMMON,
        order=14,
        width="MEDIUM",
        display_name="Reload Action",
    )
    errors_retry_timeout: int = config_key(
        "How long a failed operation is tried again, in ms; -1 for ever; 0: a transform or converter not at all, "
        "a put or poll for ever.",
        type="LONG",
        default=0,
        group=ERRORS,
        order=1,
        width="MEDIUM",
        display_name="Retry Timeout for Errors",
    )
    errors_retry_delay_max_ms: int = config_key(
        "Longest wait between two tries, in ms.",
        type="LONG",
        default=60000,
        group=ERRORS,
        order=2,
        width="MEDIUM",
        display_name="Maximum Delay Between Retries for Errors",
    )
    errors_tolerance: str = config_key(
        "'none': a bad record fails the task; 'all': it is skipped.",
        default="none",
        one_of=("none", "all"),
        group=ERRORS,
        order=3,
        width="SHORT",
        display_name="Error Tolerance",
    )
    errors_log_enable: bool = config_key(
        "Whether each skipped record is written to the worker's log.",
        default=False,
        group=ERRORS,
        order=4,
        width="SHORT",
        display_name="Log Errors",
    )
    errors_log_include_messages: bool = config_key(
        "Whether such a line also holds a sink record's timestamp, a source record's key and value.",
        default=False,
        group=ERRORS,
        order=5,
        width="SHORT",
        display_name="Log Error Details",
    )

    @classmethod
    def problems_of(cls, raw: Mapping[str, Any]) -> Iterable[Problem]:
        """Yield what is wrong between the framework's keys; of the text, so that it is told beside all other errors."""
        return ()

    def problems(self) -> Iterable[Problem]:
        return self.problems_of(self.originals)


class SourceConnectorConfig(ConnectorConfig):
    """The framework keys of a source connector."""

    groups: ClassVar[tuple[str, ...]] = (
        COMMON,
        TRANSFORMS,
        PREDICATES,
        ERRORS,
        TOPIC_CREATION,
        EXACTLY_ONCE,
        OFFSETS_TOPIC,
    )

    topic_creation_groups: list[str] = config_key(
        "Aliases of topic creation groups.",
        default=[],
        importance="low",
        group=TOPIC_CREATION,
        order=1,
        width="LONG",
        display_name="Topic Creation Groups",
        validators=[unique("topic.creation.groups")],
    )
    exactly_once_support: str = config_key(
        "'required' refuses a connector that cannot deliver exactly once.",
        default="requested",
        one_of=("REQUIRED", "REQUESTED"),
        ignore_case=True,
        group=EXACTLY_ONCE,
        order=2,
        width="SHORT",
        display_name="Exactly once support",
    )
    transaction_boundary: str = config_key(
        "Where a source's transactions begin and end.",
        default="poll",
        one_of=("INTERVAL", "POLL", "CONNECTOR"),
        ignore_case=True,
        group=EXACTLY_ONCE,
        order=3,
        width="SHORT",
        display_name="Transaction Boundary",
    )
    transaction_boundary_interval_ms: int | None = config_key(
        "Length of a transaction where the boundary is 'interval'.",
        type="LONG",
        default=None,
        validators=[_not_negative],
        importance="low",
        group=EXACTLY_ONCE,
        order=4,
        width="SHORT",
        display_name="Transaction boundary interval",
    )
    offsets_storage_topic: str | None = config_key(
        "A topic of the connector's own for its offsets.",
        default=None,
        non_empty=True,
        importance="low",
        group=OFFSETS_TOPIC,
        order=1,
        width="LONG",
        display_name="Offsets topic",
    )


class SinkConnectorConfig(ConnectorConfig):
    """The framework keys of a sink connector."""

    topics: list[str] = config_key(
        "Topics to read, separated by commas.",
        default=[],
        importance="high",
        group=COMMON,
        order=4,
        width="LONG",
        display_name="Topics",
        validators=[unique("topics")],
    )
    topics_regex: str = config_key(
        "Pattern of the topics to read; matches whole names.",
        default="",
        importance="high",
        group=COMMON,
        order=4,
        width="LONG",
        display_name="Topics regex",
        validators=[_regex],
    )
    errors_deadletterqueue_topic_name: str = _dead_letter_key("topic.name")
    errors_deadletterqueue_topic_replication_factor: int = _dead_letter_key("topic.replication.factor")
    errors_deadletterqueue_context_headers_enable: bool = _dead_letter_key("context.headers.enable")

    @classmethod
    def problems_of(cls, raw: Mapping[str, Any]) -> Iterable[Problem]:
        topics, pattern, dead = (_text(raw, name) for name in ("topics", "topics.regex", DEAD_LETTER_TOPIC))
        if bool(topics) is bool(pattern):
            message = (
                "topics and topics.regex are mutually exclusive options, but both are set."
                if topics
                else "Must configure one of topics or topics.regex"
            )
            yield Problem("topics", message)
            yield Problem("topics.regex", message)
        # A sink that reads its own dead letters would feed itself for ever.
        listed = re.split(r"\s*,\s*", topics)
        if dead and topics and dead in listed:
            yield Problem(
                "topics",
                f"The DLQ topic '{dead}' may not be included in the list of topics ('topics=[{', '.join(listed)}]') "
                "consumed by the connector",
            )
        if dead and pattern:
            yield from _dead_letters_match(pattern, dead)
