"""Debezium's keys that do nothing here, and those that are refused since passing them over would change what comes out.

A key that is in neither table and not in `config` is none of Debezium's PostgreSQL connector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from connect.api import Config, Problem, config_key


class AcceptedKeys(Config):
    """Keys that a config from Debezium may have, and that change nothing here; the doc says why."""

    poll_interval_ms: str | None = config_key(
        "Accepted: a poll waits for what comes.", default=None, importance="low", group="Accepted"
    )
    max_queue_size: str | None = config_key(
        "Accepted: what waits is bounded by bytes, 8 MiB.", default=None, importance="low", group="Accepted"
    )
    max_queue_size_in_bytes: str | None = config_key(
        "Accepted: what waits is bounded by bytes, 8 MiB.", default=None, importance="low", group="Accepted"
    )
    include_unknown_datatypes: str | None = config_key(
        "Accepted: columns of every type come, as text where there is nothing better.",
        default=None,
        importance="low",
        group="Accepted",
    )
    schema_refresh_mode: str | None = config_key(
        "Accepted: a table is looked up whenever the stream describes it.",
        default=None,
        importance="low",
        group="Accepted",
    )
    slot_max_retries: str | None = config_key(
        "Accepted: an outage is waited for as long as it lasts.", default=None, importance="low", group="Accepted"
    )
    slot_retry_delay_ms: str | None = config_key(
        "Accepted: see errors.retry.delay.max.ms.", default=None, importance="low", group="Accepted"
    )
    errors_max_retries: str | None = config_key(
        "Accepted: an outage is waited for as long as it lasts.", default=None, importance="low", group="Accepted"
    )
    retriable_restart_connector_wait_ms: str | None = config_key(
        "Accepted: see errors.retry.delay.max.ms.", default=None, importance="low", group="Accepted"
    )
    xmin_fetch_interval_ms: str | None = config_key(
        "Accepted: xmin is null.", default=None, importance="low", group="Accepted"
    )
    database_tcpkeepalive: str | None = config_key(
        "Accepted: TCP keepalive is always on.",
        name="database.tcpKeepAlive",
        default=None,
        importance="low",
        group="Accepted",
    )
    snapshot_locking_mode: str | None = config_key(
        "Accepted: a snapshot takes no locks but those of reading.", default=None, importance="low", group="Accepted"
    )
    snapshot_lock_timeout_ms: str | None = config_key(
        "Accepted: a snapshot takes no locks but those of reading.", default=None, importance="low", group="Accepted"
    )
    snapshot_isolation_mode: str | None = config_key(
        "Accepted: a snapshot is one of the server's, repeatable read.",
        default=None,
        importance="low",
        group="Accepted",
    )
    snapshot_query_mode: str | None = config_key(
        "Accepted: all columns that are read are selected.", default=None, importance="low", group="Accepted"
    )
    schema_name_adjustment_mode: str | None = config_key(
        "Accepted: schemas have the names of tables as they are.", default=None, importance="low", group="Accepted"
    )
    field_name_adjustment_mode: str | None = config_key(
        "Accepted: fields have the names of columns as they are.", default=None, importance="low", group="Accepted"
    )
    streaming_delay_ms: str | None = config_key(
        "Accepted: streaming begins when the snapshot is read.", default=None, importance="low", group="Accepted"
    )
    topic_cache_size: str | None = config_key(
        "Accepted: nothing is cached by topic.", default=None, importance="low", group="Accepted"
    )
    custom_metric_tags: str | None = config_key(
        "Accepted: metrics have the worker's labels.", default=None, importance="low", group="Accepted"
    )
    notification_enabled_channels: str | None = config_key(
        "Accepted: what a snapshot does is in the log.", default=None, importance="low", group="Accepted"
    )
    notification_sink_topic_name: str | None = config_key(
        "Accepted: what a snapshot does is in the log.", default=None, importance="low", group="Accepted"
    )
    signal_poll_interval_ms: str | None = config_key(
        "Accepted: signals come with the changes.", default=None, importance="low", group="Accepted"
    )
    read_only: str | None = config_key(
        "Accepted: a snapshot writes nothing into the database in any case.",
        default=None,
        importance="low",
        group="Accepted",
    )
    incremental_snapshot_watermarking_strategy: str | None = config_key(
        "Accepted: rows find their place by positions in the write-ahead log, not by rows in the table of signals.",
        default=None,
        importance="low",
        group="Accepted",
    )
    incremental_snapshot_allow_schema_changes: str | None = config_key(
        "Accepted: tables may be altered while they are read.", default=None, importance="low", group="Accepted"
    )
    skip_messages_without_change: str | None = config_key(
        "Accepted: updates come also where no value has changed.", default=None, importance="low", group="Accepted"
    )
    column_propagate_source_type: str | None = config_key(
        "Accepted: fields have no parameters about the column.", default=None, importance="low", group="Accepted"
    )
    datatype_propagate_source_type: str | None = config_key(
        "Accepted: fields have no parameters about the column.", default=None, importance="low", group="Accepted"
    )
    database_query_timeout_ms: str | None = config_key(
        "Accepted: looks at the catalog end after 60 s.", default=None, importance="low", group="Accepted"
    )


#: Keys, or what they begin with, that are refused, and what to do instead.
REFUSED: Final = {
    "column.mask.": "values would come unmasked: use the transform MaskField, or column.exclude.list",
    "column.truncate.": "values would come whole: leave the column out with column.exclude.list",
    "converters": "it names Java classes: use a transform for what they do",
    "snapshot.select.statement.overrides": (
        "more rows would be read than it asks for: give the publication a row filter (PostgreSQL 15), which the "
        "snapshot heeds too"
    ),
    "replica.identity.autoset.values": "tables are never altered: run ALTER TABLE … REPLICA IDENTITY yourself",
    "signal.kafka.": "signals come by POST /v1/connectors/NAME/signals, or by the table of signal.data.collection",
    "signal.consumer.": "signals come by POST /v1/connectors/NAME/signals, or by the table of signal.data.collection",
    "signal.file": "signals come by POST /v1/connectors/NAME/signals, or by the table of signal.data.collection",
    "database.initial.statements": "sessions are made as they are needed: use ALTER ROLE … SET for settings",
}
_CHANNELS: Final = ("source", "jmx", "in-process")
#: Keys that go with some values alone, and what to do instead of others.
ONLY: Final = {
    "flush.lsn.source": ("true", "the slot would never advance"),
    "lsn.flush.mode": ("connector connector_and_driver", "the slot would never advance"),
    "event.processing.failure.handling.mode": ("fail", "use errors.tolerance, which says it for every step"),
    "topic.naming.strategy": (
        "io.debezium.schema.SchemaTopicNamingStrategy io.debezium.schema.DefaultTopicNamingStrategy",
        "use the transform RegexRouter for other names",
    ),
}
#: Values of former versions, by key, and what they are called now.
FORMER: Final = {
    "snapshot.mode": {
        "exported": "initial, whose snapshot is that of the new slot",
        "initial_schema_only": "no_data",
        "schema_only": "no_data",
        "schema_only_recovery": "no_data",
    },
}


def refusals(originals: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what of a config is refused."""
    for key, value in originals.items():
        for name, instead in REFUSED.items():
            if key == name or (key.startswith(name) and name.endswith(".")) or key.startswith(f"{name}."):
                yield Problem(key, f"{key} is not supported: {instead}")
        if (today := FORMER.get(key, {}).get(str(value).lower())) is not None:
            yield Problem(key, f"{key}={value} is a word of former versions: write {today}")
        if key in ONLY:
            allowed, instead = ONLY[key]
            if str(value).lower() not in allowed.lower().split():
                yield Problem(key, f"{key}={value} is not supported: {instead}")


def channel_problems(channels: Sequence[str]) -> Iterator[Problem]:
    """Yield which of signal.enabled.channels there are not. What jmx and in-process do /v1 does."""
    for channel in channels:
        if channel not in _CHANNELS:
            yield Problem(
                "signal.enabled.channels",
                f"signal.enabled.channels={channel} is not supported: signals come by POST "
                "/v1/connectors/NAME/signals, or by the table of signal.data.collection, both of them with source",
            )
