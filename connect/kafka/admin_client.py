"""The client that asks a cluster about topics and groups, and that is not destroyed while a request is under way.

librdkafka answers on a thread of its own. The process dies (SIGSEGV) where that happens to a client that is gone by
then.
"""

from __future__ import annotations

import ctypes
import functools
import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Final

from confluent_kafka.admin import AdminClient

log = logging.getLogger(__name__)


class WatchedAdminClient(AdminClient):  # type: ignore[misc]
    """An administrator that knows which of its requests are under way.

    One that is given up waits for its answers; where these do not come in time, it is never destroyed.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._under_way: set[Future[Any]] = set()

    def give_up(self, timeout_s: float) -> None:
        """Wait for what is under way; blocks."""
        if wait(list(self._under_way), timeout_s).not_done:
            log.debug("an administrator whose requests have no answer is kept until the process ends")
            _kept.append(self)
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))  # the interpreter's end destroys what modules hold

    def _noted(self, found: Any) -> Any:
        for future in found.values() if isinstance(found, dict) else [found]:
            self._under_way.add(future)
            future.add_done_callback(self._under_way.discard)
        return found


#: Of clients that must not be destroyed.
_kept: list[AdminClient] = []


def _noting(name: str) -> Callable[..., Any]:
    ask = getattr(AdminClient, name)

    @functools.wraps(ask)
    def asked(self: WatchedAdminClient, *arguments: Any, **options: Any) -> Any:
        return self._noted(ask(self, *arguments, **options))

    return asked


#: What `connect.kafka` asks of an administrator and what answers by futures.
ASKED: Final = (
    "alter_consumer_group_offsets",
    "create_partitions",
    "create_topics",
    "delete_consumer_groups",
    "delete_records",
    "delete_topics",
    "describe_configs",
    "describe_consumer_groups",
    "describe_topics",
    "incremental_alter_configs",
    "list_consumer_group_offsets",
    "list_consumer_groups",
    "list_offsets",
)
for _name in ASKED:
    setattr(WatchedAdminClient, _name, _noting(_name))
