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
    """The `TransactionContext` of a running task: keeps what the plugin asks for until the poll has returned."""

    def __init__(self) -> None:
        self._end: bool | None = None
        self._records: list[tuple[Record, bool]] = []

    def commit_transaction(self, record: Record | None = None) -> None:
        self._ask(record, is_commit=True)

    def abort_transaction(self, record: Record | None = None) -> None:
        self._ask(record, is_commit=False)

    def _ask(self, record: Record | None, *, is_commit: bool) -> None:
        if record is None:
            self._end = is_commit
        elif isinstance(record, Record):
            self._records.append((record, is_commit))
        else:  # told where the plugin asks: later, nobody knows who it was
            raise PluginError(f"the end of a transaction was asked for behind {record!r:.60}; expected a Record")

    def take_end(self) -> bool | None:
        """Return what was asked for behind all of a poll."""
        end, self._end = self._end, None
        return end

    def take_records(self) -> list[tuple[Record, bool]]:
        """Return what was asked for behind records, in order."""
        records, self._records = self._records, []
        return records


def parts_of(
    plugin: object, result: Any, requests: TransactionContextImpl, listed: Callable[[Any], list[Batch]]
) -> list[Part]:
    """Part what a poll returned at the ends that it asked for.

    What was asked for behind all of it stays there where it returned nothing.

    Args:
        listed: Makes sound batches of what a poll may return.

    Raises:
        PluginError: plugin.broken: an end is asked for behind a record that is not in what the poll returned.
    """
    asked = {id(record): (record, is_commit) for record, is_commit in requests.take_records()}
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
