"""Where transactions end that the connector ends itself (`transaction.boundary=connector`): its requests, and a poll's
records parted by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connect.api import Batch, PluginError, Record
from connect.api.contract import refuse

#: A part of a poll, and how the transaction ends behind it: committed (True), aborted (False), or not at all.
Part = tuple[list[Batch], bool | None]


class TransactionContextImpl:
    """The `TransactionContext` of a running task: keeps what the plugin asks for until the poll has returned.

    A commit and an abort of one place are refused when they are taken, as in Kafka: the plugin might pass over an error
    that is raised where it asks, and then records would be kept that it meant to leave out, or the other way round.
    """

    def __init__(self) -> None:
        self._end: bool | None = None
        #: By a record's identity: the record, and whether it is a commit that was asked for behind it.
        self._records: dict[int, tuple[Record, bool]] = {}
        self._contradiction: str | None = None

    def commit_transaction(self, record: Record | None = None) -> None:
        self._ask(record, is_commit=True)

    def abort_transaction(self, record: Record | None = None) -> None:
        self._ask(record, is_commit=False)

    def _ask(self, record: Record | None, *, is_commit: bool) -> None:
        if record is None:
            if self._end not in (None, is_commit):
                self._contradiction = "all that the poll returns"
            self._end = is_commit
        elif isinstance(record, Record):
            if self._records.setdefault(id(record), (record, is_commit))[1] != is_commit:
                self._contradiction = f"a record of topic {record.topic}"
        else:  # told where the plugin asks: later, nobody knows who it was
            raise PluginError(f"the end of a transaction was asked for behind {record!r:.60}; expected a Record")

    def take_end(self) -> bool | None:
        """Return what was asked for behind all of a poll.

        Raises:
            PluginError: plugin.broken: both was asked for.
        """
        self._check()
        end, self._end = self._end, None
        return end

    def take_records(self) -> dict[int, tuple[Record, bool]]:
        """Return what was asked for behind records, by the identity of each; raises as `take_end`."""
        self._check()
        records, self._records = self._records, {}
        return records

    def _check(self) -> None:
        if self._contradiction is not None:
            raise PluginError(
                f"the connector asked both to commit and to abort behind {self._contradiction}",
                hint="Tell the connector's author: a transaction ends in one way.",
            )


def parts_of(
    plugin: object, result: Any, requests: TransactionContextImpl, listed: Callable[[Any], list[Batch]]
) -> list[Part]:
    """Part what a poll returned at the ends that it asked for.

    What was asked for behind all of it stays there where it returned nothing.

    Args:
        listed: Makes sound batches of what a poll may return.

    Raises:
        PluginError: plugin.broken: an end is asked for behind a record that is not in what the poll returned, or two
            that contradict each other.
    """
    asked = requests.take_records()
    if isinstance(result, Record):
        result = [result]
    elif not isinstance(result, str | bytes | Mapping | Batch) and isinstance(result, Iterable):
        result = list(result)
    parts: list[Part] = []
    rest = result
    if asked and isinstance(result, list):
        run: list[Any] = []
        for record in result:
            run.append(record)
            if id(record) in asked:
                parts.append((listed(run), asked.pop(id(record))[1]))
                run = []
        rest = run
    if asked:
        refuse(
            plugin,
            "poll",
            result,
            "the very records behind which it asked for the end of a transaction",
        )
    batches = listed(rest)
    if batches or parts:
        parts.append((batches, requests.take_end()))
    return parts
