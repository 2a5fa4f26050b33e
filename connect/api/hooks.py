"""The hooks through which plugins reach the runtime. A plugin is a module or object with some of these functions.

    from connect.api import hookimpl

    @hookimpl
    def connect_connectors():
        return [TickSource]

The module is found through the entry-point group 'connect', or lies in a folder of `plugin.path`. The hooks are called
through pluggy, so the options of `@hookimpl` work: `tryfirst` and `trylast` say who comes first, `wrapper=True` sees
what all the others give and may change it, `specname` names the hook of a function that is called something else.
Without them, plugins are called in the order in which they were found: those of entry points by name, then those of
folders. All are plain `def`; a function takes those of a hook's arguments that it names.

Hooks that return classes are called when a worker starts, before anything runs, and may be called again; each call has
to return within `plugin.import.timeout.ms`. A plugin one of whose hooks raises, hangs or returns something else is
left out as a whole, and named.

Hooks that observe return nothing. They are called one after the other, in the order in which things happened, on one
thread that is no task's: up to 1,000 events wait for it, and what does not fit is dropped and counted, so that a slow
observer slows nothing down. One that raises is told of in the log and called again; one that does not come back within
10 s is left behind, and hears nothing more. Arguments are plain and can be pickled; times are ms since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pluggy

from connect.api.config_provider import ConfigProvider
from connect.api.connector import Connector
from connect.api.convert import Converter, HeaderConverter
from connect.api.transforms import Predicate, Transform

PROJECT: Final = "connect"
ENTRY_POINT_GROUP: Final = "connect"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# -- classes -------------------------------------------------------------------------------------------------------


@hookspec
def connect_connectors() -> Sequence[type[Connector]]:  # type: ignore[empty-body]
    """Return the plugin's source and sink connector classes."""


@hookspec
def connect_converters() -> Sequence[type[Converter]]:  # type: ignore[empty-body]
    """Return the plugin's converter classes."""


@hookspec
def connect_header_converters() -> Sequence[type[HeaderConverter]]:  # type: ignore[empty-body]
    """Return the plugin's header converter classes."""


@hookspec
def connect_transforms() -> Sequence[type[Transform]]:  # type: ignore[empty-body]
    """Return the plugin's transform classes."""


@hookspec
def connect_predicates() -> Sequence[type[Predicate]]:  # type: ignore[empty-body]
    """Return the plugin's predicate classes."""


@hookspec
def connect_config_providers() -> Sequence[type[ConfigProvider]]:  # type: ignore[empty-body]
    """Return the plugin's config provider classes."""


# -- observing -----------------------------------------------------------------------------------------------------


@hookspec
def connect_worker_started(cluster_id: str, version: str, time_ms: int) -> None:
    """Hear that a worker has read its stores and begins to run connectors; a plugin that comes while it runs hears it
    as it comes.

    Args:
        cluster_id: Of the log or cluster that the worker stands on.
        version: Of Connect.
    """


@hookspec
def connect_worker_stopped(cluster_id: str, time_ms: int) -> None:
    """Hear that every connector and task of a worker has ended: the last event, told in 0.5 s or not at all. Or that
    the plugin goes, or another form of it takes its place, while the worker runs."""


@hookspec
def connect_task_state_changed(
    connector: str, task: int, state: str, previous: str | None, trace: str | None, time_ms: int
) -> None:
    """Hear of each change of a task's status.

    Args:
        state: Kafka Connect's word: UNASSIGNED, RUNNING, PAUSED, FAILED, RESTARTING.
        previous: What it was; None of a task that is new.
        trace: Why it failed, the cause first, without secrets; None unless it is FAILED or RESTARTING after that.
    """


@hookspec
def connect_record_failed(
    connector: str,
    task: int,
    stage: str,
    topic: str,
    partition: int | None,
    offset: int | None,
    source_partition: Mapping[str, Any] | None,
    source_offset: Mapping[str, Any] | None,
    error_class: str,
    message: str,
    skipped: bool,
    time_ms: int,
) -> None:
    """Hear of a record that failed; again, where its batch comes again since the task was stopped meanwhile.

    Args:
        stage: What was done: "transform 'x'", "converter", "put", "append …".
        topic, partition, offset: Where a sink's record is in the log, before transforms; where a source's goes.
        source_partition, source_offset: A source's own coordinates, None where it gave none.
        error_class, message: What was raised, without secrets.
        skipped: Whether `errors.tolerance` lets the task go on without it; else it fails.
    """


@hookspec
def connect_offsets_committed(
    connector: str, task: int, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], time_ms: int
) -> None:
    """Hear up to where a task's work is durable: after each commit.

    Args:
        offsets: Pairs of partition and offset, as REST's /connectors/{name}/offsets shows them: a source's own, a
            sink's as {"kafka_topic", "kafka_partition"} and {"kafka_offset"}.
    """


@hookspec
def connect_batch_delivered(
    connector: str, task: int, topic: str, partition: int | None, records: int, size_bytes: int, time_ms: int
) -> None:
    """Hear of each batch that was appended (a source's), or that was fetched and a sink is done with: often, thousands
    of times a second. Records that a sink's transforms dropped, or that failed and were skipped, are among its.

    Args:
        partition: Of the log; None where the partitioner chose, maybe several.
        size_bytes: Of keys and values in the log.
    """
