"""The codes that errors carry: each registered once, with its meaning and the hint for raisers that have no better one.

`docs/reference/errors.md` has the same table. Codes that one module alone raises are registered there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of the error reference: what a code means and what to do about it."""

    code: str
    meaning: str
    hint: str


CODES: dict[str, ErrorCode] = {}
#: The names of the module that registered a code: another object of each loading of it.
_OWNERS: dict[str, Mapping[str, object]] = {}


def register_code(code: str, meaning: str, hint: str) -> str:
    """Add a code to the reference table and return it. A module that is loaded anew may say what its own codes mean
    now.

    Raises:
        ValueError: The code is registered already, by another module; a code has one meaning.
    """
    own = sys._getframe(1).f_globals
    before = _OWNERS.get(code)
    if before is not None and (before is own or before.get("__name__") != own.get("__name__")):
        raise ValueError(f"error code {code!r} is registered twice")
    _OWNERS[code] = own
    CODES[code] = ErrorCode(code, meaning, hint)
    return code


register_code(
    "internal", "Connect broke one of its own rules.", "Report this with the trace; it is a defect of Connect."
)
register_code("config.invalid", "A configuration value is wrong or missing.", "Correct the named key and try again.")
register_code(
    "config.unreadable",
    "A config file or body cannot be read or parsed.",
    "Check that the path is right and the content is JSON or Java properties.",
)
register_code(
    "config.unknown_class",
    "No installed plugin has this class name.",
    "List what is installed with 'connect plugin list'.",
)
register_code("not_found", "The named thing does not exist.", "Check the name; list what exists first.")
register_code(
    "connector.not_found", "No connector has this name.", "List the connectors with 'connect connector list'."
)
register_code(
    "connector.exists",
    "A connector of this name exists already.",
    "Choose another name, or change the existing one with PUT /connectors/{name}/config.",
)
register_code(
    "task.not_found",
    "The connector has no task of this number.",
    "List its tasks with 'connect connector status NAME'.",
)
register_code("conflict", "The state of the thing does not allow the request.", "Look at its status and try again.")
register_code("request.invalid", "The request cannot be understood.", "Compare it with the API reference.")
register_code(
    "plugin.missing", "No plugin of this name is installed.", "List what is installed with 'connect plugin list'."
)
register_code(
    "plugin.broken", "A plugin cannot be loaded or breaks its contract.", "See the cause; update or remove the plugin."
)
register_code(
    "plugin.failed",
    "A plugin's own code raised an unexpected error.",
    "See the trace; report it to the plugin's author.",
)
register_code("retriable", "A passing failure; the runtime tries again.", "Wait; see errors.retry.timeout.")
register_code(
    "data.invalid",
    "A record cannot be converted, transformed or written.",
    "Mend the record or its config, or set errors.tolerance=all to skip such records.",
)
register_code(
    "data.schema",
    "A schema contradicts itself, or a value does not fit its schema.",
    "Compare the value with its schema.",
)
register_code("log.failed", "The log cannot do what was asked.", "See the message.")
register_code(
    "log.corrupt_batch",
    "Stored bytes fail their checksum or make no sense.",
    "Restore the file from a copy; or see with 'connect log repair --data-dir DIR', the worker being stopped, "
    "what cutting the damage out would lose.",
)
register_code(
    "log.offset_out_of_range", "No such offset in the partition.", "Use an offset in the range that the message gives."
)
register_code("log.unknown_topic_or_partition", "No such topic or partition.", "List topics with 'connect topic list'.")
register_code(
    "log.record_too_large",
    "A record is larger than the topic allows.",
    "Raise max.message.bytes of the topic, or send smaller records.",
)
register_code(
    "log.unknown_codec",
    "The compression codec or its level is not known.",
    "Use compression.type none, gzip, snappy, lz4 or zstd, and a level that it has.",
)
register_code(
    "log.invalid_record",
    "The topic's configs do not allow the record.",
    "Give it a key where the topic is compacted, and a timestamp within message.timestamp.before.max.ms and "
    "message.timestamp.after.max.ms.",
)
register_code(
    "log.internal_topic",
    "The topic holds state of the log or of the worker, and is closed to everybody else.",
    "Use a topic whose name does not begin with '__' and which is none of config.storage.topic, "
    "offset.storage.topic, status.storage.topic and, on a Kafka cluster, workers.storage.topic.",
)
register_code(
    "log.out_of_order_sequence",
    "A batch of an idempotent producer came without the one before it.",
    "Send the missing batch first, or begin anew with another producer.",
)
register_code(
    "log.producer_fenced",
    "A newer producer has taken the transactional id.",
    "Run one producer for each transactional.id; close this one.",
)
register_code(
    "log.transaction_state",
    "The state of the transaction does not allow the call.",
    "Call init_transactions once, then begin_transaction before each transaction; "
    "raise transaction.timeout.ms if it timed out.",
)
register_code(
    "log.illegal_generation",
    "A consumer commits for a partition that was taken from it.",
    "Its records come again to whoever reads the partition now; "
    "raise max.poll.interval.ms if it took long to give it up.",
)
register_code(
    "log.group_in_use",
    "Consumers read for the group right now.",
    "Stop them first: stop the connector, or end the consumer.",
)
register_code(
    "log.unsupported_magic",
    "A record batch of an old format.",
    "Rewrite it with a broker of version 0.11 or later, which writes magic 2.",
)
register_code(
    "log.invalid_topic",
    "The topic name is not legal.",
    "Use 1 to 249 letters, digits, '.', '_' and '-', and neither '.' nor '..'.",
)
register_code(
    "log.topic_exists", "A topic of this name exists already.", "Choose another name, or use the existing topic."
)
register_code(
    "log.invalid_partitions", "The number of partitions is not possible.", "Give a whole number of at least 1."
)
register_code(
    "log.in_use", "Another process owns the data directory.", "Stop that process, or give this one another --data-dir."
)
register_code(
    "log.sync_failed",
    "The disk refused to make records durable; the partition takes nothing more until the log is opened again.",
    "Mend the disk, then start the worker again: it keeps what is whole, and says what it cut.",
)
register_code(
    "log.segment_missing",
    "A file of a partition was removed or replaced while the log was open.",
    "Bring the file back, if you have it, then start the worker again: it says which records are gone.",
)
register_code(
    "log.folder_exists",
    "A folder is in the way of a topic's partition. It is not touched.",
    "Move the folder away; if it holds a topic that is no longer listed, run 'connect log repair'.",
)
register_code(
    "log.unsupported",
    "The way to the log does not offer what was asked.",
    "Where a worker's REST is the way, stop the worker and use the directory itself with --data-dir.",
)
register_code(
    "log.close_incomplete",
    "The log could not be brought to disk in time, or not whole. The next start checks it.",
    "Look for a disk that hangs or refuses; nothing that was acknowledged as durable is lost.",
)
register_code("environment.fault", "Something around the worker is not as needed.", "See the message.")
register_code(
    "environment.port_taken",
    "The listener's port is in use.",
    "Give another port with --listeners http://127.0.0.1:PORT.",
)
register_code(
    "environment.data_dir",
    "The data directory cannot be used.",
    "Give a directory that this user can write, with --data-dir.",
)
register_code(
    "environment.disk",
    "The disk refuses to write.",
    "Free space or mend the file system; the worker goes on by itself where it can.",
)
register_code(
    "environment.unreachable", "A server does not answer.", "Check that it runs, its address, and what lies between."
)
register_code(
    "timeout", "Something took longer than it may.", "See what it waits for; raise the named timeout if that is right."
)
